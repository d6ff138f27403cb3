package main

import (
	"fmt"
	"reflect"
	"sync"

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
				return invalidArgument("specSet.propSet.type")
			}
			for _, path := range props.PathSet {
				if _, ok := keyedType(kind, path); ok {
					continue
				}
				if _, ok := pathType(kind, path); !ok || path == "self" {
					return invalidProperty(path)
				}
			}
		}
		for _, target := range spec.ObjectSet {
			if err := checkSelection(target.SelectSet); err != nil {
				return err
			}
		}
	}
	return nil
}

func invalidProperty(path string) *soap.Fault {
	return fault(fmt.Sprintf("The property %q is invalid.", path), &types.InvalidProperty{Name: path})
}

// inherits tells whether a managed object type is derived from another.
func inherits(name, base string) bool {
	kind, ok := managedType(name)
	if !ok {
		return false
	}
	field, ok := kind.Elem().FieldByName(base)
	return ok && field.Anonymous
}

// managedTypes keeps what managedType found out.
var managedTypes sync.Map

// managedType returns the Go type of a managed object type by its name.
func managedType(name string) (reflect.Type, bool) {
	if known, ok := managedTypes.Load(name); ok {
		kind, ok := known.(reflect.Type)
		return kind, ok
	}
	kind, ok := lookUpManagedType(name)
	if ok {
		managedTypes.Store(name, kind)
	}
	return kind, ok
}

// lookUpManagedType asks the library, which panics at a name it does not know.
func lookUpManagedType(name string) (kind reflect.Type, ok bool) {
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
