package main

import (
	"crypto/sha1"
	"fmt"
	"reflect"
	"sort"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// internalSessionKey names the session the program itself uses; it never
// appears in a session list.
const internalSessionKey = "vcsim-internal"

// fixtureTime is the moment the fixtures call "now" where a stable value is
// wanted: installation dates, snapshot times, boot times.
var fixtureTime = time.Date(2015, time.February, 10, 15, 48, 40, 0, time.UTC)

// world is the simulated vSphere installation: the inventory and the means to
// look things up and change them from outside a SOAP call.
type world struct {
	reg   *simulator.Registry
	ctx   *simulator.Context
	clock *serverClock

	// libraryUpdates says that the library answers WaitForUpdatesEx.
	libraryUpdates bool

	// live is set once clients may look: from then on every list that changes
	// is announced to them.
	live bool

	// spoilt is what tests did to the statistics.
	spoilt *spoilt

	// events is what happened.
	events *eventLog

	// machines counts the VMs ever made, so that addresses stay unique.
	machines int
}

// ref is the managed object reference type, shortened because fixtures are
// full of it.
type ref = types.ManagedObjectReference

// update changes properties of one object under its lock and notifies every
// WaitForUpdatesEx that covers it.
func (w *world) update(obj mo.Reference, changes ...types.PropertyChange) error {
	ctx := newContext(w.reg)
	var err error
	withLock(ctx, obj, func() { err = w.assign(ctx, obj, changes...) })
	return err
}

// assign is update for those who hold the object's lock. The library can
// assign too, but not along every path; it is told only where it has to send
// the update itself.
func (w *world) assign(ctx *simulator.Context, obj mo.Reference, changes ...types.PropertyChange) error {
	target := managedObject(obj)
	for _, c := range changes {
		if err := assignPath(target, c.Name, reflect.ValueOf(c.Val)); err != nil {
			return err
		}
		if !w.libraryUpdates || crossesBaseType(target.Type(), c.Name) {
			announce(obj.Reference(), []types.PropertyChange{c})
		} else {
			notifyChange(ctx, obj, []types.PropertyChange{c})
		}
	}
	return nil
}

// all returns every object of one kind in a stable order.
func (w *world) all(kind string) []mo.Entity {
	list := w.reg.All(kind)
	sort.Slice(list, func(i, j int) bool {
		return natural(list[i].Reference().Value) < natural(list[j].Reference().Value)
	})
	return list
}

// named returns the objects of one kind that carry a name; names are not
// unique in vSphere, so there may be several.
func (w *world) named(kind, name string) []mo.Entity {
	var found []mo.Entity
	for _, e := range w.all(kind) {
		if nameOf(e) == name {
			found = append(found, e)
		}
	}
	return found
}

// nameOf returns an entity's name. Networks and switches keep it in a field
// that shadows the common one.
func nameOf(e mo.Entity) string {
	if v, ok := fieldByPath(managedObject(e), "name"); ok {
		if s, ok := v.Interface().(string); ok && s != "" {
			return s
		}
	}
	return e.Entity().Name
}

// natural makes "vm-9" sort before "vm-10".
func natural(id string) string {
	digits := len(id)
	for digits > 0 && id[digits-1] >= '0' && id[digits-1] <= '9' {
		digits--
	}
	return fmt.Sprintf("%s%20s", id[:digits], id[digits:])
}

// stableUUID derives the same UUID from the same text in every run.
func stableUUID(text string) string {
	sum := sha1.Sum([]byte(text))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// change is one property assignment.
func change(path string, val interface{}) types.PropertyChange {
	return types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign, Val: val}
}
