package main

import (
	"encoding/json"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// vanishing are objects that go while they are read: views list them, a read
// that comes across one fails.
type vanishing struct {
	mu sync.Mutex
	// times is how many more calls fail, by object; below 0: all of them.
	times map[ref]int
}

var vanished = &vanishing{times: map[ref]int{}}

// vanishRequest is the body of POST /vanish.
type vanishRequest struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Moid string `json:"moid"`
	// Times is how many calls fail; 0: all until Back.
	Times int `json:"times"`
	// Back ends it.
	Back bool `json:"back"`
}

// vanish is POST /vanish.
func (a *admin) vanish(body []byte) (interface{}, error) {
	var req vanishRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	targets, err := a.world.find(req.Type, req.Name, req.Moid)
	if err != nil {
		return nil, err
	}
	vanished.mu.Lock()
	defer vanished.mu.Unlock()
	for _, target := range targets {
		switch {
		case req.Back:
			delete(vanished.times, target.Reference())
		case req.Times > 0:
			vanished.times[target.Reference()] = req.Times
		default:
			vanished.times[target.Reference()] = -1
		}
	}
	return map[string]int{"changed": len(targets)}, nil
}

// meets tells whether a call that comes across an object fails, and counts it.
func (v *vanishing) meets(obj ref) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	left, ok := v.times[obj]
	switch {
	case !ok:
		return false
	case left == 1:
		delete(v.times, obj)
	case left > 1:
		v.times[obj] = left - 1
	}
	return true
}

// first returns the first object of an answer at which the read fails. Where
// missing objects are to be reported they are left out instead.
func (v *vanishing) first(specs []types.PropertyFilterSpec, objects []types.ObjectContent) (*ref, []types.ObjectContent) {
	v.mu.Lock()
	idle := len(v.times) == 0
	v.mu.Unlock()
	if idle {
		return nil, objects
	}
	lenient := true
	for _, spec := range specs {
		lenient = lenient && spec.ReportMissingObjectsInResults != nil && *spec.ReportMissingObjectsInResults
	}
	kept := objects[:0:0]
	for _, content := range objects {
		if !v.meets(content.Obj) {
			kept = append(kept, content)
		} else if !lenient {
			gone := content.Obj
			return &gone, nil
		}
	}
	return nil, kept
}

// among returns the first object of a call that went.
func (v *vanishing) among(about []ref) *ref {
	for _, obj := range about {
		if v.meets(obj) {
			gone := obj
			return &gone
		}
	}
	return nil
}
