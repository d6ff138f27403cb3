package main

import (
	"sort"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

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
	for _, content := range pc.readSome(ctx, names) {
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
	for _, content := range pc.readSome(ctx, explicitSpec(filter.spec.PropSet, entering)) {
		arrived[content.Obj] = true
		filter.tracked[content.Obj] = true
		updates = append(updates, types.ObjectUpdate{
			Kind:      types.ObjectUpdateKindEnter,
			Obj:       content.Obj,
			ChangeSet: firstValues(assignments(wantedPaths(filter.spec.PropSet, content.Obj), content)),

			MissingSet: content.MissingSet,
		})
	}
	return updates
}

// modification reports what changed about one object, if the filter asks for
// any of it.
func (pc *feedingCollector) modification(ctx *simulator.Context, filter *watchedFilter, obj ref, dirty map[string]bool) (types.ObjectUpdate, bool) {
	update := types.ObjectUpdate{Kind: types.ObjectUpdateKindModify, Obj: obj}
	paths := affectedPaths(wantedPaths(filter.spec.PropSet, obj), declaredParts(obj, dirty), filter.partial)
	if len(paths) == 0 {
		return update, false
	}
	props := []types.PropertySpec{{Type: obj.Type, PathSet: paths}}
	for _, content := range pc.readSome(ctx, explicitSpec(props, []ref{obj})) {
		update.ChangeSet, update.MissingSet = assignments(paths, content), content.MissingSet
	}
	return update, len(update.ChangeSet)+len(update.MissingSet) != 0
}

// readSome reads what a filter needs. Objects that went in the meantime are
// left out, and other faults cannot happen: the filter was checked.
func (pc *feedingCollector) readSome(ctx *simulator.Context, spec types.PropertyFilterSpec) []types.ObjectContent {
	if len(spec.ObjectSet) == 0 {
		return nil
	}
	objects, err := pc.library(ctx, spec)
	if err != nil {
		return nil
	}
	return censor(ctx, []types.PropertyFilterSpec{spec}, objects)
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
// and is unset is assigned nothing; one that a mask hides is not heard of.
func assignments(wanted []string, content types.ObjectContent) []types.PropertyChange {
	var changes []types.PropertyChange
	seen := map[string]bool{}
	for _, p := range content.PropSet {
		seen[p.Name] = true
		changes = append(changes, change(p.Name, p.Val))
	}
	for _, missing := range content.MissingSet {
		seen[missing.Path] = true
	}
	if masks.on(content.Obj) {
		return changes
	}
	for _, path := range wanted {
		if !seen[path] {
			seen[path] = true
			changes = append(changes, change(path, nil))
		}
	}
	return changes
}

// unsetRemoved makes unset first values come as indirectRemove, as vCenter
// sends some. It is set before the server starts.
var unsetRemoved bool

// firstValues words the changes of an object that enters.
func firstValues(changes []types.PropertyChange) []types.PropertyChange {
	for i := range changes {
		if unsetRemoved && changes[i].Val == nil {
			changes[i].Op = types.PropertyChangeOpIndirectRemove
		}
	}
	return changes
}
