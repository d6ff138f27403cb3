package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshotFixture is one snapshot of vm01.
type snapshotFixture struct {
	id          int32
	parent      int32
	moid        string
	name        string
	description string
	at          time.Time
	state       types.VirtualMachinePowerState
	quiesced    bool
}

const (
	snapshotOff = types.VirtualMachinePowerStatePoweredOff
	snapshotOn  = types.VirtualMachinePowerStatePoweredOn
)

// The third one is in use; the fourth is on a branch of its own.
var snapshotFixtures = []snapshotFixture{
	{1, 0, "snapshot-201", "before upgrade", "clean installation", fixtureTime, snapshotOff, false},
	{2, 1, "snapshot-202", "after upgrade", "", fixtureTime.Add(26 * time.Hour), snapshotOn, false},
	{3, 2, "snapshot-203", "release 2", "taken by the backup", alarmTime, snapshotOn, true},
	{4, 1, "snapshot-204", "dead end", "", fixtureTime.Add(2 * time.Hour), snapshotOff, false},
}

const snapshotInUse = "snapshot-203"

// takeSnapshots gives a VM its snapshot tree and the files of its disk.
func takeSnapshots(w *world, vm *simulator.VirtualMachine) {
	roots := snapshotsBelow(w, vm, 0)
	current := ref{Type: "VirtualMachineSnapshot", Value: snapshotInUse}
	vm.Snapshot = &types.VirtualMachineSnapshotInfo{CurrentSnapshot: &current, RootSnapshotList: roots}
	vm.RootSnapshot = []ref{roots[0].Snapshot}
	vm.LayoutEx = snapshotLayout()
}

// snapshotsBelow makes the children of a snapshot, or the first ones.
func snapshotsBelow(w *world, vm *simulator.VirtualMachine, parent int32) []types.VirtualMachineSnapshotTree {
	var list []types.VirtualMachineSnapshotTree
	for _, s := range snapshotFixtures {
		if s.parent != parent {
			continue
		}
		below := snapshotsBelow(w, vm, s.id)
		self := ref{Type: "VirtualMachineSnapshot", Value: s.moid}
		obj := &simulator.VirtualMachineSnapshot{}
		obj.Self = self
		obj.Vm = vm.Self
		obj.Config = *vm.Config
		for _, child := range below {
			obj.ChildSnapshot = append(obj.ChildSnapshot, child.Snapshot)
		}
		w.reg.Put(obj)
		list = append(list, types.VirtualMachineSnapshotTree{
			Snapshot: self, Vm: vm.Self, Name: s.name, Description: s.description,
			Id: s.id, CreateTime: s.at, State: s.state, Quiesced: s.quiesced,
			ChildSnapshotList: below,
		})
	}
	return list
}

// snapshotLayout lists the files of a disk with these snapshots. What the
// first snapshot froze is the disk itself; all later files and the state of
// each snapshot exist because of snapshots: 7 GiB and 292 KiB.
func snapshotLayout() *types.VirtualMachineFileLayoutEx {
	const kiB = int64(1) << 10
	layout := &types.VirtualMachineFileLayoutEx{Timestamp: fixtureTime}
	file := func(key int32, name, kind string, size int64) {
		layout.File = append(layout.File, types.VirtualMachineFileLayoutExFileInfo{
			Key: key, Name: "[datastore1] vm01.example.org/" + name, Type: kind, Size: size,
		})
	}
	file(0, "vm01.example.org.vmx", "config", 3*kiB)
	file(1, "vm01.example.org.vmdk", "diskDescriptor", 1*kiB)
	file(2, "vm01.example.org-flat.vmdk", "diskExtent", 32*giB)
	file(3, "vm01.example.org-000001.vmdk", "diskDescriptor", 1*kiB)
	file(4, "vm01.example.org-000001-delta.vmdk", "diskExtent", 2*giB)
	file(5, "vm01.example.org-000002.vmdk", "diskDescriptor", 1*kiB)
	file(6, "vm01.example.org-000002-delta.vmdk", "diskExtent", 1*giB)
	file(7, "vm01.example.org-000003.vmdk", "diskDescriptor", 1*kiB)
	file(8, "vm01.example.org-000003-delta.vmdk", "diskExtent", 512<<20)
	file(9, "vm01.example.org-000004.vmdk", "diskDescriptor", 1*kiB)
	file(10, "vm01.example.org-000004-delta.vmdk", "diskExtent", 1536<<20)
	file(11, "vm01.example.org-Snapshot1.vmsn", "snapshotData", 36*kiB)
	file(12, "vm01.example.org-Snapshot2.vmsn", "snapshotData", 84*kiB)
	file(13, "vm01.example.org-Snapshot2.vmem", "snapshotMemory", 2*giB)
	file(14, "vm01.example.org-Snapshot3.vmsn", "snapshotData", 84*kiB)
	file(15, "vm01.example.org-Snapshot4.vmsn", "snapshotData", 84*kiB)

	disk := func(last ...int32) []types.VirtualMachineFileLayoutExDiskLayout {
		chain := []types.VirtualMachineFileLayoutExDiskUnit{{FileKey: []int32{1, 2}}}
		for _, descriptor := range last {
			chain = append(chain, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{descriptor, descriptor + 1}})
		}
		return []types.VirtualMachineFileLayoutExDiskLayout{{Key: 2000, Chain: chain}}
	}
	layout.Disk = disk(3, 5, 9)
	taken := func(moid string, data, memory int32, last ...int32) {
		layout.Snapshot = append(layout.Snapshot, types.VirtualMachineFileLayoutExSnapshotLayout{
			Key: ref{Type: "VirtualMachineSnapshot", Value: moid}, DataKey: data, MemoryKey: memory, Disk: disk(last...),
		})
	}
	// A key of -1 is vCenter's word for no memory.
	taken("snapshot-201", 11, -1)
	taken("snapshot-202", 12, 13, 3)
	taken("snapshot-203", 14, -1, 3, 5)
	taken("snapshot-204", 15, -1, 7)
	return layout
}
