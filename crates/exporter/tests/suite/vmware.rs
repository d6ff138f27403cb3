//! The page of vmware_exporter's names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use vpoller_exporter::{MetricsPage, PageChoice, Settings, VmwareParts, VmwareSettings};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_testkit::{SimOptions, Simulator};

use super::bed::ExporterBed;

const VC: &str = "vc01.example.org";
const OF_MACHINE: [&str; 5] = ["vm_name", "ds_name", "host_name", "dc_name", "cluster_name"];
const OF_STORE: [&str; 3] = ["ds_name", "dc_name", "ds_cluster"];
const OF_HOST: [&str; 3] = ["host_name", "dc_name", "cluster_name"];

fn settings(vmware: VmwareSettings) -> Settings {
    Settings { page: PageChoice::Auto { fallback: MetricsPage::Vmware }, vmware: Some(vmware), ..Settings::default() }
}

fn names(sample: &[(String, String)]) -> Vec<&str> {
    sample.iter().map(|(name, _)| name.as_str()).collect()
}

/// Each series once: name and labels, whatever their order.
#[track_caller]
fn each_once(page: &Exposition) {
    let mut seen = BTreeSet::new();
    for sample in &page.samples {
        let labels: BTreeMap<_, _> = sample.labels.iter().cloned().collect();
        assert!(seen.insert((sample.name.clone(), labels)), "twice: {sample:?}");
    }
}

#[test]
fn every_name_is_there_with_its_labels() {
    let simulator = Simulator::start(&SimOptions { flags: &["-sample-clock", "2026-03-02T10:00:07Z"], ..SimOptions::default() });
    let bed = ExporterBed::start(&[(VC, &simulator)], settings(VmwareSettings::default())).ready();
    let (status, text) = bed.get("/metrics");
    assert_eq!(status, 200, "{text}");
    let page = Exposition::read(&text);
    each_once(&page);
    assert_eq!(page.types.len(), 96, "41 of properties, 48 counters, seven that only dashboards know");
    assert!(page.types.values().all(|kind| kind == "gauge"));
    for sample in &page.samples {
        let set = if sample.name.starts_with("vmware_vm_") {
            &OF_MACHINE[..]
        } else if sample.name.starts_with("vmware_datastore_") {
            &OF_STORE
        } else {
            &OF_HOST
        };
        assert_eq!(names(&sample.labels)[..set.len()], *set, "{sample:?}");
        assert!(sample.value.contains(['.', 'e']), "numbers are floats: {sample:?}");
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/vmware.txt");
    let is_steady =
        |line: &&str| !line.starts_with("vmware_vm_boot_timestamp") && !line.starts_with("vmware_host_boot_timestamp");
    let steady: String = text.lines().filter(is_steady).map(|line| format!("{line}\n")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &steady).unwrap();
    }
    assert_eq!(steady, std::fs::read_to_string(golden).unwrap());
    assert_eq!(bed.get("/metrics/vmware").1, text);
}

#[test]
fn a_target_reaches_configured_vcenters_only() {
    let (one, two) =
        (Simulator::start(&SimOptions::default()), Simulator::start(&SimOptions { vms: 3, ..SimOptions::default() }));
    let vcenters = [(VC, &one), ("vc02.example.org", &two)];
    let bed = ExporterBed::start(&vcenters, settings(VmwareSettings::default())).ready();
    let machines = |target: &str| {
        let (status, text) = bed.get(&format!("/metrics?target={target}&section=default"));
        (status == 200).then(|| Exposition::read(&text).of("vmware_vm_power_state").count())
    };
    wait_until(SOON, "both vCenters", || machines(VC).is_some() && machines("vc02.example.org").is_some());
    assert_ne!(machines(VC), machines("vc02.example.org"));
    for query in
        ["target=evil.example.org", "vsphere_host=127.0.0.1", "target=vc01", "target=%00%ff", "target=vc01.example.org:443"]
    {
        let (status, text) = bed.get(&format!("/metrics?{query}"));
        assert_eq!((status, text.lines().count()), (404, 1), "{query}: {text}");
    }
    let (status, text) = bed.get("/metrics");
    assert_eq!((status, text.contains("target=NAME")), (400, true), "{text}");
}

#[test]
fn equal_names_make_no_equal_series_and_hostile_ones_no_harm() {
    let simulator = Simulator::start(&SimOptions { vms: 4, ..SimOptions::default() });
    let with_moid = VmwareSettings { moid_label: true, ..VmwareSettings::default() };
    let twins = ExporterBed::start(&[(VC, &simulator)], settings(VmwareSettings::default())).ready();
    let told_apart = ExporterBed::start(&[(VC, &simulator)], settings(with_moid)).ready();
    let hostile = "tw\"in\\\n{},=";
    let all = told_apart.metrics("/metrics").of("vmware_vm_power_state").count();
    for _ in 0..2 {
        simulator.page("POST", "/vm/create", &json!({"name": hostile}).to_string());
    }
    let count = |page: &Exposition| page.of("vmware_vm_power_state").filter(|one| one.label("vm_name") == hostile).count();
    wait_until(SOON, "both twins", || count(&told_apart.metrics("/metrics")) == 2);
    let page = told_apart.metrics("/metrics");
    each_once(&page);
    assert_eq!(page.of("vmware_vm_power_state").count(), all + 2);
    wait_until(SOON, "one of the twins", || count(&twins.metrics("/metrics")) == 1);
    each_once(&twins.metrics("/metrics"));
}

#[test]
fn parts_can_be_left_out() {
    let simulator = Simulator::start(&SimOptions::default());
    let collect = VmwareParts { vms: false, vmguests: false, datastores: false, hosts: true, snapshots: false };
    let bed = ExporterBed::start(&[(VC, &simulator)], settings(VmwareSettings { collect, ..VmwareSettings::default() })).ready();
    let page = bed.metrics("/metrics");
    assert!(page.types.keys().all(|name| name.starts_with("vmware_host_")), "{:?}", page.types);
    assert!(page.of("vmware_host_cpu_usage_average").count() > 0);
    let calls = simulator.calls();
    assert_eq!(calls.methods.get("QueryPerf"), Some(&1), "{calls:?}");
}
