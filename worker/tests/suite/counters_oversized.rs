//! Historical calls that are too large, at a server that gives no reason: status 500, as vCenter 8.0.3 answers.

use std::time::Instant;

use vpoller_vsphere::{Error, Metric, MoRef, PerfQuery};

use crate::support::counters::Statistics;
use crate::support::scheduler::{PAST_DAY, SchedulerHarness, harness_of, seconds, value, vm};

/// Status 500 for historical calls of more than this many series.
fn takes_at_most(statistics: &Statistics, most: usize) {
    statistics.set_trouble(move |queries: &[PerfQuery]| {
        let series: usize = queries.iter().filter(|query| query.interval != 20).map(|query| query.metrics.len()).sum();
        (series > most).then(|| Error::Status {
            host: "vc01".into(),
            what: "QueryPerf".into(),
            status: 500,
            excerpt: "Internal Server Error".into(),
        })
    });
}

/// The counters that machines have for all instances together.
fn aggregates() -> Vec<Metric> {
    [2, 6, 12, 24, 98, 143, 148, 149, 173].map(|counter| Metric::new(counter, "")).to_vec()
}

fn silent(objects: impl IntoIterator<Item = MoRef>, most: usize) -> SchedulerHarness {
    let harness = harness_of(objects, |statistics| *statistics.limit.get_mut().unwrap() = None);
    takes_at_most(&harness.statistics, most);
    harness
}

#[tokio::test(start_paused = true)]
async fn one_object_with_too_many_series_is_asked_in_parts() {
    let harness = silent([vm(0)], 8);
    let found = harness.ask(vec![vm(0)], aggregates(), PAST_DAY).await.remove(0);
    assert!(found.iter().all(|found| value(found) > 0), "{found:?}");
    assert_eq!(harness.statistics.calls().len(), 3, "nine are refused, five and four are taken");
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_asked_in_parts_and_the_size_is_remembered() {
    let harness = silent((0..100).map(vm), 256);
    let start = Instant::now();
    for round in 0..3 {
        let found = harness.ask((0..100).map(vm).collect(), aggregates(), PAST_DAY).await;
        assert!(found.iter().flatten().all(|found| value(found) > 0), "round {round}");
        let calls = harness.statistics.calls().len();
        assert!(calls <= if round == 0 { 7 } else { 5 }, "round {round}: {calls} calls");
        harness.clock.advance(seconds(400));
    }
    let status = harness.status();
    assert_eq!((status.calls_at_once, status.objects_per_call), (4, 50), "nothing else is asked less: {status:?}");
    assert!(start.elapsed() < seconds(20), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_everything_for_a_while_is_asked_in_bulk_again() {
    let harness = silent((0..50).map(vm), 0);
    let found = harness.ask((0..50).map(vm).collect(), aggregates(), PAST_DAY).await;
    assert!(found.iter().flatten().all(Result::is_err));
    assert!(harness.statistics.calls().len() <= 1 + 64);
    assert!(harness.status().series_per_historical_call >= 16, "{:?}", harness.status());
}
