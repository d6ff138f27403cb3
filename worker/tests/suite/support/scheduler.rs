//! A scheduler of samples over statistics in memory, for tests that move its clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use vpoller_inventory::perf::{Clock, SamplingStatus, Scheduler};
use vpoller_inventory::{Performance, SampleQuery, SampleResult, Window};
use vpoller_vsphere::{Metric, MoRef, PerfQuery, Series};

use crate::support::counters::Statistics;

pub(crate) const REAL_TIME: Window = Window { interval: 20, real_time: true, samples: 1 };
pub(crate) const PAST_DAY: Window = Window { interval: 300, real_time: false, samples: 1 };
pub(crate) const USAGE: i32 = 2;
pub(crate) const READY: i32 = 12;
pub(crate) const MEMORY: i32 = 24;

/// A scheduler over statistics in memory, whose clock the test moves.
pub(crate) struct SchedulerHarness {
    pub statistics: Arc<Statistics>,
    pub scheduler: Arc<Scheduler>,
    pub clock: Clock,
}

pub(crate) fn vm(number: usize) -> MoRef {
    MoRef::new("VirtualMachine", format!("vm-{number}"))
}

pub(crate) fn harness_of(objects: impl IntoIterator<Item = MoRef>, change: impl FnOnce(&mut Statistics)) -> SchedulerHarness {
    let clock = Clock::default();
    let names: HashMap<_, _> = objects.into_iter().map(|object| (object.clone(), format!("name of {}", object.id))).collect();
    let mut statistics = Statistics::new(names, Some(clock.clone()));
    change(&mut statistics);
    let statistics = Arc::new(statistics);
    let scheduler = Arc::new(Scheduler::new("vc01", statistics.clone(), clock.clone()));
    SchedulerHarness { statistics, scheduler, clock }
}

pub(crate) fn harness(vms: usize) -> SchedulerHarness {
    harness_of((0..vms).map(vm), |_| {})
}

impl SchedulerHarness {
    pub(crate) async fn ask(&self, objects: Vec<MoRef>, metrics: Vec<Metric>, window: Window) -> Vec<Vec<SampleResult>> {
        self.scheduler.samples(SampleQuery { objects, metrics, window }).await.unwrap()
    }

    /// One counter of one virtual machine.
    pub(crate) async fn one(&self, number: usize, counter: i32) -> SampleResult {
        self.ask(vec![vm(number)], vec![Metric::new(counter, "")], REAL_TIME).await.remove(0).remove(0)
    }

    /// One counter of these, in a task of its own.
    pub(crate) fn begin(&self, objects: Vec<MoRef>) -> JoinHandle<Vec<Vec<SampleResult>>> {
        let query = SampleQuery { objects, metrics: vec![Metric::new(USAGE, "")], window: REAL_TIME };
        let scheduler = self.scheduler.clone();
        tokio::spawn(async move { scheduler.samples(query).await.unwrap() })
    }

    /// Several at the same time, each a request of its own.
    pub(crate) async fn together(&self, asked: impl IntoIterator<Item = (usize, i32)>) -> Vec<SampleResult> {
        let asked = asked.into_iter().map(|(number, counter)| (vm(number), Metric::new(counter, "")));
        self.requests(asked.collect(), REAL_TIME).await
    }

    pub(crate) async fn requests(&self, asked: Vec<(MoRef, Metric)>, window: Window) -> Vec<SampleResult> {
        let mut requests = JoinSet::new();
        for (place, (object, metric)) in asked.into_iter().enumerate() {
            let scheduler = self.scheduler.clone();
            requests.spawn(async move {
                let query = SampleQuery { objects: vec![object], metrics: vec![metric], window };
                (place, scheduler.samples(query).await.unwrap().remove(0).remove(0))
            });
        }
        let mut found = requests.join_all().await;
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, found)| found).collect()
    }

    pub(crate) fn status(&self) -> SamplingStatus {
        self.scheduler.status()
    }

    /// Objects of the calls since the last time this was asked.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.statistics.calls().iter().map(Vec::len).collect()
    }
}

pub(crate) fn value(found: &SampleResult) -> i64 {
    let [Series { samples, .. }] = found.as_ref().unwrap().as_slice() else { panic!("{found:?}") };
    let [sample] = samples.as_slice() else { panic!("{samples:?}") };
    sample.value
}

pub(crate) fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

pub(crate) fn holds(queries: &[PerfQuery], object: &MoRef) -> bool {
    queries.iter().any(|query| query.entity == *object)
}
