//! The page of the zROC Planner collector.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use vpoller_exporter::{Batches, CeilometerSettings, MetricsPage, PageChoice, Settings, ZrocSettings, ZrocSource};
use vpoller_testkit::exposition::{ExposedSample, Exposition};
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_testkit::{SimOptions, Simulator};

use super::bed::{ExporterBed, zroc_every};

const VC: &str = "vc01.example.org";
const OF_MACHINES: [&str; 4] = [
    "vcenter_vm_disk_write_iops",
    "vcenter_vm_disk_write_throughput_mbps",
    "vcenter_vm_disk_write_latency_ms",
    "vcenter_vm_disk_provisioned_gb",
];
const IOPS: &str = OF_MACHINES[0];
const LABELS: [&str; 5] = ["vm_name", "vm_moref", "cluster", "host", "datacenter"];

fn seldom() -> Settings {
    zroc_every(Duration::from_secs(300))
}

fn often() -> Settings {
    zroc_every(Duration::from_secs(1))
}

fn has_machine(page: &Exposition, moref: &str) -> bool {
    page.of(IOPS).any(|sample| sample.label("vm_moref") == moref)
}

fn label_sets(page: &Exposition, family: &str) -> BTreeSet<Vec<(String, String)>> {
    page.of(family).map(|sample| sample.labels.clone()).collect()
}

#[track_caller]
fn value(page: &Exposition, name: &str) -> f64 {
    let [sample] = page.of(name).collect::<Vec<&ExposedSample>>()[..] else { panic!("{name} is not there once") };
    sample.value.parse().unwrap()
}

#[test]
fn the_page_is_what_the_collectors_users_know() {
    let simulator = Simulator::start(&SimOptions { flags: &["-sample-clock", "2026-03-02T10:00:07Z"], ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &simulator)], seldom()).ready();
    let (status, text) = bed.get("/metrics");
    assert_eq!(status, 200);
    let is_steady = |line: &&str| !line.starts_with("vcenter_collector_last_collection_");
    let steady: String = text.lines().filter(is_steady).map(|line| format!("{line}\n")).collect();
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/zroc.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &steady).unwrap();
    }
    assert_eq!(steady, std::fs::read_to_string(golden).unwrap());
    let page = Exposition::read(&text);
    for sample in OF_MACHINES.into_iter().flat_map(|name| page.of(name)) {
        assert_eq!(sample.labels.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), LABELS);
        assert_eq!(sample.value.split_once('.').map(|(_, places)| places.len()), Some(4), "{sample:?}");
    }
    for family in OF_MACHINES {
        assert_eq!(label_sets(&page, family), label_sets(&page, IOPS), "{family} is joined with the others");
    }
    let [time] = page.of("vcenter_collector_last_collection_timestamp_seconds").collect::<Vec<_>>()[..] else { panic!() };
    assert!(time.value.parse::<u64>().is_ok(), "{time:?}");
    let [took] = page.of("vcenter_collector_last_collection_duration_seconds").collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(took.value.split_once('.').map(|(_, places)| places.len()), Some(3), "{took:?}");
    for hidden in ["template01", "vm02.example.org", "vm03.example.org"] {
        assert!(page.of(IOPS).all(|sample| sample.label("vm_name") != hidden), "{hidden} is off or a template");
    }
    // Nothing but labels, samples and sizes was asked for.
    let calls = simulator.calls();
    assert_eq!(calls.methods.get("QueryPerf"), Some(&1), "{calls:?}");
    assert!(calls.total < 20, "{calls:?}");
}

#[test]
fn paths_are_the_collectors() {
    let simulator = Simulator::start(&SimOptions::default());
    let bed = ExporterBed::start(&[(VC, &simulator)], seldom());
    let (status, early) = bed.get("/health");
    let early: Value = serde_json::from_str(&early).unwrap();
    if status == 503 {
        let expected = json!({"status": "degraded", "last_collection_time": null, "last_collection_duration_seconds": 0.0,
            "last_vm_count": 0, "last_error": null, "collection_cycles": 0, "stale": true});
        assert_eq!((early["stale"].clone(), early["last_collection_time"].clone()), (expected["stale"].clone(), Value::Null));
    }
    let bed = bed.ready();
    for path in ["/health", "/healthz", "/ready", "/health?x=1"] {
        let (status, text) = bed.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        let lines: Vec<&str> = text.lines().map(|line| line.split_once(':').map_or(line, |(key, _)| key)).collect();
        let expected = [
            "{",
            "  \"status\"",
            "  \"last_collection_time\"",
            "  \"last_collection_duration_seconds\"",
            "  \"last_vm_count\"",
            "  \"last_error\"",
            "  \"collection_cycles\"",
            "  \"stale\"",
            "}",
        ];
        assert_eq!(lines, expected, "{text}");
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&document["status"], &document["last_error"], &document["stale"]),
            (&json!("ok"), &Value::Null, &json!(false))
        );
    }
    for path in ["/nonsense", "/metrics/", "/metrics/x", "//metrics", "/health/x"] {
        assert_eq!(bed.get(path), (404, "Not Found\n".to_owned()), "{path}");
    }
    let zroc = bed.get("/metrics/zroc").1;
    assert!(bed.get("/metrics?x=1").1.starts_with("# HELP vcenter_vm_disk_write_iops ") && zroc.starts_with("# HELP vcenter_vm"));
    for query in ["target=vc01", "section=x", "vsphere_host=vc01"] {
        let (status, text) = bed.get(&format!("/metrics?{query}"));
        assert_eq!((status, text.lines().count()), (404, 1), "{query}: {text}");
    }
    assert_eq!(bed.get("/metrics/vmware").0, 404);
    assert_eq!(bed.metrics("/metrics/vsphere").of("vpoller_vcenter_up").count(), 1);
}

#[test]
fn machines_come_and_go_with_their_samples() {
    let simulator = Simulator::start(&SimOptions { vms: 4, ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &simulator)], often()).ready();
    bed.until("all machines", |page| has_machine(page, "vm-1015") && has_machine(page, "vm-101"));
    simulator.page("POST", "/vm/destroy", r#"{"moid": "vm-1015"}"#);
    bed.until("a machine that is gone", |page| !has_machine(page, "vm-1015"));
    simulator.set("VirtualMachine", "vm-00002", "runtime.powerState", &json!("poweredOff"));
    bed.until("a machine that is off", |page| !has_machine(page, "vm-1016"));
    simulator.page("POST", "/perf", r#"{"type": "VirtualMachine", "moid": "vm-1017", "absent": true}"#);
    bed.until("a machine without samples", |page| !has_machine(page, "vm-1017"));
    let moid = simulator.page("POST", "/vm/create", r#"{"name": "vm \"new\"\\\n"}"#)["moid"].as_str().unwrap().to_owned();
    bed.until("a new machine", |page| has_machine(page, &moid));
    let page = bed.until("the cycles", |page| value(page, "vcenter_collector_cycles_total") > 4.0);
    assert!(has_machine(&page, "vm-101"), "the others stay");
}

#[test]
fn one_broken_machine_costs_no_other_its_samples() {
    let simulator = Simulator::start(&SimOptions { vms: 4, ..SimOptions::default() });
    simulator.page("POST", "/perf", r#"{"type": "VirtualMachine", "moid": "vm-1016", "fault": "SystemError"}"#);
    let bed = ExporterBed::start(&[(VC, &simulator)], often()).ready();
    let page = bed.until("the others", |page| has_machine(page, "vm-1015"));
    assert!(!has_machine(&page, "vm-1016"), "no value is made of a fault");
}

#[test]
fn hostile_names_and_twins_of_two_vcenters_make_no_series_twice() {
    let options = || SimOptions { vms: 3, flags: &["-fixtures", "odd"], fixtures: false, ..SimOptions::default() };
    let (first, second) = (Simulator::start(&options()), Simulator::start(&options()));
    let bed = ExporterBed::start(&[("vc01", &first), ("vc02", &second)], seldom()).ready();
    wait_until(SOON, "both", || {
        let page = bed.metrics("/metrics/vsphere");
        page.of("vpoller_exporter_cycles_total").count() == 2
    });
    // Both have the same machines: without a label for the vCenter one of them is shown.
    let all = bed.until("the machines", |page| page.of(IOPS).count() > 0);
    let of_one = bed.metrics("/metrics/zroc?target=vc02");
    assert_eq!(label_sets(&all, IOPS), label_sets(&of_one, IOPS));
    assert_eq!(bed.get("/metrics/zroc?target=vc03"), (404, "no vCenter \"vc03\" is served\n".to_owned()));
    let zroc = ZrocSettings { vcenter_label: true, ..ZrocSettings::default() };
    let bed = ExporterBed::start(&[("vc01", &first), ("vc02", &second)], Settings { zroc: Some(zroc), ..seldom() }).ready();
    let page = bed.until("both, told apart", |page| page.of(IOPS).count() == 2 * of_one.of(IOPS).count());
    assert!(page.of(IOPS).all(|sample| sample.labels.last().is_some_and(|(name, _)| name == "vcenter")));
    let names: BTreeSet<&str> = page.of(IOPS).map(|sample| sample.label("vm_name")).collect();
    assert!(names.contains(" padded ") || names.contains("two  blanks"), "{names:?}");
}

/// What each machine's disks are said to hold.
fn sizes(page: &Exposition) -> BTreeMap<String, String> {
    page.of(OF_MACHINES[3]).map(|sample| (sample.label("vm_moref").to_owned(), sample.value.clone())).collect()
}

#[test]
fn whole_device_lists_are_read_only_where_disks_are_not_the_first() {
    let sizes_of = |change: &dyn Fn(&Simulator)| {
        let simulator = Simulator::start(&SimOptions { vms: 4, ..SimOptions::default() });
        change(&simulator);
        simulator.page("POST", "/asked/collect", "");
        let bed = ExporterBed::start(&[(VC, &simulator)], seldom()).ready();
        let page = bed.until("machines", |page| page.of(IOPS).count() > 0);
        let asked = simulator.page("GET", "/asked", "").to_string();
        (sizes(&page), asked.contains("\"VirtualMachine.config.hardware.device\""), simulator.calls_of("RetrievePropertiesEx"))
    };
    let (usual, is_list_read, calls) = sizes_of(&|_| ());
    assert!(usual.len() >= 5 && usual.values().all(|size| size.parse::<f64>().unwrap() > 0.0), "{usual:?}");
    assert!(!is_list_read, "every machine has one disk, the first");
    // A count that these disks do not make up means that there are others, wherever they are.
    let count = "summary.config.numVirtualDisks";
    let other = sizes_of(&|simulator| simulator.set("VirtualMachine", "vm-00002", count, &json!(2)));
    assert_eq!(other, (usual.clone(), true, calls + 1));
    let unknown = sizes_of(&|simulator| simulator.deny("VirtualMachine", count, Some("System.Read")));
    assert_eq!(unknown, (usual, true, calls + 1));
}

#[test]
fn what_may_not_be_read_is_missing_and_said() {
    let simulator = Simulator::start(&SimOptions::default());
    simulator.deny("VirtualMachine", "config.hardware.device", Some("System.Read"));
    simulator.deny("HostSystem", "name", Some("System.Read"));
    let bed = ExporterBed::start(&[(VC, &simulator)], seldom()).ready();
    let page = bed.until("machines", |page| page.of(IOPS).count() > 0);
    assert_eq!(page.of(OF_MACHINES[3]).count(), 0, "no size is made of what may not be read");
    assert!(page.of(IOPS).all(|sample| sample.label("host").is_empty() && !sample.label("datacenter").is_empty()));
    #[expect(clippy::cast_precision_loss, reason = "a few machines")]
    let machines = page.of(IOPS).count() as f64;
    assert!((value(&page, "vcenter_collector_incomplete_labels") - machines).abs() < 0.5);
}

#[test]
fn an_account_with_rights_below_one_folder_sees_its_machines_only() {
    let simulator = Simulator::start(&SimOptions::default());
    simulator.page("POST", "/account", r#"{"user": "tenant", "password": "x", "below": ["VirtualMachine:vm-101"]}"#);
    let bed = ExporterBed::with_accounts(&[(VC, simulator.address(), "tenant", "x")], seldom()).ready();
    let page = bed.until("its machine", |page| page.of(IOPS).count() > 0);
    assert!(page.of(IOPS).all(|sample| sample.label("vm_moref") == "vm-101"), "{page:?}");
}

#[test]
fn a_vcenter_that_is_away_harms_no_other_and_comes_back() {
    let first = Simulator::start(&SimOptions::default());
    let second = Simulator::start(&SimOptions { esx: true, ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &first), ("esxi", &second)], often()).ready();
    let names = |page: &Exposition| page.of(IOPS).map(|sample| sample.label("vm_name").to_owned()).collect::<BTreeSet<_>>();
    bed.until("both", |page| names(page).contains("vm01.example.org") && names(page).contains("esxi-vm01"));
    wait_until(SOON, "good health", || bed.get("/health").0 == 200);
    let address = first.address();
    drop(first);
    bed.until("the machines that cannot be seen any more", |page| !names(page).contains("vm01.example.org"));
    assert!(names(&bed.metrics("/metrics")).contains("esxi-vm01"));
    wait_until(SOON, "bad health", || bed.get("/health").0 == 503);
    let document: Value = serde_json::from_str(&bed.get("/health").1).unwrap();
    assert_eq!(document["status"], "degraded", "{document}");
    wait_until(SOON, "an old collection", || bed.get("/health").1.contains("\"stale\": true"));
    let _again = Simulator::start(&SimOptions { listen: address, ..SimOptions::default() });
    bed.until("its machines again", |page| names(page).contains("vm01.example.org"));
    wait_until(SOON, "good health again", || bed.get("/health").0 == 200);
}

#[test]
fn an_empty_vcenter_is_healthy() {
    let simulator = Simulator::start(&SimOptions { fixtures: false, ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &simulator)], seldom()).ready();
    let (status, text) = bed.get("/health");
    assert!(status == 200 && text.contains("\"last_vm_count\": 0,") && text.contains("\"collection_cycles\": 1,"), "{text}");
}

#[test]
fn samples_of_an_interval_are_shown_where_vcenter_has_them() {
    let simulator = Simulator::start(&SimOptions::default());
    let rolled_up = |or_real_time| {
        let source = ZrocSource::RolledUp { interval: 300, or_real_time };
        let zroc = ZrocSettings { source, ..ZrocSettings::default() };
        Settings { zroc: Some(zroc), ..seldom() }
    };
    let source = |page: &Exposition| {
        let info = page.of("vcenter_collector_perf_source_info").next().unwrap();
        (info.label("source").to_owned(), info.label("interval").to_owned())
    };
    let bed = ExporterBed::start(&[(VC, &simulator)], rolled_up(false)).ready();
    let page = bed.metrics("/metrics");
    assert_eq!(source(&page), ("historical".to_owned(), "300".to_owned()));
    let historical = page.of(IOPS).count();
    let bed = ExporterBed::start(&[(VC, &simulator)], rolled_up(true)).ready();
    let page = bed.until("machines", |page| page.of(IOPS).count() > 0);
    let expected = if historical > 0 { ("historical", "300") } else { ("real-time", "20") };
    assert_eq!(source(&page), (expected.0.to_owned(), expected.1.to_owned()));
}

#[test]
fn batches_are_kept_as_they_are_set() {
    let simulator = Simulator::start(&SimOptions { vms: 60, ..SimOptions::default() });
    let batches = Batches { size: 10, pause: Duration::from_millis(1) };
    let bed = ExporterBed::start(&[(VC, &simulator)], Settings { batches, ..seldom() }).ready();
    let page = bed.metrics("/metrics");
    let machines = u64::try_from(page.of(IOPS).count()).unwrap();
    assert_eq!(simulator.calls_of("QueryPerf"), machines.div_ceil(10));
}

#[test]
fn two_readers_of_one_interval_cost_as_many_calls_as_the_one_that_asks_most() {
    let cost = |settings: Settings| {
        let simulator = Simulator::start(&SimOptions { vms: 300, ..SimOptions::default() });
        let _bed = ExporterBed::start(&[(VC, &simulator)], settings).ready();
        simulator.calls_of("QueryPerf")
    };
    let interval = Duration::from_secs(300);
    let ceilometer = || Some(CeilometerSettings { interval, ..CeilometerSettings::default() });
    let of_zroc = cost(seldom());
    let of_ceilometer = cost(Settings { ceilometer: ceilometer(), zroc: None, ..Settings::default() });
    let of_both = cost(Settings { ceilometer: ceilometer(), ..seldom() });
    assert!(of_zroc > 5 && of_both <= of_zroc.max(of_ceilometer), "{of_zroc} and {of_ceilometer} together are {of_both}");
}

#[test]
fn a_thousand_scrapes_at_once_get_the_page() {
    let simulator = Simulator::start(&SimOptions { vms: 200, ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &simulator)], seldom()).ready();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = bed.address;
    let lengths = runtime.block_on(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let scrape = || async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 "));
            answer.len()
        };
        let scrapes: Vec<_> = (0..1000).map(|_| tokio::spawn(scrape())).collect();
        let mut lengths = Vec::new();
        for scrape in scrapes {
            lengths.push(scrape.await.unwrap());
        }
        lengths
    });
    assert!(lengths.iter().all(|length| *length > 50_000), "{:?}", lengths.iter().min());
    assert_eq!(simulator.calls_of("QueryPerf"), 5, "no scrape asks vCenter");
}

#[test]
fn a_setting_says_whose_page_is_shown() {
    let simulator = Simulator::start(&SimOptions::default());
    let settings = Settings { page: PageChoice::Always(MetricsPage::Zroc), ..seldom() };
    let bed = ExporterBed::start(&[(VC, &simulator)], settings).ready();
    assert!(bed.metrics(&format!("/metrics?target={VC}")).of(IOPS).count() > 0);
    let bed = ExporterBed::start(&[(VC, &simulator)], Settings::default()).ready();
    assert_eq!(bed.metrics("/metrics").of("vpoller_vcenter_up").count(), 1);
    assert_eq!(bed.get("/metrics/zroc").0, 404, "switched off");
}
