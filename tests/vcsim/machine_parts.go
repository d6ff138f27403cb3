package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
)

func (w *world) machineConfig(self ref, m machine) *types.VirtualMachineConfigInfo {
	identity := m.uuidSalt + m.name
	folder := fmt.Sprintf("[%s] %s", m.place.datastore.Name, m.name)
	created := fixtureTime
	return &types.VirtualMachineConfigInfo{
		ChangeVersion: fixtureTime.Format("2006-01-02T15:04:05.000000Z"),
		Modified:      fixtureTime,
		CreateDate:    &created,
		Name:          m.name,
		GuestId:       guestID,
		GuestFullName: guestFullName,
		Version:       "vmx-10",
		Uuid:          stableUUID("bios " + identity),
		InstanceUuid:  stableUUID("instance " + identity),
		LocationId:    "564d" + stableUUID(self.Value)[4:],
		Template:      m.template,
		Annotation:    "simulated",
		Firmware:      "bios",
		SwapPlacement: "inherit",
		Files: types.VirtualMachineFileInfo{
			VmPathName:        folder + "/" + m.name + ".vmx",
			SnapshotDirectory: folder + "/",
			SuspendDirectory:  folder + "/",
			LogDirectory:      folder + "/",
		},
		Tools: &types.ToolsConfigInfo{ToolsVersion: 9537},
		Hardware: types.VirtualHardware{
			NumCPU:            m.cpus,
			NumCoresPerSocket: coresPerSocket(m.cores),
			MemoryMB:          m.memoryMB,
			Device:            w.machineDevices(m, folder),
		},
		CpuAllocation:    allocation(),
		MemoryAllocation: allocation(),
		LatencySensitivity: &types.LatencySensitivity{
			Level: types.LatencySensitivitySensitivityLevelNormal,
		},
		BootOptions: &types.VirtualMachineBootOptions{},
		DatastoreUrl: []types.VirtualMachineConfigInfoDatastoreUrlPair{{
			Name: m.place.datastore.Name,
			Url:  m.place.datastore.Summary.Url,
		}},
	}
}

func allocation() *types.ResourceAllocationInfo {
	unlimited, none := int64(-1), int64(0)
	return &types.ResourceAllocationInfo{
		Reservation:           &none,
		Limit:                 &unlimited,
		ExpandableReservation: types.NewBool(false),
		Shares:                &types.SharesInfo{Level: types.SharesLevelNormal, Shares: 1000},
	}
}

// machineDevices returns the library's default devices plus one SCSI
// controller, one disk and one network adapter.
func (w *world) machineDevices(m machine, folder string) []types.BaseVirtualDevice {
	devices := append([]types.BaseVirtualDevice{}, esx.VirtualDevice...)
	unit, store := int32(0), m.place.datastore.Self
	controller := &types.ParaVirtualSCSIController{}
	controller.Key = 1000
	controller.DeviceInfo = &types.Description{Label: "SCSI controller 0", Summary: "VMware paravirtual SCSI"}
	controller.SharedBus = types.VirtualSCSISharingNoSharing
	controller.ScsiCtlrUnitNumber = 7
	controller.Device = []int32{2000}

	disk := &types.VirtualDisk{CapacityInKB: 32 << 20, CapacityInBytes: 32 * giB}
	disk.Key = 2000
	disk.ControllerKey = 1000
	disk.UnitNumber = &unit
	disk.DeviceInfo = &types.Description{Label: "Hard disk 1", Summary: "33,554,432 KB"}
	backing := &types.VirtualDiskFlatVer2BackingInfo{
		DiskMode:        "persistent",
		ThinProvisioned: types.NewBool(true),
	}
	backing.FileName = folder + "/" + m.name + ".vmdk"
	backing.Datastore = &store
	disk.Backing = backing

	return append(devices, controller, disk, w.networkAdapter(m))
}

func (w *world) networkAdapter(m machine) *types.VirtualVmxnet3 {
	nic := &types.VirtualVmxnet3{}
	nic.Key = nicKey
	nic.DeviceInfo = &types.Description{Label: "Network adapter 1", Summary: nameOf(m.place.network)}
	nic.MacAddress = w.macAddress(m)
	nic.AddressType = "assigned"
	nic.Connectable = &types.VirtualDeviceConnectInfo{
		StartConnected:    true,
		Connected:         m.running(),
		AllowGuestControl: true,
		Status:            "ok",
	}
	switch net := m.place.network.(type) {
	case *simulator.DistributedVirtualPortgroup:
		backing := &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{}
		backing.Port.PortgroupKey = net.Key
		nic.Backing = backing
	default:
		target := net.Reference()
		backing := &types.VirtualEthernetCardNetworkBackingInfo{Network: &target}
		backing.DeviceName = nameOf(net)
		nic.Backing = backing
	}
	return nic
}

// macAddress is unique per VM and in the range vCenter assigns from.
func (w *world) macAddress(m machine) string {
	n := w.machines
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", n>>16&0x3f, n>>8&0xff, n&0xff)
}

func machineRuntime(m machine) types.VirtualMachineRuntimeInfo {
	run := types.VirtualMachineRuntimeInfo{
		ConnectionState:     types.VirtualMachineConnectionStateConnected,
		PowerState:          m.power,
		FaultToleranceState: types.VirtualMachineFaultToleranceStateNotConfigured,
		RecordReplayState:   types.VirtualMachineRecordReplayStateInactive,
		MaxCpuUsage:         m.cpus * hostMHz,
		MaxMemoryUsage:      m.memoryMB,
		NumMksConnections:   0,
	}
	host := m.place.host.Self
	run.Host = &host
	if m.orphaned {
		run.Host = nil
		run.ConnectionState = types.VirtualMachineConnectionStateOrphaned
	}
	if m.bareEnums {
		run.FaultToleranceState, run.RecordReplayState = "", ""
	}
	at := fixtureTime
	switch m.power {
	case types.VirtualMachinePowerStatePoweredOn:
		run.BootTime = &at
	case types.VirtualMachinePowerStateSuspended:
		run.SuspendTime = &at
	}
	return run
}

// machineGuest is what VMware Tools report; without Tools the lists are empty.
func machineGuest(m machine, config *types.VirtualMachineConfigInfo) *types.GuestInfo {
	if !m.running() {
		return &types.GuestInfo{
			ToolsStatus:          types.VirtualMachineToolsStatusToolsNotRunning,
			ToolsVersionStatus:   string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent),
			ToolsVersionStatus2:  string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent),
			ToolsRunningStatus:   string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning),
			ToolsVersion:         toolsVersion,
			GuestState:           "notRunning",
			GuestOperationsReady: types.NewBool(false),
		}
	}
	nic := types.GuestNicInfo{
		Network:        nameOf(m.place.network),
		IpAddress:      []string{m.address},
		Connected:      true,
		DeviceConfigId: nicKey,
		IpConfig: &types.NetIpConfigInfo{
			IpAddress: []types.NetIpConfigInfoIpAddress{{
				IpAddress: m.address, PrefixLength: 24, State: "preferred",
			}},
		},
	}
	for _, dev := range config.Hardware.Device {
		if card, ok := dev.(types.BaseVirtualEthernetCard); ok {
			nic.MacAddress = card.GetVirtualEthernetCard().MacAddress
		}
	}
	return &types.GuestInfo{
		ToolsStatus:                     types.VirtualMachineToolsStatusToolsOk,
		ToolsVersionStatus:              string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent),
		ToolsVersionStatus2:             string(types.VirtualMachineToolsVersionStatusGuestToolsCurrent),
		ToolsRunningStatus:              string(types.VirtualMachineToolsRunningStatusGuestToolsRunning),
		ToolsVersion:                    toolsVersion,
		GuestId:                         guestID,
		GuestFamily:                     string(types.VirtualMachineGuestOsFamilyLinuxGuest),
		GuestFullName:                   guestFullName,
		HostName:                        m.name,
		IpAddress:                       m.address,
		Net:                             []types.GuestNicInfo{nic},
		Disk:                            m.disks,
		GuestState:                      "running",
		AppHeartbeatStatus:              "appStatusGray",
		GuestOperationsReady:            types.NewBool(true),
		InteractiveGuestOperationsReady: types.NewBool(false),
		GuestStateChangeSupported:       types.NewBool(true),
	}
}

func machineSummary(vm *simulator.VirtualMachine, m machine) types.VirtualMachineSummary {
	self := vm.Self
	return types.VirtualMachineSummary{
		Vm:      &self,
		Runtime: vm.Runtime,
		Guest: &types.VirtualMachineGuestSummary{
			GuestId:             vm.Guest.GuestId,
			GuestFullName:       vm.Guest.GuestFullName,
			ToolsStatus:         vm.Guest.ToolsStatus,
			ToolsVersionStatus:  vm.Guest.ToolsVersionStatus,
			ToolsVersionStatus2: vm.Guest.ToolsVersionStatus2,
			ToolsRunningStatus:  vm.Guest.ToolsRunningStatus,
			HostName:            vm.Guest.HostName,
			IpAddress:           vm.Guest.IpAddress,
		},
		Config: types.VirtualMachineConfigSummary{
			Name:             m.name,
			Template:         m.template,
			VmPathName:       vm.Config.Files.VmPathName,
			MemorySizeMB:     m.memoryMB,
			NumCpu:           m.cpus,
			NumEthernetCards: 1,
			NumVirtualDisks:  1,
			Uuid:             vm.Config.Uuid,
			InstanceUuid:     vm.Config.InstanceUuid,
			GuestId:          guestID,
			GuestFullName:    guestFullName,
			Annotation:       vm.Config.Annotation,
		},
		Storage: &types.VirtualMachineStorageSummary{
			Committed: 8 * giB, Uncommitted: 24 * giB, Unshared: 8 * giB, Timestamp: fixtureTime,
		},
		QuickStats:    machineStats(vm, m),
		OverallStatus: vm.OverallStatus,
	}
}

func machineStats(vm *simulator.VirtualMachine, m machine) types.VirtualMachineQuickStats {
	stats := types.VirtualMachineQuickStats{
		GuestHeartbeatStatus: vm.GuestHeartbeatStatus,
		FtLatencyStatus:      types.ManagedEntityStatusGray,
	}
	if m.running() {
		stats.OverallCpuUsage = m.cpuMHz
		stats.OverallCpuDemand = m.cpuMHz + 5
		stats.GuestMemoryUsage = m.guestMemMB
		stats.HostMemoryUsage = m.memoryMB
		stats.PrivateMemory = m.memoryMB - 16
		stats.SharedMemory = 16
		stats.ConsumedOverheadMemory = 40
		stats.UptimeSeconds = 86400
	}
	return stats
}
