package main

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// oddStore is a datastore of a kind, a name or a URL that is not VMFS's.
type oddStore struct {
	name     string
	kind     string
	url      string
	capacity int64
	free     int64
}

// oddStores have identifiers from datastore-301 on.
var oddStores = []oddStore{
	{"vsanDatastore", "vsan", "ds:///vmfs/volumes/vsan:52d1ab2f5b6ef2d8-c3a7d1f6e0b94a11/", 4096 * giB, 1024 * giB},
	{"vvol01", "VVOL", "ds:///vmfs/volumes/vvol:9f1c0d3e5a7b4c62-8e4d2f6a1b3c5d7e/", 1024 * giB, 512 * giB},
	{"nfs%2fshare", "NFS", "ds:///vmfs/volumes/1f0a2b3c-4d5e6f70/", 512 * giB, 128 * giB},
	// Spelled as a standalone ESXi host does, and with half the slashes.
	{"plain-path", "VMFS", "/vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a0", 256 * giB, 64 * giB},
	{"no-last-slash", "VMFS", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a1", 256 * giB, 64 * giB},
	{"host: old", "VMFS", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a2/", 256 * giB, 64 * giB},
	{"datastore*", "VMFS", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a3/", 256 * giB, 64 * giB},
	// Sizes that make no percentage.
	{"no-capacity", "VMFS", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a4/", 0, 0},
	{"more-free-than-there-is", "VMFS", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c2907a5/", 100 * giB, 120 * giB},
}

// addOddStores adds them.
func addOddStores(dc *datacenter, hosts []*simulator.HostSystem) error {
	for i, odd := range oddStores {
		ds, err := dc.datastore(fmt.Sprintf("datastore-%d", 301+i), odd.name, odd.url, odd.capacity, odd.free, hosts)
		if err != nil {
			return err
		}
		ds.Summary.Type = odd.kind
		common := *ds.Info.GetDatastoreInfo()
		switch odd.kind {
		case "vsan":
			ds.Info = &types.VsanDatastoreInfo{DatastoreInfo: common, MembershipUuid: stableUUID(odd.url)}
		case "VVOL":
			ds.Info = &types.VvolDatastoreInfo{DatastoreInfo: common}
		case "NFS":
			ds.Info = &types.NasDatastoreInfo{DatastoreInfo: common, Nas: &types.HostNasVolume{
				HostFileSystemVolume: types.HostFileSystemVolume{Type: "NFS", Name: odd.name, Capacity: odd.capacity},
				RemoteHost:           "nfs01.example.org", RemotePath: "/export/share",
			}}
		}
	}
	return nil
}
