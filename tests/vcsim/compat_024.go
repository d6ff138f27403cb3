//go:build govmomi024

// What differs between the two govmomi releases this program is built with.
// This file speaks the 0.24.2 dialect (the Debian package); its twin is
// compat_current.go. Everything else in the folder is the same for both.

package main

import (
	"context"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// bedName tells the two builds apart in -version and in logs.
const bedName = "packaged"

// libraryUpdates says who sends updates unless told otherwise: with this
// release, this program, because load tests run on it.
const libraryUpdates = false

// registryOf returns the inventory of a created model. In this release it is
// one global.
func registryOf(*simulator.Model) *simulator.Registry {
	return simulator.Map
}

// newContext returns a context for calls the program makes itself; its session
// is not listed among the logged-in ones.
func newContext(reg *simulator.Registry) *simulator.Context {
	return &simulator.Context{
		Context: context.Background(),
		Map:     reg,
		Session: &simulator.Session{
			UserSession: types.UserSession{Key: internalSessionKey, UserName: "vcsim"},
			Registry:    simulator.NewRegistry(),
		},
	}
}

// withLock runs f while obj is locked against readers and writers.
func withLock(ctx *simulator.Context, obj mo.Reference, f func()) {
	ctx.WithLock(obj, f)
}

// notifyChange applies changes to obj and tells every listener. The caller
// holds the lock of obj.
func notifyChange(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	ctx.Map.Update(obj, changes)
}

// removeObject takes an object out of the inventory and tells every listener.
func removeObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	ctx.Map.Remove(ref)
}

// forget takes an object out of the session that made it.
func forget(ctx *simulator.Context, obj ref) {
	ctx.Session.Remove(obj)
}

// PutObject implements simulator.RegisterObject.
func (w *watcher) PutObject(obj mo.Reference) { w.onPut(obj.Reference()) }

// UpdateObject implements simulator.RegisterObject.
func (w *watcher) UpdateObject(obj mo.Reference, changes []types.PropertyChange) {
	w.onUpdate(obj.Reference(), changes)
}

// RemoveObject implements simulator.RegisterObject.
func (w *watcher) RemoveObject(ref types.ManagedObjectReference) { w.onRemove(ref) }

// coresPerSocket returns the value the hardware description wants.
func coresPerSocket(n int32) int32 { return n }

// noPermission fills in the part that permission faults share.
func noPermission(obj ref, privilege string) types.NoPermission {
	return types.NoPermission{Object: obj, PrivilegeId: privilege}
}
