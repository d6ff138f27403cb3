package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// virtualDiskCounters are the series each virtual disk has, by counter name:
// the library's tables have none of them.
var virtualDiskCounters = map[string]bool{
	"numberReadAveraged":  true,
	"numberWriteAveraged": true,
	"read":                true,
	"write":               true,
	"totalReadLatency":    true,
	"totalWriteLatency":   true,
}

// virtualDiskInstance is how the fixtures' one disk appears in statistics.
const virtualDiskInstance = "scsi0:0"

// diskDeviceCounters are the series each disk device has, by counter name: the
// library's table of VMs has none of them.
var diskDeviceCounters = map[string]bool{
	"numberReadAveraged":  true,
	"numberWriteAveraged": true,
	"read":                true,
	"write":               true,
}

// diskFiles are the instances of counters that count files by kind.
var diskFiles = []string{"DISKFILE", "SWAPFILE", "DELTAFILE", "OTHERFILE"}

// available lists the series an entity has: the library's tables, with the
// instances they leave open filled in.
func (p *perfManager) available(entity mo.Entity) []types.PerfMetricId {
	var table []types.PerfMetricId
	var list []types.PerfMetricId
	cpus, stores := 0, []string{}
	host := p.world.reg.IsESX()
	switch e := entity.(type) {
	case *simulator.VirtualMachine:
		table = pick(host, esx.VmMetrics, vpx.VmMetrics)
		cpus, stores = int(e.Summary.Config.NumCpu), p.storeIDs(e.Datastore)
		list = append(list, p.virtualDiskSeries()...)
		list = append(list, p.diskDeviceSeries()...)
	case *simulator.HostSystem:
		table = pick(host, esx.HostMetrics, vpx.HostMetrics)
		stores = p.storeIDs(e.Datastore)
		if e.Hardware != nil {
			cpus = int(e.Hardware.CpuInfo.NumCpuThreads)
		}
	case *simulator.ResourcePool:
		table = pick(host, esx.ResourcePoolMetrics, vpx.ResourcePoolMetrics)
	case *simulator.ClusterComputeResource:
		table = vpx.ClusterMetrics
	case *simulator.Datastore:
		table = vpx.DatastoreMetrics
	case *simulator.Datacenter:
		table = vpx.DatacenterMetrics
	}
	seen := map[types.PerfMetricId]bool{}
	add := func(counter int32, instances ...string) {
		for _, instance := range instances {
			id := types.PerfMetricId{CounterId: counter, Instance: instance}
			if _, known := p.counters[counter]; known && !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	_, isVM := entity.(*simulator.VirtualMachine)
	for _, id := range table {
		if isVM && strings.HasPrefix(id.Instance, "vmnic") {
			continue // physical adapters strayed into the VM table
		}
		switch id.Instance {
		case "$cpu":
			for n := 0; n < cpus; n++ {
				add(id.CounterId, strconv.Itoa(n))
			}
		case "$physDisk":
			add(id.CounterId, stores...)
		case "$file":
			add(id.CounterId, diskFiles...)
		default:
			add(id.CounterId, id.Instance)
		}
	}
	sortMetrics(list)
	return list
}

func pick(host bool, onHost, onCenter []types.PerfMetricId) []types.PerfMetricId {
	if host {
		return onHost
	}
	return onCenter
}

// virtualDiskSeries lists the series of a VM's one disk.
func (p *perfManager) virtualDiskSeries() []types.PerfMetricId {
	var list []types.PerfMetricId
	for key, counter := range p.counters {
		if counter.GroupInfo.GetElementDescription().Key == "virtualDisk" &&
			virtualDiskCounters[counter.NameInfo.GetElementDescription().Key] {
			list = append(list, types.PerfMetricId{CounterId: key, Instance: virtualDiskInstance})
		}
	}
	return list
}

// diskDeviceSeries lists the series of the disk devices on which a VM's disks
// lie: of each, and of all together.
func (p *perfManager) diskDeviceSeries() []types.PerfMetricId {
	if p.diskDevices == 0 {
		return nil
	}
	instances := []string{""}
	for n := 1; n <= p.diskDevices; n++ {
		instances = append(instances, fmt.Sprintf("naa.6%031d", n))
	}
	var list []types.PerfMetricId
	for key, counter := range p.counters {
		if counter.GroupInfo.GetElementDescription().Key != "disk" || counter.RollupType != types.PerfSummaryTypeAverage ||
			!diskDeviceCounters[counter.NameInfo.GetElementDescription().Key] {
			continue
		}
		for _, instance := range instances {
			list = append(list, types.PerfMetricId{CounterId: key, Instance: instance})
		}
	}
	return list
}

// storeIDs returns the names datastores have in statistics: the last part of
// their URL.
func (p *perfManager) storeIDs(stores []ref) []string {
	var ids []string
	for _, self := range stores {
		if ds, ok := p.world.reg.Get(self).(*simulator.Datastore); ok {
			url := strings.TrimSuffix(ds.Summary.Url, "/")
			ids = append(ids, url[strings.LastIndexByte(url, '/')+1:])
		}
	}
	return ids
}
