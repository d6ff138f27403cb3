package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// spoilt is what tests do to the statistics of single objects: samples that
// are missing, and objects or counters that fail a whole query.
type spoilt struct {
	mu    sync.Mutex
	rules []spoiltRule
}

// spoiltRule is the body of POST /perf, and what became of its objects.
type spoiltRule struct {
	Type string `json:"type"`
	Name string `json:"name"`
	Moid string `json:"moid"`
	// Counter is the only counter meant; 0 means every one.
	Counter int32 `json:"counter"`
	// Lost is how many of the newest samples read -1.
	Lost int `json:"lost"`
	// Short is by how many of the newest samples the series is too short.
	Short int `json:"short"`
	// Absent leaves the series out.
	Absent bool `json:"absent"`
	// Every is the time in seconds between two samples that were taken; 0: all
	// were.
	Every int64 `json:"every"`
	// Gap is what lies between them: lost or absent.
	Gap string `json:"gap"`
	// Fault fails every query that asks for it: the name of a fault. A rule
	// about every counter also fails lists of what an object has.
	Fault string `json:"fault"`
	// Delay is for how many milliseconds a query that asks for it waits.
	Delay int `json:"delay"`
	// Clear forgets all earlier rules.
	Clear bool `json:"clear"`

	objects map[ref]bool
}

// spoilPerf adds a rule for objects of one type: of that name or moid, or all.
func (a *admin) spoilPerf(body []byte) (interface{}, error) {
	var rule spoiltRule
	if err := json.Unmarshal(body, &rule); err != nil {
		return nil, err
	}
	if _, known := spoiltFaults[rule.Fault]; rule.Fault != "" && !known {
		return nil, fmt.Errorf("no fault %q", rule.Fault)
	}
	if rule.Every < 0 || (rule.Gap != "" && rule.Gap != gapLost && rule.Gap != gapAbsent) {
		return nil, fmt.Errorf("every is not negative, gap is %s or %s", gapLost, gapAbsent)
	}
	rule.objects = map[ref]bool{}
	if rule.Name == "" && rule.Moid == "" {
		for _, e := range a.world.all(rule.Type) {
			rule.objects[e.Reference()] = true
		}
	} else {
		targets, err := a.world.find(rule.Type, rule.Name, rule.Moid)
		if err != nil {
			return nil, err
		}
		for _, target := range targets {
			rule.objects[target.Reference()] = true
		}
	}
	a.world.spoilt.add(rule)
	return map[string]int{"objects": len(rule.objects)}, nil
}

// spoiltFaults makes the faults a rule can name.
var spoiltFaults = map[string]func(spec types.PerfQuerySpec) *soap.Fault{
	"InvalidArgument": func(types.PerfQuerySpec) *soap.Fault { return invalidArgument("querySpec.metricId") },
	"SystemError": func(types.PerfQuerySpec) *soap.Fault {
		return fault("A general system error occurred", &types.SystemError{Reason: "statistics"})
	},
	"HostCommunication": func(types.PerfQuerySpec) *soap.Fault {
		return fault("Unable to communicate with the remote host", &types.HostCommunication{})
	},
	"NoPermission": func(spec types.PerfQuerySpec) *soap.Fault {
		return fault(permissionDenied, permissionFault(spec.Entity, "System.Read"))
	},
	"RestrictedByAdministrator": func(types.PerfQuerySpec) *soap.Fault {
		return fault("Operation was blocked by server side restrictions: querySpec.size",
			&types.RestrictedByAdministrator{Details: "querySpec.size"})
	},
}

func (s *spoilt) add(rule spoiltRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rule.Clear {
		s.rules = nil
	}
	s.rules = append(s.rules, rule)
}

// matching lists the rules about one series.
func (s *spoilt) matching(entity ref, counter int32) []spoiltRule {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []spoiltRule
	for _, rule := range s.rules {
		if rule.objects[entity] && (rule.Counter == 0 || rule.Counter == counter) {
			found = append(found, rule)
		}
	}
	return found
}

// trouble waits, or says why a query fails. One without metrics asks for all.
func (s *spoilt) trouble(spec types.PerfQuerySpec) *soap.Fault {
	metrics := spec.MetricId
	if len(metrics) == 0 {
		metrics = []types.PerfMetricId{{}}
	}
	longest := 0
	for _, id := range metrics {
		for _, rule := range s.matching(spec.Entity, id.CounterId) {
			if rule.Delay > longest {
				longest = rule.Delay
			}
			if fail := spoiltFaults[rule.Fault]; fail != nil {
				return fail(spec)
			}
		}
	}
	if longest > 0 {
		time.Sleep(time.Duration(longest) * time.Millisecond) // the slowness is what is being simulated
	}
	return nil
}

// without leaves out the series that are to be absent.
func (s *spoilt) without(entity ref, series []types.PerfMetricId) []types.PerfMetricId {
	var kept []types.PerfMetricId
	for _, id := range series {
		absent := false
		for _, rule := range s.matching(entity, id.CounterId) {
			absent = absent || rule.Absent
		}
		if !absent {
			kept = append(kept, id)
		}
	}
	return kept
}

// samples takes away what is to be missing of a series, oldest first.
func (s *spoilt) samples(entity ref, id types.PerfMetricId, values []int64) []int64 {
	for _, rule := range s.matching(entity, id.CounterId) {
		for i := len(values) - rule.Lost; i < len(values); i++ {
			if i >= 0 {
				values[i] = -1
			}
		}
		if rule.Short > len(values) {
			return nil
		}
		values = values[:len(values)-rule.Short]
	}
	return values
}
