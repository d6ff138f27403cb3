//go:build !govmomi024

// What differs between the two govmomi releases this program is built with.
// This file speaks the dialect of the current release, pinned in go.mod; its
// twin is compat_024.go. Everything else in the folder is the same for both.

package main

import (
	"context"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// bedName tells the two builds apart in -version and in logs.
const bedName = "current"

// libraryUpdates says who sends updates unless told otherwise: with this
// release, the library, so that tests meet an implementation that is not ours.
const libraryUpdates = true

// registryOf returns the inventory of a created model.
func registryOf(m *simulator.Model) *simulator.Registry {
	return m.Map()
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
			Map:         reg,
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
	ctx.Update(obj, changes)
}

// removeObject takes an object out of the inventory and tells every listener.
func removeObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	ctx.Map.Remove(ctx, ref)
}

// forget takes an object out of the session that made it.
func forget(ctx *simulator.Context, obj ref) {
	ctx.Session.Remove(ctx, obj)
}

// PutObject implements simulator.RegisterObject.
func (w *watcher) PutObject(_ *simulator.Context, obj mo.Reference) { w.onPut(obj.Reference()) }

// UpdateObject implements simulator.RegisterObject.
func (w *watcher) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	w.onUpdate(obj.Reference(), changes)
}

// RemoveObject implements simulator.RegisterObject.
func (w *watcher) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	w.onRemove(ref)
}

// coresPerSocket returns the value the hardware description wants.
func coresPerSocket(n int32) *int32 { return &n }

// noPermission fills in the part that permission faults share.
func noPermission(obj ref, privilege string) types.NoPermission {
	return types.NoPermission{Object: &obj, PrivilegeId: privilege}
}
