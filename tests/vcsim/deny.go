package main

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// denial is a property that no account may read, and the privilege it lacks.
// The library knows no privileges.
type denial struct {
	Type      string `json:"type"`
	Path      string `json:"path"`
	Privilege string `json:"privilege"`
}

// denials are the properties that may not be read.
var denials struct {
	sync.RWMutex
	list []denial
}

// deny is POST /deny.
func (a *admin) deny(body []byte) (interface{}, error) {
	var d denial
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, err
	}
	kind, ok := managedType(d.Type)
	if !ok {
		return nil, fmt.Errorf("there is no type %q", d.Type)
	}
	if _, ok := typeByPath(kind, d.Path); !ok || d.Path == "" || d.Privilege == "" {
		return nil, fmt.Errorf("write a path of %s and a privilege", d.Type)
	}
	denials.Lock()
	defer denials.Unlock()
	denials.list = append(denials.list, d)
	return done, nil
}

// withhold moves what may not be read to what is missing, as vCenter does.
func withhold(objects []types.ObjectContent) []types.ObjectContent {
	denials.RLock()
	defer denials.RUnlock()
	for _, d := range denials.list {
		for i := range objects {
			if objects[i].Obj.Type == d.Type {
				withholdFrom(&objects[i], d)
			}
		}
	}
	return objects
}

func withholdFrom(object *types.ObjectContent, d denial) {
	var kept []types.DynamicProperty
	for _, property := range object.PropSet {
		if property.Name != d.Path {
			kept = append(kept, property)
			continue
		}
		refusal := noPermission(object.Obj, d.Privilege)
		object.MissingSet = append(object.MissingSet, types.MissingProperty{
			Path: property.Name,
			Fault: types.LocalizedMethodFault{
				Fault:            &refusal,
				LocalizedMessage: "Permission to perform this operation was denied.",
			},
		})
	}
	object.PropSet = kept
}
