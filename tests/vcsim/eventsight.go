package main

import (
	"encoding/json"
	"reflect"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// hiddenEvents are the types of events that no account sees.
var hiddenEvents struct {
	sync.RWMutex
	types map[string]bool
}

// hideEvents is POST /events/hide.
func (a *admin) hideEvents(body []byte) (interface{}, error) {
	var req struct {
		Types []string `json:"types"`
	}
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	hidden := map[string]bool{}
	for _, name := range req.Types {
		hidden[name] = true
	}
	hiddenEvents.Lock()
	defer hiddenEvents.Unlock()
	hiddenEvents.types = hidden
	return done, nil
}

// visible are the events of a page that a user may see. The page is taken
// first, as vCenter does it, so that less than was asked for may be left.
func (l *eventLog) visible(page []logged, user string) []types.BaseEvent {
	seen := sightOfUser(l.world.reg, user)
	hiddenEvents.RLock()
	defer hiddenEvents.RUnlock()
	list := make([]types.BaseEvent, 0, len(page))
	for _, entry := range page {
		own := reflect.TypeOf(entry.event).Elem().Name()
		if !hiddenEvents.types[own] && !hiddenEvents.types[eventTypeID(entry.event)] && seen.seesEvent(entry.event) {
			list = append(list, entry.event)
		}
	}
	return list
}

// seesEvent tells whether an account may see what an event is about. What is
// about no object is for those who see the root folder.
func (s *sight) seesEvent(event types.BaseEvent) bool {
	if s == nil {
		return true
	}
	subject, ok := subjectOf(event.GetEvent())
	if !ok {
		subject = contentOf(s.reg).RootFolder
	}
	return s.sees(subject)
}

// subjectOf returns the object that an event is about: the smallest it names.
func subjectOf(e *types.Event) (ref, bool) {
	switch {
	case e.Vm != nil:
		return e.Vm.Vm, true
	case e.Host != nil:
		return e.Host.Host, true
	case e.Ds != nil:
		return e.Ds.Datastore, true
	case e.Net != nil:
		return e.Net.Network, true
	case e.Dvs != nil:
		return e.Dvs.Dvs, true
	case e.ComputeResource != nil:
		return e.ComputeResource.ComputeResource, true
	case e.Datacenter != nil:
		return e.Datacenter.Datacenter, true
	}
	return ref{}, false
}
