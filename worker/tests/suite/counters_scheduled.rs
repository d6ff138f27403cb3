//! Samples asked together: how many calls it takes, with a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vpoller_inventory::{Performance, SampleQuery, Window, perf::Scheduler};
use vpoller_vsphere::{Error, Metric, PerfQuery};

use crate::support::counters::fault;
use crate::support::scheduler::{Bench, MEMORY, PAST_DAY, READY, REAL_TIME, USAGE, bench, bench_of, holds, seconds, value, vm};

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_share_calls() {
    let bench = bench(120);
    let found = bench.together((0..120).map(|number| (number, USAGE))).await;
    assert!(found.iter().all(|found| value(found) > 0));
    assert_eq!(bench.sizes(), [50, 50, 20]);
    assert_eq!((bench.status().asked, bench.status().calls, bench.status().objects), (120, 3, 120));
}

#[tokio::test(start_paused = true)]
async fn equal_requests_are_one_question() {
    let bench = bench_of([vm(1)], |statistics| statistics.delay = seconds(2));
    let first = bench.begin(vec![vm(1)]);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(bench.status().under_way, 1);
    let found = bench.together([(1, USAGE), (1, USAGE)]).await;
    assert_eq!(value(&found[0]), value(&first.await.unwrap()[0][0]));
    assert_eq!((bench.sizes(), bench.status().joined), (vec![1], 2));
}

#[tokio::test(start_paused = true)]
async fn a_sample_is_kept_until_the_next_one_is_due() {
    let bench = bench(1);
    let first = value(&bench.one(0, USAGE).await);
    bench.clock.advance(seconds(14));
    assert_eq!(value(&bench.one(0, USAGE).await), first);
    assert_eq!(bench.sizes(), [1]);
    // The server's clock stood at :45 in the beginning; the next sample is that of :60.
    bench.clock.advance(seconds(2));
    assert_ne!(value(&bench.one(0, USAGE).await), first);
    assert_eq!((bench.sizes(), bench.status().hits), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn what_will_be_asked_for_next_is_asked_along() {
    let bench = bench(60);
    // Three rounds a minute apart, each object a moment after the other.
    for round in 0..3 {
        for number in 0..60 {
            assert!(value(&bench.one(number, USAGE).await) > 0);
            bench.clock.advance(Duration::from_millis(100));
        }
        if round < 2 {
            bench.sizes();
        }
        bench.clock.advance(seconds(54));
    }
    assert_eq!(bench.sizes(), [50, 10], "a round of 60 objects costs two calls");
    assert!(bench.status().prefetch_efficiency().unwrap() > 0.9, "{:?}", bench.status());
}

#[tokio::test(start_paused = true)]
async fn what_several_objects_are_asked_for_is_guessed_for_others() {
    let bench = bench(10);
    for number in [0, 1] {
        for counter in [USAGE, READY, MEMORY] {
            assert!(value(&bench.one(number, counter).await) > 0);
        }
    }
    bench.sizes();
    for counter in [USAGE, READY, MEMORY] {
        assert!(value(&bench.one(7, counter).await) > 0);
    }
    let calls = bench.statistics.calls();
    assert_eq!(calls.len(), 1, "the first question about an object brings all three");
    assert_eq!(calls[0].iter().find(|query| query.entity == vm(7)).unwrap().metrics.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_fails_nobody_else() {
    let bench = bench(30);
    bench.statistics.remove(&vm(4));
    bench.statistics.remove(&vm(17));
    let found = bench.together((0..30).map(|number| (number, USAGE))).await;
    for (number, found) in found.iter().enumerate() {
        match (number, found) {
            (4 | 17, found) => assert!(found.as_ref().unwrap_err().to_string().starts_with("ManagedObjectNotFound"), "{found:?}"),
            (_, found) => assert!(value(found) > 0),
        }
    }
    assert_eq!(bench.sizes(), [30, 29, 28]);
    assert_eq!((bench.status().failed, bench.status().isolating), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_breaks_calls_is_found_in_halves_and_kept_apart() {
    let bench = bench(50);
    bench.statistics.set_trouble(|queries| holds(queries, &vm(20)).then(|| fault("HostCommunication", None)));
    let found = bench.together((0..50).map(|number| (number, USAGE))).await;
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1);
    assert!(found[20].as_ref().unwrap_err().to_string().contains("HostCommunication"));
    let calls = bench.statistics.calls();
    assert!(calls.len() <= 13, "{} calls", calls.len());
    // From now on it is asked by itself, and the others as before.
    bench.clock.advance(seconds(30));
    let found = bench.together((0..50).map(|number| (number, USAGE))).await;
    assert_eq!(found.iter().filter(|found| found.is_err()).count(), 1);
    let mut sizes = bench.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 49]);
    // Once it answers it is one of them again.
    bench.statistics.set_trouble(|_| None);
    for sizes in [vec![1, 49], vec![50]] {
        bench.clock.advance(seconds(30));
        bench.together((0..50).map(|number| (number, USAGE))).await.iter().for_each(|found| assert!(value(found) > 0));
        let mut seen = bench.sizes();
        seen.sort_unstable();
        assert_eq!(seen, sizes);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_read_is_asked_by_itself() {
    let bench = bench(10);
    bench.statistics.set_trouble(|queries| holds(queries, &vm(3)).then(|| fault("NoPermission", Some(&vm(3)))));
    let ask = || bench.together((0..10).map(|number| (number, USAGE)));
    assert!(ask().await[3].as_ref().unwrap_err().to_string().starts_with("NoPermission"));
    assert_eq!(bench.sizes(), [10, 9]);
    bench.clock.advance(seconds(61));
    assert_eq!(ask().await.iter().filter(|found| found.is_err()).count(), 1);
    let mut sizes = bench.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 9]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_those_who_gave_up_before_their_turn() {
    let bench = bench_of((0..300).map(vm), |statistics| statistics.delay = seconds(5));
    let many = bench.begin((0..200).map(vm).collect());
    tokio::time::sleep(seconds(1)).await;
    // All four places are taken.
    assert!(tokio::time::timeout(seconds(1), bench.one(250, USAGE)).await.is_err());
    many.await.unwrap();
    assert!(value(&bench.one(260, USAGE).await) > 0);
    // It may be asked along, as it may be asked for again, but no call is made for it.
    assert_eq!(bench.sizes(), [50, 50, 50, 50, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_counter_that_the_server_refuses_fails_no_other_and_is_remembered() {
    let bench = bench(40);
    let asks =
        |queries: &[PerfQuery], counter| queries.iter().any(|query| query.metrics.iter().any(|metric| metric.counter == counter));
    bench.statistics.set_trouble(move |queries| asks(queries, MEMORY).then(|| fault("InvalidArgument", None)));
    let metrics: Vec<_> = [USAGE, READY, MEMORY].into_iter().map(|counter| Metric::new(counter, "")).collect();
    let found = bench.ask((0..40).map(vm).collect(), metrics.clone(), REAL_TIME).await;
    for found in &found {
        assert!(value(&found[0]) > 0 && value(&found[1]) > 0);
        assert!(found[2].as_ref().unwrap_err().to_string().contains("InvalidArgument"), "{:?}", found[2]);
    }
    let calls = bench.statistics.calls().len();
    assert!(calls <= 30, "{calls} calls");
    // For ten minutes it is not asked for again, not even for objects that were not asked before.
    bench.clock.advance(seconds(60));
    bench.ask((0..40).map(vm).collect(), metrics.clone(), REAL_TIME).await;
    assert_eq!(bench.sizes(), [40]);
    bench.statistics.set_trouble(|_| None);
    bench.clock.advance(seconds(601));
    let found = bench.ask(vec![vm(3)], metrics, REAL_TIME).await;
    assert!(value(&found[0][2]) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_everything_is_not_asked_for_ever() {
    let bench = bench(50);
    bench.statistics.set_trouble(|_| Some(fault("SystemError", None)));
    let counters = [USAGE, READY, MEMORY].map(|counter| Metric::new(counter, ""));
    let found = bench.ask((0..50).map(vm).collect(), counters.to_vec(), REAL_TIME).await;
    assert!(found.iter().flatten().all(Result::is_err));
    assert_eq!(bench.statistics.calls().len(), 65, "one, and so many tries to find what is to blame");
}

#[tokio::test(start_paused = true)]
async fn what_was_only_guessed_is_dropped_first_when_a_call_fails() {
    let bench = bench(3);
    for number in [0, 1] {
        bench.together([(number, USAGE), (number, READY)]).await;
    }
    bench.sizes();
    let guessed = |query: &PerfQuery| query.entity == vm(2) && query.metrics.contains(&Metric::new(READY, ""));
    bench.statistics.set_trouble(move |queries| queries.iter().any(guessed).then(|| fault("InvalidArgument", None)));
    assert!(value(&bench.one(2, USAGE).await) > 0);
    assert_eq!(bench.statistics.calls().len(), 2);
    bench.clock.advance(seconds(60));
    assert!(value(&bench.one(2, USAGE).await) > 0);
    assert_eq!(bench.statistics.calls().len(), 1, "the guess is not repeated");
}

#[tokio::test(start_paused = true)]
async fn historical_calls_keep_to_the_servers_limit() {
    let bench = bench_of((0..30).map(vm), |statistics| *statistics.limit.get_mut().unwrap() = Some(20));
    let metrics = [USAGE, READY, MEMORY].map(|counter| Metric::new(counter, "")).to_vec();
    let found = bench.ask((0..30).map(vm).collect(), metrics.clone(), PAST_DAY).await;
    assert!(found.iter().flatten().all(|found| value(found) > 0));
    let calls = bench.statistics.calls();
    let series: Vec<usize> = calls.iter().map(|call| call.iter().map(|query| query.metrics.len()).sum()).collect();
    assert_eq!(series.iter().sum::<usize>(), 90);
    assert!(series.iter().all(|series| *series <= 20), "{series:?}");
    assert_eq!(series.len(), 5);
    assert!(calls.iter().flatten().all(|query| query.start.is_some() && query.interval == 300));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_the_server_does_not_tell_is_found() {
    let bench = bench_of((0..40).map(vm), |statistics| *statistics.limit.get_mut().unwrap() = None);
    bench.statistics.set_trouble(|queries| {
        let series: usize = queries.iter().map(|query| query.metrics.len()).sum();
        (series > 15).then(|| fault("RestrictedByAdministrator", None))
    });
    let ask = || bench.ask((0..40).map(vm).collect(), vec![Metric::new(USAGE, "")], PAST_DAY);
    assert!(ask().await.iter().flatten().all(|found| value(found) > 0));
    assert_eq!(bench.sizes(), [40, 20, 20, 10, 10, 10, 10]);
    assert_eq!((bench.status().halvings, bench.status().series_per_historical_call), (2, 10));
    // Past the next five minutes and the delay of rolled-up samples.
    bench.clock.advance(seconds(400));
    assert!(ask().await.iter().flatten().all(|found| value(found) > 0));
    assert_eq!(bench.sizes(), [10, 10, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn after_timeouts_less_is_asked_and_slowly_more_again() {
    let bench = bench(50);
    let timeout = || Error::Timeout { host: "vc01".into(), what: "QueryPerf".into(), limit: seconds(30) };
    bench.statistics.set_trouble(move |queries| holds(queries, &vm(9)).then(timeout));
    let found = bench.together((0..50).map(|number| (number, USAGE))).await;
    let failed: Vec<_> = (0..50).filter(|number| found[*number].is_err()).collect();
    assert_eq!(failed, [9]);
    assert_eq!(found[9].as_ref().unwrap_err().to_string(), "QueryPerf at vc01 took longer than 30 s");
    let status = bench.status();
    assert_eq!((status.halvings, status.objects_per_call, status.calls_at_once), (1, 25, 2));
    bench.sizes();
    for _ in 0..5 {
        bench.clock.advance(seconds(20));
        bench.together((0..50).filter(|number| *number != 9).map(|number| (number, USAGE))).await;
    }
    let sizes = bench.sizes();
    assert_eq!(sizes[..2], [25, 24]);
    assert!(bench.status().objects_per_call > 25 && bench.status().calls_at_once > 2, "{:?} {sizes:?}", bench.status());
}

#[tokio::test(start_paused = true)]
async fn never_more_than_four_calls_are_under_way() {
    let under_way = Arc::new(AtomicUsize::new(0));
    let bench = bench_of((0..500).map(vm), |statistics| statistics.delay = seconds(1));
    let most = tokio::spawn({
        let (scheduler, most) = (bench.scheduler.clone(), under_way.clone());
        async move {
            loop {
                most.fetch_max(usize::try_from(scheduler.status().under_way).unwrap(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    let found = bench.together((0..500).map(|number| (number, USAGE))).await;
    most.abort();
    assert!(found.iter().all(|found| value(found) > 0));
    assert_eq!((bench.sizes(), under_way.load(Ordering::Relaxed)), (vec![50; 10], 4));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_ends_no_call() {
    let bench = bench_of([vm(1)], |statistics| statistics.delay = seconds(2));
    let asking = bench.one(1, USAGE);
    assert!(tokio::time::timeout(seconds(1), asking).await.is_err());
    tokio::time::sleep(seconds(2)).await;
    assert_eq!((bench.status().under_way, bench.status().kept), (0, 1));
    assert!(value(&bench.one(1, USAGE).await) > 0);
    assert_eq!((bench.sizes(), bench.status().hits), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_breaks_down_is_told_and_not_waited_for() {
    let bench = bench(2);
    bench.statistics.set_trouble(|_| panic!("no such luck"));
    let error = bench.one(0, USAGE).await.unwrap_err().to_string();
    assert!(error.contains("was given up; ask again"), "{error}");
    assert_eq!(bench.status().under_way, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_server_that_cannot_be_reached() {
    let bench = bench(100);
    let lost = || Error::Connection { host: "vc01".into(), cause: "connection refused".into(), established: false };
    bench.statistics.set_trouble(move |_| Some(lost()));
    let found = bench.together((0..100).map(|number| (number, USAGE))).await;
    assert!(found.iter().all(|found| found.as_ref().unwrap_err().to_string() == "cannot reach vc01: connection refused"));
    assert_eq!(bench.sizes(), [50, 50], "the question is not to blame, so it is not divided");
    bench.statistics.set_trouble(|_| None);
    bench.clock.advance(seconds(1));
    assert!(value(&bench.one(0, USAGE).await) > 0);
}

#[tokio::test(start_paused = true)]
async fn several_samples_and_all_instances_are_answered_together() {
    let bench = bench(1);
    let window = Window { samples: 5, ..REAL_TIME };
    let found = bench.ask(vec![vm(0)], vec![Metric::new(148, "*"), Metric::new(USAGE, ""), Metric::new(99, "")], window).await;
    let [net, usage, unknown] = found[0].as_slice() else { panic!("{found:?}") };
    let net = net.as_ref().unwrap();
    assert_eq!(net.iter().map(|series| &*series.metric.instance).collect::<Vec<_>>(), ["", "4000"]);
    assert!(net.iter().chain(usage.as_ref().unwrap()).all(|series| series.samples.len() == 5));
    let times = net[0].samples.iter().map(|sample| sample.at.unix_micros());
    assert!(times.is_sorted());
    assert_eq!(unknown, &Ok(Vec::new()));
    assert_eq!(bench.statistics.calls()[0][0].max_sample, Some(7), "some more than are wanted");
}

#[tokio::test(start_paused = true)]
async fn objects_without_samples_are_not_asked_all_the_time() {
    let bench = bench(2);
    bench.statistics.set_down(vec![vm(1)]);
    for _ in 0..3 {
        let found = bench.together([(0, USAGE), (1, USAGE)]).await;
        assert_eq!(found[1], Ok(Vec::new()));
    }
    assert_eq!(bench.sizes(), [2]);
}

#[tokio::test(start_paused = true)]
async fn the_servers_clock_and_limit_are_asked_rarely() {
    let bench = bench(1);
    for _ in 0..40 {
        assert!(value(&bench.one(0, USAGE).await) > 0);
        bench.clock.advance(seconds(20));
    }
    assert_eq!((bench.statistics.asked("time"), bench.statistics.asked("limit")), (2, 1), "800 seconds");
}

#[tokio::test(start_paused = true)]
async fn another_server_behind_the_same_name_is_noticed() {
    let bench = bench(3);
    bench.together((0..3).map(|number| (number, USAGE))).await;
    assert_eq!(bench.status().kept, 3);
    *bench.statistics.instance.lock().unwrap() = "50000000-0000-0000-0000-000000000002";
    bench.clock.advance(seconds(20));
    assert!(value(&bench.one(0, USAGE).await) > 0);
    assert_eq!(bench.statistics.asked("limit"), 2);
    assert!(bench.status().kept <= 1, "{:?}", bench.status());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_server_is_not_taken() {
    let bench = bench_of([vm(0)], |statistics| statistics.delay = seconds(2));
    let asking = bench.begin(vec![vm(0)]);
    tokio::time::sleep(seconds(1)).await;
    *bench.statistics.instance.lock().unwrap() = "50000000-0000-0000-0000-000000000002";
    let error = asking.await.unwrap().remove(0).remove(0).unwrap_err().to_string();
    assert_eq!(error, "the session at vc01 was lost: another vCenter answers under this name");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_forgotten() {
    let bench = bench(100);
    bench.together((0..100).map(|number| (number, USAGE))).await;
    assert_eq!(bench.status().kept, 100);
    bench.clock.advance(seconds(800));
    assert!(value(&bench.one(5, USAGE).await) > 0);
    bench.clock.advance(seconds(150));
    // The task that tidies sleeps a minute at a time.
    tokio::time::sleep(seconds(61)).await;
    assert_eq!(bench.status().kept, 1);
    bench.clock.advance(seconds(1000));
    tokio::time::sleep(seconds(61)).await;
    assert_eq!(bench.status().kept, 0);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded() {
    let bench = bench(1);
    let objects = |from: usize| (from..from + 100_000).map(vm).collect::<Vec<_>>();
    let metrics = |count| (0..count).map(|counter| Metric::new(counter, "")).collect();
    let query = SampleQuery { objects: objects(0), metrics: metrics(3), window: REAL_TIME };
    let error = bench.scheduler.samples(query).await.unwrap_err().to_string();
    assert!(error.starts_with("more than 250000 performance series are asked for"), "{error}");
    assert_eq!(bench.status().kept, 0);
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_one_object_does_not_wait_for_those_who_ask_for_thousands() {
    let bench = bench_of((0..3000).map(vm), |statistics| statistics.delay = seconds(1));
    let many = bench.begin((0..2000).map(vm).collect());
    tokio::time::sleep(Duration::from_millis(100)).await;
    // One that is in that request, far behind, and one that is not.
    let found = bench.together([(1990, USAGE), (2500, USAGE)]).await;
    assert!(found.iter().all(|found| value(found) > 0));
    // Four calls were under way; they were in the next four, after which four more were made.
    assert!(bench.status().calls <= 12, "{:?}", bench.status());
    assert!(many.await.unwrap().iter().all(|found| value(&found[0]) > 0));
    assert_eq!(bench.sizes().len(), 41, "2001 objects");
}

#[tokio::test(start_paused = true)]
async fn without_memory_every_question_is_asked() {
    let bench = bench(3);
    let forgetful = Arc::new(Scheduler::new("vc01", bench.statistics.clone(), bench.clock.clone()).forgetful());
    let bench = Bench { scheduler: forgetful, ..bench };
    for _ in 0..3 {
        bench.together([(0, USAGE), (1, USAGE), (1, READY)]).await.iter().for_each(|found| assert!(value(found) > 0));
    }
    assert_eq!(bench.sizes(), [2, 2, 2]);
    assert_eq!((bench.status().hits, bench.status().prefetched), (0, 0));
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
async fn minutes(bench: &Bench, count: usize, place: impl Fn(usize, usize) -> usize) -> Vec<usize> {
    let mut items: Vec<(usize, usize)> = (0..1000).flat_map(|vm| (0..20).map(move |counter| (vm, counter))).collect();
    items.sort_by_key(|(vm, counter)| (place(*vm, *counter), *vm, *counter));
    let mut calls = Vec::new();
    let mut due = bench.clock.now();
    for _ in 0..count {
        // 20,000 a minute are 333 a second, or 10 in 30 ms.
        for part in items.chunks(10) {
            let asked = part.iter().map(|(number, counter)| (vm(*number), Metric::new(TWENTY[*counter].0, TWENTY[*counter].1)));
            let found = bench.requests(asked.collect(), REAL_TIME).await;
            assert!(found.iter().all(|found| value(found) > 0));
            due += Duration::from_millis(30);
            bench.clock.advance(due - bench.clock.now());
        }
        let sizes = bench.sizes();
        assert!(sizes.iter().all(|size| *size <= 50));
        calls.push(sizes.len());
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn twenty_counters_of_a_thousand_machines_cost_sixty_calls_a_minute() {
    let bench = bench(1000);
    let calls = minutes(&bench, 3, |vm, counter| (vm * 7919 + counter * 104_729) % 20_011).await;
    println!("{calls:?} calls in the minutes, {:?}", bench.status());
    // Every machine is needed at every sample: 20 calls for each of three samples a minute.
    assert_eq!(calls[1..], [60, 60]);
    assert!(calls[0] <= 250, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn counters_of_one_machine_after_the_other_cost_a_call_for_fifty_machines() {
    let bench = bench(1000);
    let calls = minutes(&bench, 3, |vm, _| vm).await;
    println!("{calls:?} calls in the minutes, {:?}", bench.status());
    assert!(calls[1..].iter().all(|calls| *calls <= 25), "{calls:?}");
}
