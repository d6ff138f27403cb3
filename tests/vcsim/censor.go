package main

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// censor takes out of an answer what the session may not have.
func censor(ctx *simulator.Context, specs []types.PropertyFilterSpec, objects []types.ObjectContent) []types.ObjectContent {
	return withhold(ctx, specs, sightOf(ctx).restrict(specs, masks.apply(objects)))
}

// censoring tells whether anything may be taken out at all.
func censoring() bool {
	return accounts.someLimited() || denials.any() || masks.any()
}

// WaitForUpdatesEx lets the library answer, and takes out what the session may
// not have. An answer of which nothing is left is not sent.
func (pc *strictCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	call := *req
	var end time.Time
	if call.Options != nil && call.Options.MaxWaitSeconds != nil {
		end = time.Now().Add(time.Duration(*call.Options.MaxWaitSeconds) * time.Second)
	}
	for {
		reply := pc.PropertyCollector.WaitForUpdatesEx(ctx, &call)
		body, ok := reply.(*methods.WaitForUpdatesExBody)
		if !ok || !censoring() || body.Res == nil || body.Res.Returnval == nil {
			return reply
		}
		set := body.Res.Returnval
		set.FilterSet = censorUpdates(ctx, set.FilterSet)
		if len(set.FilterSet) != 0 || call.Version == "" || (set.Truncated != nil && *set.Truncated) {
			return reply
		}
		call.Version = set.Version
		if end.IsZero() {
			continue
		}
		left := int32(time.Until(end) / time.Second)
		if left <= 0 {
			body.Res.Returnval = nil
			return reply
		}
		options := *call.Options
		options.MaxWaitSeconds = &left
		call.Options = &options
	}
}

// censorUpdates is censor for updates.
func censorUpdates(ctx *simulator.Context, updates []types.PropertyFilterUpdate) []types.PropertyFilterUpdate {
	var kept []types.PropertyFilterUpdate
	for _, update := range updates {
		filter, ok := ctx.Session.Get(update.Filter).(*simulator.PropertyFilter)
		if !ok {
			kept = append(kept, update)
			continue
		}
		var objects []types.ObjectUpdate
		for _, object := range update.ObjectSet {
			if censorUpdate(ctx, filter.Spec, &object) {
				objects = append(objects, object)
			}
		}
		if len(objects) != 0 {
			update.ObjectSet = objects
			kept = append(kept, update)
		}
	}
	return kept
}

// censorUpdate takes out of the update of one object what the session may not
// have, and tells whether anything is left.
func censorUpdate(ctx *simulator.Context, spec types.PropertyFilterSpec, update *types.ObjectUpdate) bool {
	if update.Kind == types.ObjectUpdateKindLeave {
		return true // that an object is gone gives away nothing of it
	}
	content := types.ObjectContent{Obj: update.Obj, MissingSet: update.MissingSet}
	var paths []string
	for _, c := range update.ChangeSet {
		content.PropSet = append(content.PropSet, types.DynamicProperty{Name: c.Name, Val: c.Val})
		paths = append(paths, c.Name)
	}
	if update.Kind == types.ObjectUpdateKindModify {
		spec.PropSet = []types.PropertySpec{{Type: update.Obj.Type, PathSet: paths}}
	}
	left := censor(ctx, []types.PropertyFilterSpec{spec}, []types.ObjectContent{content})
	if len(left) == 0 {
		return false
	}
	values := map[string]types.AnyType{}
	for _, property := range left[0].PropSet {
		values[property.Name] = property.Val
	}
	var changes []types.PropertyChange
	for _, c := range update.ChangeSet {
		if val, ok := values[c.Name]; ok {
			c.Val = val
			changes = append(changes, c)
		}
	}
	update.ChangeSet, update.MissingSet = changes, left[0].MissingSet
	return update.Kind == types.ObjectUpdateKindEnter || len(changes)+len(update.MissingSet) != 0
}
