package main

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// denial is a property that no account may read, and the privilege it lacks.
// No path means all that needs the right to read: whoever sees an object may
// know its name and place. The library knows no privileges.
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

// deny is POST /deny. Without a privilege the property may be read again.
// Whoever waits for updates learns of neither until the property changes.
func (a *admin) deny(body []byte) (interface{}, error) {
	var d denial
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, err
	}
	kind, ok := managedType(d.Type)
	if !ok {
		return nil, fmt.Errorf("there is no type %q", d.Type)
	}
	if _, ok := typeByPath(kind, d.Path); !ok && d.Path != "" {
		return nil, fmt.Errorf("%s has no property %q", d.Type, d.Path)
	}
	denials.Lock()
	defer denials.Unlock()
	var kept []denial
	for _, other := range denials.list {
		if other.Type != d.Type || other.Path != d.Path {
			kept = append(kept, other)
		}
	}
	if d.Privilege != "" {
		kept = append(kept, d)
	}
	denials.list = kept
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

func (d denial) covers(path string) bool {
	if d.Path == "" {
		return path != "name" && path != "parent"
	}
	return path == d.Path
}

func withholdFrom(object *types.ObjectContent, d denial) {
	var kept []types.DynamicProperty
	for _, property := range object.PropSet {
		if !d.covers(property.Name) {
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
