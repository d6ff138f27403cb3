package main

import (
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// maxEventPage and maxEventCollectors are vCenter's limits.
const (
	maxEventPage       = 1000
	defaultEventPage   = 10
	maxEventCollectors = 32
)

// eventLog holds what happened, and the collectors that look at it. The
// library's collectors see one page only and mix up what is older.
type eventLog struct {
	world *world
	self  ref

	// firstKey is the key of the oldest event. Keys are 32 bits long and wrap.
	firstKey int32

	mu         sync.Mutex
	events     []types.BaseEvent // oldest first
	collectors map[ref]*eventCollector
}

// installEventLog starts the log and puts our manager of collectors next to
// the library's event manager, which the library itself needs.
func installEventLog(w *world, firstKey int32) {
	w.events = &eventLog{
		world:      w,
		self:       ref{Type: "EventManager", Value: "vcsim-event-log"},
		firstKey:   firstKey,
		collectors: map[ref]*eventCollector{},
	}
	desk := &eventDesk{log: w.events}
	desk.Self = w.events.self
	w.reg.Put(desk)
}

// add enters an event into the log, under the next key, and makes it the
// latest one.
func (l *eventLog) add(event types.BaseEvent) types.BaseEvent {
	own := copyEvent(event)
	e := own.GetEvent()
	if e.CreatedTime.IsZero() {
		e.CreatedTime = l.world.clock.now().UTC()
	}
	l.mu.Lock()
	e.Key = l.firstKey + int32(len(l.events))
	e.ChainId = e.Key
	l.events = append(l.events, own)
	var watchers []ref
	for self, c := range l.collectors {
		if l.matches(own, &c.filter) {
			watchers = append(watchers, self)
		}
	}
	l.mu.Unlock()
	for _, self := range watchers {
		announce(self, []types.PropertyChange{change("latestPage", nil)})
	}
	notifyChange(l.world.ctx, l.world.reg.EventManager(), []types.PropertyChange{change("latestEvent", own)})
	return own
}

// copyEvent keeps the library's own count of events out of ours.
func copyEvent(event types.BaseEvent) types.BaseEvent {
	val := reflect.ValueOf(event)
	fresh := reflect.New(val.Type().Elem())
	fresh.Elem().Set(val.Elem())
	own, _ := fresh.Interface().(types.BaseEvent) // it has the type of one
	return own
}

// eventTypeID returns the identifier of extended events, the type's name of
// all others.
func eventTypeID(event types.BaseEvent) string {
	switch e := event.(type) {
	case *types.EventEx:
		return e.EventTypeId
	case *types.ExtendedEvent:
		return e.EventTypeId
	}
	return reflect.TypeOf(event).Elem().Name()
}

// category returns how grave an event is.
func (l *eventLog) category(event types.BaseEvent) string {
	if e, ok := event.(*types.EventEx); ok && e.Severity != "" {
		return e.Severity
	}
	id := eventTypeID(event)
	for _, info := range l.world.reg.EventManager().Description.EventInfo {
		if info.Key == id || strings.HasPrefix(info.FullFormat, id+"|") {
			return info.Category
		}
	}
	return ""
}

// matches tells whether a filter lets an event pass. Entities, times and users
// are not looked at.
func (l *eventLog) matches(event types.BaseEvent, filter *types.EventFilterSpec) bool {
	id := eventTypeID(event)
	kind := len(filter.EventTypeId) == 0
	for _, wanted := range filter.EventTypeId {
		kind = kind || strings.TrimPrefix(wanted, "vim.event.") == id
	}
	grave := len(filter.Category) == 0
	for _, wanted := range filter.Category {
		grave = grave || wanted == l.category(event)
	}
	return kind && grave
}

// logged is an event and its place in the log. Keys tell no order: they wrap.
type logged struct {
	place int
	event types.BaseEvent
}

// selected returns the events a filter lets pass, oldest first.
func (l *eventLog) selected(filter *types.EventFilterSpec) []logged {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []logged
	for place, event := range l.events {
		if l.matches(event, filter) {
			list = append(list, logged{place, event})
		}
	}
	return list
}

// newestFirst returns the last events of a list, the newest first, as vCenter
// shows pages.
func newestFirst(list []logged, count int) []logged {
	if len(list) > count {
		list = list[len(list)-count:]
	}
	page := make([]logged, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		page = append(page, list[i])
	}
	return page
}

// eventDesk makes collectors. The front sends calls for them here.
type eventDesk struct {
	mo.EventManager
	unlocked
	log *eventLog
}

// CreateCollectorForEvents opens a collector that ends with its session.
func (d *eventDesk) CreateCollectorForEvents(ctx *simulator.Context, req *types.CreateCollectorForEvents) soap.HasFault {
	body := &methods.CreateCollectorForEventsBody{}
	session := sessionKey(ctx)
	if session == "" {
		body.Fault_ = notAuthenticated(d.Self)
		return body
	}
	made := &eventCollector{log: d.log, filter: req.Filter, session: session, user: ctx.Session.UserName, size: defaultEventPage}
	made.Self.Type = "EventHistoryCollector"
	made.Filter = req.Filter
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	open := 0
	for _, c := range d.log.collectors {
		if c.session == session {
			open++
		}
	}
	if open >= maxEventCollectors {
		body.Fault_ = fault("The operation is not allowed in the current state.", &types.InvalidState{})
		return body
	}
	self := ctx.Session.Put(made).Reference()
	d.log.collectors[self] = made
	body.Res = &types.CreateCollectorForEventsResponse{Returnval: self}
	return body
}

// QueryEvents returns the newest events that a filter lets pass.
func (d *eventDesk) QueryEvents(ctx *simulator.Context, req *types.QueryEvents) soap.HasFault {
	body := &methods.QueryEventsBody{}
	switch {
	case sessionKey(ctx) == "":
		body.Fault_ = notAuthenticated(d.Self)
	case ctx.Map.IsESX():
		body.Fault_ = fault("", &types.NotImplemented{})
	default:
		count := int(req.Filter.MaxCount)
		if count <= 0 || count > maxEventPage {
			count = maxEventPage
		}
		page := newestFirst(d.log.selected(&req.Filter), count)
		if view := viewOf(&req.Filter); view != nil {
			page = view.page(d.log.selected(&req.Filter), count)
		}
		body.Res = &types.QueryEventsResponse{Returnval: d.log.visible(page, ctx.Session.UserName)}
	}
	return body
}

// eventCollector pages through the events that its filter lets pass. The page
// in view lies between what is read as previous and what is read as next.
type eventCollector struct {
	mo.EventHistoryCollector
	unlocked
	log     *eventLog
	filter  types.EventFilterSpec
	session string
	user    string

	mu   sync.Mutex
	size int
	// moved says that position was set; without, it is before the latest page.
	moved bool
	// position is the place in the log from which on events are next.
	position int
}

// Get makes the library read the latest page as it is now.
func (c *eventCollector) Get() mo.Reference {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := &mo.EventHistoryCollector{}
	seen.Self, seen.Filter = c.Self, c.filter
	seen.LatestPage = c.log.visible(newestFirst(c.log.selected(&c.filter), c.size), c.user)
	return seen
}

// at returns the place from which on events are next. The caller holds mu.
func (c *eventCollector) at() int {
	if !c.moved {
		page := newestFirst(c.log.selected(&c.filter), c.size)
		c.moved, c.position = true, 0
		if len(page) != 0 {
			c.position = page[len(page)-1].place
		}
	}
	return c.position
}

// SetCollectorPageSize says how many events the latest page shows.
func (c *eventCollector) SetCollectorPageSize(_ *simulator.Context, req *types.SetCollectorPageSize) soap.HasFault {
	body := &methods.SetCollectorPageSizeBody{}
	if req.MaxCount <= 0 || req.MaxCount > maxEventPage {
		body.Fault_ = invalidArgument("maxCount")
		return body
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = int(req.MaxCount)
	body.Res = &types.SetCollectorPageSizeResponse{}
	return body
}

// ResetCollector goes to just before the latest page.
func (c *eventCollector) ResetCollector(*simulator.Context, *types.ResetCollector) soap.HasFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved = false
	c.at()
	return &methods.ResetCollectorBody{Res: &types.ResetCollectorResponse{}}
}

// RewindCollector goes to before the oldest event.
func (c *eventCollector) RewindCollector(*simulator.Context, *types.RewindCollector) soap.HasFault {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved, c.position = true, 0
	return &methods.RewindCollectorBody{Res: &types.RewindCollectorResponse{}}
}

// ReadNextEvents returns events after the ones read last, oldest first.
func (c *eventCollector) ReadNextEvents(_ *simulator.Context, req *types.ReadNextEvents) soap.HasFault {
	body := &methods.ReadNextEventsBody{}
	if req.MaxCount <= 0 || req.MaxCount > maxEventPage {
		body.Fault_ = invalidArgument("maxCount")
		return body
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.at()
	var page []logged
	for _, entry := range c.log.selected(&c.filter) {
		if entry.place >= from && len(page) < int(req.MaxCount) {
			page = append(page, entry)
			c.position = entry.place + 1
		}
	}
	body.Res = &types.ReadNextEventsResponse{Returnval: c.log.visible(page, c.user)}
	return body
}

// ReadPreviousEvents returns events before the ones read last, newest first.
func (c *eventCollector) ReadPreviousEvents(_ *simulator.Context, req *types.ReadPreviousEvents) soap.HasFault {
	body := &methods.ReadPreviousEventsBody{}
	if req.MaxCount <= 0 || req.MaxCount > maxEventPage {
		body.Fault_ = invalidArgument("maxCount")
		return body
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.at()
	var older []logged
	for _, entry := range c.log.selected(&c.filter) {
		if entry.place < before {
			older = append(older, entry)
		}
	}
	page := newestFirst(older, int(req.MaxCount))
	if len(page) != 0 {
		c.position = page[len(page)-1].place
	}
	body.Res = &types.ReadPreviousEventsResponse{Returnval: c.log.visible(page, c.user)}
	return body
}

// DestroyCollector ends the collector before its session.
func (c *eventCollector) DestroyCollector(ctx *simulator.Context, _ *types.DestroyCollector) soap.HasFault {
	forget(ctx, c.Self)
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	delete(c.log.collectors, c.Self)
	return &methods.DestroyCollectorBody{Res: &types.DestroyCollectorResponse{}}
}

// at is a moment of the fixtures.
func at(day, hour, minute, second int) time.Time {
	return time.Date(2015, time.February, day, hour, minute, second, 0, time.UTC)
}
