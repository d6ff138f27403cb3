//! The performance manager of the simulated servers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use vpoller_testkit::Relay;
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::relay::{Fault, Rule};
use vpoller_testkit::simulator::{Bed, SimOptions, Simulator};
use vpoller_testkit::wait::SOON;
use vpoller_vsphere::{DateTime, Metric, MoRef, PerfQuery, Performance, Provider, ServerClock};

use crate::{client, named, vm};

const CLOCK: &str = "2015-02-10T15:48:45Z";

fn stopped(bed: Bed) -> Simulator {
    Simulator::start(&SimOptions { bed, flags: &["-sample-clock", CLOCK], ..SimOptions::default() })
}

fn real_time(entity: &MoRef, metrics: Vec<Metric>) -> PerfQuery {
    PerfQuery { entity: entity.clone(), start: None, max_sample: Some(3), metrics, interval: 20 }
}

#[tokio::test]
async fn what_the_server_tells_once_is_asked_once_a_session() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let perf = Performance::new(client.clone());
    let counters = perf.counters().await.unwrap();
    assert!(counters.all().len() > 500, "{}", counters.all().len());
    assert_eq!(counters.find("net.received.kiloBytesPerSecond.average").unwrap().key, 148);
    assert_eq!(counters.get(257).unwrap().full_name(), "vmop.numPoweroff.number.latest");
    let intervals = perf.intervals().await.unwrap();
    let shown: Vec<_> =
        intervals.iter().map(|interval| (interval.key, &*interval.name, interval.sampling_period, interval.length)).collect();
    assert_eq!(shown[0], (1, "Past day", 300, 86_400));
    assert_eq!(shown.len(), 4);
    let vm = vm(&client, "vm01.example.org").await;
    let cluster = named(&client.retrieve_all("ClusterComputeResource", &["name"]).await.unwrap(), "cluster01").obj.clone();
    for _ in 0..2 {
        assert_eq!(perf.provider(&vm).await.unwrap(), Provider { real_time: true, refresh_rate: Some(20) });
        assert!(!perf.provider(&cluster).await.unwrap().real_time);
        assert_eq!(perf.max_query_metrics().await.unwrap(), Some(256));
        assert!(Arc::ptr_eq(&perf.counters().await.unwrap(), &counters));
        perf.intervals().await.unwrap();
    }
    assert_eq!((simulator.calls_of("QueryPerfProviderSummary"), simulator.calls_of("QueryOptions")), (2, 1));
    let identity = perf.identity().await.unwrap();
    assert!(identity.instance.is_some());
    simulator.reset_calls();
    simulator.drop_sessions();
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
    assert!(!Arc::ptr_eq(&perf.counters().await.unwrap(), &counters), "another session");
    let again = perf.identity().await.unwrap();
    assert_eq!((&again.instance, again.generation), (&identity.instance, identity.generation + 1));
}

#[tokio::test]
async fn a_limit_that_is_set_is_read() {
    let simulator = Simulator::start(&SimOptions { flags: &["-max-query-metrics", "30"], ..SimOptions::default() });
    let perf = Performance::new(client(simulator.address()));
    assert_eq!(perf.max_query_metrics().await.unwrap(), Some(30));
}

#[tokio::test]
async fn samples_of_several_objects_come_in_one_call() {
    for bed in Bed::ALL {
        if bed.program().is_none() {
            eprintln!("skipped: the simulator {bed:?} is not built");
            continue;
        }
        let simulator = stopped(bed);
        let client = client(simulator.address());
        let perf = Performance::new(client.clone());
        let vms =
            [vm(&client, "vm01.example.org").await, vm(&client, "ns01.example.org").await, vm(&client, "vm02.example.org").await];
        let metrics = vec![Metric::new(2, ""), Metric::new(148, "*"), Metric::new(99_999, "")];
        simulator.reset_calls();
        let queries: Vec<_> = vms.iter().map(|vm| real_time(vm, metrics.clone())).collect();
        let found = perf.query(&queries, SOON).await.unwrap();
        assert_eq!(simulator.calls().total, 1);
        let of = |vm: &MoRef| &found.iter().find(|entity| entity.entity == *vm).unwrap().series;
        let usage = of(&vms[0]).iter().find(|series| series.metric == metrics[0]).unwrap();
        let shown: Vec<_> = usage.samples.iter().map(|sample| (sample.at.to_string(), sample.interval)).collect();
        let at = |second| (format!("2015-02-10 15:48:{second}+00:00"), 20);
        assert_eq!(shown, [at("00"), at("20"), at("40")], "{bed:?}");
        assert!(of(&vms[0]).iter().any(|series| series.metric.counter == 148 && metrics[1].covers(&series.metric)));
        assert!(of(&vms[1]).iter().all(|series| series.metric.counter != 99_999));
        assert!(of(&vms[2]).is_empty(), "a virtual machine that is off has none");
        assert!(perf.available(&vms[0], Some(20)).await.unwrap().contains(&Metric::new(148, "4000")));
    }
}

#[tokio::test]
async fn missing_samples_are_left_out() {
    let simulator = stopped(Bed::Packaged);
    let client = client(simulator.address());
    let perf = Performance::new(client.clone());
    let vm = vm(&client, "vm01.example.org").await;
    let spoil = |rule: serde_json::Value| simulator.page("POST", "/perf", &rule.to_string());
    spoil(json!({"type": "VirtualMachine", "name": "vm01.example.org", "counter": 2, "lost": 1}));
    spoil(json!({"type": "VirtualMachine", "name": "vm01.example.org", "counter": 24, "short": 2}));
    let query = real_time(&vm, vec![Metric::new(2, ""), Metric::new(24, ""), Metric::new(12, "")]);
    let found = perf.query(&[query], SOON).await.unwrap();
    let count = |counter| found[0].series.iter().find(|series| series.metric.counter == counter).unwrap().samples.len();
    assert_eq!((count(2), count(24), count(12)), (2, 1, 3));
}

#[tokio::test]
async fn historical_samples_start_where_they_are_asked_to() {
    let simulator = stopped(Bed::Packaged);
    let client = client(simulator.address());
    let perf = Performance::new(client.clone());
    let datacenter = named(&client.retrieve_all("Datacenter", &["name"]).await.unwrap(), "datacenter01").obj.clone();
    let clock = ServerClock::read(Instant::now(), perf.current_time().await.unwrap(), Instant::now());
    let start = DateTime::from_unix_micros(clock.at(Instant::now()).unix_micros() - 900_000_000);
    let query = PerfQuery {
        entity: datacenter,
        start: Some(start),
        max_sample: None,
        metrics: vec![Metric::new(257, "")],
        interval: 300,
    };
    let found = perf.query(&[query], SOON).await.unwrap();
    let shown: Vec<_> = found[0].series[0].samples.iter().map(|sample| sample.at.to_string()).collect();
    assert_eq!(shown, ["2015-02-10 15:35:00+00:00", "2015-02-10 15:40:00+00:00", "2015-02-10 15:45:00+00:00"]);
}

#[tokio::test]
async fn an_object_that_is_gone_is_named() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let perf = Performance::new(client.clone());
    let vm = vm(&client, "vm01.example.org").await;
    let gone = MoRef::new("VirtualMachine", "vm-4711");
    let queries = [real_time(&vm, vec![Metric::new(2, "")]), real_time(&gone, vec![Metric::new(2, "")])];
    let error = perf.query(&queries, SOON).await.unwrap_err();
    let fault = error.fault().unwrap();
    assert!(fault.is_a("ManagedObjectNotFound"));
    assert_eq!(fault.object(), Some(&gone));
}

#[tokio::test]
async fn a_standalone_host_has_statistics_too() {
    let simulator = Simulator::start(&SimOptions { esx: true, ..SimOptions::default() });
    let client = client(simulator.address());
    let perf = Performance::new(client.clone());
    let vm = vm(&client, "esxi-vm01").await;
    assert!(perf.counters().await.unwrap().all().len() > 100);
    assert_eq!(perf.intervals().await.unwrap()[0].sampling_period, 300);
    let usage = perf.counters().await.unwrap().find("cpu.usage.average").unwrap().key;
    let found = perf.query(&[real_time(&vm, vec![Metric::new(usage, "")])], SOON).await.unwrap();
    assert_eq!(found[0].series[0].samples.len(), 3);
    assert_eq!(perf.identity().await.unwrap().instance, None);
}

#[tokio::test]
async fn a_query_ends_at_its_own_deadline() {
    let simulator = Simulator::start(&SimOptions::default());
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    let client = client(relay.address());
    let perf = Performance::new(client.clone());
    let vm = vm(&client, "vm01.example.org").await;
    relay.add(Rule::new(Fault::Hang).for_method("QueryPerf"));
    let error = perf.query(&[real_time(&vm, vec![Metric::new(2, "")])], Duration::from_millis(50)).await.unwrap_err();
    assert!(error.to_string().contains("took longer than 0.1 s"), "{error}");
    assert_eq!(relay.calls_of("QueryPerf"), 1);
}
