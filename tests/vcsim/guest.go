package main

import (
	"fmt"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The one account every simulated guest operating system knows.
const (
	guestUser     = "root"
	guestPassword = "p4ssw0rd"
)

// guestProcessManager answers ListProcessesInGuest; the library's own answers
// only for VMs that are backed by a real container.
type guestProcessManager struct {
	mo.GuestProcessManager
	unlocked
	delay time.Duration
}

// unlocked keeps the library from serialising all calls to an object, which
// would make one slow answer delay every other client.
type unlocked struct{}

func (*unlocked) Lock()   {}
func (*unlocked) Unlock() {}

// installGuestProcesses puts our process manager where the library's was.
func installGuestProcesses(w *world, delay time.Duration) error {
	content := w.content()
	if content.GuestOperationsManager == nil {
		return fmt.Errorf("the model has no guest operations manager")
	}
	manager, ok := w.reg.Get(*content.GuestOperationsManager).(*simulator.GuestOperationsManager)
	if !ok || manager.ProcessManager == nil {
		return fmt.Errorf("the model has no guest process manager")
	}
	own := &guestProcessManager{delay: delay}
	own.Self = *manager.ProcessManager
	w.reg.Put(own)
	return nil
}

// ListProcessesInGuest returns the processes of a VM's guest, or those of the
// asked process ids, in vCenter's order of checks: the VM exists, runs, its
// Tools run, the credentials are right.
func (m *guestProcessManager) ListProcessesInGuest(ctx *simulator.Context, req *types.ListProcessesInGuest) soap.HasFault {
	body := &methods.ListProcessesInGuestBody{}
	if m.delay > 0 {
		time.Sleep(m.delay) // the slowness is what is being simulated
	}
	vm, ok := ctx.Map.Get(req.Vm).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = objectGone(req.Vm)
		return body
	}
	var power types.VirtualMachinePowerState
	var tools string
	withLock(ctx, vm, func() {
		power = vm.Runtime.PowerState
		if vm.Guest != nil {
			tools = vm.Guest.ToolsRunningStatus
		}
	})
	switch {
	case power != types.VirtualMachinePowerStatePoweredOn:
		body.Fault_ = fault("The attempted operation cannot be performed in the current state.",
			&types.InvalidPowerState{
				RequestedState: types.VirtualMachinePowerStatePoweredOn,
				ExistingState:  power,
			})
		return body
	case tools != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning):
		body.Fault_ = fault("The guest operations agent could not be contacted.",
			&types.GuestOperationsUnavailable{})
		return body
	case !knownGuestUser(req.Auth):
		body.Fault_ = fault("Failed to authenticate with the guest operating system using the supplied credentials.",
			&types.InvalidGuestLogin{})
		return body
	}
	body.Res = &types.ListProcessesInGuestResponse{}
	for _, p := range guestProcesses() {
		if len(req.Pids) == 0 || containsPid(req.Pids, p.Pid) {
			body.Res.Returnval = append(body.Res.Returnval, p)
		}
	}
	return body
}

func knownGuestUser(auth types.BaseGuestAuthentication) bool {
	named, ok := auth.(*types.NamePasswordAuthentication)
	return ok && named.Username == guestUser && named.Password == guestPassword
}

func containsPid(pids []int64, pid int64) bool {
	for _, p := range pids {
		if p == pid {
			return true
		}
	}
	return false
}

// Sizes of the simulated process table.
const (
	guestProcessTotal = 87
	guestApacheTotal  = 6
)

// guestProcesses is the process table every guest shows: init, one finished
// process, six web server processes, a few services, and kernel threads up to
// the total.
func guestProcesses() []types.GuestProcessInfo {
	list := make([]types.GuestProcessInfo, 0, guestProcessTotal)
	add := func(pid int64, owner, name, cmdLine string) {
		list = append(list, types.GuestProcessInfo{
			Name: name, Pid: pid, Owner: owner, CmdLine: cmdLine,
			StartTime: fixtureTime.Add(time.Duration(pid) * time.Second),
		})
	}
	add(1, "root", "init", "/sbin/init")
	add(412, "root", "sshd", "/usr/sbin/sshd -D")
	add(433, "root", "cron", "/usr/sbin/cron")
	add(447, "root", "rsyslogd", "/usr/sbin/rsyslogd -n")
	add(502, "root", "vmtoolsd", "/usr/bin/vmtoolsd")
	add(611, "ntp", "ntpd", "/usr/sbin/ntpd -p /var/run/ntpd.pid -g -u 105:110")
	for i := int64(0); i < guestApacheTotal; i++ {
		owner := "www-data"
		if i == 0 {
			owner = "root"
		}
		add(700+i, owner, "apache2", "/usr/sbin/apache2 -k start")
	}
	add(811, "root", "backup.sh", "/bin/sh /usr/local/bin/backup.sh --target \"/srv/backup store\"")
	ended := fixtureTime.Add(20 * time.Minute)
	list[len(list)-1].EndTime = &ended
	list[len(list)-1].ExitCode = 1
	for i := int64(0); len(list) < guestProcessTotal; i++ {
		add(2+i, "root", "kworker", fmt.Sprintf("[kworker/%d:%d]", i%4, i/4))
	}
	return list
}
