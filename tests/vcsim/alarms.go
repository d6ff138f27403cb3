package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// alarmTime is when the fixtures' alarms were triggered; it has a fraction, as
// real ones have.
var alarmTime = time.Date(2015, time.February, 13, 9, 16, 50, 916096000, time.UTC)

// alarmFixture is an alarm that is triggered on one object.
type alarmFixture struct {
	moid        string
	name        string
	description string
	onKind      string
	onName      string
	status      types.ManagedEntityStatus
	// by is who acknowledged it, if anybody did.
	by string
}

var alarmFixtures = []alarmFixture{
	{
		moid: "alarm-101", name: "Host CPU usage",
		description: "Default alarm to monitor host CPU usage",
		onKind:      "HostSystem", onName: "esxi02.example.org",
		status: types.ManagedEntityStatusYellow,
	},
	{
		moid: "alarm-102", name: "Virtual machine memory usage",
		description: "Default alarm to monitor virtual machine memory usage",
		onKind:      "VirtualMachine", onName: "vm01.example.org",
		status: types.ManagedEntityStatusRed,
	},
	{
		moid: "alarm-103", name: "License expiry",
		description: "Default alarm to monitor the licences of the vCenter itself",
		onKind:      "Folder", onName: "Datacenters",
		status: types.ManagedEntityStatusYellow, by: `EXAMPLE\operator`,
	},
}

// triggerAlarms registers the alarms and puts them on their objects and on
// everything above those in the inventory tree.
func triggerAlarms(w *world) {
	for _, a := range alarmFixtures {
		for _, target := range w.named(a.onKind, a.onName) {
			w.reg.Put(&mo.Alarm{
				ExtensibleManagedObject: mo.ExtensibleManagedObject{Self: ref{Type: "Alarm", Value: a.moid}},
				Info:                    a.info(w.content().RootFolder),
			})
			setStatus(target, a.status)
			a.mark(w, target)
		}
	}
}

func (a alarmFixture) info(root ref) types.AlarmInfo {
	info := types.AlarmInfo{
		Key:              a.moid,
		Alarm:            ref{Type: "Alarm", Value: a.moid},
		Entity:           root,
		LastModifiedTime: fixtureTime,
		LastModifiedUser: "root",
	}
	info.Name = a.name
	info.SystemName = "alarm." + a.moid
	info.Description = a.description
	info.Enabled = true
	info.Expression = &types.OrAlarmExpression{}
	return info
}

// mark sets the alarm's state on an object and its ancestors.
func (a alarmFixture) mark(w *world, target mo.Entity) {
	state := types.AlarmState{
		Key:           a.moid + "." + target.Reference().Value,
		Entity:        target.Reference(),
		Alarm:         ref{Type: "Alarm", Value: a.moid},
		OverallStatus: a.status,
		Time:          alarmTime,
		Acknowledged:  types.NewBool(a.by != ""),
	}
	if a.by != "" {
		when := alarmTime.Add(2 * time.Hour)
		state.AcknowledgedByUser, state.AcknowledgedTime = a.by, &when
	}
	for entity, ok := target, true; ok; {
		e := entity.Entity()
		e.TriggeredAlarmState = append(e.TriggeredAlarmState, state)
		if e.Parent == nil {
			return
		}
		entity, ok = w.reg.Get(*e.Parent).(mo.Entity)
	}
}

// setStatus sets an object's own status everywhere it is shown.
func setStatus(target mo.Entity, status types.ManagedEntityStatus) {
	target.Entity().OverallStatus = status
	switch e := target.(type) {
	case *simulator.VirtualMachine:
		e.Summary.OverallStatus = status
	case *simulator.HostSystem:
		e.Summary.OverallStatus = status
	}
}
