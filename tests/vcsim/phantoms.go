package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// phantomRequest is the body of POST /update: an update with nothing behind it
// in the inventory.
type phantomRequest struct {
	// Kind is enter, modify or leave.
	Kind string `json:"kind"`
	Type string `json:"type"`
	Moid string `json:"moid"`
	// Values are the values it brings, by path.
	Values map[string]json.RawMessage `json:"values"`
	// Removed are paths that come as indirectRemove.
	Removed []string `json:"removed"`
}

// sendUpdate is POST /update. Filters that select objects of the type along a
// traversal report it, with what they ask for of it.
func (a *admin) sendUpdate(body []byte) (interface{}, error) {
	var req phantomRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if a.world.libraryUpdates {
		return nil, errors.New("the library sends the updates; start with -library-updates=false")
	}
	kind, ok := managedType(req.Type)
	if !ok || req.Moid == "" {
		return nil, errors.New("write type and moid")
	}
	update := types.ObjectUpdate{Obj: ref{Type: req.Type, Value: req.Moid}}
	switch req.Kind {
	case "enter", "modify", "leave":
		update.Kind = types.ObjectUpdateKind(req.Kind)
	default:
		return nil, errors.New("kind is enter, modify or leave")
	}
	for path, raw := range req.Values {
		t, ok := typeByPath(kind, path)
		if !ok {
			return nil, fmt.Errorf("%s has no property %q", req.Type, path)
		}
		val, err := fromJSON(raw, t)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", req.Type, path, err)
		}
		c := change(path, nil)
		if v := plainValue(val); v.IsValid() {
			c.Val = v.Interface()
		}
		update.ChangeSet = append(update.ChangeSet, c)
	}
	for _, path := range req.Removed {
		update.ChangeSet = append(update.ChangeSet, types.PropertyChange{Name: path, Op: types.PropertyChangeOpIndirectRemove})
	}
	sent := 0
	feeds.each(func(f *feed) { sent += f.push(update) })
	return map[string]int{"filters": sent}, nil
}

// push queues an update of one object for the filters that select such objects,
// and returns how many do.
func (f *feed) push(update types.ObjectUpdate) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	set := &types.UpdateSet{}
	for _, filter := range f.filters {
		if len(filter.steps) == 0 || !asksFor(filter.spec.PropSet, update.Obj) {
			continue
		}
		own := update
		own.ChangeSet = wantedChanges(filter.spec.PropSet, update)
		set.FilterSet = append(set.FilterSet, types.PropertyFilterUpdate{
			Filter: filter.self, ObjectSet: []types.ObjectUpdate{own},
		})
	}
	if len(set.FilterSet) != 0 {
		f.backlog = append(f.backlog, set)
		f.ring()
	}
	return len(set.FilterSet)
}

// asksFor tells whether a filter is about objects of that type.
func asksFor(props []types.PropertySpec, obj ref) bool {
	for _, p := range props {
		if p.Type == obj.Type || inherits(obj.Type, p.Type) {
			return true
		}
	}
	return false
}

// wantedChanges are those changes of an update that a filter asks for.
func wantedChanges(props []types.PropertySpec, update types.ObjectUpdate) []types.PropertyChange {
	wanted := wantedPaths(props, update.Obj)
	if wanted == nil {
		return update.ChangeSet
	}
	asked := map[string]bool{}
	for _, path := range wanted {
		asked[path] = true
	}
	var changes []types.PropertyChange
	for _, c := range update.ChangeSet {
		if asked[c.Name] {
			changes = append(changes, c)
		}
	}
	return changes
}
