package main

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// settle is how long changes are let to accumulate before they are sent.
	settle = 10 * time.Millisecond

	// updatePage is the most object updates in one answer; vCenter's limit.
	updatePage = 100
)

// feedingCollector sends updates itself. The library's way of finding out what
// to send reads the whole selection again at every change, which makes the
// simulation the bottleneck from a few thousand VMs on; it also loses updates
// when a connection breaks, and takes any version.
type feedingCollector struct {
	strictCollector
}

// feedTable knows every feed.
type feedTable struct {
	mu    sync.Mutex
	feeds map[feedKey]*feed
}

var feeds = &feedTable{feeds: map[feedKey]*feed{}}

// of returns the feed of a collector, made at the first use.
func (t *feedTable) of(key feedKey) *feed {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.feeds[key]
	if f == nil {
		f = newFeed(key)
		t.feeds[key] = f
	}
	return f
}

// each calls do for every feed.
func (t *feedTable) each(do func(*feed)) {
	t.mu.Lock()
	list := make([]*feed, 0, len(t.feeds))
	for _, f := range t.feeds {
		list = append(list, f)
	}
	t.mu.Unlock()
	for _, f := range list {
		do(f)
	}
}

// drop forgets the feeds that do not pass the test and ends their calls.
func (t *feedTable) drop(keep func(feedKey) bool) {
	t.mu.Lock()
	var ended []*feed
	for key, f := range t.feeds {
		if !keep(key) {
			delete(t.feeds, key)
			ended = append(ended, f)
		}
	}
	t.mu.Unlock()
	for _, f := range ended {
		f.interrupt()
	}
}

// dropEndedSessions forgets what belongs to sessions that are gone.
func (w *world) dropEndedSessions() {
	alive := map[string]bool{}
	for _, s := range w.sessions() {
		alive[s.Key] = true
	}
	feeds.drop(func(key feedKey) bool { return alive[key.session] })
}

// interrupt ends the call that waits on a collector; its client went away.
func (t *feedTable) interrupt(key feedKey) {
	t.mu.Lock()
	f := t.feeds[key]
	t.mu.Unlock()
	if f != nil {
		f.interrupt()
	}
}

func (pc *feedingCollector) feed(ctx *simulator.Context) *feed {
	return feeds.of(feedKey{session: sessionKey(ctx), collector: pc.Self.Value})
}

// CreatePropertyCollector makes one more collector that sends updates itself.
func (pc *feedingCollector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	made := &feedingCollector{}
	made.Self.Type = "PropertyCollector"
	return collectorCreated(ctx, made)
}

// DestroyPropertyCollector ends a collector and its filters.
func (pc *feedingCollector) DestroyPropertyCollector(ctx *simulator.Context, _ *types.DestroyPropertyCollector) soap.HasFault {
	for _, filter := range pc.feed(ctx).filterRefs() {
		forget(ctx, filter)
	}
	own := feedKey{session: sessionKey(ctx), collector: pc.Self.Value}
	feeds.drop(func(key feedKey) bool { return key != own })
	forget(ctx, pc.Self)
	return &methods.DestroyPropertyCollectorBody{Res: &types.DestroyPropertyCollectorResponse{}}
}

// ownFilter is a filter of a feed.
type ownFilter struct {
	mo.PropertyFilter
	feed *feed
}

// DestroyPropertyFilter ends one filter.
func (f *ownFilter) DestroyPropertyFilter(ctx *simulator.Context, _ *types.DestroyPropertyFilter) soap.HasFault {
	f.feed.dropFilter(f.Self)
	forget(ctx, f.Self)
	return &methods.DestroyPropertyFilterBody{Res: &types.DestroyPropertyFilterResponse{}}
}

// CreateFilter adds a filter; a call that is waiting reports its objects.
func (pc *feedingCollector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	if err := checkFilter(ctx, req.Spec); err != nil {
		return &methods.CreateFilterBody{Fault_: err}
	}
	if staysSilent(req.Spec) {
		return createSilent(ctx, req)
	}
	feed := pc.feed(ctx)
	filter := &ownFilter{feed: feed}
	filter.Self.Type = "PropertyFilter"
	filter.Spec = req.Spec
	filter.PartialUpdates = req.PartialUpdates
	self := ctx.Session.Put(filter).Reference()
	feed.addFilter(self, req)
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: self}}
}

// CancelWaitForUpdates ends the call that waits.
func (pc *feedingCollector) CancelWaitForUpdates(ctx *simulator.Context, _ *types.CancelWaitForUpdates) soap.HasFault {
	pc.feed(ctx).interrupt()
	return &methods.CancelWaitForUpdatesBody{Res: &types.CancelWaitForUpdatesResponse{}}
}

// WaitForUpdatesEx sends what changed since the version the client has: at
// once if something did, else when something does or the time is over.
func (pc *feedingCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	body := &methods.WaitForUpdatesExBody{}
	set, err := pc.wait(ctx, req.Version, req.Options)
	if err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &types.WaitForUpdatesExResponse{Returnval: set}
	return body
}

// WaitForUpdates is the older form, without options.
func (pc *feedingCollector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	body := &methods.WaitForUpdatesBody{}
	set, err := pc.wait(ctx, req.Version, nil)
	if err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &types.WaitForUpdatesResponse{Returnval: *set}
	return body
}

// CheckForUpdates is the older form that does not wait.
func (pc *feedingCollector) CheckForUpdates(ctx *simulator.Context, req *types.CheckForUpdates) soap.HasFault {
	body := &methods.CheckForUpdatesBody{}
	now := int32(0)
	set, err := pc.wait(ctx, req.Version, &types.WaitOptions{MaxWaitSeconds: &now})
	if err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &types.CheckForUpdatesResponse{Returnval: set}
	return body
}

// wait returns the next update set, or nil when the time is over.
func (pc *feedingCollector) wait(ctx *simulator.Context, version string, options *types.WaitOptions) (*types.UpdateSet, *soap.Fault) {
	limit := updatePage
	var patience <-chan time.Time // nil: for ever
	once := false
	if options != nil {
		if most := int(options.MaxObjectUpdates); most > 0 && most < limit {
			limit = most
		}
		if seconds := options.MaxWaitSeconds; seconds != nil {
			once = *seconds <= 0
			timer := time.NewTimer(time.Duration(*seconds) * time.Second)
			defer timer.Stop()
			patience = timer.C
		}
	}
	f := pc.feed(ctx)
	me := f.begin()
	f.turn.Lock()
	defer f.turn.Unlock()

	if version == "" {
		f.restart()
	} else {
		repeat, known := f.resume(version)
		if !known {
			return nil, fault("A specified parameter was not correct: version", &types.InvalidCollectorVersion{})
		}
		if repeat != nil {
			return repeat, nil
		}
	}
	for {
		select {
		case <-me.end:
			return nil, pc.ended(ctx)
		default:
		}
		if set := f.publish(limit); set != nil {
			return set, nil
		}
		f.gather(ctx, pc)
		if version == "" {
			f.queueEmpty() // a first answer comes at once, whatever is in it
		}
		if set := f.publish(limit); set != nil {
			return set, nil
		}
		if once {
			return nil, nil
		}
		select {
		case <-me.end:
			return nil, pc.ended(ctx)
		case <-patience:
			return nil, nil
		case <-f.bell:
			time.Sleep(settle) // lets changes accumulate, as vCenter does
		}
	}
}

// ended says why a wait was cut short: the session is gone, or someone asked.
func (pc *feedingCollector) ended(ctx *simulator.Context) *soap.Fault {
	alive := false
	for _, s := range sessionsOf(ctx.Map) {
		alive = alive || s.Key == sessionKey(ctx)
	}
	if !alive {
		return notAuthenticated(pc.Self)
	}
	return fault("The task was canceled by a user.", &types.RequestCanceled{})
}
