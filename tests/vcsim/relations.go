package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// listedAt names the properties of a VM whose targets have the VM in a list of
// their own, called "vm".
var listedAt = map[string]bool{
	"runtime.host": true, "summary.runtime.host": true, "datastore": true, "network": true, "resourcePool": true,
}

// targets returns what a property of an object refers to.
func targets(obj mo.Reference, path string) []ref {
	field, ok := fieldByPath(managedObject(obj), path)
	if !ok {
		return nil
	}
	switch val := field.Interface().(type) {
	case *ref:
		if val != nil {
			return []ref{*val}
		}
	case []ref:
		return append([]ref{}, val...)
	}
	return nil
}

// relist makes the lists of what a VM refers to follow a change of its
// property from before to now.
func (w *world) relist(vm mo.Reference, path string, before []ref) {
	now := targets(vm, path)
	for _, target := range without(before, now) {
		w.withListed(target, func(ctx *simulator.Context, obj mo.Reference) { w.strike(ctx, obj, "vm", vm.Reference()) })
	}
	for _, target := range without(now, before) {
		w.withListed(target, func(ctx *simulator.Context, obj mo.Reference) {
			list := append(targets(obj, "vm"), vm.Reference())
			_ = w.assign(ctx, obj, change("vm", list)) // the path exists
		})
	}
}

// withListed does something to an object that has a list, while it is locked.
func (w *world) withListed(target ref, do func(*simulator.Context, mo.Reference)) {
	if obj := w.reg.Get(target); obj != nil {
		ctx := newContext(w.reg)
		withLock(ctx, obj, func() { do(ctx, obj) })
	}
}

// without returns the references of list that are not in other.
func without(list, other []ref) []ref {
	var left []ref
	for _, r := range list {
		found := false
		for _, o := range other {
			found = found || r == o
		}
		if !found {
			left = append(left, r)
		}
	}
	return left
}

// updateListed is update for one property of a VM that others list it by.
func (w *world) updateListed(obj mo.Reference, path string, changes []types.PropertyChange) error {
	if obj.Reference().Type != "VirtualMachine" || !listedAt[path] {
		return w.update(obj, changes...)
	}
	inventory.Lock()
	defer inventory.Unlock()
	before := targets(obj, path)
	if err := w.update(obj, changes...); err != nil {
		return err
	}
	w.relist(obj, path, before)
	return nil
}
