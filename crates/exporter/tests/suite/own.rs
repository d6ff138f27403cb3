//! Our own page.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use vpoller_exporter::{Filter, OwnSettings, Settings, metric_rows};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_testkit::{SimOptions, Simulator};

use super::bed::ExporterBed;

const VC: &str = "vc01.example.org";
/// How many series a machine may have when nothing is set.
const MOST_SERIES: usize = 60;

/// What the simulated machines have no values of.
const NOT_SIMULATED: [&str; 3] = [
    "vsphere_vm_disk_consolidation_needed",
    "vsphere_vm_storage_read_bytes_per_second",
    "vsphere_vm_storage_write_bytes_per_second",
];

fn settings(change: impl FnOnce(&mut OwnSettings)) -> Settings {
    let mut own = OwnSettings { interval: Duration::from_secs(1), ..OwnSettings::default() };
    change(&mut own);
    Settings { own: Some(own), ..Settings::default() }
}

fn everything() -> Settings {
    settings(|own| own.parts = OwnSettings::read_parts("+vm_disk,+vm_nic,+vm_cpu,+snapshot_each,+resource_pool").unwrap())
}

fn number(page: &Exposition, name: &str, moid: &str) -> Option<f64> {
    page.of(name).find(|sample| sample.label("moid") == moid)?.value.parse().ok()
}

/// The page once it has what a cycle brings.
#[track_caller]
fn page(bed: &ExporterBed, path: &str) -> Exposition {
    wait_until(SOON, "samples on our own page", || bed.get("/metrics/vsphere").1.contains("\nvsphere_vm_cpu_usage_hertz{"));
    bed.metrics(path)
}

#[test]
fn every_family_of_the_table_has_a_series() {
    let simulator = Simulator::start(&SimOptions::default());
    let bed = ExporterBed::start(&[(VC, &simulator)], everything()).ready();
    let page = page(&bed, "/metrics/vsphere");
    let shown: BTreeSet<&str> = page.samples.iter().map(|sample| sample.name.as_str()).collect();
    let is_shown = |name: &str| shown.contains(name) || shown.contains(format!("{name}_bucket").as_str());
    let missing: Vec<String> = metric_rows().into_iter().map(|row| row.name).filter(|name| !is_shown(name)).collect();
    assert_eq!(missing, NOT_SIMULATED);
    for row in metric_rows() {
        for sample in page.of(&row.name) {
            let labels: Vec<&str> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(labels, row.labels, "{}", row.name);
        }
    }
}

#[test]
fn a_machine_has_no_more_series_than_promised_when_nothing_is_set() {
    let simulator = Simulator::start(&SimOptions::default());
    let bed = ExporterBed::start(&[(VC, &simulator)], settings(|_| {})).ready();
    let page = page(&bed, "/metrics/vsphere");
    let machines: BTreeSet<&str> = page.of("vsphere_vm_info").map(|sample| sample.label("moid")).collect();
    assert!(!machines.is_empty());
    for machine in machines {
        let series = page.samples.iter().filter(|sample| sample.label("moid") == machine).count();
        assert!(series <= MOST_SERIES, "{machine} has {series}");
    }
}

#[test]
fn values_are_in_base_units() {
    let simulator = Simulator::start(&SimOptions::default());
    let set = |path: &str, value: serde_json::Value| simulator.set("VirtualMachine", "vm01.example.org", path, &value);
    set("summary.config.memorySizeMB", json!(2048));
    set("summary.config.numCpu", json!(2));
    let bed = ExporterBed::start(&[(VC, &simulator)], settings(|_| {})).ready();
    let page = page(&bed, "/metrics/vsphere");
    let info = page.of("vsphere_vm_info").find(|sample| sample.label("name") == "vm01.example.org").unwrap();
    let moid = info.label("moid").to_owned();
    assert!(["host", "cluster", "datacenter", "uuid"].iter().all(|label| !info.label(label).is_empty()), "{info:?}");
    assert_eq!(number(&page, "vsphere_vm_memory_size_bytes", &moid), Some(2048.0 * 1024.0 * 1024.0));
    assert_eq!(number(&page, "vsphere_vm_cpus", &moid), Some(2.0));
    let states: f64 = page
        .of("vsphere_vm_power_state")
        .filter(|sample| sample.label("moid") == moid)
        .map(|sample| sample.value.parse::<f64>().unwrap())
        .sum();
    assert!((states - 1.0).abs() < 1e-9, "one state holds");
    for ratio in page.samples.iter().filter(|sample| sample.name.ends_with("_ratio")) {
        assert!((0.0..=1.0).contains(&ratio.value.parse::<f64>().unwrap()), "{ratio:?}");
    }
}

#[test]
fn what_may_not_be_read_is_missing() {
    let simulator = Simulator::start(&SimOptions::default());
    for (kind, path) in [
        ("VirtualMachine", "snapshot"),
        ("VirtualMachine", "guest.disk"),
        ("VirtualMachine", "summary.config.numCpu"),
        ("Datastore", "summary.freeSpace"),
    ] {
        simulator.deny(kind, path, Some("System.Read"));
    }
    let bed = ExporterBed::start(&[(VC, &simulator)], settings(|_| {})).ready();
    let page = page(&bed, "/metrics/vsphere");
    for name in [
        "vsphere_vm_snapshots",
        "vsphere_vm_snapshot_chain_depth",
        "vsphere_vm_guest_filesystem_free_bytes",
        "vsphere_vm_cpus",
        "vsphere_vm_cpu_ready_ratio",
        "vsphere_datastore_free_bytes",
    ] {
        assert_eq!(page.of(name).count(), 0, "{name}");
    }
    assert!(page.of("vsphere_vm_memory_size_bytes").count() > 0 && page.of("vsphere_datastore_size_bytes").count() > 0);
}

#[test]
fn a_query_chooses_parts_and_a_vcenter() {
    let simulators = [Simulator::start(&SimOptions::default()), Simulator::start(&SimOptions::default())];
    let bed = ExporterBed::start(&[(VC, &simulators[0]), ("vc02.example.org", &simulators[1])], settings(|_| {})).ready();
    wait_until(SOON, "both vCenters", || bed.metrics("/metrics/vsphere?collect[]=host").of("vsphere_host_info").count() == 8);
    let page = bed.metrics("/metrics/vsphere?collect%5B%5D=host&collect[]=datastore&vcenter=vc02.example.org");
    assert!(page.samples.iter().all(|sample| sample.label("vcenter") == "vc02.example.org"));
    let is_chosen = |name: &str| name.starts_with("vsphere_host_") || name.starts_with("vsphere_datastore_");
    assert!(!page.samples.is_empty() && page.samples.iter().all(|sample| is_chosen(&sample.name)));
    for (path, status, said) in [
        ("?collect[]=vms", 400, "there are exporter, vcenter, vm"),
        ("?collect[]=vm_disk", 400, "vsphere_parts = +vm_disk"),
        ("?vcenter=vc03.example.org", 404, "vc03.example.org"),
    ] {
        let (found, text) = bed.get(&format!("/metrics/vsphere{path}"));
        assert!(found == status && text.contains(said), "{path}: {found} {text}");
    }
}

#[test]
fn filters_and_names_are_as_they_are_set() {
    let simulator = Simulator::start(&SimOptions::default());
    let filter = Filter { names: "vm01*".parse().unwrap(), ..Filter::default() };
    let set = settings(|own| {
        own.filter = filter;
        own.names = true;
    });
    let bed = ExporterBed::start(&[(VC, &simulator)], set).ready();
    let page = page(&bed, "/metrics/vsphere");
    assert_eq!(page.of("vsphere_vm_info").count(), 1);
    assert!(page.of("vsphere_vm_cpus").all(|sample| sample.label("name") == "vm01.example.org"));
    assert!(page.of("vsphere_host_info").count() > 1, "only machines are filtered");
    assert!(page.of("vsphere_host_cpu_cores").all(|sample| !sample.label("name").is_empty()));
}
