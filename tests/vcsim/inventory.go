package main

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// hostMHz is the clock of every simulated CPU core.
const hostMHz = int32(2300)

// builder creates inventory the way an administrator would, by calls to the
// simulated service, but without going through HTTP.
type builder struct {
	world  *world
	ctx    context.Context
	client *vim25.Client
	root   *object.Folder
}

func newBuilder(w *world, service *simulator.Service) (*builder, error) {
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, service)
	if err != nil {
		return nil, fmt.Errorf("connect to the simulated service: %w", err)
	}
	return &builder{world: w, ctx: ctx, client: client, root: object.NewRootFolder(client)}, nil
}

// datacenter is one datacenter with the folders and networks things go into.
type datacenter struct {
	b       *builder
	name    string
	entity  *simulator.Datacenter
	folders *object.DatacenterFolders
	vms     *mo.Folder
	network *mo.Network
	dvs     *object.DistributedVirtualSwitch
	group   *simulator.DistributedVirtualPortgroup
}

func (b *builder) datacenter(name string) (*datacenter, error) {
	created, err := b.root.CreateDatacenter(b.ctx, name)
	if err != nil {
		return nil, fmt.Errorf("create datacenter %s: %w", name, err)
	}
	folders, err := created.Folders(b.ctx)
	if err != nil {
		return nil, fmt.Errorf("read the folders of datacenter %s: %w", name, err)
	}
	return b.enter(name, created.Reference(), folders)
}

// enter looks up what a datacenter was created with.
func (b *builder) enter(name string, self ref, folders *object.DatacenterFolders) (*datacenter, error) {
	reg := b.world.reg
	dc := &datacenter{b: b, name: name, folders: folders}
	var ok bool
	if dc.entity, ok = reg.Get(self).(*simulator.Datacenter); !ok {
		return nil, fmt.Errorf("datacenter %s vanished", name)
	}
	vms, ok := reg.Get(folders.VmFolder.Reference()).(*simulator.Folder)
	if !ok {
		return nil, fmt.Errorf("datacenter %s has no VM folder", name)
	}
	dc.vms = &vms.Folder
	for _, net := range dc.entity.Network {
		if n, ok := reg.Get(net).(*mo.Network); ok {
			dc.network = n
		}
	}
	if dc.network == nil {
		return nil, fmt.Errorf("datacenter %s has no network", name)
	}
	return dc, nil
}

// portgroup adds a distributed switch with one port group; hosts added later
// are members.
func (dc *datacenter) portgroup(switchName, name string) error {
	b := dc.b
	spec := types.DVSCreateSpec{ConfigSpec: &types.VMwareDVSConfigSpec{}}
	spec.ConfigSpec.GetDVSConfigSpec().Name = switchName
	task, err := dc.folders.NetworkFolder.CreateDVS(b.ctx, spec)
	if err != nil {
		return fmt.Errorf("create switch %s: %w", switchName, err)
	}
	info, err := task.WaitForResult(b.ctx, nil)
	if err != nil {
		return fmt.Errorf("create switch %s: %w", switchName, err)
	}
	self, ok := info.Result.(ref)
	if !ok {
		return fmt.Errorf("create switch %s: no reference returned", switchName)
	}
	dc.dvs = object.NewDistributedVirtualSwitch(b.client, self)
	task, err = dc.dvs.AddPortgroup(b.ctx, []types.DVPortgroupConfigSpec{{Name: name, NumPorts: 8}})
	if err == nil {
		err = task.Wait(b.ctx)
	}
	if err != nil {
		return fmt.Errorf("create port group %s: %w", name, err)
	}
	for _, e := range b.world.named("DistributedVirtualPortgroup", name) {
		dc.group, _ = e.(*simulator.DistributedVirtualPortgroup)
	}
	if dc.group == nil {
		return fmt.Errorf("port group %s vanished", name)
	}
	return nil
}

// compute is a cluster, or the compute resource of a standalone host.
type compute struct {
	dc      *datacenter
	entity  mo.Entity
	cluster *object.ClusterComputeResource
	hosts   []*simulator.HostSystem
	pool    *mo.ResourcePool
}

func (dc *datacenter) newCluster(name string) (*compute, error) {
	b := dc.b
	created, err := dc.folders.HostFolder.CreateCluster(b.ctx, name, types.ClusterConfigSpecEx{})
	if err != nil {
		return nil, fmt.Errorf("create cluster %s: %w", name, err)
	}
	entity, ok := b.world.reg.Get(created.Reference()).(*simulator.ClusterComputeResource)
	if !ok || entity.ResourcePool == nil {
		return nil, fmt.Errorf("cluster %s has no resource pool", name)
	}
	c := &compute{dc: dc, entity: entity, cluster: created}
	c.pool, err = b.pool(*entity.ResourcePool)
	return c, err
}

// addHost puts one more host into a cluster.
func (c *compute) addHost(name string) (*simulator.HostSystem, error) {
	b := c.dc.b
	task, err := c.cluster.AddHost(b.ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("add host %s: %w", name, err)
	}
	return c.finishHost(name, task)
}

// standalone adds a host outside any cluster.
func (dc *datacenter) standalone(name string) (*compute, *simulator.HostSystem, error) {
	b := dc.b
	task, err := dc.folders.HostFolder.AddStandaloneHost(b.ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("add host %s: %w", name, err)
	}
	c := &compute{dc: dc}
	host, err := c.finishHost(name, task)
	if err != nil {
		return nil, nil, err
	}
	entity, ok := b.world.reg.Get(*host.Parent).(*mo.ComputeResource)
	if !ok || entity.ResourcePool == nil {
		return nil, nil, fmt.Errorf("host %s has no resource pool", name)
	}
	c.entity = entity
	c.pool, err = b.pool(*entity.ResourcePool)
	return c, host, err
}

func (b *builder) pool(self ref) (*mo.ResourcePool, error) {
	pool, ok := b.world.reg.Get(self).(*simulator.ResourcePool)
	if !ok {
		return nil, fmt.Errorf("resource pool %s vanished", self.Value)
	}
	return &pool.ResourcePool, nil
}

// finishHost waits for the host to join, connects it to the networks of its
// datacenter and gives it hardware.
func (c *compute) finishHost(name string, task *object.Task) (*simulator.HostSystem, error) {
	b := c.dc.b
	info, err := task.WaitForResult(b.ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("add host %s: %w", name, err)
	}
	self, ok := info.Result.(ref)
	if !ok {
		return nil, fmt.Errorf("add host %s: no reference returned", name)
	}
	host, ok := b.world.reg.Get(self).(*simulator.HostSystem)
	if !ok {
		// A standalone host's task returns its compute resource.
		if parent, found := b.world.reg.Get(self).(*mo.ComputeResource); found && len(parent.Host) == 1 {
			host, ok = b.world.reg.Get(parent.Host[0]).(*simulator.HostSystem)
		}
		if !ok {
			return nil, fmt.Errorf("add host %s: it vanished", name)
		}
	}
	if err := c.dc.connect(host); err != nil {
		return nil, err
	}
	equip(host, len(c.hosts))
	c.hosts = append(c.hosts, host)
	return host, nil
}

// connect makes the host a member of the datacenter's networks.
func (dc *datacenter) connect(host *simulator.HostSystem) error {
	dc.network.Host = append(dc.network.Host, host.Self)
	if dc.dvs == nil {
		return nil
	}
	spec := &types.DVSConfigSpec{Host: []types.DistributedVirtualSwitchHostMemberConfigSpec{{
		Operation: string(types.ConfigSpecOperationAdd),
		Host:      host.Self,
	}}}
	task, err := dc.dvs.Reconfigure(dc.b.ctx, spec)
	if err == nil {
		err = task.Wait(dc.b.ctx)
	}
	if err != nil {
		return fmt.Errorf("connect host %s to the switch: %w", host.Name, err)
	}
	return nil
}

// equip gives a host believable hardware and load; number varies the load.
func equip(host *simulator.HostSystem, number int) {
	const packages, cores, threads = 2, 8, 16
	const memory = 64 * giB
	if hw := host.Summary.Hardware; hw != nil {
		hw.Vendor = "Example Computers"
		hw.Model = "Rack 2U"
		hw.CpuModel = "Example CPU @ 2.30GHz"
		hw.CpuMhz = hostMHz
		hw.NumCpuPkgs, hw.NumCpuCores, hw.NumCpuThreads = packages, cores, threads
		hw.MemorySize = memory
	}
	if hw := host.Hardware; hw != nil {
		hw.CpuInfo.NumCpuPackages, hw.CpuInfo.NumCpuCores, hw.CpuInfo.NumCpuThreads = packages, cores, threads
		hw.CpuInfo.Hz = int64(hostMHz) * 1000000
		hw.MemorySize = memory
		hw.SystemInfo.Vendor = "Example Computers"
		hw.SystemInfo.Model = "Rack 2U"
	}
	boot := fixtureTime
	host.Runtime.BootTime = &boot
	host.Runtime.ConnectionState = types.HostSystemConnectionStateConnected
	host.Runtime.PowerState = types.HostSystemPowerStatePoweredOn
	host.OverallStatus = types.ManagedEntityStatusGreen
	host.Summary.OverallStatus = types.ManagedEntityStatusGreen
	host.Summary.QuickStats = types.HostListSummaryQuickStats{
		OverallCpuUsage:    1500 + 100*int32(number),
		OverallMemoryUsage: 20480 + 512*int32(number),
		Uptime:             86400,
	}
}

// childPool adds a resource pool below the invisible one every compute
// resource has.
func (c *compute) childPool(name string) (*mo.ResourcePool, error) {
	b := c.dc.b
	parent := object.NewResourcePool(b.client, c.pool.Self)
	created, err := parent.Create(b.ctx, name, types.DefaultResourceConfigSpec())
	if err != nil {
		return nil, fmt.Errorf("create resource pool %s: %w", name, err)
	}
	return b.pool(created.Reference())
}

// esxCompute describes the compute resource around an ESXi model's host.
func (b *builder) esxCompute(dc *datacenter, host *simulator.HostSystem) (*compute, error) {
	entity, ok := b.world.reg.Get(*host.Parent).(*mo.ComputeResource)
	if !ok || entity.ResourcePool == nil {
		return nil, fmt.Errorf("host %s has no resource pool", host.Name)
	}
	entity.Name = host.Name
	pool, err := b.pool(*entity.ResourcePool)
	return &compute{dc: dc, entity: entity, hosts: []*simulator.HostSystem{host}, pool: pool}, err
}

// refreshTotals adds the hosts' hardware up, as a compute resource's summary
// shows it. Hosts that do not answer are not effective.
func (c *compute) refreshTotals() {
	base := summaryOf(c.entity)
	if base == nil {
		return
	}
	*base = types.ComputeResourceSummary{OverallStatus: types.ManagedEntityStatusGreen}
	for _, host := range c.hosts {
		hw := host.Summary.Hardware
		total := int32(hw.NumCpuCores) * hw.CpuMhz
		base.NumHosts++
		base.TotalCpu += total
		base.TotalMemory += hw.MemorySize
		base.NumCpuCores += hw.NumCpuCores
		base.NumCpuThreads += hw.NumCpuThreads
		if host.Runtime.ConnectionState == types.HostSystemConnectionStateConnected {
			base.NumEffectiveHosts++
			base.EffectiveCpu += total
			base.EffectiveMemory += hw.MemorySize >> 20
		}
	}
}

func summaryOf(entity mo.Entity) *types.ComputeResourceSummary {
	switch c := entity.(type) {
	case *mo.ComputeResource:
		return c.Summary.GetComputeResourceSummary()
	case *simulator.ClusterComputeResource:
		return c.Summary.GetComputeResourceSummary()
	}
	return nil
}
