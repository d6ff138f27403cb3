package main

import (
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// checkPaths returns the fault vCenter answers when a property path does not
// exist on the type it is asked of, or nil.
func checkPaths(specs []types.PropertyFilterSpec) *soap.Fault {
	for _, spec := range specs {
		for _, props := range spec.PropSet {
			kind, ok := managedType(props.Type)
			if !ok {
				return fault("A specified parameter was not correct: specSet.propSet.type",
					&types.InvalidArgument{InvalidProperty: "specSet.propSet.type"})
			}
			for _, path := range props.PathSet {
				if _, ok := typeByPath(kind, path); !ok || path == "self" {
					return invalidProperty(path)
				}
			}
		}
	}
	return nil
}

func invalidProperty(path string) *soap.Fault {
	return fault(fmt.Sprintf("The property %q is invalid.", path), &types.InvalidProperty{Name: path})
}

// managedType returns the Go type of a managed object type by its name. The
// library panics at a name it does not know.
func managedType(name string) (kind reflect.Type, ok bool) {
	defer func() {
		if recover() != nil {
			kind, ok = nil, false
		}
	}()
	obj, err := mo.ObjectContentToType(types.ObjectContent{Obj: ref{Type: name, Value: "x"}}, true)
	if err != nil || obj == nil {
		return nil, false
	}
	return reflect.TypeOf(obj), true
}
