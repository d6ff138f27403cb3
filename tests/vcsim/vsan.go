package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// vsanSystem is a host's view of vSAN; the library has only references to it.
type vsanSystem struct {
	mo.HostVsanSystem
	unlocked
	host *simulator.HostSystem
}

// installVsan gives every host a vSAN system of its own.
func installVsan(w *world) {
	for _, e := range w.all("HostSystem") {
		host, ok := e.(*simulator.HostSystem)
		if !ok {
			continue
		}
		system := &vsanSystem{host: host}
		system.Self = ref{Type: "HostVsanSystem", Value: "vsanSystem-" + host.Self.Value}
		enabled := true
		system.Config.Enabled = &enabled
		w.reg.Put(system)
		self := system.Self
		host.ConfigManager.VsanSystem = &self
	}
}

// QueryHostStatus reports the host healthy as a member of its cluster, unknown
// outside of one, and not at all when the host is down.
func (s *vsanSystem) QueryHostStatus(ctx *simulator.Context, _ *types.QueryHostStatus) soap.HasFault {
	body := &methods.QueryHostStatusBody{}
	if !measured(ctx, s.host) {
		body.Fault_ = fault("Unable to communicate with the remote host, since it is disconnected.",
			&types.HostNotConnected{})
		return body
	}
	status := types.VsanHostClusterStatus{
		NodeUuid:  stableUUID("vsan node " + s.host.Name),
		Health:    string(types.VsanHostHealthStateUnknown),
		NodeState: types.VsanHostClusterStatusState{State: string(types.VsanHostNodeStateAgent)},
	}
	if s.host.Parent != nil && s.host.Parent.Type == "ClusterComputeResource" {
		status.Uuid = stableUUID("vsan cluster " + s.host.Parent.Value)
		status.Health = string(types.VsanHostHealthStateHealthy)
		status.MemberUuid = []string{status.NodeUuid}
	}
	body.Res = &types.QueryHostStatusResponse{Returnval: status}
	return body
}
