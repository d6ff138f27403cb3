//! Performance counters at the simulator, and what they cost it: calls are counted by it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::{Direct, Inventory, Kind, SampleQuery, SampleResult, Window, perf::Clock};
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::relay::{Fault, Rule};
use vpoller_testkit::simulator::Bed;
use vpoller_testkit::{Relay, SimOptions, Simulator};
use vpoller_vsphere::{Client, Config, Metric, MoRef, SecretString, Series, Tls};
use vpoller_worker::{Dispatcher, Executors};

use crate::support::counters::TIME;
use crate::support::host::answer;

const HOST: &str = "vc01.example.org";
const REAL_TIME: Window = Window { interval: 20, real_time: true, samples: 1 };
const PAST_DAY: Window = Window { interval: 300, real_time: false, samples: 1 };
const USAGE: i32 = 2;

/// A vSphere host at an address, and the clock that its samples are kept by.
fn direct(address: std::net::SocketAddr) -> (Arc<Direct>, Clock) {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    (config.address, config.tls) = (Some(address), Tls::Off);
    let clock = Clock::default();
    (Arc::new(Direct::at(Client::new(config).unwrap(), clock.clone())), clock)
}

async fn all(inventory: &Direct, kind: Kind) -> Vec<MoRef> {
    inventory.list(kind, &[]).await.unwrap().into_iter().map(|row| row.object).collect()
}

async fn ask(inventory: &Direct, objects: &[MoRef], metrics: Vec<Metric>, window: Window) -> Vec<Vec<SampleResult>> {
    inventory.performance().samples(SampleQuery { objects: objects.to_vec(), metrics, window }).await.unwrap()
}

/// Whether there is one series with one sample.
fn is_sample(found: &SampleResult) -> bool {
    matches!(found.as_deref(), Ok([Series { samples, .. }]) if samples.len() == 1)
}

fn stopped(vms: usize) -> Simulator {
    Simulator::start(&SimOptions { vms, flags: &["-sample-clock", TIME], ..SimOptions::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_counters_of_a_thousand_machines_cost_sixty_calls_a_minute() {
    let simulator = stopped(1000);
    let (inventory, clock) = direct(simulator.address());
    let vms: Vec<MoRef> = {
        let rows = inventory.list(Kind::VirtualMachine, &["name"]).await.unwrap();
        rows.into_iter()
            .filter(|row| row.required_text("name").unwrap().unwrap().starts_with("vm-0"))
            .map(|row| row.object)
            .collect()
    };
    assert_eq!(vms.len(), 1000);
    let counters = inventory.performance().counters().await.unwrap();
    let available = inventory.performance().available(&vms[0], Some(20)).await.unwrap();
    let has_all = |metric: &&Metric| counters.get(metric.counter).is_some() && metric.instance.is_empty();
    let metrics: Vec<Metric> = available.iter().filter(has_all).take(20).cloned().collect();
    assert_eq!(metrics.len(), 20);
    // The first round, by which the scheduler learns what is asked for.
    let first = ask(&inventory, &vms, metrics.clone(), REAL_TIME).await;
    assert!(first.iter().flatten().all(is_sample));
    assert_eq!(simulator.calls_of("QueryPerf"), 20);
    simulator.reset_calls();
    // One minute: 20,000 checks, one after the other in an order that mixes machines and counters.
    let mut checks: Vec<(usize, usize)> = (0..1000).flat_map(|vm| (0..20).map(move |counter| (vm, counter))).collect();
    checks.sort_by_key(|(vm, counter)| (vm * 7919 + counter * 104_729) % 20_011);
    let mut due = clock.now();
    for (number, (vm, counter)) in checks.into_iter().enumerate() {
        if number % 6667 == 0 {
            // Every 20 seconds the server has a new sample.
            simulator.page("POST", "/clock", &json!({"advance": 20}).to_string());
        }
        due += Duration::from_millis(3);
        clock.advance(due.saturating_duration_since(clock.now()));
        let found = ask(&inventory, &vms[vm..=vm], vec![metrics[counter].clone()], REAL_TIME).await;
        assert!(is_sample(&found[0][0]), "{found:?}");
    }
    let status = inventory.sampling_status();
    println!("{} calls for {} checks, {status:?}", simulator.calls_of("QueryPerf"), status.asked - 20_000);
    assert!(simulator.calls_of("QueryPerf") <= 100, "{:?}", simulator.calls());
    let others = simulator.calls().total - simulator.calls_of("QueryPerf") - simulator.calls_of("CurrentTime");
    assert_eq!(others, 0, "nothing else was asked: {:?}", simulator.calls());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_clock_counts_however_wrong_it_is() {
    for minutes in [-10, 10] {
        let simulator = Simulator::start(&SimOptions::default());
        let page = simulator.page("POST", "/clock", &json!({"advance": 60 * minutes}).to_string());
        let server = vpoller_vsphere::DateTime::parse(page["time"].as_str().unwrap()).unwrap().unix_micros() / 1_000_000;
        let (inventory, _) = direct(simulator.address());
        for (kind, window, metric) in
            [(Kind::VirtualMachine, REAL_TIME, Metric::new(USAGE, "")), (Kind::Datacenter, PAST_DAY, Metric::new(257, ""))]
        {
            let objects = all(&inventory, kind).await;
            let found = ask(&inventory, &objects[..1], vec![metric], window).await;
            assert!(is_sample(&found[0][0]), "{minutes} minutes: {found:?}");
            let newest = found[0][0].as_ref().unwrap()[0].samples[0].at.unix_micros() / 1_000_000;
            let age = server - newest;
            // The test may take some seconds itself.
            assert!((-60..i64::from(window.interval)).contains(&age), "{minutes} minutes: {age} s old");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_host_fails_no_other() {
    let simulator = stopped(0);
    let (inventory, _) = direct(simulator.address());
    let hosts = all(&inventory, Kind::HostSystem).await;
    simulator.reset_calls();
    let found = ask(&inventory, &hosts, vec![Metric::new(USAGE, "")], REAL_TIME).await;
    let samples: Vec<bool> = found.iter().map(|found| is_sample(&found[0])).collect();
    assert_eq!(samples, [true, true, false, true], "esxi03 does not answer: {found:?}");
    assert_eq!(found[2][0], Ok(Vec::new()));
    assert_eq!(simulator.calls_of("QueryPerf"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_deleted_fails_no_other() {
    let simulator = stopped(0);
    let made = simulator.page("POST", "/vm/create", &json!({"name": "vm-new"}).to_string());
    let (inventory, clock) = direct(simulator.address());
    let vms = all(&inventory, Kind::VirtualMachine).await;
    let place = vms.iter().position(|vm| made["moid"] == *vm.id).unwrap();
    let usage = || vec![Metric::new(USAGE, "")];
    assert!(is_sample(&ask(&inventory, &vms, usage(), REAL_TIME).await[place][0]));
    simulator.page("POST", "/vm/destroy", &json!({"name": "vm-new"}).to_string());
    simulator.reset_calls();
    clock.advance(Duration::from_secs(20));
    let found = ask(&inventory, &vms, usage(), REAL_TIME).await;
    let error = found[place][0].as_ref().unwrap_err().to_string();
    assert!(error.contains("ManagedObjectNotFound"), "{error}");
    assert!(found.iter().enumerate().all(|(at, found)| at == place || found[0].is_ok()), "{found:?}");
    assert_eq!(simulator.calls_of("QueryPerf"), 2, "with it, and without it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_one_machine_fails_no_other() {
    for bed in Bed::ALL {
        if bed.program().is_none() {
            eprintln!("skipped: the simulator {bed:?} is not built");
            continue;
        }
        let simulator = Simulator::start(&SimOptions { bed, vms: 30, flags: &["-sample-clock", TIME], ..SimOptions::default() });
        let (inventory, _) = direct(simulator.address());
        let vms = all(&inventory, Kind::VirtualMachine).await;
        let rule = json!({"type": "VirtualMachine", "name": "vm-00007", "fault": "HostCommunication"});
        simulator.page("POST", "/perf", &rule.to_string());
        let rule = json!({"type": "VirtualMachine", "counter": 24, "fault": "InvalidArgument"});
        simulator.page("POST", "/perf", &rule.to_string());
        simulator.reset_calls();
        let metrics = [USAGE, 24, 12].map(|counter| Metric::new(counter, "")).to_vec();
        let found = ask(&inventory, &vms, metrics, REAL_TIME).await;
        let failed: Vec<_> = found.iter().filter(|found| found[0].is_err() || found[2].is_err()).collect();
        assert_eq!(failed.len(), 1, "{bed:?}");
        assert!(failed[0][0].as_ref().unwrap_err().to_string().contains("HostCommunication"), "{failed:?}");
        assert!(found.iter().all(|found| found[1].is_err()), "memory is refused for all");
        let calls = simulator.calls_of("QueryPerf");
        println!("{bed:?}: {calls} calls to find one machine and one counter among {} times 3", vms.len());
        assert!(calls <= 65, "{calls} calls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn historical_calls_keep_to_a_limit_that_the_server_tells() {
    let flags = ["-sample-clock", TIME, "-max-query-metrics", "20"];
    let simulator = Simulator::start(&SimOptions { vms: 40, flags: &flags, ..SimOptions::default() });
    let (inventory, _) = direct(simulator.address());
    let vms = all(&inventory, Kind::VirtualMachine).await;
    let metrics = vec![Metric::new(USAGE, ""), Metric::new(24, "")];
    let found = ask(&inventory, &vms, metrics, PAST_DAY).await;
    assert!(found.iter().flatten().all(is_sample));
    let expected = (vms.len() * 2).div_ceil(20);
    assert_eq!((simulator.calls_of("QueryPerf"), inventory.sampling_status().halvings), (expected as u64, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_calls_are_halved_until_the_server_takes_them() {
    // vCenter 8.0.3 answers status 500 with nothing of SOAP in place of the fault.
    for answer in ["fault", "500"] {
        oversized_calls_are_halved(answer).await;
    }
}

async fn oversized_calls_are_halved(answer: &str) {
    let flags = ["-sample-clock", TIME, "-max-query-metrics", "20", "-oversized-query", answer];
    let simulator = Simulator::start(&SimOptions { vms: 28, flags: &flags, ..SimOptions::default() });
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    // A canned answer: an account that may not see the settings, which the simulator does not know.
    let denied = r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Body><e:Fault><faultcode>ServerFaultCode</faultcode><faultstring/>
        <detail><NoPermissionFault xmlns="urn:vim25" xsi:type="NoPermission"><object type="OptionManager">VpxSettings</object>
        <privilegeId>Global.Settings</privilegeId></NoPermissionFault></detail></e:Fault></e:Body></e:Envelope>"#;
    relay.add(Rule::new(Fault::Answer(500, denied.to_owned())).for_method("QueryOptions"));
    let (inventory, clock) = direct(relay.address());
    let vms: Vec<MoRef> = all(&inventory, Kind::VirtualMachine).await.into_iter().take(40).collect();
    let ask_all = || ask(&inventory, &vms, vec![Metric::new(USAGE, "")], PAST_DAY);
    let first = ask_all().await;
    assert!(first.iter().flatten().all(is_sample), "{answer}: {first:?}");
    assert_eq!(relay.calls_of("QueryPerf"), 3, "{answer}: forty are refused, twenty are taken");
    assert_eq!(inventory.sampling_status().series_per_historical_call, 20, "{answer}");
    assert_eq!((inventory.sampling_status().calls_at_once, inventory.sampling_status().objects_per_call), (4, 50), "{answer}");
    let before = relay.calls_of("QueryPerf");
    clock.advance(Duration::from_secs(400));
    simulator.page("POST", "/clock", &json!({"advance": 400}).to_string());
    assert!(ask_all().await.iter().flatten().all(is_sample));
    assert_eq!(relay.calls_of("QueryPerf") - before, 2, "{answer}: and that is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_costs_no_answer() {
    let simulator = stopped(0);
    let (inventory, clock) = direct(simulator.address());
    let vms = all(&inventory, Kind::VirtualMachine).await;
    let ask_one = || ask(&inventory, &vms[..1], vec![Metric::new(USAGE, "")], REAL_TIME);
    assert!(is_sample(&ask_one().await[0][0]));
    for _ in 0..2 {
        simulator.drop_sessions();
        clock.advance(Duration::from_secs(20));
        assert!(is_sample(&ask_one().await[0][0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_client_gave_up_is_answered_to_the_next_one() {
    let simulator = stopped(0);
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    relay.add(Rule::new(Fault::Delay(Duration::from_millis(700))).for_method("QueryPerf").times(1));
    let (inventory, _) = direct(relay.address());
    let executors = Arc::new(Executors::new([(HOST.to_owned(), inventory.clone() as Arc<dyn Inventory>)], 64));
    let dispatcher = Dispatcher::new(Arc::clone(&executors));
    // Everything but the samples is known before the client's time runs.
    let describe =
        json!({"method": "vm.perf.metric.info", "hostname": HOST, "name": "vm01.example.org", "counter-name": "cpu.usage"});
    answer(&dispatcher, describe.to_string().as_bytes()).await;
    let request = |timeout: u64| json!({"method": "vm.perf.metric.get", "hostname": HOST, "name": "vm01.example.org", "counter-name": "cpu.usage", "timeout": timeout});
    let ask = async |timeout| -> Json {
        serde_json::from_slice(&answer(&dispatcher, request(timeout).to_string().as_bytes()).await).unwrap()
    };
    assert_eq!(ask(400).await["msg"], "vc01.example.org did not answer within 0.38 s");
    let second = ask(10_000).await;
    assert_eq!(second["result"][0]["value"], 779, "{second}");
    assert_eq!(relay.calls_of("QueryPerf"), 1, "the call that was under way served both");
    executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_counter_of_a_server_is_described() {
    let simulator = Simulator::start(&SimOptions::default());
    let (inventory, _) = direct(simulator.address());
    let dispatcher = Dispatcher::new(Arc::new(Executors::new([(HOST.to_owned(), inventory as Arc<dyn Inventory>)], 64)));
    let ask = async |request: Json| -> Vec<u8> { answer(&dispatcher, request.to_string().as_bytes()).await };
    let expected = json!({
        "key": 143,
        "nameInfo": {
            "label": "Usage", "summary": "Network utilization (combined transmit-rates and receive-rates) during the interval",
            "key": "usage",
        },
        "groupInfo": {"label": "Network", "summary": "Network", "key": "net"},
        "unitInfo": {"label": "KBps", "summary": "Kilobytes per second", "key": "kiloBytesPerSecond"},
        "rollupType": "average", "statsType": "rate", "level": 1, "perDeviceLevel": 3,
    });
    for (method, name, count) in [
        ("perf.counter.info", None, 560),
        ("perf.metric.info", None, 560),
        ("vm.perf.counter.info", Some("vm01.example.org"), 0),
        ("host.perf.counter.info", Some("esxi01.example.org"), 0),
    ] {
        let reply: Json = serde_json::from_slice(&ask(json!({"method": method, "hostname": HOST, "name": name})).await).unwrap();
        let counters = reply["result"].as_array().unwrap();
        assert!(if count > 0 { counters.len() == count } else { counters.len() > 50 }, "{method}: {}", counters.len());
        assert_eq!(counters.iter().find(|counter| counter["key"] == 143), Some(&expected), "{method}");
    }
    let helper = json!({"method": "perf.counter.info", "hostname": HOST, "helper": "vpoller.helpers.zabbix"});
    let discovered: Json = serde_json::from_slice(&ask(helper).await).unwrap();
    let row = discovered["data"].as_array().unwrap().iter().find(|row| row["{#VSPHERE.PERF.COUNTER.KEY}"] == 143).unwrap();
    assert_eq!(row["{#VSPHERE.PERF.COUNTER.NAMEINFO.KEY}"], "usage");
    assert_eq!(row["{#VSPHERE.PERF.COUNTER.ROLLUPTYPE}"], "average");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_counters_of_many_objects_cost_a_call_for_fifty() {
    let simulator = stopped(200);
    let (inventory, _) = direct(simulator.address());
    let dispatcher = Dispatcher::new(Arc::new(Executors::new([(HOST.to_owned(), inventory as Arc<dyn Inventory>)], 64)));
    let request = json!({
        "method": "perf.get", "hostname": HOST, "name": "vm-00*", "counter-name": "cpu.usage,mem.usage,net.received,cpu.ready",
    });
    let reply: Json = serde_json::from_slice(&answer(&dispatcher, request.to_string().as_bytes()).await).unwrap();
    let rows = reply["result"].as_array().unwrap();
    assert_eq!(rows.len(), 200);
    assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 9), "{}", rows[0]);
    assert_eq!(simulator.calls_of("QueryPerf"), 4);
}
