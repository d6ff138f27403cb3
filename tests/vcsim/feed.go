package main

import (
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// feed is what one property collector of one session sends in answer to
// WaitForUpdatesEx: its filters, what changed since the last answer, and the
// pages of an answer that did not fit.
type feed struct {
	key feedKey

	// turn is held by the one call that waits.
	turn sync.Mutex

	mu       sync.Mutex
	filters  []*watchedFilter
	version  int
	last     *types.UpdateSet
	backlog  []*types.UpdateSet
	dirty    map[ref]map[string]bool
	removed  map[ref]bool
	reselect bool
	bell     chan struct{}
	waiter   *waiter
}

// feedKey names a property collector; every session has its own default one.
type feedKey struct {
	session   string
	collector string
}

// watchedFilter is one filter of a feed.
type watchedFilter struct {
	self    ref
	spec    types.PropertyFilterSpec
	partial bool
	steps   map[string]bool
	tracked map[ref]bool
	fresh   bool
}

// waiter is a call to WaitForUpdatesEx in progress; end may be closed by
// whoever holds the feed's mu.
type waiter struct {
	end   chan struct{}
	ended bool
}

func newFeed(key feedKey) *feed {
	return &feed{
		key:     key,
		dirty:   map[ref]map[string]bool{},
		removed: map[ref]bool{},
		bell:    make(chan struct{}, 1),
	}
}

// ring wakes the waiting call.
func (f *feed) ring() {
	select {
	case f.bell <- struct{}{}:
	default: // it is already ringing
	}
}

// markChanged notes which properties of an object changed.
func (f *feed) markChanged(obj ref, paths []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.filters) == 0 {
		return
	}
	known := f.dirty[obj]
	if known == nil {
		known = map[string]bool{}
		f.dirty[obj] = known
	}
	for _, path := range paths {
		known[path] = true
		f.reselect = f.reselect || f.selects(obj, path)
	}
	f.ring()
}

// selects tells whether a change of this property may alter which objects the
// filters cover. Views belong to a session, so other sessions' do not matter.
func (f *feed) selects(obj ref, path string) bool {
	if path == "view" && !strings.Contains(obj.Value, f.key.session) {
		return false
	}
	for _, filter := range f.filters {
		if filter.steps[path] {
			return true
		}
	}
	return false
}

// markRemoved notes that an object is gone.
func (f *feed) markRemoved(obj ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.filters) == 0 {
		return
	}
	f.removed[obj] = true
	f.ring()
}

// addFilter starts to watch.
func (f *feed) addFilter(self ref, req *types.CreateFilter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	filter := &watchedFilter{
		self: self, spec: req.Spec, partial: req.PartialUpdates,
		steps: map[string]bool{}, tracked: map[ref]bool{}, fresh: true,
	}
	for _, target := range req.Spec.ObjectSet {
		collectSteps(target.SelectSet, filter.steps)
	}
	f.filters = append(f.filters, filter)
	f.ring()
}

// collectSteps lists the properties a selection walks along.
func collectSteps(set []types.BaseSelectionSpec, steps map[string]bool) {
	for _, selection := range set {
		if walk, ok := selection.(*types.TraversalSpec); ok {
			steps[walk.Path] = true
			collectSteps(walk.SelectSet, steps)
		}
	}
}

// dropFilter stops watching.
func (f *feed) dropFilter(self ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, filter := range f.filters {
		if filter.self == self {
			f.filters = append(f.filters[:i:i], f.filters[i+1:]...)
			return
		}
	}
}

// filterRefs lists the filters.
func (f *feed) filterRefs() []ref {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]ref, 0, len(f.filters))
	for _, filter := range f.filters {
		list = append(list, filter.self)
	}
	return list
}

// begin registers a call that waits; an earlier one is ended, as a collector
// serves one at a time.
func (f *feed) begin() *waiter {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endWaiter()
	f.waiter = &waiter{end: make(chan struct{})}
	return f.waiter
}

// interrupt ends the call that waits, if any.
func (f *feed) interrupt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endWaiter()
}

// endWaiter is interrupt for those who hold mu.
func (f *feed) endWaiter() {
	if f.waiter != nil && !f.waiter.ended {
		f.waiter.ended = true
		close(f.waiter.end)
	}
}

// restart forgets what was sent: the next answer is everything.
func (f *feed) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backlog, f.last = nil, nil
	f.dirty, f.removed = map[ref]map[string]bool{}, map[ref]bool{}
	for _, filter := range f.filters {
		filter.tracked, filter.fresh = map[ref]bool{}, true
	}
}

// resume says how to go on from the version a client has: wait for more,
// repeat the last answer (it may have been lost on the way), or neither.
func (f *feed) resume(version string) (repeat *types.UpdateSet, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number, err := strconv.Atoi(version)
	switch {
	case err != nil || number == 0 || f.version == 0:
		return nil, false
	case number == f.version:
		return nil, true
	case number == f.version-1 && f.last != nil:
		return f.last, true
	}
	return nil, false
}

// publish takes the next page, numbers it and keeps it for a repetition.
func (f *feed) publish(limit int) *types.UpdateSet {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.backlog) == 0 {
		return nil
	}
	page, rest := splitSet(f.backlog[0], limit)
	if rest != nil {
		f.backlog[0] = rest
	} else {
		f.backlog = f.backlog[1:]
	}
	f.version++
	page.Version = strconv.Itoa(f.version)
	if len(f.backlog) != 0 {
		page.Truncated = types.NewBool(true)
	}
	f.last = page
	return page
}

// queueEmpty makes sure there is something to publish.
func (f *feed) queueEmpty() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.backlog) == 0 {
		f.backlog = append(f.backlog, &types.UpdateSet{})
	}
}

// splitSet cuts off the first limit object updates of a set.
func splitSet(set *types.UpdateSet, limit int) (page, rest *types.UpdateSet) {
	page = &types.UpdateSet{}
	for i, filter := range set.FilterSet {
		count := len(filter.ObjectSet)
		if limit > 0 && count > limit {
			head, tail := filter, filter
			head.ObjectSet, tail.ObjectSet = filter.ObjectSet[:limit], filter.ObjectSet[limit:]
			page.FilterSet = append(page.FilterSet, head)
			left := append([]types.PropertyFilterUpdate{tail}, set.FilterSet[i+1:]...)
			return page, &types.UpdateSet{FilterSet: left}
		}
		page.FilterSet = append(page.FilterSet, filter)
		if limit > 0 {
			limit -= count
			if limit == 0 && i+1 < len(set.FilterSet) {
				return page, &types.UpdateSet{FilterSet: set.FilterSet[i+1:]}
			}
		}
	}
	return page, nil
}
