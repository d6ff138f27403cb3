package main

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// userSession is the session of the fixtures' login event.
const userSession = "52b8a3c1-7e2d-4f6a-9c51-0d3b6a2e8f44"

// catalogueEvents tells the library's event catalogue how grave the events are
// that it does not know.
func catalogueEvents(w *world) {
	manager := w.reg.EventManager()
	known := append([]types.EventDescriptionEventDetail{}, manager.Description.EventInfo...)
	for _, info := range [][3]string{
		{"VmFailedToPowerOnEvent", "error", "Cannot power on {{.Vm.Name}}"},
		{"AlarmStatusChangedEvent", "info", "Alarm status changed"},
		{"GeneralUserEvent", "user", "{{.Message}}"},
		{"ExtendedEvent", "error", "com.example.backup.failed|Backup failed"},
	} {
		known = append(known, types.EventDescriptionEventDetail{Key: info[0], Category: info[1], FullFormat: info[2]})
	}
	manager.Description.EventInfo = known
}

// happen enters an event of the fixtures into the log.
func (w *world) happen(event types.BaseEvent, at time.Time, user, message string) {
	e := event.GetEvent()
	e.CreatedTime, e.UserName, e.FullFormattedMessage = at, user, message
	w.events.add(event)
}

// tellHistory is what happened in the inventory of the documents.
func tellHistory(w *world) {
	vm := func(name string) types.VmEvent {
		machine, ok := w.named("VirtualMachine", name)[0].(*simulator.VirtualMachine)
		if !ok {
			return types.VmEvent{}
		}
		return w.machineEvent(machine)
	}
	w.happen(&types.VmPoweredOnEvent{VmEvent: vm("ns01.example.org")}, fixtureTime, "root",
		"ns01.example.org on esxi02.example.org in datacenter01 is powered on")

	login := &types.UserLoginSessionEvent{IpAddress: "10.0.0.9", UserAgent: "VMware-client/5.5.0", Locale: "en", SessionId: userSession}
	w.happen(login, at(11, 7, 30, 0), `EXAMPLE\operator`, `User EXAMPLE\operator@10.0.0.9 logged in as VMware-client/5.5.0`)

	failed := &types.VmFailedToPowerOnEvent{VmEvent: vm("vm02.example.org")}
	failed.Reason = types.LocalizedMethodFault{Fault: &types.InsufficientMemoryResourcesFault{}, LocalizedMessage: "not enough memory"}
	w.happen(failed, at(11, 7, 31, 12), `EXAMPLE\operator`, "Cannot power on vm02.example.org: not enough memory")

	problem := &types.EventEx{
		EventTypeId: "esx.problem.vmfs.heartbeat.timedout", Severity: "warning",
		Message:  "Lost access to volume datastore1 due to connectivity issues",
		ObjectId: "datastore-11", ObjectType: "Datastore", ObjectName: "datastore1",
		Arguments: []types.KeyAnyValue{{Key: "1", Value: "5190e2a7-d2b7c58e-b1e2-90b11c29079d"}, {Key: "2", Value: int32(3)}},
	}
	problem.Host = vm("vm01.example.org").Host
	w.happen(problem, at(12, 3, 4, 5), "", "Lost access to volume datastore1 due to connectivity issues")

	alarm := &types.AlarmStatusChangedEvent{From: "green", To: "yellow"}
	alarm.Alarm = types.AlarmEventArgument{Alarm: ref{Type: "Alarm", Value: "alarm-101"}}
	alarm.Alarm.Name = "Host CPU usage"
	alarm.Host = vm("ns01.example.org").Host
	w.happen(alarm, alarmTime, "", "Alarm 'Host CPU usage' on esxi02.example.org changed from Green to Yellow")

	note := &types.GeneralUserEvent{}
	note.Message = `Wartung für "esxi02" beendet 🚀`
	w.happen(note, at(13, 10, 0, 0), `EXAMPLE\operator`, `User logged event: Wartung für "esxi02" beendet 🚀`)

	backup := &types.ExtendedEvent{EventTypeId: "com.example.backup.failed", ManagedObject: ref{Type: "VirtualMachine", Value: "vm-101"}}
	backup.Message = "Backup failed"
	backup.Vm = vm("vm01.example.org").Vm
	w.happen(backup, at(13, 23, 59, 59), "backup", "")

	w.happen(&types.VmPoweredOnEvent{VmEvent: vm("vm01.example.org")}, at(14, 6, 0, 0), "root",
		"vm01.example.org on esxi01.example.org in datacenter01 is powered on")
}

// tellOfHost is what happened on the standalone ESXi host. Some events have no
// text there.
func tellOfHost(w *world) {
	w.happen(&types.EventEx{
		EventTypeId: "esx.audit.net.firewall.port.hooked",
		Arguments:   []types.KeyAnyValue{{Key: "1", Value: "vmk0"}, {Key: "2", Value: "esxi-vm01"}},
	}, fixtureTime, "", "")
}

var baseEvent = reflect.TypeOf((*types.BaseEvent)(nil)).Elem()

// addEvent makes something happen: the body is the event, "_type" names its
// type.
func (a *admin) addEvent(body []byte) (interface{}, error) {
	val, err := fromJSON(json.RawMessage(body), baseEvent)
	if err != nil {
		return nil, err
	}
	event, _ := val.Interface().(types.BaseEvent) // it was made as one
	return map[string]int32{"key": a.world.events.add(event).GetEvent().Key}, nil
}
