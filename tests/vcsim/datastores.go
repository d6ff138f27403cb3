package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// datastore adds a VMFS datastore that the given hosts have mounted.
func (dc *datacenter) datastore(moid, name, url string, capacity, free int64, hosts []*simulator.HostSystem) (*simulator.Datastore, error) {
	w := dc.b.world
	folder, ok := w.reg.Get(dc.folders.DatastoreFolder.Reference()).(*simulator.Folder)
	if !ok {
		return nil, fmt.Errorf("datacenter %s has no datastore folder", dc.name)
	}
	ds := &simulator.Datastore{}
	ds.Self = ref{Type: "Datastore", Value: moid}
	ds.Parent = &folder.Self
	ds.Name = name
	at := fixtureTime
	ds.Info = &types.VmfsDatastoreInfo{
		DatastoreInfo: types.DatastoreInfo{
			Name: name, Url: url, FreeSpace: free,
			MaxFileSize: 64 << 40, Timestamp: &at,
		},
		Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{Type: "VMFS", Name: name, Capacity: capacity},
			BlockSizeMb:          1, MaxBlocks: 63963136, MajorVersion: 5, Version: "5.60",
			Uuid: stableUUID(url),
			Extent: []types.HostScsiDiskPartition{{
				DiskName: "naa.60003ff44dc75adcb5edfec61b0f6f0a", Partition: 1,
			}},
		},
	}
	ds.Summary = types.DatastoreSummary{
		Datastore: &ds.Self, Name: name, Url: url,
		Capacity: capacity, FreeSpace: free, Uncommitted: capacity / 4,
		Accessible: true, MultipleHostAccess: types.NewBool(len(hosts) > 1),
		Type: "VMFS", MaintenanceMode: string(types.DatastoreSummaryMaintenanceModeStateNormal),
	}
	for _, host := range hosts {
		w.mount(ds, host)
	}
	browser := &simulator.HostDatastoreBrowser{}
	browser.Datastore = []ref{ds.Self}
	ds.Browser = w.reg.Put(browser).Reference()
	folder.ChildEntity = append(folder.ChildEntity, ds.Self)
	dc.entity.Datastore = append(dc.entity.Datastore, ds.Self)
	w.reg.Put(ds)
	return ds, nil
}

// mount makes a datastore known to a host, and the host to the datastore.
func (w *world) mount(ds *simulator.Datastore, host *simulator.HostSystem) {
	ds.Host = append(ds.Host, types.DatastoreHostMount{
		Key: host.Self,
		MountInfo: types.HostMountInfo{
			Path: "/vmfs/volumes/" + ds.Name, AccessMode: string(types.HostMountModeReadWrite),
			Mounted: types.NewBool(true), Accessible: types.NewBool(true),
		},
	})
	host.Datastore = append(host.Datastore, ds.Self)
	if system := host.ConfigManager.DatastoreSystem; system != nil {
		if s, ok := w.reg.Get(*system).(*simulator.HostDatastoreSystem); ok {
			s.Datastore = host.Datastore
		}
	}
	w.listOnce(*host.Parent, ds.Self)
}

// listOnce enters a datastore into the list of the compute resource whose
// hosts mount it.
func (w *world) listOnce(parent, datastore ref) {
	var list *[]ref
	switch c := w.reg.Get(parent).(type) {
	case *mo.ComputeResource:
		list = &c.Datastore
	case *simulator.ClusterComputeResource:
		list = &c.Datastore
	default:
		return
	}
	for _, known := range *list {
		if known == datastore {
			return
		}
	}
	*list = append(*list, datastore)
}
