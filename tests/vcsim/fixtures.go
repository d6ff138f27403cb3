package main

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
)

// Datastore URLs of the fixtures; a datastore is addressed by its URL.
const (
	datastore1URL = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/"
	datastore2URL = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079e/"
	esxStoreURL   = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079f/"
)

// scale holds the sizes asked for on the command line, on top of the fixtures.
type scale struct {
	fillers     int
	hosts       int
	clusters    int
	datacenters int
}

// site collects the places filler VMs are spread over.
type site struct {
	places  []place
	fillers []*simulator.VirtualMachine
	// spare is where VMs created at run time go.
	spare place
}

// buildDocuments creates the inventory the tests, the demonstration and the
// documentation rely on, plus the odd things if wanted, plus what scale asks
// for.
func buildDocuments(b *builder, size scale, odd bool) (*site, error) {
	w := b.world
	first, err := b.datacenter("datacenter01")
	if err != nil {
		return nil, err
	}
	if err := first.portgroup("dvs01", "dvpg01"); err != nil {
		return nil, err
	}
	cluster, err := first.newCluster("cluster01")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"esxi01.example.org", "esxi02.example.org", "esxi03.example.org"} {
		if _, err := cluster.addHost(name); err != nil {
			return nil, err
		}
	}
	second, err := b.datacenter("datacenter02")
	if err != nil {
		return nil, err
	}
	alone, lone, err := second.standalone("esxi04.example.org")
	if err != nil {
		return nil, err
	}
	store1, err := first.datastore("datastore-11", "datastore1", datastore1URL, 2048*giB, 512*giB, cluster.hosts)
	if err != nil {
		return nil, err
	}
	store2, err := second.datastore("datastore-12", "datastore2", datastore2URL, 1024*giB, 768*giB, []*simulator.HostSystem{lone})
	if err != nil {
		return nil, err
	}
	pool, err := cluster.childPool("pool01")
	if err != nil {
		return nil, err
	}
	takeDown(cluster.hosts[2])

	at := func(host int) place {
		return place{
			folder: first.vms, host: cluster.hosts[host], compute: cluster.entity,
			pool: cluster.pool, datastore: store1, network: first.network,
		}
	}
	away := place{
		folder: second.vms, host: lone, compute: alone.entity,
		pool: alone.pool, datastore: store2, network: second.network,
	}
	pooled := func(host int) place {
		p := at(host)
		p.pool = pool
		return p
	}
	grouped := at(1)
	grouped.network = first.group

	for _, m := range namedMachines(at, pooled, grouped, away) {
		vm := w.addMachine(m)
		if m.snapshots {
			takeSnapshots(w, vm)
		}
	}
	triggerAlarms(w)
	if odd {
		if err := addOddities(first, cluster, at(0)); err != nil {
			return nil, err
		}
	}
	cluster.refreshTotals()
	alone.refreshTotals()

	places := &site{places: []place{at(0), at(1), away}, spare: at(0)}
	if err := grow(b, first, cluster, store1, size, places); err != nil {
		return nil, err
	}
	w.addFillers(places, size.fillers)
	return places, nil
}

// namedMachines lists the VMs known by name.
func namedMachines(at, pooled func(host int) place, grouped, away place) []machine {
	off, suspended := types.VirtualMachinePowerStatePoweredOff, types.VirtualMachinePowerStateSuspended
	return []machine{
		{
			name: "vm01.example.org", moid: "vm-101", place: at(0), address: "10.0.0.5",
			cpus: 4, cores: 2, memoryMB: 8192, cpuMHz: 230, guestMemMB: 1024, snapshots: true,
			disks: []types.GuestDiskInfo{
				guestDisk("/", 10*giB, 4*giB),
				guestDisk("/var", 20*giB, 5368709120),
			},
		},
		{name: "ns01.example.org", moid: "vm-102", place: pooled(1), address: "10.0.0.53", cpuMHz: 46},
		{name: "vm02.example.org", moid: "vm-103", place: pooled(0), power: off},
		{name: "vm03.example.org", moid: "vm-104", place: at(1), power: suspended},
		{name: "vm-unicode-Größe-日本-мир", moid: "vm-105", place: at(0)},
		{name: `vm with "quotes" and 'apostrophe'`, moid: "vm-106", place: at(1)},
		// vSphere stores / and \ in names escaped.
		{name: "vm%2fslash", moid: "vm-107", place: at(0)},
		{name: "vm%5cbackslash", moid: "vm-108", place: at(1)},
		{name: "vm-🚀", moid: "vm-109", place: grouped},
		{name: "vm-orphan.example.org", moid: "vm-110", place: at(0), power: off, orphaned: true},
		{name: "vm-twin", moid: "vm-111", place: at(0), uuidSalt: "datacenter01/"},
		{name: "vm-twin", moid: "vm-112", place: away, uuidSalt: "datacenter02/"},
		{name: "template01", moid: "vm-113", place: at(1), power: off, template: true},
		{name: "vm-empty-enums", moid: "vm-114", place: at(1), bareEnums: true},
	}
}

// buildPlain creates the smallest useful inventory: one datacenter, one
// cluster, one host, one datastore, and what scale asks for.
func buildPlain(b *builder, size scale) (*site, error) {
	dc, err := b.datacenter("datacenter01")
	if err != nil {
		return nil, err
	}
	cluster, err := dc.newCluster("cluster01")
	if err != nil {
		return nil, err
	}
	host, err := cluster.addHost("esxi01.example.org")
	if err != nil {
		return nil, err
	}
	store, err := dc.datastore("datastore-11", "datastore1", datastore1URL, 2048*giB, 512*giB, cluster.hosts)
	if err != nil {
		return nil, err
	}
	cluster.refreshTotals()
	p := place{
		folder: dc.vms, host: host, compute: cluster.entity,
		pool: cluster.pool, datastore: store, network: dc.network,
	}
	places := &site{places: []place{p}, spare: p}
	if err := grow(b, dc, cluster, store, size, places); err != nil {
		return nil, err
	}
	b.world.addFillers(places, size.fillers)
	return places, nil
}

// buildESX names the standalone host of the library's ESXi model and gives it
// a datastore and two VMs. An odd one spells the datastore's URL as a path, as
// ESXi hosts do.
func buildESX(b *builder, size scale, documents, odd bool) (*site, error) {
	w := b.world
	host, ok := w.reg.Get(esx.HostSystem.Self).(*simulator.HostSystem)
	if !ok {
		return nil, fmt.Errorf("the ESXi model has no host")
	}
	parent := object.NewDatacenter(b.client, esx.Datacenter.Self)
	folders, err := parent.Folders(b.ctx)
	if err != nil {
		return nil, fmt.Errorf("read the folders of the ESXi host: %w", err)
	}
	dc, err := b.enter("ha-datacenter", esx.Datacenter.Self, folders)
	if err != nil {
		return nil, err
	}
	const name = "esxi-standalone.example.org"
	host.Name = name
	host.Summary.Config.Name = name
	self := host.Self
	host.Summary.Host = &self
	equip(host, 0)
	dc.network.Host = []ref{host.Self}

	c, err := b.esxCompute(dc, host)
	if err != nil {
		return nil, err
	}
	url := esxStoreURL
	if odd {
		url = strings.TrimSuffix(strings.TrimPrefix(esxStoreURL, "ds://"), "/")
	}
	store, err := dc.datastore(stableUUID(esxStoreURL), "esxi-datastore1", url, 512*giB, 128*giB, c.hosts)
	if err != nil {
		return nil, err
	}
	c.refreshTotals()
	p := place{folder: dc.vms, host: host, compute: c.entity, pool: c.pool, datastore: store, network: dc.network}
	if documents {
		w.addMachine(machine{name: "esxi-vm01", moid: "1", place: p, cpus: 2, cpuMHz: 120})
		w.addMachine(machine{name: "esxi-vm02", moid: "2", place: p, power: types.VirtualMachinePowerStatePoweredOff})
	}
	places := &site{places: []place{p}, spare: p}
	w.addFillers(places, size.fillers)
	return places, nil
}

// takeDown makes a host look the way vCenter shows one it lost contact with.
func takeDown(host *simulator.HostSystem) {
	host.Runtime.ConnectionState = types.HostSystemConnectionStateNotResponding
	host.Runtime.PowerState = types.HostSystemPowerStateUnknown
	host.Runtime.BootTime = nil
	host.Summary.QuickStats = types.HostListSummaryQuickStats{}
	setStatus(host, types.ManagedEntityStatusGray)
}

// addFillers creates unremarkable VMs, spread over the hosts that are up.
func (w *world) addFillers(s *site, count int) {
	for i := 1; i <= count; i++ {
		s.fillers = append(s.fillers, w.addMachine(machine{
			name:  fmt.Sprintf("vm-%05d", i),
			place: s.places[i%len(s.places)],
			cpus:  1 + int32(i%4),
		}))
	}
}

// grow adds hosts to the first cluster, clusters to the first datacenter, and
// datacenters, each named after its number.
func grow(b *builder, dc *datacenter, cluster *compute, store *simulator.Datastore, size scale, s *site) error {
	for i := 1; i <= size.hosts; i++ {
		host, err := cluster.addHost(fmt.Sprintf("esxi-%04d.example.org", i))
		if err != nil {
			return err
		}
		b.world.mount(store, host)
		s.places = append(s.places, place{
			folder: dc.vms, host: host, compute: cluster.entity,
			pool: cluster.pool, datastore: store, network: dc.network,
		})
	}
	cluster.refreshTotals()
	for i := 1; i <= size.clusters; i++ {
		name := fmt.Sprintf("cluster-%03d", i)
		extra, err := dc.newCluster(name)
		if err != nil {
			return err
		}
		host, err := extra.addHost(fmt.Sprintf("esxi-%s.example.org", name))
		if err != nil {
			return err
		}
		extra.refreshTotals()
		b.world.mount(store, host)
		s.places = append(s.places, place{
			folder: dc.vms, host: host, compute: extra.entity,
			pool: extra.pool, datastore: store, network: dc.network,
		})
	}
	for i := 1; i <= size.datacenters; i++ {
		if err := growDatacenter(b, i, s); err != nil {
			return err
		}
	}
	return nil
}

// growDatacenter adds a datacenter with one standalone host and a datastore.
func growDatacenter(b *builder, number int, s *site) error {
	name := fmt.Sprintf("datacenter-%03d", number)
	dc, err := b.datacenter(name)
	if err != nil {
		return err
	}
	c, host, err := dc.standalone(fmt.Sprintf("esxi-%s.example.org", name))
	if err != nil {
		return err
	}
	url := fmt.Sprintf("ds:///vmfs/volumes/%s/", stableUUID(name))
	store, err := dc.datastore(fmt.Sprintf("datastore-%d", 900+number), "datastore-"+name, url, 1024*giB, 512*giB, c.hosts)
	if err != nil {
		return err
	}
	c.refreshTotals()
	s.places = append(s.places, place{
		folder: dc.vms, host: host, compute: c.entity,
		pool: c.pool, datastore: store, network: dc.network,
	})
	return nil
}
