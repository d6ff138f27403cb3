package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	giB = int64(1) << 30

	guestID       = "debian8_64Guest"
	guestFullName = "Debian GNU/Linux 8 (64-bit)"
	toolsVersion  = "9537"

	// nicKey is the device key vSphere gives the first network adapter; the
	// guest's view of the adapter refers to it.
	nicKey = int32(4000)
)

// place says where in the inventory a VM lives.
type place struct {
	folder    *mo.Folder
	host      *simulator.HostSystem
	compute   mo.Entity
	pool      *mo.ResourcePool
	datastore *simulator.Datastore
	network   mo.Entity
}

// machine describes a VM of the fixtures. Zero values give a small powered-on
// VM with VMware Tools running, one disk and one network adapter.
type machine struct {
	name  string
	place place

	power    types.VirtualMachinePowerState
	cpus     int32
	cores    int32
	memoryMB int32
	cpuMHz   int32
	disks    []types.GuestDiskInfo
	address  string
	moid     string

	template   bool
	orphaned   bool
	bareEnums  bool
	snapshots  bool
	uuidSalt   string
	guestMemMB int32
}

// withDefaults fills in what the fixture left open.
func (m machine) withDefaults(number int) machine {
	if m.power == "" {
		m.power = types.VirtualMachinePowerStatePoweredOn
	}
	if m.cpus == 0 {
		m.cpus = 1
	}
	if m.cores == 0 {
		m.cores = 1
	}
	if m.memoryMB == 0 {
		m.memoryMB = 2048
	}
	if m.address == "" {
		m.address = fmt.Sprintf("10.%d.%d.%d", 1+number/62500%250, number/250%250, 1+number%250)
	}
	if m.running() {
		if m.cpuMHz == 0 {
			m.cpuMHz = 25 + int32(number%40)
		}
		if m.guestMemMB == 0 {
			m.guestMemMB = m.memoryMB / 4
		}
		if m.disks == nil {
			m.disks = []types.GuestDiskInfo{guestDisk("/", 10*giB, 4*giB)}
		}
	}
	return m
}

// running tells whether the guest operating system, and with it VMware Tools,
// is up.
func (m machine) running() bool {
	return m.power == types.VirtualMachinePowerStatePoweredOn && !m.template && !m.orphaned
}

func guestDisk(path string, capacity, free int64) types.GuestDiskInfo {
	return types.GuestDiskInfo{DiskPath: path, Capacity: capacity, FreeSpace: free}
}

// addMachine creates a VM and enters it into every list that refers to VMs:
// folder, host, resource pool, datastore and network. Objects that the VM is
// listed by are changed first, so that a view sees the VM arrive complete.
func (w *world) addMachine(m machine) *simulator.VirtualMachine {
	w.machines++
	m = m.withDefaults(w.machines)
	vm := w.newMachine(m)
	self := vm.Self
	ctx := newContext(w.reg)

	appendTo := func(obj mo.Reference, path string, list *[]ref) {
		withLock(ctx, obj, func() {
			if !w.live {
				*list = append(*list, self)
				return
			}
			longer := append(append([]ref{}, *list...), self)
			_ = w.assign(ctx, obj, change(path, longer)) // the path exists
		})
	}
	if vm.Runtime.Host != nil {
		appendTo(m.place.host, "vm", &m.place.host.Vm)
	}
	if vm.ResourcePool != nil {
		appendTo(m.place.pool, "vm", &m.place.pool.Vm)
	}
	appendTo(m.place.datastore, "vm", &m.place.datastore.Vm)
	appendTo(m.place.network, "vm", networkMachines(m.place.network))
	appendTo(m.place.folder, "childEntity", &m.place.folder.ChildEntity)
	w.reg.Put(vm)
	return vm
}

// networkMachines returns the VM list of a network of either kind.
func networkMachines(net mo.Entity) *[]ref {
	switch n := net.(type) {
	case *mo.Network:
		return &n.Vm
	case *simulator.DistributedVirtualPortgroup:
		return &n.Vm
	}
	panic(fmt.Sprintf("%s is not a network", net.Reference()))
}

// newMachine builds the object itself, without entering it anywhere.
func (w *world) newMachine(m machine) *simulator.VirtualMachine {
	vm := &simulator.VirtualMachine{}
	vm.Self = ref{Type: "VirtualMachine", Value: m.moid}
	if m.moid == "" {
		vm.Self.Value = w.machineID(w.machines)
	}
	folder := m.place.folder.Self
	vm.Parent = &folder
	vm.Name = m.name
	vm.OverallStatus = types.ManagedEntityStatusGreen
	vm.ConfigStatus = types.ManagedEntityStatusGreen
	vm.Datastore = []ref{m.place.datastore.Self}
	vm.Network = []ref{m.place.network.Reference()}
	vm.EnvironmentBrowser = environmentBrowser(m.place.compute)
	if !m.template {
		pool := m.place.pool.Self
		vm.ResourcePool = &pool
	}
	vm.Capability = types.VirtualMachineCapability{
		SnapshotOperationsSupported:  true,
		MultipleSnapshotsSupported:   true,
		PoweredOffSnapshotsSupported: true,
		MemorySnapshotsSupported:     true,
		RevertToSnapshotSupported:    true,
		QuiescedSnapshotsSupported:   true,
		BootOptionsSupported:         true,
		DiskSharesSupported:          true,
	}
	vm.Config = w.machineConfig(vm.Self, m)
	vm.Layout = &types.VirtualMachineFileLayout{}
	vm.LayoutEx = &types.VirtualMachineFileLayoutEx{Timestamp: fixtureTime}
	vm.Runtime = machineRuntime(m)
	vm.Guest = machineGuest(m, vm.Config)
	vm.GuestHeartbeatStatus = types.ManagedEntityStatusGray
	if m.running() {
		vm.GuestHeartbeatStatus = types.ManagedEntityStatusGreen
	}
	vm.Storage = &types.VirtualMachineStorageInfo{
		Timestamp: fixtureTime,
		PerDatastoreUsage: []types.VirtualMachineUsageOnDatastore{{
			Datastore:   m.place.datastore.Self,
			Committed:   8 * giB,
			Uncommitted: 24 * giB,
			Unshared:    8 * giB,
		}},
	}
	vm.Summary = machineSummary(vm, m)
	if m.orphaned {
		vm.Guest = nil
		vm.Summary.Guest = nil
	}
	return vm
}

// machineID numbers the VMs the way vCenter or an ESXi host does.
func (w *world) machineID(number int) string {
	if w.reg.IsESX() {
		return fmt.Sprintf("%d", 1000+number)
	}
	return fmt.Sprintf("vm-%d", 1000+number)
}

// environmentBrowser returns the browser a VM inherits from where it runs.
func environmentBrowser(compute mo.Entity) ref {
	switch c := compute.(type) {
	case *mo.ComputeResource:
		if c.EnvironmentBrowser != nil {
			return *c.EnvironmentBrowser
		}
	case *simulator.ClusterComputeResource:
		if c.EnvironmentBrowser != nil {
			return *c.EnvironmentBrowser
		}
	}
	return ref{}
}
