//! The statistics of a vSphere host in memory, for what needs no vSphere or a clock that stands still.
//!
//! Counters and series are those of `tests/statistics.json`, a part of what the simulator has; samples are computed as the
//! simulator computes them, so one set of expectations holds for both.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::time::Instant;
use vpoller_inventory::perf::{Clock, StatisticsSource};
use vpoller_testkit::workspace;
use vpoller_vsphere::{
    Catalogue, DateTime, EntitySeries, Error, Fault, Identity, Interval, Metric, MoRef, PerfQuery, Provider, Sample, Series,
    Struct, Value,
};

/// The server's time in all tests that stop it; five seconds after a real-time sample.
pub(crate) const TIME: &str = "2015-02-10T15:48:45Z";

/// One vSphere host's statistics.
pub(crate) struct Statistics {
    catalogue: Arc<Catalogue>,
    intervals: Arc<[Interval]>,
    /// The series of each type.
    series: HashMap<String, Vec<Metric>>,
    /// Up to where the values of a counter go.
    spans: HashMap<i32, u64>,
    /// Every object and its name.
    names: Mutex<HashMap<MoRef, String>>,
    /// Objects that have no real-time samples because they are off.
    down: Mutex<Vec<MoRef>>,
    /// The server's clock stands still unless it goes with ours.
    clock: Option<(Clock, Instant)>,
    pub instance: Mutex<&'static str>,
    pub limit: Mutex<Option<usize>>,
    /// As the simulator's page `/perf` takes them.
    rules: Mutex<Vec<Json>>,
    /// Whether the counters may be seen.
    denied: Mutex<bool>,
    /// What happens to the next calls.
    pub trouble: Mutex<Box<Trouble>>,
    /// How long each call takes.
    pub delay: Duration,
    calls: Mutex<Vec<Vec<PerfQuery>>>,
    others: Mutex<BTreeMap<&'static str, usize>>,
}

/// Looks at a call and may fail it.
pub(crate) type Trouble = dyn FnMut(&[PerfQuery]) -> Option<Error> + Send;

impl Statistics {
    /// Of these objects; a clock of ours moves the server's.
    pub(crate) fn new(names: HashMap<MoRef, String>, clock: Option<Clock>) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/statistics.json");
        let file: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let list = |name: &str, kind| file[name].as_array().unwrap().iter().map(move |json| data(kind, json)).collect::<Vec<_>>();
        let catalogue = Arc::new(Catalogue::new(list("counters", "PerfCounterInfo")));
        let spans = spans();
        let span = |unit: &str| spans.get(unit).unwrap_or(&spans[""]);
        Self {
            intervals: Interval::read_all(list("intervals", "PerfInterval")).into(),
            series: file["series"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(kind, counters)| (kind.clone(), metrics(counters)))
                .collect(),
            spans: catalogue.all().iter().map(|counter| (counter.key, *span(&counter.unit))).collect(),
            catalogue,
            names: Mutex::new(names),
            down: Mutex::default(),
            clock: clock.map(|clock| (clock.clone(), clock.now())),
            instance: Mutex::new("50000000-0000-0000-0000-000000000001"),
            limit: Mutex::new(Some(256)),
            rules: Mutex::default(),
            denied: Mutex::default(),
            trouble: Mutex::new(Box::new(|_| None)),
            delay: Duration::ZERO,
            calls: Mutex::default(),
            others: Mutex::default(),
        }
    }

    pub(crate) fn set_down(&self, objects: Vec<MoRef>) {
        *self.down.lock().unwrap() = objects;
    }

    pub(crate) fn remove(&self, object: &MoRef) {
        self.names.lock().unwrap().remove(object);
    }

    pub(crate) fn set_trouble(&self, trouble: impl FnMut(&[PerfQuery]) -> Option<Error> + Send + 'static) {
        *self.trouble.lock().unwrap() = Box::new(trouble);
    }

    /// As the simulator's page `/perf`.
    pub(crate) fn spoil(&self, rule: &Json) {
        self.rules.lock().unwrap().push(rule.clone());
    }

    /// The account may not see the counters.
    pub(crate) fn deny(&self) {
        *self.denied.lock().unwrap() = true;
    }

    /// The rules about a series, or about all of an object where no counter is named.
    fn rules(&self, object: &MoRef, counter: Option<i32>) -> Vec<Json> {
        let name = self.names.lock().unwrap().get(object).cloned();
        let is_meant = |rule: &&Json| {
            rule["type"] == *object.kind
                && (rule["name"].is_null() || rule["name"].as_str() == name.as_deref())
                && (rule["counter"].is_null() || rule["counter"].as_i64() == counter.map(i64::from))
        };
        self.rules.lock().unwrap().iter().filter(is_meant).cloned().collect()
    }

    /// The fault that an object or one of its counters brings.
    fn fault(&self, object: &MoRef, counter: Option<i32>) -> Option<Error> {
        let rules = self.rules(object, counter);
        let kind = rules.iter().find_map(|rule| rule["fault"].as_str())?;
        let words = match kind {
            "SystemError" => "A general system error occurred",
            "InvalidArgument" => "A specified parameter was not correct: querySpec.metricId",
            other => panic!("no words for {other}"),
        };
        let fields = match kind {
            "InvalidArgument" => vec![("invalidProperty".into(), Value::string("querySpec.metricId"))],
            _ => Vec::new(),
        };
        let fault = Box::new(Fault::new(Struct { kind: kind.into(), fields }, words.to_owned()));
        Some(Error::Fault { host: "vc01".into(), method: "QueryPerf".into(), object: "PerfMgr".into(), fault })
    }

    /// The calls for samples since the last time this was asked.
    pub(crate) fn calls(&self) -> Vec<Vec<PerfQuery>> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// How often anything else was asked.
    pub(crate) fn asked(&self, what: &str) -> usize {
        self.others.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    fn count(&self, what: &'static str) {
        *self.others.lock().unwrap().entry(what).or_default() += 1;
    }

    fn time(&self) -> DateTime {
        let start = DateTime::parse(TIME).unwrap().unix_micros();
        let passed = self.clock.as_ref().map_or(0, |(clock, then)| (clock.now() - *then).as_micros());
        DateTime::from_unix_micros(start + i64::try_from(passed).unwrap())
    }

    fn series(&self, object: &MoRef) -> &[Metric] {
        self.series.get(&*object.kind).map_or(&[], Vec::as_slice)
    }

    fn answer(&self, query: &PerfQuery) -> EntitySeries {
        let real_time = query.interval == 20;
        let up = !self.down.lock().unwrap().contains(&query.entity);
        let has = if real_time { up && has_real_time(&query.entity) } else { true };
        let existing = if has { self.series(&query.entity) } else { &[] };
        let absent = |metric: &&Metric| self.rules(&query.entity, Some(metric.counter)).iter().any(|rule| rule["absent"] == true);
        let asked = |metric: &&Metric| query.metrics.iter().any(|asked| asked.covers(metric)) && !absent(metric);
        let series =
            existing.iter().filter(asked).map(|metric| Series { metric: metric.clone(), samples: self.samples(query, metric) });
        EntitySeries { entity: query.entity.clone(), series: series.collect() }
    }

    fn samples(&self, query: &PerfQuery, metric: &Metric) -> Vec<Sample> {
        let period = i64::from(query.interval);
        let newest = self.time().unix_micros() / 1_000_000 / period;
        let kept = if query.interval == 20 { 180 } else { 288 };
        let oldest = match (query.start, query.max_sample) {
            (Some(start), _) => (start.unix_micros() / 1_000_000 / period + 1).max(newest - kept + 1),
            (None, Some(most)) => newest - i64::from(most).min(kept) + 1,
            (None, None) => newest - kept + 1,
        };
        let name = self.names.lock().unwrap()[&query.entity].clone();
        let lost = self.rules(&query.entity, Some(metric.counter)).iter().filter_map(|rule| rule["lost"].as_i64()).max();
        let newest = newest - lost.unwrap_or(0);
        let at = |tick: i64| DateTime::from_unix_micros(tick * period * 1_000_000);
        let sample = |tick| Sample { at: at(tick), interval: query.interval, value: self.value(&name, metric, tick) };
        // As the simulator, which writes -1 or nothing between samples that are rarer than their interval.
        let every = self.rules(&query.entity, Some(metric.counter)).iter().find_map(|rule| rule["every"].as_i64()).unwrap_or(1);
        (oldest..=newest).filter(|tick| tick * period % every == 0).map(sample).collect()
    }

    /// The question's FNV-1a hash picks a value between 1 and the span, as in the simulator; the cases compare both.
    fn value(&self, name: &str, metric: &Metric, tick: i64) -> i64 {
        let text = format!("{name}/{}/{}/{tick}", metric.counter, metric.instance);
        let hash =
            text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        i64::try_from(1 + hash % self.spans[&metric.counter]).unwrap()
    }
}

/// The greatest value of counters by their unit, as the simulator has it; "" is any other unit.
fn spans() -> HashMap<String, u64> {
    let path = workspace::root().join("tests/vcsim/spans.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// `{"2": [""], "148": ["", "4000"]}`.
fn metrics(counters: &Json) -> Vec<Metric> {
    let of_counter = |(counter, instances): (&String, &Json)| -> Vec<Metric> {
        let instances = instances.as_array().unwrap().iter().map(|instance| instance.as_str().unwrap());
        instances.map(|instance| Metric::new(counter.parse().unwrap(), instance)).collect()
    };
    counters.as_object().unwrap().iter().flat_map(of_counter).collect()
}

/// A fault of the server.
pub(crate) fn fault(kind: &str, object: Option<&MoRef>) -> Error {
    let fields = object.map(|object| ("obj".into(), Value::from(object.clone()))).into_iter().collect();
    let fault = Box::new(Fault::new(Struct { kind: kind.into(), fields }, format!("words for {kind}")));
    Error::Fault { host: "vc01".into(), method: "QueryPerf".into(), object: "PerfMgr".into(), fault }
}

fn no_permission() -> Error {
    let object = MoRef::new("PerformanceManager", "PerfMgr");
    let fields = vec![("object".into(), Value::from(object)), ("privilegeId".into(), Value::string("System.Read"))];
    let words = "Permission to perform this operation was denied.".to_owned();
    let fault = Box::new(Fault::new(Struct { kind: "NoPermission".into(), fields }, words));
    Error::Fault { host: "vc01".into(), method: "RetrievePropertiesEx".into(), object: "PerfMgr".into(), fault }
}

fn has_real_time(object: &MoRef) -> bool {
    matches!(&*object.kind, "VirtualMachine" | "HostSystem")
}

/// A data object of the API, its data objects and lists included.
fn data(kind: &str, json: &Json) -> Value {
    match json {
        Json::Object(members) => {
            let fields = members.iter().map(|(name, json)| (Arc::from(name.as_str()), data("ElementDescription", json)));
            Value::from(Struct { kind: kind.into(), fields: fields.collect() })
        }
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Int(number.as_i64().unwrap()),
        other => Value::string(other.as_str().unwrap()),
    }
}

impl StatisticsSource for Statistics {
    fn identity(&self) -> BoxFuture<'_, Result<Identity, Error>> {
        let instance = *self.instance.lock().unwrap();
        Box::pin(async move { Ok(Identity { instance: Some(instance.into()), generation: 1 }) })
    }

    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, Error>> {
        let denied = *self.denied.lock().unwrap();
        Box::pin(async move { if denied { Err(no_permission()) } else { Ok(self.catalogue.clone()) } })
    }

    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, Error>> {
        Box::pin(async { Ok(self.intervals.clone()) })
    }

    fn provider<'a>(&'a self, object: &'a MoRef) -> BoxFuture<'a, Result<Provider, Error>> {
        let real_time = has_real_time(object);
        Box::pin(async move { Ok(Provider { real_time, refresh_rate: real_time.then_some(20) }) })
    }

    fn available<'a>(&'a self, object: &'a MoRef, _: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, Error>> {
        self.count("available");
        let answer = self.fault(object, None).map_or_else(|| Ok(self.series(object).into()), Err);
        Box::pin(async { answer })
    }

    fn query<'a>(&'a self, queries: &'a [PerfQuery]) -> BoxFuture<'a, Result<Vec<EntitySeries>, Error>> {
        self.calls.lock().unwrap().push(queries.to_vec());
        let trouble = (self.trouble.lock().unwrap())(queries);
        Box::pin(async move {
            tokio::time::sleep(self.delay).await;
            if let Some(error) = trouble {
                return Err(error);
            }
            let faulty =
                |query: &PerfQuery| query.metrics.iter().find_map(|metric| self.fault(&query.entity, Some(metric.counter)));
            if let Some(error) = queries.iter().find_map(faulty) {
                return Err(error);
            }
            let gone = queries.iter().find(|query| !self.names.lock().unwrap().contains_key(&query.entity));
            match gone {
                Some(query) => Err(fault("ManagedObjectNotFound", Some(&query.entity))),
                None => Ok(queries.iter().map(|query| self.answer(query)).collect()),
            }
        })
    }

    fn current_time(&self) -> BoxFuture<'_, Result<DateTime, Error>> {
        self.count("time");
        Box::pin(async { Ok(self.time()) })
    }

    fn max_query_metrics(&self) -> BoxFuture<'_, Result<Option<usize>, Error>> {
        self.count("limit");
        let limit = *self.limit.lock().unwrap();
        Box::pin(async move { Ok(limit) })
    }
}
