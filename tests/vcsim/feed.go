package main

import (
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
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

// takeChanges hands over what was noted and starts afresh.
func (f *feed) takeChanges() (filters []*watchedFilter, dirty map[ref]map[string]bool, removed map[ref]bool, reselect bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	filters = append(filters, f.filters...)
	dirty, removed, reselect = f.dirty, f.removed, f.reselect
	f.dirty, f.removed, f.reselect = map[ref]map[string]bool{}, map[ref]bool{}, false
	return filters, dirty, removed, reselect
}

// gather turns what changed into an update set and queues it. It reads the
// inventory, so it must not hold mu: whoever changes an object holds that
// object's lock while marking.
func (f *feed) gather(ctx *simulator.Context, pc *feedingCollector) {
	filters, dirty, removed, reselect := f.takeChanges()
	set := &types.UpdateSet{}
	for _, filter := range filters {
		update := types.PropertyFilterUpdate{Filter: filter.self}
		arrived := map[ref]bool{}
		for _, obj := range sortedRefs(removed) {
			if filter.tracked[obj] {
				delete(filter.tracked, obj)
				update.ObjectSet = append(update.ObjectSet, leave(obj))
			}
		}
		if reselect || filter.fresh {
			update.ObjectSet = append(update.ObjectSet, pc.compareSelection(ctx, filter, arrived)...)
			filter.fresh = false
		}
		changed := make(map[ref]bool, len(dirty))
		for obj := range dirty {
			if filter.tracked[obj] && !arrived[obj] {
				changed[obj] = true
			}
		}
		for _, obj := range sortedRefs(changed) {
			if u, ok := pc.modification(ctx, filter, obj, dirty[obj]); ok {
				update.ObjectSet = append(update.ObjectSet, u)
			}
		}
		if len(update.ObjectSet) != 0 {
			set.FilterSet = append(set.FilterSet, update)
		}
	}
	if len(set.FilterSet) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.backlog = append(f.backlog, set)
}

func leave(obj ref) types.ObjectUpdate {
	return types.ObjectUpdate{Kind: types.ObjectUpdateKindLeave, Obj: obj}
}

// sortedRefs puts references in a stable order.
func sortedRefs(set map[ref]bool) []ref {
	list := make([]ref, 0, len(set))
	for r := range set {
		list = append(list, r)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].Type != list[j].Type {
			return list[i].Type < list[j].Type
		}
		return natural(list[i].Value) < natural(list[j].Value)
	})
	return list
}

// compareSelection evaluates a filter anew: objects that came in are reported
// with all properties, objects that dropped out as left.
func (pc *feedingCollector) compareSelection(ctx *simulator.Context, filter *watchedFilter, arrived map[ref]bool) []types.ObjectUpdate {
	names := filter.spec
	names.PropSet = nil
	names.ReportMissingObjectsInResults = types.NewBool(true)
	for _, props := range filter.spec.PropSet {
		names.PropSet = append(names.PropSet, types.PropertySpec{Type: props.Type})
	}
	var updates []types.ObjectUpdate
	selected := map[ref]bool{}
	var entering []ref
	for _, content := range pc.library(ctx, names) {
		if !selected[content.Obj] && !filter.tracked[content.Obj] {
			entering = append(entering, content.Obj)
		}
		selected[content.Obj] = true
	}
	gone := map[ref]bool{}
	for obj := range filter.tracked {
		if !selected[obj] {
			gone[obj] = true
		}
	}
	for _, obj := range sortedRefs(gone) {
		delete(filter.tracked, obj)
		updates = append(updates, leave(obj))
	}
	for _, content := range pc.library(ctx, explicitSpec(filter.spec.PropSet, entering)) {
		arrived[content.Obj] = true
		filter.tracked[content.Obj] = true
		updates = append(updates, types.ObjectUpdate{
			Kind:      types.ObjectUpdateKindEnter,
			Obj:       content.Obj,
			ChangeSet: assignments(wantedPaths(filter.spec.PropSet, content.Obj), content),
		})
	}
	return updates
}

// modification reports what changed about one object, if the filter asks for
// any of it.
func (pc *feedingCollector) modification(ctx *simulator.Context, filter *watchedFilter, obj ref, dirty map[string]bool) (types.ObjectUpdate, bool) {
	update := types.ObjectUpdate{Kind: types.ObjectUpdateKindModify, Obj: obj}
	paths := affectedPaths(wantedPaths(filter.spec.PropSet, obj), dirty, filter.partial)
	if len(paths) == 0 {
		return update, false
	}
	props := []types.PropertySpec{{Type: obj.Type, PathSet: paths}}
	for _, content := range pc.library(ctx, explicitSpec(props, []ref{obj})) {
		update.ChangeSet = assignments(paths, content)
	}
	return update, len(update.ChangeSet) != 0
}

// library lets the library's collector read.
func (pc *feedingCollector) library(ctx *simulator.Context, spec types.PropertyFilterSpec) []types.ObjectContent {
	if len(spec.ObjectSet) == 0 {
		return nil
	}
	body, ok := pc.PropertyCollector.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{
		This: pc.Self, SpecSet: []types.PropertyFilterSpec{spec},
	}).(*methods.RetrievePropertiesExBody)
	if !ok || body.Res == nil || body.Res.Returnval == nil {
		return nil
	}
	return body.Res.Returnval.Objects
}

// explicitSpec asks for properties of objects given one by one.
func explicitSpec(props []types.PropertySpec, objects []ref) types.PropertyFilterSpec {
	spec := types.PropertyFilterSpec{PropSet: props, ReportMissingObjectsInResults: types.NewBool(true)}
	for _, obj := range objects {
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: obj})
	}
	return spec
}

// wantedPaths lists the properties a filter asks of an object; nil means all.
func wantedPaths(props []types.PropertySpec, obj ref) []string {
	paths := []string{}
	for _, p := range props {
		if p.Type != obj.Type && !inherits(obj.Type, p.Type) {
			continue
		}
		if p.All != nil && *p.All {
			return nil
		}
		paths = append(paths, p.PathSet...)
	}
	return paths
}

// affectedPaths picks the wanted properties that overlap a changed one. With
// partial updates the narrower of the two is named.
func affectedPaths(wanted []string, dirty map[string]bool, partial bool) []string {
	found := map[string]bool{}
	for changed := range dirty {
		if wanted == nil {
			found[strings.SplitN(changed, ".", 2)[0]] = true
			continue
		}
		for _, path := range wanted {
			switch {
			case path == changed, strings.HasPrefix(path, changed+"."):
				found[path] = true
			case strings.HasPrefix(changed, path+"."):
				if partial {
					found[changed] = true
				} else {
					found[path] = true
				}
			}
		}
	}
	paths := make([]string, 0, len(found))
	for path := range found {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths
}

// assignments turns what was read into changes. A property that was asked for
// and is unset is assigned nothing.
func assignments(wanted []string, content types.ObjectContent) []types.PropertyChange {
	var changes []types.PropertyChange
	seen := map[string]bool{}
	for _, p := range content.PropSet {
		seen[p.Name] = true
		changes = append(changes, change(p.Name, p.Val))
	}
	for _, path := range wanted {
		if !seen[path] {
			seen[path] = true
			changes = append(changes, change(path, nil))
		}
	}
	return changes
}
