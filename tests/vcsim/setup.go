package main

import (
	"errors"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// newModel returns the library's model without the things it would name itself.
func newModel(opts *options) *simulator.Model {
	model := simulator.VPX()
	if opts.esx {
		model = simulator.ESX()
	}
	model.Datacenter, model.Cluster, model.ClusterHost, model.Host = 0, 0, 0, 0
	model.Portgroup, model.Pool, model.Datastore, model.Machine = 0, 0, 0, 0
	if opts.apiVersion != "" {
		model.ServiceContent.About.ApiVersion = opts.apiVersion
	}
	return model
}

// newWorld wraps a created model.
func newWorld(model *simulator.Model, opts *options) *world {
	w := &world{reg: registryOf(model), clock: &serverClock{fixed: opts.sampleClock}, spoilt: &spoilt{}, libraryUpdates: opts.libraryUpdates}
	w.ctx = newContext(w.reg)
	versions.set(opts.versionsPage)
	unsetRemoved = opts.unsetRemoved
	strictPaths = opts.strictPaths
	missingPrivileges = opts.missingPrivs || isFrom(opts.apiVersion, newPermissionsFrom)
	return w
}

// identify gives a vCenter the UUID that tells it from others: the one asked
// for, or one that is the same whenever it listens on the same address. An
// ESXi host has none.
func (w *world) identify(uuid, address string) {
	instance, ok := w.reg.Get(vim25.ServiceInstance).(*simulator.ServiceInstance)
	if !ok || w.reg.IsESX() {
		return
	}
	if uuid == "" {
		uuid = stableUUID("vcenter " + address)
	}
	instance.Content.About.InstanceUuid = uuid
}

// content is what RetrieveServiceContent returns.
func (w *world) content() types.ServiceContent { return contentOf(w.reg) }

func contentOf(reg *simulator.Registry) types.ServiceContent {
	if instance, ok := reg.Get(vim25.ServiceInstance).(*simulator.ServiceInstance); ok {
		return instance.Content
	}
	return types.ServiceContent{}
}

// populate fills the inventory and puts our objects in the place of those of
// the library that fall short.
func populate(w *world, model *simulator.Model, opts *options) (*site, error) {
	b, err := newBuilder(w, model.Service)
	if err != nil {
		return nil, err
	}
	var places *site
	switch {
	case opts.esx:
		places, err = buildESX(b, opts.size, opts.documents(), opts.odd())
	case opts.documents():
		places, err = buildDocuments(b, opts.size, opts.odd())
	default:
		places, err = buildPlain(b, opts.size)
	}
	if err != nil {
		return nil, err
	}
	if len(places.places) == 0 {
		return nil, errors.New("the inventory has no host that is up")
	}
	installEventLog(w, int32(opts.firstEventKey))
	installWatcher(w)
	if err := installGuestProcesses(w, opts.guestDelay); err != nil {
		return nil, err
	}
	if err := installPerf(w, opts.maxQueryMetrics, opts.diskDevices); err != nil {
		return nil, err
	}
	if err := w.thinCapacity(opts.sparseCapacity); err != nil {
		return nil, err
	}
	installVsan(w)
	if err := installCollector(w); err != nil {
		return nil, err
	}
	catalogueEvents(w)
	switch {
	case !opts.documents():
	case opts.esx:
		tellOfHost(w)
	default:
		tellHistory(w)
		defineFields(w)
	}
	w.live = true
	return places, nil
}
