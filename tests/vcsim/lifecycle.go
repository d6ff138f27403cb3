package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// nameRequest is the body of POST /vm/create and POST /vm/destroy.
type nameRequest struct {
	Name string `json:"name"`
	Moid string `json:"moid"`
	// Only names the properties that a new VM has values of; nil: all.
	Only *[]string `json:"only"`
}

// createMachine makes a small running VM on the first host.
func (a *admin) createMachine(body []byte) (interface{}, error) {
	var req nameRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, errors.New("member \"name\" is missing")
	}
	inventory.Lock()
	defer inventory.Unlock()
	moid := a.world.machineID(a.world.machines + 1)
	masks.set(ref{Type: "VirtualMachine", Value: moid}, mask{Only: req.Only})
	vm := a.world.addMachine(machine{name: req.Name, moid: moid, place: a.site.spare})
	a.world.post(&types.VmCreatedEvent{VmEvent: a.world.machineEvent(vm)})
	return map[string]string{"moid": vm.Self.Value}, nil
}

// destroyMachine removes every VM of that name (or the one with that moid).
func (a *admin) destroyMachine(body []byte) (interface{}, error) {
	var req nameRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	inventory.Lock()
	defer inventory.Unlock()
	targets, err := a.world.find("VirtualMachine", req.Name, req.Moid)
	if err != nil {
		return nil, err
	}
	for _, target := range targets {
		vm, ok := target.(*simulator.VirtualMachine)
		if !ok {
			return nil, fmt.Errorf("%s is not a virtual machine", target.Reference())
		}
		event := &types.VmRemovedEvent{VmEvent: a.world.machineEvent(vm)}
		a.world.removeMachine(vm)
		a.world.post(event)
	}
	return map[string]int{"destroyed": len(targets)}, nil
}

// removeMachine takes a VM out of the inventory and out of every list.
func (w *world) removeMachine(vm *simulator.VirtualMachine) {
	ctx := newContext(w.reg)
	removeObject(ctx, vm.Self)
	strike := func(from *ref, path string) {
		if from == nil {
			return
		}
		obj := w.reg.Get(*from)
		if obj == nil {
			return
		}
		withLock(ctx, obj, func() { w.strike(ctx, obj, path, vm.Self) })
	}
	strike(vm.Runtime.Host, "vm")
	strike(vm.ResourcePool, "vm")
	strike(vm.Parent, "childEntity")
	for i := range vm.Datastore {
		strike(&vm.Datastore[i], "vm")
	}
	for i := range vm.Network {
		strike(&vm.Network[i], "vm")
	}
}

// strike removes one reference from a list property of a locked object.
func (w *world) strike(ctx *simulator.Context, obj mo.Reference, path string, gone ref) {
	field, ok := fieldByPath(managedObject(obj), path)
	if !ok {
		return
	}
	list, ok := field.Interface().([]ref)
	if !ok {
		return
	}
	left := make([]ref, 0, len(list))
	for _, r := range list {
		if r != gone {
			left = append(left, r)
		}
	}
	if len(left) != len(list) {
		_ = w.assign(ctx, obj, change(path, left)) // the path exists
	}
}
