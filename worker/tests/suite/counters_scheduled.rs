//! Samples asked together: how many calls it takes, with a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vpoller_inventory::{Performance, SampleQuery, Window, perf::Scheduler};
use vpoller_vsphere::{Error, Metric, PerfQuery};

use crate::support::counters::fault;
use crate::support::scheduler::{
    MEMORY, PAST_DAY, READY, REAL_TIME, SchedulerHarness, USAGE, harness, harness_of, holds, seconds, value, vm,
};

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_share_calls() {
    let harness = harness(120);
    let found = harness.together((0..120).map(|number| (number, USAGE))).await;
    assert!(found.iter().all(|found| value(found) > 0));
    assert_eq!(harness.sizes(), [50, 50, 20]);
    assert_eq!((harness.status().asked, harness.status().calls, harness.status().objects), (120, 3, 120));
}

#[tokio::test(start_paused = true)]
async fn equal_requests_are_one_question() {
    let harness = harness_of([vm(1)], |statistics| statistics.delay = seconds(2));
    let first = harness.begin(vec![vm(1)]);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(harness.status().under_way, 1);
    let found = harness.together([(1, USAGE), (1, USAGE)]).await;
    assert_eq!(value(&found[0]), value(&first.await.unwrap()[0][0]));
    assert_eq!((harness.sizes(), harness.status().joined), (vec![1], 2));
}

#[tokio::test(start_paused = true)]
async fn a_sample_is_kept_until_the_next_one_is_due() {
    let harness = harness(1);
    let first = value(&harness.one(0, USAGE).await);
    harness.clock.advance(seconds(14));
    assert_eq!(value(&harness.one(0, USAGE).await), first);
    assert_eq!(harness.sizes(), [1]);
    // The server's clock stood at :45 in the beginning; the next sample is that of :60.
    harness.clock.advance(seconds(2));
    assert_ne!(value(&harness.one(0, USAGE).await), first);
    assert_eq!((harness.sizes(), harness.status().hits), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn what_will_be_asked_for_next_is_asked_along() {
    let harness = harness(60);
    // Three rounds a minute apart, each object a moment after the other.
    for round in 0..3 {
        for number in 0..60 {
            assert!(value(&harness.one(number, USAGE).await) > 0);
            harness.clock.advance(Duration::from_millis(100));
        }
        if round < 2 {
            harness.sizes();
        }
        harness.clock.advance(seconds(54));
    }
    assert_eq!(harness.sizes(), [50, 10], "a round of 60 objects costs two calls");
    assert!(harness.status().prefetch_efficiency().unwrap() > 0.9, "{:?}", harness.status());
}

#[tokio::test(start_paused = true)]
async fn what_several_objects_are_asked_for_is_guessed_for_others() {
    let harness = harness(10);
    for number in [0, 1] {
        for counter in [USAGE, READY, MEMORY] {
            assert!(value(&harness.one(number, counter).await) > 0);
        }
    }
    harness.sizes();
    for counter in [USAGE, READY, MEMORY] {
        assert!(value(&harness.one(7, counter).await) > 0);
    }
    let calls = harness.statistics.calls();
    assert_eq!(calls.len(), 1, "the first question about an object brings all three");
    assert_eq!(calls[0].iter().find(|query| query.entity == vm(7)).unwrap().metrics.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_fails_nobody_else() {
    let harness = harness(30);
    harness.statistics.remove(&vm(4));
    harness.statistics.remove(&vm(17));
    let found = harness.together((0..30).map(|number| (number, USAGE))).await;
    for (number, found) in found.iter().enumerate() {
        match (number, found) {
            (4 | 17, found) => assert!(found.as_ref().unwrap_err().to_string().starts_with("ManagedObjectNotFound"), "{found:?}"),
            (_, found) => assert!(value(found) > 0),
        }
    }
    assert_eq!(harness.sizes(), [30, 29, 28]);
    assert_eq!((harness.status().failed, harness.status().isolating), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_breaks_calls_is_found_in_halves_and_kept_apart() {
    let harness = harness(50);
    harness.statistics.set_trouble(|queries| holds(queries, &vm(20)).then(|| fault("HostCommunication", None)));
    let found = harness.together((0..50).map(|number| (number, USAGE))).await;
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1);
    assert!(found[20].as_ref().unwrap_err().to_string().contains("HostCommunication"));
    let calls = harness.statistics.calls();
    assert!(calls.len() <= 13, "{} calls", calls.len());
    // From now on it is asked by itself, and the others as before.
    harness.clock.advance(seconds(30));
    let found = harness.together((0..50).map(|number| (number, USAGE))).await;
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1);
    let mut sizes = harness.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 49]);
    // Once it answers it is one of them again.
    harness.statistics.set_trouble(|_| None);
    for sizes in [vec![1, 49], vec![50]] {
        harness.clock.advance(seconds(30));
        harness.together((0..50).map(|number| (number, USAGE))).await.iter().for_each(|found| assert!(value(found) > 0));
        let mut seen = harness.sizes();
        seen.sort_unstable();
        assert_eq!(seen, sizes);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_read_is_asked_by_itself() {
    let harness = harness(10);
    harness.statistics.set_trouble(|queries| holds(queries, &vm(3)).then(|| fault("NoPermission", Some(&vm(3)))));
    let ask = || harness.together((0..10).map(|number| (number, USAGE)));
    assert!(ask().await[3].as_ref().unwrap_err().to_string().starts_with("NoPermission"));
    assert_eq!(harness.sizes(), [10, 9]);
    harness.clock.advance(seconds(61));
    assert_eq!(ask().await.iter().filter(|found| found.is_err()).count(), 1);
    let mut sizes = harness.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 9]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_those_who_gave_up_before_their_turn() {
    let harness = harness_of((0..300).map(vm), |statistics| statistics.delay = seconds(5));
    let many = harness.begin((0..200).map(vm).collect());
    tokio::time::sleep(seconds(1)).await;
    // All four places are taken.
    assert!(tokio::time::timeout(seconds(1), harness.one(250, USAGE)).await.is_err());
    many.await.unwrap();
    assert!(value(&harness.one(260, USAGE).await) > 0);
    // It may be asked along, as it may be asked for again, but no call is made for it.
    assert_eq!(harness.sizes(), [50, 50, 50, 50, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_counter_that_the_server_refuses_fails_no_other_and_is_remembered() {
    let harness = harness(40);
    let asks =
        |queries: &[PerfQuery], counter| queries.iter().any(|query| query.metrics.iter().any(|metric| metric.counter == counter));
    harness.statistics.set_trouble(move |queries| asks(queries, MEMORY).then(|| fault("InvalidArgument", None)));
    let metrics: Vec<_> = [USAGE, READY, MEMORY].into_iter().map(|counter| Metric::new(counter, "")).collect();
    let found = harness.ask((0..40).map(vm).collect(), metrics.clone(), REAL_TIME).await;
    for found in &found {
        assert!(value(&found[0]) > 0 && value(&found[1]) > 0);
        assert!(found[2].as_ref().unwrap_err().to_string().contains("InvalidArgument"), "{:?}", found[2]);
    }
    let calls = harness.statistics.calls().len();
    assert!(calls <= 30, "{calls} calls");
    // For ten minutes it is not asked for again, not even for objects that were not asked before.
    harness.clock.advance(seconds(60));
    harness.ask((0..40).map(vm).collect(), metrics.clone(), REAL_TIME).await;
    assert_eq!(harness.sizes(), [40]);
    harness.statistics.set_trouble(|_| None);
    harness.clock.advance(seconds(601));
    let found = harness.ask(vec![vm(3)], metrics, REAL_TIME).await;
    assert!(value(&found[0][2]) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_everything_is_not_asked_for_ever() {
    let harness = harness(50);
    harness.statistics.set_trouble(|_| Some(fault("SystemError", None)));
    let counters = [USAGE, READY, MEMORY].map(|counter| Metric::new(counter, ""));
    let found = harness.ask((0..50).map(vm).collect(), counters.to_vec(), REAL_TIME).await;
    assert!(found.iter().flatten().all(Result::is_err));
    assert_eq!(harness.statistics.calls().len(), 65, "one, and so many tries to find what is to blame");
}

#[tokio::test(start_paused = true)]
async fn what_was_only_guessed_is_dropped_first_when_a_call_fails() {
    let harness = harness(3);
    for number in [0, 1] {
        harness.together([(number, USAGE), (number, READY)]).await;
    }
    harness.sizes();
    let guessed = |query: &PerfQuery| query.entity == vm(2) && query.metrics.contains(&Metric::new(READY, ""));
    harness.statistics.set_trouble(move |queries| queries.iter().any(guessed).then(|| fault("InvalidArgument", None)));
    assert!(value(&harness.one(2, USAGE).await) > 0);
    assert_eq!(harness.statistics.calls().len(), 2);
    harness.clock.advance(seconds(60));
    assert!(value(&harness.one(2, USAGE).await) > 0);
    assert_eq!(harness.statistics.calls().len(), 1, "the guess is not repeated");
}

#[tokio::test(start_paused = true)]
async fn historical_calls_keep_to_the_servers_limit() {
    let harness = harness_of((0..30).map(vm), |statistics| *statistics.limit.get_mut().unwrap() = Some(20));
    let metrics = [USAGE, READY, MEMORY].map(|counter| Metric::new(counter, "")).to_vec();
    let found = harness.ask((0..30).map(vm).collect(), metrics.clone(), PAST_DAY).await;
    assert!(found.iter().flatten().all(|found| value(found) > 0));
    let calls = harness.statistics.calls();
    let series: Vec<usize> = calls.iter().map(|call| call.iter().map(|query| query.metrics.len()).sum()).collect();
    assert_eq!(series.iter().sum::<usize>(), 90);
    assert!(series.iter().all(|series| *series <= 20), "{series:?}");
    assert_eq!(series.len(), 5);
    assert!(calls.iter().flatten().all(|query| query.start.is_some() && query.interval == 300));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_server_does_not_tell_is_found() {
    let harness = harness_of((0..40).map(vm), |statistics| *statistics.limit.get_mut().unwrap() = None);
    harness.statistics.set_trouble(|queries| {
        let series: usize = queries.iter().map(|query| query.metrics.len()).sum();
        (series > 15).then(|| fault("RestrictedByAdministrator", None))
    });
    let ask = || harness.ask((0..40).map(vm).collect(), vec![Metric::new(USAGE, "")], PAST_DAY);
    assert!(ask().await.iter().flatten().all(|found| value(found) > 0));
    assert_eq!(harness.sizes(), [40, 20, 20, 10, 10, 10, 10]);
    assert_eq!((harness.status().halvings, harness.status().series_per_historical_call), (2, 10));
    // Past the next five minutes and the delay of rolled-up samples.
    harness.clock.advance(seconds(400));
    assert!(ask().await.iter().flatten().all(|found| value(found) > 0));
    assert_eq!(harness.sizes(), [10, 10, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn after_timeouts_less_is_asked_and_slowly_more_again() {
    let harness = harness(50);
    let timeout = || Error::Timeout { host: "vc01".into(), what: "QueryPerf".into(), limit: seconds(30) };
    harness.statistics.set_trouble(move |queries| holds(queries, &vm(9)).then(timeout));
    let found = harness.together((0..50).map(|number| (number, USAGE))).await;
    let failed: Vec<_> = (0..50).filter(|number| found[*number].is_err()).collect();
    assert_eq!(failed, [9]);
    assert_eq!(found[9].as_ref().unwrap_err().to_string(), "QueryPerf at vc01 took longer than 30 s");
    let status = harness.status();
    assert_eq!((status.halvings, status.objects_per_call, status.calls_at_once), (1, 25, 2));
    harness.sizes();
    for _ in 0..5 {
        harness.clock.advance(seconds(20));
        harness.together((0..50).filter(|number| *number != 9).map(|number| (number, USAGE))).await;
    }
    let sizes = harness.sizes();
    assert_eq!(sizes[..2], [25, 24]);
    assert!(harness.status().objects_per_call > 25 && harness.status().calls_at_once > 2, "{:?} {sizes:?}", harness.status());
}

#[tokio::test(start_paused = true)]
async fn never_more_than_four_calls_are_under_way() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let harness = harness_of((0..500).map(vm), |statistics| statistics.delay = seconds(1));
    let most = tokio::spawn({
        let (scheduler, most) = (harness.scheduler.clone(), under_way.clone());
        async move {
            loop {
                most.fetch_max(usize::try_from(scheduler.status().under_way).unwrap(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let found = harness.together((0..500).map(|number| (number, USAGE))).await;
    most.abort();
    assert!(found.iter().all(|found| value(found) > 0));
    assert_eq!((harness.sizes(), under_way.load(Ordering::Relaxed)), (vec![50; 10], 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_ends_no_call() {
    let harness = harness_of([vm(1)], |statistics| statistics.delay = seconds(2));
    let asking = harness.one(1, USAGE);
    assert!(tokio::time::timeout(seconds(1), asking).await.is_err());
    tokio::time::sleep(seconds(2)).await;
    assert_eq!((harness.status().under_way, harness.status().kept), (0, 1));
    assert!(value(&harness.one(1, USAGE).await) > 0);
    assert_eq!((harness.sizes(), harness.status().hits), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_breaks_down_is_told_and_not_waited_for() {
    let harness = harness(2);
    harness.statistics.set_trouble(|_| panic!("no such luck"));
    let error = harness.one(0, USAGE).await.unwrap_err().to_string();
    assert!(error.contains("was given up; ask again"), "{error}");
    assert_eq!(harness.status().under_way, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_server_that_cannot_be_reached() {
    let harness = harness(100);
    let lost = || Error::Connection { host: "vc01".into(), cause: "connection refused".into(), established: false };
    harness.statistics.set_trouble(move |_| Some(lost()));
    let found = harness.together((0..100).map(|number| (number, USAGE))).await;
    assert!(found.iter().all(|found| found.as_ref().unwrap_err().to_string() == "cannot reach vc01: connection refused"));
    assert_eq!(harness.sizes(), [50, 50], "the question is not to blame, so it is not divided");
    harness.statistics.set_trouble(|_| None);
    harness.clock.advance(seconds(1));
    assert!(value(&harness.one(0, USAGE).await) > 0);
}

#[tokio::test(start_paused = true)]
async fn several_samples_and_all_instances_are_answered_together() {
    let harness = harness(1);
    let window = Window { samples: 5, ..REAL_TIME };
    let found = harness.ask(vec![vm(0)], vec![Metric::new(148, "*"), Metric::new(USAGE, ""), Metric::new(99, "")], window).await;
    let [net, usage, unknown] = found[0].as_slice() else { panic!("{found:?}") };
    let net = net.as_ref().unwrap();
    assert_eq!(net.iter().map(|series| &*series.metric.instance).collect::<Vec<_>>(), ["", "4000"]);
    assert!(net.iter().chain(usage.as_ref().unwrap()).all(|series| series.samples.len() == 5));
    let times = net[0].samples.iter().map(|sample| sample.at.unix_micros());
    assert!(times.is_sorted());
    assert_eq!(unknown, &Ok(Vec::new()));
    assert_eq!(harness.statistics.calls()[0][0].max_sample, Some(7), "some more than are wanted");
}

#[tokio::test(start_paused = true)]
async fn objects_without_samples_are_not_asked_all_the_time() {
    let harness = harness(2);
    harness.statistics.set_down(vec![vm(1)]);
    for _ in 0..3 {
        let found = harness.together([(0, USAGE), (1, USAGE)]).await;
        assert_eq!(found[1], Ok(Vec::new()));
    }
    assert_eq!(harness.sizes(), [2]);
}

#[tokio::test(start_paused = true)]
async fn the_servers_clock_and_limit_are_asked_rarely() {
    let harness = harness(1);
    for _ in 0..40 {
        assert!(value(&harness.one(0, USAGE).await) > 0);
        harness.clock.advance(seconds(20));
    }
    assert_eq!((harness.statistics.asked("time"), harness.statistics.asked("limit")), (2, 1), "800 seconds");
}

#[tokio::test(start_paused = true)]
async fn another_server_behind_the_same_name_is_noticed() {
    let harness = harness(3);
    harness.together((0..3).map(|number| (number, USAGE))).await;
    assert_eq!(harness.status().kept, 3);
    *harness.statistics.instance.lock().unwrap() = "50000000-0000-0000-0000-000000000002";
    harness.clock.advance(seconds(20));
    assert!(value(&harness.one(0, USAGE).await) > 0);
    assert_eq!(harness.statistics.asked("limit"), 2);
    assert!(harness.status().kept <= 1, "{:?}", harness.status());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_server_is_not_taken() {
    let harness = harness_of([vm(0)], |statistics| statistics.delay = seconds(2));
    let asking = harness.begin(vec![vm(0)]);
    tokio::time::sleep(seconds(1)).await;
    *harness.statistics.instance.lock().unwrap() = "50000000-0000-0000-0000-000000000002";
    let error = asking.await.unwrap().remove(0).remove(0).unwrap_err().to_string();
    assert_eq!(error, "the session at vc01 was lost: another vCenter answers under this name");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_forgotten() {
    let harness = harness(100);
    harness.together((0..100).map(|number| (number, USAGE))).await;
    assert_eq!(harness.status().kept, 100);
    harness.clock.advance(seconds(800));
    assert!(value(&harness.one(5, USAGE).await) > 0);
    harness.clock.advance(seconds(150));
    // The task that tidies sleeps a minute at a time.
    tokio::time::sleep(seconds(61)).await;
    assert_eq!(harness.status().kept, 1);
    harness.clock.advance(seconds(1000));
    tokio::time::sleep(seconds(61)).await;
    assert_eq!(harness.status().kept, 0);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let harness = harness(1);
    let objects = |from: usize| (from..from + 100_000).map(vm).collect::<Vec<_>>();
    let metrics = |count| (0..count).map(|counter| Metric::new(counter, "")).collect();
    let query = SampleQuery { objects: objects(0), metrics: metrics(11), window: REAL_TIME };
    let error = harness.scheduler.samples(query).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.starts_with("more than 1000000 performance series are asked for"), "{error}");
    assert_eq!(harness.status().kept, 0);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_one_object_does_not_wait_for_those_who_ask_for_thousands() {
    let harness = harness_of((0..3000).map(vm), |statistics| statistics.delay = seconds(1));
    let many = harness.begin((0..2000).map(vm).collect());
    tokio::time::sleep(Duration::from_millis(100)).await;
    // One that is in that request, far behind, and one that is not.
    let found = harness.together([(1990, USAGE), (2500, USAGE)]).await;
    assert!(found.iter().all(|found| value(found) > 0));
    // Four calls were under way; they were in the next four, after which four more were made.
    assert!(harness.status().calls <= 12, "{:?}", harness.status());
    assert!(many.await.unwrap().iter().all(|found| value(&found[0]) > 0));
    assert_eq!(harness.sizes().len(), 41, "2001 objects");
}

#[tokio::test(start_paused = true)]
async fn without_memory_every_question_is_asked() {
    let harness = harness(3);
    let forgetful = Arc::new(Scheduler::new("vc01", harness.statistics.clone(), harness.clock.clone()).forgetful());
    let harness = SchedulerHarness { scheduler: forgetful, ..harness };
    for _ in 0..3 {
        harness.together([(0, USAGE), (1, USAGE), (1, READY)]).await.iter().for_each(|found| assert!(value(found) > 0));
    }
    assert_eq!(harness.sizes(), [2, 2, 2]);
    assert_eq!((harness.status().hits, harness.status().prefetched), (0, 0));
}

/// Counters for the measure below, all of them known to `tests/statistics.json`.
const TWENTY: [(i32, &str); 20] = [
    (2, ""),
    (6, ""),
    (6, "0"),
    (6, "1"),
    (6, "2"),
    (6, "3"),
    (12, ""),
    (12, "0"),
    (12, "1"),
    (12, "2"),
    (12, "3"),
    (24, ""),
    (98, ""),
    (143, ""),
    (143, "4000"),
    (148, ""),
    (148, "4000"),
    (149, ""),
    (149, "4000"),
    (173, ""),
];

/// Asks for 20 counters of 1,000 virtual machines in every minute, in the order that `place` gives to each pair, evenly spread.
/// Returns the calls of each minute.
async fn minutes(harness: &SchedulerHarness, count: usize, place: impl Fn(usize, usize) -> usize) -> Vec<usize> {
    let mut items: Vec<(usize, usize)> = (0..1000).flat_map(|vm| (0..20).map(move |counter| (vm, counter))).collect();
    items.sort_by_key(|(vm, counter)| (place(*vm, *counter), *vm, *counter));
    let mut calls = Vec::new();
    let mut due = harness.clock.now();
    for _ in 0..count {
        // 20,000 a minute are 333 a second, or 10 in 30 ms.
        for part in items.chunks(10) {
            let asked = part.iter().map(|(number, counter)| (vm(*number), Metric::new(TWENTY[*counter].0, TWENTY[*counter].1)));
            let found = harness.requests(asked.collect(), REAL_TIME).await;
            assert!(found.iter().all(|found| value(found) > 0));
            due += Duration::from_millis(30);
            harness.clock.advance(due - harness.clock.now());
        }
        let sizes = harness.sizes();
        assert!(sizes.iter().all(|size| *size <= 50));
        calls.push(sizes.len());
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn twenty_counters_of_a_thousand_machines_cost_sixty_calls_a_minute() {
    let harness = harness(1000);
    let calls = minutes(&harness, 3, |vm, counter| (vm * 7919 + counter * 104_729) % 20_011).await;
    println!("{calls:?} calls in the minutes, {:?}", harness.status());
    // Every machine is needed at every sample: 20 calls for each of three samples a minute.
    assert_eq!(calls[1..], [60, 60]);
    assert!(calls[0] <= 250, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn counters_of_one_machine_after_the_other_cost_a_call_for_fifty_machines() {
    let harness = harness(1000);
    let calls = minutes(&harness, 3, |vm, _| vm).await;
    println!("{calls:?} calls in the minutes, {:?}", harness.status());
    assert!(calls[1..].iter().all(|calls| *calls <= 25), "{calls:?}");
}
