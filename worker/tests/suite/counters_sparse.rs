//! Counters whose samples are rarer than their interval: the newest real one is found, and no other counter costs more for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::{Direct, Inventory, Kind, SampleQuery, Window, perf::Clock};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Client, Config, Metric, MoRef, SecretString, Series, Tls};
use vpoller_worker::{Dispatcher, Executors};

use crate::support::counters::TIME;
use crate::support::host::answer;
use crate::support::scheduler::{MEMORY, PAST_DAY, REAL_TIME, SchedulerHarness, USAGE, harness, harness_of, seconds, value, vm};

const HOST: &str = "vc01.example.org";
const USED: i32 = 281;
const CAPACITY: i32 = 283;
const READ: i32 = 178;

fn store(number: usize) -> MoRef {
    MoRef::new("Datastore", format!("datastore-{number}"))
}

/// Datastores whose capacity counters have a sample every half hour. The clock stands at 15:48:45: the newest one is of 15:30.
fn stores(count: usize) -> SchedulerHarness {
    let harness = harness_of((0..count).map(store), |_| {});
    for counter in [USED, CAPACITY] {
        harness.statistics.spoil(&json!({"type": "Datastore", "counter": counter, "every": 1800}));
    }
    harness
}

/// When the newest sample of a datastore's series was taken.
async fn newest(harness: &SchedulerHarness, number: usize, counter: i32, window: Window) -> Vec<String> {
    let found = harness.ask(vec![store(number)], vec![Metric::new(counter, "")], window).await.remove(0).remove(0).unwrap();
    let times = found.iter().flat_map(|series| series.samples.iter().map(|sample| sample.at.to_string()[11..16].to_owned()));
    times.collect()
}

#[tokio::test(start_paused = true)]
async fn the_newest_real_sample_is_found_and_its_rhythm_remembered() {
    let harness = stores(2);
    assert_eq!(newest(&harness, 0, USED, PAST_DAY).await, ["15:30"]);
    assert_eq!(harness.sizes().len(), 2, "as usual, and two hours back");
    // From now on one call is enough, for the counter of other datastores too.
    for number in [0, 1] {
        harness.clock.advance(seconds(301));
        assert_eq!(newest(&harness, number, USED, PAST_DAY).await, ["15:30"], "{number}");
        assert_eq!(harness.sizes().len(), 1, "{number}");
    }
    // 16:00 has passed, and the sample is there.
    harness.clock.advance(seconds(600));
    assert_eq!(newest(&harness, 0, USED, PAST_DAY).await, ["16:00"]);
    assert_eq!(harness.sizes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn three_samples_of_a_rare_counter_are_three_real_ones() {
    let harness = stores(1);
    let three = Window { samples: 3, ..PAST_DAY };
    assert_eq!(newest(&harness, 0, USED, three).await, ["14:30", "15:00", "15:30"]);
    harness.sizes();
    harness.clock.advance(seconds(900));
    assert_eq!(newest(&harness, 0, USED, three).await, ["15:00", "15:30", "16:00"]);
    assert_eq!(harness.sizes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_other_counters_of_the_object_are_asked_as_usual() {
    let harness = stores(1);
    let metrics = || [USED, CAPACITY, READ].map(|counter| Metric::new(counter, "")).to_vec();
    for round in 0..2 {
        let found = harness.ask(vec![store(0)], metrics(), PAST_DAY).await.remove(0);
        assert!(found.iter().all(|found| value(found) > 0), "{found:?}");
        let calls = harness.statistics.calls();
        let last = calls.last().unwrap();
        let of_read = last.iter().find(|query| query.metrics.iter().any(|metric| metric.counter == READ));
        if round == 1 {
            assert_eq!((calls.len(), last.len()), (1, 2), "one call, with a question for each look back");
            assert_eq!(of_read.unwrap().metrics.len(), 1);
            assert!(of_read.unwrap().start > last.iter().map(|query| query.start).min().unwrap());
        }
        harness.clock.advance(seconds(330));
    }
}

#[tokio::test(start_paused = true)]
async fn other_rhythms_and_intervals_are_learned_alike() {
    let week = Window { interval: 1800, real_time: false, samples: 1 };
    // A rollup of half an hour that is filled every twelve hours, and a real-time counter with a sample in two minutes.
    for (object, counter, every, window) in [(store(0), READ, 43_200, week), (vm(0), MEMORY, 120, REAL_TIME)] {
        let harness = harness_of([object.clone()], |_| {});
        harness.clock.advance(seconds(3600 * 4 + 75));
        harness.statistics.spoil(&json!({"type": &*object.kind, "counter": counter, "every": every}));
        for round in 0..3 {
            let found = harness.ask(vec![object.clone()], vec![Metric::new(counter, "")], window).await.remove(0).remove(0);
            assert!(value(&found) > 0, "{object}, round {round}: {found:?}");
            assert!(harness.sizes().len() <= if round == 0 { 3 } else { 1 }, "{object}, round {round}");
            harness.clock.advance(seconds(u64::try_from(window.interval).unwrap() + 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_series_that_ended_is_no_rare_one() {
    let harness = harness(1);
    // A machine that has been off for five hours: a value of then is none of now.
    harness.statistics.spoil(&json!({"type": "VirtualMachine", "counter": USAGE, "lost": 60}));
    let ask = || harness.ask(vec![vm(0)], vec![Metric::new(USAGE, "")], PAST_DAY);
    for _ in 0..5 {
        assert!(ask().await.iter().flatten().flat_map(|found| found.as_ref().unwrap()).all(|one| one.samples.is_empty()));
        harness.clock.advance(seconds(70));
    }
    assert_eq!(harness.sizes().len(), 3 + 4, "searched once, in two steps, and not again");
}

#[tokio::test(start_paused = true)]
async fn machines_without_samples_are_not_all_searched() {
    let harness = harness(2000);
    harness.statistics.spoil(&json!({"type": "VirtualMachine", "counter": USAGE, "absent": true}));
    *harness.statistics.limit.lock().unwrap() = None;
    let found = harness.ask((0..2000).map(vm).collect(), vec![Metric::new(USAGE, "")], PAST_DAY).await;
    assert!(found.iter().all(|found| found[0] == Ok(Vec::new())));
    let calls = harness.sizes().len();
    assert!((40..=60).contains(&calls), "{calls} calls for 40 batches");
}

fn direct(address: std::net::SocketAddr) -> (Arc<Direct>, Clock) {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    (config.address, config.tls) = (Some(address), Tls::Off);
    let clock = Clock::default();
    (Arc::new(Direct::at(Client::new(config).unwrap(), clock.clone())), clock)
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_of_datastores_is_answered_whatever_lies_between_samples() {
    for gap in ["lost", "absent"] {
        let flags = ["-sample-clock", TIME, "-sparse-capacity", gap];
        let simulator = Simulator::start(&SimOptions { flags: &flags, ..SimOptions::default() });
        let (inventory, clock) = direct(simulator.address());
        let dispatcher =
            Dispatcher::new(Arc::new(Executors::new([(HOST.to_owned(), inventory.clone() as Arc<dyn Inventory>)], 64)));
        let request = json!({
            "method": "datastore.perf.metric.get", "hostname": HOST, "name": "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/",
            "counter-name": "disk.used.kiloBytes.latest", "perf-interval": "Past day",
        });
        let ask =
            async || -> Json { serde_json::from_slice(&answer(&dispatcher, request.to_string().as_bytes()).await).unwrap() };
        let reply = ask().await;
        assert_eq!(reply["result"][0]["timestamp"], "2015-02-10 15:30:00+00:00", "{gap}: {reply}");
        assert!(reply["result"][0]["value"].as_i64().unwrap() > 0, "{gap}: {reply}");
        // Every datastore and capacity counter at once; what is learned is not searched again.
        let stores = inventory.list(Kind::Datastore, &[]).await.unwrap();
        let all = |objects| {
            let metrics = [USED, CAPACITY].map(|counter| Metric::new(counter, "")).to_vec();
            SampleQuery { objects, metrics, window: PAST_DAY }
        };
        for round in 0..2 {
            simulator.reset_calls();
            let objects = stores.iter().map(|row| row.object.clone()).collect();
            let found = inventory.performance().samples(all(objects)).await.unwrap();
            let sampled = |found: &Series| found.samples.len() == 1;
            assert!(found.iter().flatten().all(|found| found.as_ref().unwrap().iter().all(sampled)), "{gap}: {found:?}");
            assert!(found.iter().flatten().all(|found| found.as_ref().unwrap().len() == 1), "{gap}: {found:?}");
            assert!(simulator.calls_of("QueryPerf") <= if round == 0 { 3 } else { 1 }, "{gap}, round {round}");
            clock.advance(Duration::from_secs(301));
            simulator.page("POST", "/clock", &json!({"advance": 301}).to_string());
        }
    }
}
