//! The page of metrics.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use vpoller_inventory::{Kind, Property};

use super::{READER, WRITE_IOPS, WRITE_LATENCY, WRITE_RATE, source, source_of};
use crate::answer::{line, parameter};
use crate::exposition::{self, Exposition, ExpositionFormat, FamilyKind, labels};
use crate::places::{Places, text};
use crate::reader::SampleSource;
use crate::samples::{Gathered, Reading};
use crate::settings::{ZrocSettings, ZrocSource};
use crate::state::{ExporterState, HostData};

const KIB: f64 = 1024.0;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// One machine with what is known of it.
struct MachineRow {
    labels: String,
    /// Some of the labels are empty because the account may not read what they say.
    is_incomplete: bool,
    iops: Option<f64>,
    throughput: Option<f64>,
    latency: Option<f64>,
    provisioned: Option<f64>,
}

/// A family of the machines: name, help, and the value of a row.
type OfMachine = (&'static str, &'static str, fn(&MachineRow) -> Option<f64>);

const OF_MACHINES: [OfMachine; 4] = [
    ("vcenter_vm_disk_write_iops", "Write operations per second, sum of all virtual disks", |row| row.iops),
    ("vcenter_vm_disk_write_throughput_mbps", "Write throughput in MB/s (MiB/s), sum of all virtual disks", |row| row.throughput),
    ("vcenter_vm_disk_write_latency_ms", "Write latency in milliseconds, mean of all virtual disks", |row| row.latency),
    ("vcenter_vm_disk_provisioned_gb", "Provisioned size in GB (GiB), sum of all virtual disks", |row| row.provisioned),
];

/// The page; of one vCenter where the query names a `target`.
pub(crate) async fn page(state: &Arc<ExporterState>, query: &str) -> Response {
    let Some(settings) = state.settings.zroc else {
        return line(StatusCode::NOT_FOUND, "zROC's page is switched off; [exporter] zroc = yes shows it");
    };
    let target = parameter(query, "target").filter(|target| !target.is_empty());
    if let Some(target) = target.as_deref().filter(|target| state.hosts.get(target).is_none()) {
        return line(StatusCode::NOT_FOUND, &format!("no vCenter {target:?} is served"));
    }
    let name = target.clone().unwrap_or_default();
    let shared = Arc::clone(state);
    let make = move || {
        let mut hosts = shared.read(READER);
        hosts.retain(|data| target.as_deref().is_none_or(|target| target == data.host.name()));
        write(&hosts, &settings)
    };
    match state.zroc_pages.get(&name, make).await {
        Ok(body) => ([(header::CONTENT_TYPE, exposition::TEXT)], body).into_response(),
        Err(_) => line(StatusCode::INTERNAL_SERVER_ERROR, "this page failed by a defect, see the log"),
    }
}

fn write(hosts: &[HostData], settings: &ZrocSettings) -> String {
    let mut rows: Vec<MachineRow> = hosts.iter().flat_map(|data| rows(data, settings)).collect();
    if hosts.len() > 1 && !settings.vcenter_label {
        // Nothing in these labels says which vCenter it is; of two machines that share all of them the first is shown.
        let mut seen = HashSet::new();
        let is_first: Vec<bool> = rows.iter().map(|row| seen.insert(row.labels.as_str())).collect();
        let mut is_first = is_first.into_iter();
        rows.retain(|_| is_first.next().unwrap_or(true));
    }
    let mut page = Exposition::new(ExpositionFormat::Text, 4096 + rows.len() * 800);
    for (name, help, value) in OF_MACHINES {
        page.family(name, FamilyKind::Gauge, help);
        for row in &rows {
            if let Some(value) = value(row) {
                page.sample_with(&row.labels, format_args!("{value:.4}"));
            }
        }
    }
    let gathered: Vec<&Gathered> = hosts.iter().filter_map(|data| data.gathered.as_deref()).collect();
    let incomplete = rows.iter().filter(|row| row.is_incomplete).count();
    write_collector(&mut page, &gathered, incomplete, settings);
    page.finish()
}

fn write_collector(page: &mut Exposition, gathered: &[&Gathered], incomplete: usize, settings: &ZrocSettings) {
    let oldest = gathered.iter().map(|gathered| gathered.last_whole).min().flatten();
    let seconds = oldest.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |time| time.as_secs_f64());
    page.family(
        "vcenter_collector_last_collection_timestamp_seconds",
        FamilyKind::Gauge,
        "Unix time of the last collection in which nothing failed",
    );
    page.sample(&[], format_args!("{seconds:.0}"));
    let took = gathered.iter().map(|gathered| gathered.took.as_secs_f64()).fold(0.0, f64::max);
    page.family("vcenter_collector_last_collection_duration_seconds", FamilyKind::Gauge, "Duration of the last collection");
    page.sample(&[], format_args!("{took:.3}"));
    page.family("vcenter_collector_last_vm_count", FamilyKind::Gauge, "Virtual machines of the last collection");
    page.sample(&[], gathered.iter().map(|gathered| gathered.answered).sum::<usize>());
    page.family("vcenter_collector_cycles", FamilyKind::Counter, "Completed collections");
    page.sample(&[], gathered.iter().map(|gathered| gathered.cycles).min().unwrap_or(0));
    page.family(
        "vcenter_collector_incomplete_labels",
        FamilyKind::Gauge,
        "Virtual machines with empty labels because the account may not read their name or place",
    );
    page.sample(&[], incomplete);
    page.family(
        "vcenter_collector_perf_source",
        FamilyKind::Info,
        "Where the samples come from: real-time samples, or those that vCenter rolls up",
    );
    let wanted = source(settings.source);
    let mut sources: Vec<SampleSource> = Vec::new();
    for source in gathered.iter().map(|gathered| source_of(gathered, wanted)) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    if sources.is_empty() {
        sources.push(wanted);
    }
    for source in sources {
        let (word, interval) = match source {
            SampleSource::RealTime => ("real-time", crate::reader::REAL_TIME.to_string()),
            SampleSource::RolledUp(seconds) => ("historical", seconds.to_string()),
        };
        page.sample(&[("source", word), ("interval", &interval)], 1);
    }
}

/// The machines of one vCenter that have a usable value.
fn rows(data: &HostData, settings: &ZrocSettings) -> Vec<MachineRow> {
    let (Some(view), Some(gathered)) = (&data.view, &data.gathered) else { return Vec::new() };
    if view.confirmed().elapsed() > settings.inventory_ttl {
        return Vec::new();
    }
    let source = source_of(gathered, source(settings.source));
    let places = Places::new(view);
    let [name, power, template] =
        ["name", "runtime.powerState", "config.template"].map(|path| view.column(Kind::VirtualMachine, path));
    let mut rows = Vec::new();
    for machine in view.objects(Kind::VirtualMachine) {
        let readings = gathered.readings(Kind::VirtualMachine, source, machine.reference());
        let is_off =
            power.is_some_and(|power| matches!(machine.get(power), Property::Set(state) if state.as_str() != Some("poweredOn")));
        let is_template =
            template.is_some_and(|path| matches!(machine.get(path), Property::Set(yes) if yes.as_bool() == Some(true)));
        if readings.is_empty() || is_off || is_template {
            continue;
        }
        let combined = |counter, combine| combined(readings, counter, settings.source, combine);
        let iops = combined(WRITE_IOPS, Combination::Sum);
        let throughput = combined(WRITE_RATE, Combination::Sum).map(|kib| kib / KIB);
        let latency = combined(WRITE_LATENCY, Combination::Mean);
        if iops.is_none() && throughput.is_none() && latency.is_none() {
            continue;
        }
        let (vm_name, is_nameless) = name.map_or(("", false), |name| text(machine.get(name)));
        let place = places.of(machine);
        let mut pairs = vec![
            ("vm_name", vm_name),
            ("vm_moref", &*machine.reference().id),
            ("cluster", place.cluster),
            ("host", place.host),
            ("datacenter", place.datacenter),
        ];
        if settings.vcenter_label {
            pairs.push(("vcenter", data.host.name()));
        }
        #[expect(clippy::cast_precision_loss, reason = "disks stay below 2^53 bytes")]
        let provisioned = gathered.disk_bytes(machine.reference()).map(|bytes| bytes as f64 / GIB);
        rows.push(MachineRow {
            labels: labels(&pairs),
            is_incomplete: is_nameless || place.is_refused,
            iops,
            throughput,
            latency,
            provisioned,
        });
    }
    rows
}

#[derive(Clone, Copy)]
enum Combination {
    Sum,
    Mean,
}

/// One value of all disks; an aggregate, should there be one, does not count.
fn combined(readings: &[Reading], counter: &str, source: ZrocSource, combine: Combination) -> Option<f64> {
    let mut sum = 0.0;
    let mut count = 0.0;
    for reading in readings.iter().filter(|reading| reading.counter == counter && !reading.instance.is_empty()) {
        #[expect(clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
        let newest = reading.newest as f64;
        sum += if source == ZrocSource::Newest { newest } else { reading.mean };
        count += 1.0;
    }
    match combine {
        _ if count == 0.0 => None,
        Combination::Sum => Some(sum),
        Combination::Mean => Some(sum / count),
    }
}
