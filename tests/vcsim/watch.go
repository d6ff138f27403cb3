package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// watcher hears of every change in the inventory and of every event, which it
// enters into our log.
type watcher struct {
	world     *world
	self      ref
	collector ref
}

// Reference implements mo.Reference; listeners are registered under it.
func (w *watcher) Reference() ref { return w.self }

// installWatcher starts listening. Events arrive as changes of an event
// collector that lists everything.
func installWatcher(w *world) {
	watch := &watcher{world: w, self: ref{Type: "VcsimWatcher", Value: "watcher"}}
	ctx := newContext(w.reg)
	manager := w.reg.EventManager()
	body := manager.CreateCollectorForEvents(ctx, &types.CreateCollectorForEvents{This: manager.Self})
	if made, ok := body.(*methods.CreateCollectorForEventsBody); ok && made.Res != nil {
		watch.collector = made.Res.Returnval
	}
	w.reg.AddHandler(watch)
}

// onPut is told of new objects. Filters hear of them through the views and
// lists the objects are entered into.
func (w *watcher) onPut(ref) {}

// onRemove is told of deleted objects.
func (w *watcher) onRemove(obj ref) {
	feeds.each(func(f *feed) { f.markRemoved(obj) })
}

// onUpdate is told of property changes, with the changed object locked. A new
// event is posted with the event manager locked, so its property may be set
// right here.
func (w *watcher) onUpdate(obj ref, changes []types.PropertyChange) {
	if obj != w.collector {
		announce(obj, changes)
		return
	}
	for _, c := range changes {
		if page, ok := c.Val.(*types.ArrayOfEvent); ok {
			if latest := newest(page.Event); latest != nil {
				w.world.events.add(latest)
			}
		}
	}
}

// announce tells every feed that properties of an object changed.
func announce(obj ref, changes []types.PropertyChange) {
	paths := make([]string, 0, len(changes))
	for _, c := range changes {
		paths = append(paths, c.Name)
	}
	feeds.each(func(f *feed) { f.markChanged(obj, paths) })
}

// newest returns the event with the highest key.
func newest(events []types.BaseEvent) types.BaseEvent {
	var latest types.BaseEvent
	for _, e := range events {
		if latest == nil || e.GetEvent().Key > latest.GetEvent().Key {
			latest = e
		}
	}
	return latest
}

// post writes an event into the event log.
func (w *world) post(event types.BaseEvent) {
	ctx := newContext(w.reg)
	manager := w.reg.EventManager()
	withLock(ctx, manager, func() {
		manager.PostEvent(ctx, &types.PostEvent{This: manager.Self, EventToPost: event})
	})
}

// machineEvent fills in what every VM event carries.
func (w *world) machineEvent(vm *simulator.VirtualMachine) types.VmEvent {
	named := func(obj mo.Entity) types.EntityEventArgument {
		return types.EntityEventArgument{Name: nameOf(obj)}
	}
	event := types.VmEvent{}
	event.Vm = &types.VmEventArgument{EntityEventArgument: named(vm), Vm: vm.Self}
	if vm.Runtime.Host == nil {
		return event
	}
	for at := vm.Runtime.Host; at != nil; {
		obj, ok := w.reg.Get(*at).(mo.Entity)
		if !ok {
			break
		}
		switch at.Type {
		case "HostSystem":
			event.Host = &types.HostEventArgument{EntityEventArgument: named(obj), Host: *at}
		case "ComputeResource", "ClusterComputeResource":
			event.ComputeResource = &types.ComputeResourceEventArgument{EntityEventArgument: named(obj), ComputeResource: *at}
		case "Datacenter":
			event.Datacenter = &types.DatacenterEventArgument{EntityEventArgument: named(obj), Datacenter: *at}
		}
		at = obj.Entity().Parent
	}
	return event
}
