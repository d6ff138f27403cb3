package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshotFixture is one snapshot of vm01; each is the child of the one
// before it.
type snapshotFixture struct {
	id          int32
	moid        string
	name        string
	description string
	at          time.Time
	state       types.VirtualMachinePowerState
	quiesced    bool
}

var snapshotFixtures = []snapshotFixture{
	{1, "snapshot-201", "before upgrade", "clean installation", fixtureTime, types.VirtualMachinePowerStatePoweredOff, false},
	{2, "snapshot-202", "after upgrade", "", fixtureTime.Add(26 * time.Hour), types.VirtualMachinePowerStatePoweredOn, false},
	{3, "snapshot-203", "release 2", "taken by the backup", alarmTime, types.VirtualMachinePowerStatePoweredOn, true},
}

// takeSnapshots gives a VM its snapshot tree.
func takeSnapshots(w *world, vm *simulator.VirtualMachine) {
	var below []types.VirtualMachineSnapshotTree
	for i := len(snapshotFixtures) - 1; i >= 0; i-- {
		s := snapshotFixtures[i]
		self := ref{Type: "VirtualMachineSnapshot", Value: s.moid}
		obj := &simulator.VirtualMachineSnapshot{}
		obj.Self = self
		obj.Vm = vm.Self
		obj.Config = *vm.Config
		for _, child := range below {
			obj.ChildSnapshot = append(obj.ChildSnapshot, child.Snapshot)
		}
		w.reg.Put(obj)
		below = []types.VirtualMachineSnapshotTree{{
			Snapshot: self, Vm: vm.Self, Name: s.name, Description: s.description,
			Id: s.id, CreateTime: s.at, State: s.state, Quiesced: s.quiesced,
			ChildSnapshotList: below,
		}}
	}
	current := ref{Type: "VirtualMachineSnapshot", Value: snapshotFixtures[len(snapshotFixtures)-1].moid}
	vm.Snapshot = &types.VirtualMachineSnapshotInfo{CurrentSnapshot: &current, RootSnapshotList: below}
	vm.RootSnapshot = []ref{below[0].Snapshot}
}
