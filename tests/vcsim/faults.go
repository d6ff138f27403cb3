package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// fault makes a SOAP fault the way the server words it.
func fault(text string, detail types.BaseMethodFault) *soap.Fault {
	return simulator.Fault(text, detail)
}

// notAuthenticated is the answer to a call without a valid session.
func notAuthenticated(obj ref) *soap.Fault {
	return fault("The session is not authenticated.",
		&types.NotAuthenticated{NoPermission: noPermission(obj, "System.View")})
}

// objectGone is the answer about an object that was deleted or never existed.
func objectGone(obj ref) *soap.Fault {
	return fault("The object has already been deleted or has not been completely created",
		&types.ManagedObjectNotFound{Obj: obj})
}

// invalidArgument is the answer to a parameter that makes no sense.
func invalidArgument(name string) *soap.Fault {
	return fault("A specified parameter was not correct: "+name, &types.InvalidArgument{InvalidProperty: name})
}
