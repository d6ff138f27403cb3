package main

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// mask leaves properties of an object unset, as those of an object that is
// only half made, or whose registration broke, are.
type mask struct {
	// Only names what has a value; nil: everything that Hide does not name.
	Only *[]string `json:"only"`
	Hide []string  `json:"hide"`
}

// shows tells whether a property has a value.
func (m mask) shows(path string) bool {
	for _, hidden := range m.Hide {
		if withinPath(path, hidden) {
			return false
		}
	}
	if m.Only == nil {
		return true
	}
	for _, shown := range *m.Only {
		if withinPath(path, shown) {
			return true
		}
	}
	return false
}

// withinPath tells whether a path is another one or goes through it.
func withinPath(path, other string) bool {
	return path == other || strings.HasPrefix(path, other+".")
}

// maskTable knows the masks by object.
type maskTable struct {
	mu    sync.RWMutex
	byRef map[ref]mask
}

var masks = &maskTable{byRef: map[ref]mask{}}

// set puts a mask on an object, or takes it off where it hides nothing.
func (t *maskTable) set(obj ref, m mask) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byRef, obj)
	if m.Only != nil || len(m.Hide) != 0 {
		t.byRef[obj] = m
	}
}

func (t *maskTable) any() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byRef) != 0
}

// on tells whether an object has a mask.
func (t *maskTable) on(obj ref) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.byRef[obj]
	return ok
}

// apply takes hidden properties out of an answer.
func (t *maskTable) apply(objects []types.ObjectContent) []types.ObjectContent {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.byRef) == 0 {
		return objects
	}
	for i := range objects {
		m, ok := t.byRef[objects[i].Obj]
		if !ok {
			continue
		}
		var kept []types.DynamicProperty
		for _, property := range objects[i].PropSet {
			if m.shows(property.Name) {
				kept = append(kept, property)
			}
		}
		objects[i].PropSet = kept
	}
	return objects
}

// maskRequest is the body of POST /mask.
type maskRequest struct {
	mask
	Type string `json:"type"`
	Name string `json:"name"`
	Moid string `json:"moid"`
}

// setMask is POST /mask. A client that waits hears of everything that has a
// value from then on.
func (a *admin) setMask(body []byte) (interface{}, error) {
	var req maskRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.Name == "" && req.Moid == "" {
		return nil, errors.New("write name or moid")
	}
	targets, err := a.world.find(req.Type, req.Name, req.Moid)
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		masks.set(target.Reference(), req.mask)
		a.world.announceAll(target)
	}
	return map[string]int{"changed": len(targets)}, nil
}

// announceAll tells every feed that all properties of an object changed.
func (w *world) announceAll(obj mo.Reference) {
	var changes []types.PropertyChange
	for _, name := range propertyNames(managedObject(obj).Type()) {
		changes = append(changes, change(name, nil))
	}
	announce(obj.Reference(), changes)
}

// propertyNames lists the properties of a managed object type.
func propertyNames(kind reflect.Type) []string {
	var names []string
	for i := 0; i < kind.NumField(); i++ {
		field := kind.Field(i)
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct:
			names = append(names, propertyNames(field.Type)...)
		case !field.Anonymous && wireName(field) != "" && wireName(field) != "self":
			names = append(names, wireName(field))
		}
	}
	return names
}
