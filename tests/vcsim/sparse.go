package main

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/types"
)

// capacityCounters are what vCenter samples of datastores every half hour,
// into statistics of five minutes.
var capacityCounters = map[string]bool{"used": true, "capacity": true, "provisioned": true}

// capacityEvery is the time between two samples of capacity in seconds.
const capacityEvery = 1800

// What lies between two samples of a series.
const (
	gapLost   = "lost"   // -1
	gapAbsent = "absent" // no sample at all
)

// thinCapacity makes the capacity counters of all datastores as sparse as
// vCenter's.
func (w *world) thinCapacity(gap string) error {
	switch gap {
	case "":
		return nil
	case gapLost, gapAbsent:
	default:
		return fmt.Errorf("-sparse-capacity %q: write %s or %s", gap, gapLost, gapAbsent)
	}
	rule := spoiltRule{Type: "Datastore", Every: capacityEvery, Gap: gap}
	rule.objects = map[ref]bool{}
	for _, e := range w.all("Datastore") {
		rule.objects[e.Reference()] = true
	}
	content := w.content()
	if content.PerfManager == nil {
		return nil
	}
	perf, ok := w.reg.Get(*content.PerfManager).(*perfManager)
	if !ok {
		return nil
	}
	for key, counter := range perf.counters {
		if counter.GroupInfo.GetElementDescription().Key == "disk" && capacityCounters[counter.NameInfo.GetElementDescription().Key] {
			rule.Counter = key
			w.spoilt.add(rule)
		}
	}
	return nil
}

// sampled tells whether a rule leaves a sample at a tick.
func (r spoiltRule) sampled(tick int64, interval int32) bool {
	return r.Every <= 0 || tick*int64(interval)%r.Every == 0
}

// present leaves out the ticks at which no series has a sample.
func (s *spoilt) present(entity ref, series []types.PerfMetricId, ticks []int64, interval int32) []int64 {
	var thinned []spoiltRule
	for _, id := range series {
		found := false
		for _, rule := range s.matching(entity, id.CounterId) {
			if rule.Every > 0 && rule.Gap == gapAbsent {
				thinned, found = append(thinned, rule), true
			}
		}
		if !found {
			return ticks // this one has them all
		}
	}
	if len(thinned) == 0 {
		return ticks
	}
	kept := []int64{}
	for _, tick := range ticks {
		for _, rule := range thinned {
			if rule.sampled(tick, interval) {
				kept = append(kept, tick)
				break
			}
		}
	}
	return kept
}

// thin puts -1 in the place of samples that were not taken.
func (s *spoilt) thin(entity ref, id types.PerfMetricId, values, ticks []int64, interval int32) {
	for _, rule := range s.matching(entity, id.CounterId) {
		for i := range values {
			if !rule.sampled(ticks[i], interval) {
				values[i] = -1
			}
		}
	}
}
