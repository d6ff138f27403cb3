package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// oddNames are VMs whose names look like patterns, places or identifiers, or
// hold what vSphere stores escaped. The first one's identifier is vm-301.
var oddNames = []string{
	"vm0*", "*", "vm?1", "[vm01]", "host: old", "cluster:2", "folder:x", "moid:vm-101", "datastore1",
	"a%2fb", "c%5cd", "100%25 sure", " padded ", "two  blanks", "esxi01.example.org",
}

// firstOddMachine is the number in the first one's identifier.
const firstOddMachine = 301

// addOddities adds to the inventory of the documents what real estates hold
// besides.
func addOddities(dc *datacenter, c *compute, p place) error {
	w := dc.b.world
	for i, name := range oddNames {
		w.addMachine(machine{name: name, moid: fmt.Sprintf("vm-%d", firstOddMachine+i), place: p})
	}
	pairMachines(w, p)
	breakMachine(w, p)
	if err := addOddFolder(dc, p); err != nil {
		return err
	}
	// A cluster without hosts, of the name of a VM.
	if _, err := dc.newCluster("cluster:2"); err != nil {
		return err
	}
	if _, err := dc.b.datacenter("dc%2fempty"); err != nil {
		return err
	}
	addOddNic(c.hosts[0])
	if err := addOddStores(dc, c.hosts); err != nil {
		return err
	}
	nameless := alarmFixture{
		moid: "alarm-301", description: "An alarm that has no name",
		status: types.ManagedEntityStatusYellow,
	}
	w.reg.Put(&mo.Alarm{
		ExtensibleManagedObject: mo.ExtensibleManagedObject{Self: ref{Type: "Alarm", Value: nameless.moid}},
		Info:                    nameless.info(w.content().RootFolder),
	})
	nameless.mark(w, c.hosts[0])
	return nil
}

// pairMachines makes a fault-tolerant pair. The secondary has the lower
// identifier, and the name and UUIDs of the primary.
func pairMachines(w *world, p place) {
	pair := machine{name: "ft-pair", place: p}
	pair.moid = "vm-331"
	secondary := w.addMachine(pair)
	pair.moid = "vm-332"
	primary := w.addMachine(pair)
	info := types.FaultToleranceConfigInfo{
		InstanceUuids: []string{primary.Config.InstanceUuid, secondary.Config.InstanceUuid},
		ConfigPaths:   []string{primary.Config.Files.VmPathName, secondary.Config.Files.VmPathName},
	}
	first := &types.FaultTolerancePrimaryConfigInfo{FaultToleranceConfigInfo: info, Secondaries: []ref{secondary.Self}}
	first.Role = 1
	primary.Config.FtInfo, primary.Summary.Config.FtInfo = first, first
	second := &types.FaultToleranceSecondaryConfigInfo{FaultToleranceConfigInfo: info, PrimaryVM: primary.Self}
	second.Role = 2
	secondary.Config.FtInfo, secondary.Summary.Config.FtInfo = second, second
	for _, vm := range []*simulator.VirtualMachine{primary, secondary} {
		vm.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateRunning
		vm.Summary.Runtime.FaultToleranceState = types.VirtualMachineFaultToleranceStateRunning
	}
}

// breakMachine adds a VM whose files cannot be read: it is called after its
// path, has no configuration, no guest and no host.
func breakMachine(w *world, p place) {
	vm := w.addMachine(machine{
		name: "%2fvmfs%2fvolumes%2f5190e2a7-d2b7c58e-b1e2-90b11c29079d%2fbroken%2fbroken.vmx", moid: "vm-333",
		place: p, power: types.VirtualMachinePowerStatePoweredOff, orphaned: true,
	})
	vm.Config, vm.LayoutEx, vm.Layout, vm.Storage, vm.ResourcePool = nil, nil, nil, nil, nil
	vm.Datastore, vm.Network = nil, nil
	vm.Runtime.ConnectionState = types.VirtualMachineConnectionStateInaccessible
	vm.Summary.Runtime.ConnectionState = types.VirtualMachineConnectionStateInaccessible
	vm.Summary.Config = types.VirtualMachineConfigSummary{Name: vm.Name, VmPathName: "[datastore1] broken/broken.vmx"}
	vm.Summary.Storage = nil
}

// addOddFolder adds a folder with a slash in its name, and a VM in it.
func addOddFolder(dc *datacenter, p place) error {
	const name = "dept%2fA"
	made, err := dc.folders.VmFolder.CreateFolder(dc.b.ctx, name)
	if err != nil {
		return fmt.Errorf("create folder %s: %w", name, err)
	}
	folder, ok := dc.b.world.reg.Get(made.Reference()).(*simulator.Folder)
	if !ok {
		return fmt.Errorf("folder %s vanished", name)
	}
	p.folder = &folder.Folder
	dc.b.world.addMachine(machine{name: "in-folder", moid: "vm-334", place: p})
	return nil
}

// addOddNic gives a host the network adapter of its management controller.
func addOddNic(host *simulator.HostSystem) {
	if host.Config == nil || host.Config.Network == nil {
		return
	}
	network := *host.Config.Network
	network.Pnic = append(append([]types.PhysicalNic{}, network.Pnic...), types.PhysicalNic{
		Key: "key-vim.host.PhysicalNic-vusb0", Device: "vusb0", Driver: "cdc_ether", Mac: "02:00:00:00:00:01",
	})
	host.Config.Network = &network
}
