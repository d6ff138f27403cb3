package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// alarmRequest is the body of POST /alarm.
type alarmRequest struct {
	// On is the object that shows the alarm, as "Folder:group-d1"; what is above
	// it shows it, too.
	On string `json:"on"`
	// Entities are what the states name. They need not exist.
	Entities []string `json:"entities"`
	Status   string   `json:"status"`
	// Name may be empty, as it is for some alarms of vCenter 8.
	Name        string `json:"name"`
	SystemName  string `json:"systemName"`
	Description string `json:"description"`
}

// raiseAlarm is POST /alarm: one more alarm, triggered once for each entity.
func (a *admin) raiseAlarm(body []byte) (interface{}, error) {
	var req alarmRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	on, err := a.world.parseRef(req.On)
	if err != nil {
		return nil, err
	}
	if len(req.Entities) == 0 || req.Status == "" {
		return nil, errors.New("write entities and status")
	}
	made := alarmFixture{
		moid: fmt.Sprintf("alarm-%d", 901+len(a.world.madeAlarms())), name: req.Name, description: req.Description,
		status: types.ManagedEntityStatus(req.Status),
	}
	info := made.info(a.world.content().RootFolder)
	info.SystemName = req.SystemName
	states := make([]types.AlarmState, 0, len(req.Entities))
	for _, text := range req.Entities {
		parts := strings.SplitN(text, ":", 2)
		if len(parts) != 2 {
			return nil, errors.New("write entities as Type:id")
		}
		states = append(states, types.AlarmState{
			Key:    made.moid + "." + parts[1],
			Entity: ref{Type: parts[0], Value: parts[1]}, Alarm: info.Alarm,
			OverallStatus: made.status, Time: alarmTime, Acknowledged: types.NewBool(false),
		})
	}
	a.world.reg.Put(&mo.Alarm{
		ExtensibleManagedObject: mo.ExtensibleManagedObject{Self: info.Alarm},
		Info:                    info,
	})
	return map[string]string{"alarm": made.moid}, a.world.addAlarmStates(on, states)
}

// madeAlarms lists the alarms that tests added.
func (w *world) madeAlarms() []ref {
	var list []ref
	for number := 901; ; number++ {
		self := ref{Type: "Alarm", Value: fmt.Sprintf("alarm-%d", number)}
		if w.reg.Get(self) == nil {
			return list
		}
		list = append(list, self)
	}
}

// addAlarmStates puts alarm states on an object and on everything above it.
func (w *world) addAlarmStates(on ref, states []types.AlarmState) error {
	for at := &on; at != nil; {
		entity, ok := w.reg.Get(*at).(mo.Entity)
		if !ok {
			return nil
		}
		e := entity.Entity()
		longer := append(append([]types.AlarmState{}, e.TriggeredAlarmState...), states...)
		if err := w.update(entity, change("triggeredAlarmState", longer)); err != nil {
			return err
		}
		at = e.Parent
	}
	return nil
}
