package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
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
			notifyChange(ctx, obj, []types.PropertyChange{change(path, longer)})
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
		vm.Self.Value = w.machineID()
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
func (w *world) machineID() string {
	if w.reg.IsESX() {
		return fmt.Sprintf("%d", 1000+w.machines)
	}
	return fmt.Sprintf("vm-%d", 1000+w.machines)
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
