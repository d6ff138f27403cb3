package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// realTime is the sampling period of real-time statistics in seconds.
	realTime = int32(20)
	// realTimeKept is how many real-time samples a host keeps: one hour.
	realTimeKept = int64(180)
)

// perfManager answers performance queries with values that depend only on the
// entity, the counter, the instance and the time, oldest first, in either
// format. The library's own values are random, and its instances invented.
type perfManager struct {
	simulator.PerformanceManager
	unlocked
	world      *world
	counters   map[int32]types.PerfCounterInfo
	maxMetrics int
	// diskDevices is how many devices of its host a VM has statistics of.
	diskDevices int
	spoilt      *spoilt
}

// installPerf puts our performance manager where the library's was.
func installPerf(w *world, maxMetrics, diskDevices int) error {
	content := w.content()
	if content.PerfManager == nil {
		return fmt.Errorf("the model has no performance manager")
	}
	stock, ok := w.reg.Get(*content.PerfManager).(*simulator.PerformanceManager)
	if !ok {
		return fmt.Errorf("the model has no performance manager")
	}
	own := &perfManager{
		world: w, counters: map[int32]types.PerfCounterInfo{},
		maxMetrics: maxMetrics, diskDevices: diskDevices, spoilt: w.spoilt,
	}
	own.PerformanceManager = *stock
	own.HistoricalInterval = historicalIntervals(w.reg.IsESX())
	for _, counter := range own.PerfCounter {
		own.counters[counter.Key] = counter
	}
	w.reg.Put(own)
	if maxMetrics > 0 && content.Setting != nil {
		if settings, ok := w.reg.Get(*content.Setting).(*simulator.OptionManager); ok {
			settings.Setting = append(settings.Setting, &types.OptionValue{
				Key: "config.vpxd.stats.maxQueryMetrics", Value: int32(maxMetrics),
			})
		}
	}
	return nil
}

// historicalIntervals are the standard ones.
func historicalIntervals(host bool) []types.PerfInterval {
	if host {
		return []types.PerfInterval{{Key: 1, SamplingPeriod: 300, Name: "PastDay", Length: 129600, Level: 1, Enabled: true}}
	}
	return []types.PerfInterval{
		{Key: 1, SamplingPeriod: 300, Name: "Past day", Length: 86400, Level: 1, Enabled: true},
		{Key: 2, SamplingPeriod: 1800, Name: "Past week", Length: 604800, Level: 1, Enabled: true},
		{Key: 3, SamplingPeriod: 7200, Name: "Past month", Length: 2592000, Level: 1, Enabled: true},
		{Key: 4, SamplingPeriod: 86400, Name: "Past year", Length: 31536000, Level: 1, Enabled: true},
	}
}

// QueryPerfCounter describes counters by key.
func (p *perfManager) QueryPerfCounter(_ *simulator.Context, req *types.QueryPerfCounter) soap.HasFault {
	body := &methods.QueryPerfCounterBody{}
	res := &types.QueryPerfCounterResponse{}
	for _, id := range req.CounterId {
		counter, ok := p.counters[id]
		if !ok {
			body.Fault_ = invalidArgument("counterId")
			return body
		}
		res.Returnval = append(res.Returnval, counter)
	}
	body.Res = res
	return body
}

// QueryPerfProviderSummary says which statistics an entity has.
func (p *perfManager) QueryPerfProviderSummary(ctx *simulator.Context, req *types.QueryPerfProviderSummary) soap.HasFault {
	if ctx.Map.Get(req.Entity) == nil {
		return &methods.QueryPerfProviderSummaryBody{Fault_: objectGone(req.Entity)}
	}
	return p.PerformanceManager.QueryPerfProviderSummary(ctx, req)
}

// QueryAvailablePerfMetric lists the series an entity has.
func (p *perfManager) QueryAvailablePerfMetric(ctx *simulator.Context, req *types.QueryAvailablePerfMetric) soap.HasFault {
	body := &methods.QueryAvailablePerfMetricBody{}
	entity, ok := ctx.Map.Get(req.Entity).(mo.Entity)
	if !ok {
		body.Fault_ = objectGone(req.Entity)
		return body
	}
	if err := p.spoilt.trouble(types.PerfQuerySpec{Entity: req.Entity}); err != nil {
		body.Fault_ = err
		return body
	}
	body.Res = &types.QueryAvailablePerfMetricResponse{}
	if req.IntervalId != realTime || hasRealTime(req.Entity.Type) {
		body.Res.Returnval = p.available(entity)
	}
	return body
}

// QueryPerf returns samples.
func (p *perfManager) QueryPerf(ctx *simulator.Context, req *types.QueryPerf) soap.HasFault {
	body := &methods.QueryPerfBody{}
	res := &types.QueryPerfResponse{}
	historical := 0
	for _, spec := range req.QuerySpec {
		entity, ok := ctx.Map.Get(spec.Entity).(mo.Entity)
		if !ok {
			body.Fault_ = objectGone(spec.Entity)
			return body
		}
		if spec.IntervalId != realTime {
			historical += len(spec.MetricId)
		}
		if err := p.spoilt.trouble(spec); err != nil {
			body.Fault_ = err
			return body
		}
		result, err := p.query(ctx, entity, spec)
		if err != nil {
			body.Fault_ = err
			return body
		}
		res.Returnval = append(res.Returnval, result)
	}
	if p.maxMetrics > 0 && historical > p.maxMetrics {
		body.Fault_ = fault("Operation was blocked by server side restrictions: querySpec.size",
			&types.RestrictedByAdministrator{Details: "querySpec.size"})
		return body
	}
	body.Res = res
	return body
}

// query answers one part of a QueryPerf call.
func (p *perfManager) query(ctx *simulator.Context, entity mo.Entity, spec types.PerfQuerySpec) (types.BasePerfEntityMetricBase, *soap.Fault) {
	ticks, interval, err := p.ticks(spec)
	if err != nil {
		return nil, err
	}
	if interval == realTime && !measured(ctx, entity) {
		ticks = nil
	}
	var series []types.PerfMetricId
	if len(ticks) != 0 {
		series = p.spoilt.without(spec.Entity, p.expand(entity, spec.MetricId))
		ticks = p.spoilt.present(spec.Entity, series, ticks, interval)
	}
	if spec.Format == string(types.PerfFormatCsv) {
		return p.csvResult(spec.Entity, series, ticks, interval), nil
	}
	return p.normalResult(spec.Entity, series, ticks, interval), nil
}

// measured tells whether an entity is up, so that it has real-time samples.
func measured(ctx *simulator.Context, entity mo.Entity) bool {
	up := true
	withLock(ctx, entity, func() {
		switch e := entity.(type) {
		case *simulator.VirtualMachine:
			up = e.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn &&
				e.Runtime.ConnectionState == types.VirtualMachineConnectionStateConnected
		case *simulator.HostSystem:
			up = e.Runtime.PowerState == types.HostSystemPowerStatePoweredOn &&
				e.Runtime.ConnectionState == types.HostSystemConnectionStateConnected
		}
	})
	return up
}

func hasRealTime(kind string) bool {
	return kind == "VirtualMachine" || kind == "HostSystem" || kind == "ResourcePool"
}

// ticks lists the sample times asked for, oldest first, as multiples of the
// sampling period since 1970. A sample belongs to the span when it lies after
// its beginning and not after its end.
func (p *perfManager) ticks(spec types.PerfQuerySpec) ([]int64, int32, *soap.Fault) {
	interval := spec.IntervalId
	if interval <= 0 {
		interval = 300
		if hasRealTime(spec.Entity.Type) {
			interval = realTime
		}
	}
	kept := realTimeKept
	if interval != realTime {
		kept = 0
		for _, h := range p.HistoricalInterval {
			if h.SamplingPeriod == interval {
				kept = int64(h.Length / h.SamplingPeriod)
			}
		}
	} else if !hasRealTime(spec.Entity.Type) {
		kept = 0
	}
	newest := p.world.clock.now().Unix() / int64(interval)
	oldest := newest - kept + 1
	if spec.StartTime != nil && spec.EndTime != nil && !spec.StartTime.Before(*spec.EndTime) {
		return nil, interval, invalidArgument("querySpec.startTime")
	}
	if spec.StartTime != nil {
		if first := spec.StartTime.Unix()/int64(interval) + 1; first > oldest {
			oldest = first
		}
	}
	if spec.EndTime != nil {
		if last := spec.EndTime.Unix() / int64(interval); last < newest {
			newest = last
		}
	}
	if most := int64(spec.MaxSample); interval == realTime && most > 0 && newest-oldest >= most {
		oldest = newest - most + 1
	}
	var ticks []int64
	for t := oldest; t <= newest; t++ {
		ticks = append(ticks, t)
	}
	return ticks, interval, nil
}

// expand turns the series asked for into series that exist: instance "*" into
// all of them, unknown ones into none.
func (p *perfManager) expand(entity mo.Entity, asked []types.PerfMetricId) []types.PerfMetricId {
	existing := p.available(entity)
	if len(asked) == 0 {
		return existing
	}
	var list []types.PerfMetricId
	seen := map[types.PerfMetricId]bool{}
	for _, want := range asked {
		for _, have := range existing {
			if have.CounterId != want.CounterId || seen[have] {
				continue
			}
			if want.Instance == "*" || want.Instance == have.Instance {
				seen[have] = true
				list = append(list, have)
			}
		}
	}
	return list
}

func sampleTime(tick int64, interval int32) time.Time {
	return time.Unix(tick*int64(interval), 0).UTC()
}

func (p *perfManager) normalResult(entity ref, series []types.PerfMetricId, ticks []int64, interval int32) *types.PerfEntityMetric {
	result := &types.PerfEntityMetric{}
	result.Entity = entity
	for _, tick := range ticks {
		result.SampleInfo = append(result.SampleInfo, types.PerfSampleInfo{
			Timestamp: sampleTime(tick, interval), Interval: interval,
		})
	}
	for _, id := range series {
		values := &types.PerfMetricIntSeries{}
		values.Id = id
		values.Value = p.values(entity, id, ticks, interval)
		result.Value = append(result.Value, values)
	}
	return result
}

func (p *perfManager) csvResult(entity ref, series []types.PerfMetricId, ticks []int64, interval int32) *types.PerfEntityMetricCSV {
	result := &types.PerfEntityMetricCSV{}
	result.Entity = entity
	samples := make([]string, 0, len(ticks))
	for _, tick := range ticks {
		samples = append(samples, fmt.Sprintf("%d,%s", interval, sampleTime(tick, interval).Format(time.RFC3339)))
	}
	result.SampleInfoCSV = strings.Join(samples, ",")
	for _, id := range series {
		values := make([]string, 0, len(ticks))
		for _, value := range p.values(entity, id, ticks, interval) {
			values = append(values, strconv.FormatInt(value, 10))
		}
		line := types.PerfMetricSeriesCSV{Value: strings.Join(values, ",")}
		line.Id = id
		result.Value = append(result.Value, line)
	}
	return result
}

// values are the samples of one series, spoilt as a test wants it.
func (p *perfManager) values(entity ref, id types.PerfMetricId, ticks []int64, interval int32) []int64 {
	name := entity.Value
	if e, ok := p.world.reg.Get(entity).(mo.Entity); ok && nameOf(e) != "" {
		name = nameOf(e)
	}
	values := make([]int64, 0, len(ticks))
	for _, tick := range ticks {
		values = append(values, p.value(name, id, tick))
	}
	p.spoilt.thin(entity, id, values, ticks, interval)
	return p.spoilt.samples(entity, id, values)
}

// spansFile is read by the worker's tests too, whose statistics in memory have
// the same values.
//
//go:embed spans.json
var spansFile []byte

// spans has the greatest value of a counter by its unit; "" is any other unit.
// Percent are hundredths, megahertz those of one simulated core.
var spans = func() (table map[string]uint64) {
	if err := json.Unmarshal(spansFile, &table); err != nil {
		panic(err)
	}
	return table
}()

// value is the same for the same question in every run and on either bed: it
// goes by the object's name. It is never 0, which the library leaves out of
// lists.
func (p *perfManager) value(name string, id types.PerfMetricId, tick int64) int64 {
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%s/%d/%s/%d", name, id.CounterId, id.Instance, tick)
	span := spans[""]
	if counter := p.counters[id.CounterId]; counter.UnitInfo != nil {
		if own, found := spans[counter.UnitInfo.GetElementDescription().Key]; found {
			span = own
		}
	}
	return int64(1 + hash.Sum64()%span)
}

// sortMetrics puts series in a stable order.
func sortMetrics(list []types.PerfMetricId) {
	sort.SliceStable(list, func(i, j int) bool {
		if list[i].CounterId != list[j].CounterId {
			return list[i].CounterId < list[j].CounterId
		}
		return list[i].Instance < list[j].Instance
	})
}
