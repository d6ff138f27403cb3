package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// denial is a property that may not be read, and the privilege that is missing.
// No path means all that needs the right to read: an account that sees an
// object may know its name and place. The library knows no privileges.
type denial struct {
	Type      string `json:"type"`
	Path      string `json:"path"`
	Privilege string `json:"privilege"`
	// Below is the object at or below which it may not be read; everywhere
	// without it.
	Below string `json:"below"`
	// User is the account that may not read it; every account without it.
	User string `json:"user"`

	root ref
}

// denialTable holds the properties that may not be read.
type denialTable struct {
	mu   sync.RWMutex
	list []denial
}

var denials = &denialTable{}

func (t *denialTable) any() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.list) != 0
}

// deny is POST /deny. Without a privilege the property may be read again.
// A client that waits for updates learns of neither until the property changes.
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
	if d.Below != "" {
		root, err := a.world.parseRef(d.Below)
		if err != nil {
			return nil, err
		}
		d.root = root
	}
	denials.mu.Lock()
	defer denials.mu.Unlock()
	var kept []denial
	for _, other := range denials.list {
		if other.Type != d.Type || other.Path != d.Path || other.Below != d.Below || other.User != d.User {
			kept = append(kept, other)
		}
	}
	if d.Privilege != "" {
		kept = append(kept, d)
	}
	denials.list = kept
	return done, nil
}

// withhold moves what may not be read to what is missing, as vCenter does:
// whether it has a value or not. What a mask hides is not heard of.
func withhold(ctx *simulator.Context, specs []types.PropertyFilterSpec, objects []types.ObjectContent) []types.ObjectContent {
	denials.mu.RLock()
	defer denials.mu.RUnlock()
	for _, d := range denials.list {
		if d.User != "" && (ctx.Session == nil || ctx.Session.UserName != d.User) {
			continue
		}
		for i := range objects {
			if d.applies(ctx.Map, objects[i].Obj) {
				asked := specs
				if masks.on(objects[i].Obj) {
					asked = nil
				}
				withholdFrom(&objects[i], askedPaths(asked, objects[i]), d)
			}
		}
	}
	return objects
}

// applies tells whether an object is one of those meant.
func (d denial) applies(reg *simulator.Registry, obj ref) bool {
	return obj.Type == d.Type && (d.Below == "" || isAtOrBelow(reg, obj, map[ref]bool{d.root: true}))
}

// covers tells whether a path is the one meant or a part of it.
func (d denial) covers(path string) bool {
	if d.Path == "" {
		return path != "name" && path != "parent"
	}
	return path == d.Path || strings.HasPrefix(path, d.Path+".") || strings.HasPrefix(path, d.Path+"[")
}

func withholdFrom(object *types.ObjectContent, asked []string, d denial) {
	seen := map[string]bool{}
	for _, property := range object.MissingSet {
		seen[property.Path] = true
	}
	var kept []types.DynamicProperty
	for _, property := range object.PropSet {
		if d.covers(property.Name) {
			asked = append(asked, property.Name)
		} else {
			kept = append(kept, property)
		}
	}
	for _, path := range asked {
		if d.covers(path) && !seen[path] {
			seen[path] = true
			object.MissingSet = append(object.MissingSet, missing(path, object.Obj, d.Privilege))
		}
	}
	object.PropSet = kept
}
