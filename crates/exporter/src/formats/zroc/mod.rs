//! The page and the health document of the zROC Planner collector, to the letter.

mod health;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::format::Format;
use vpoller_inventory::Kind;

use crate::reader::{DetailsOf, Paths, Reader, SampleSource, WantedCounter};
use crate::samples::Gathered;
use crate::settings::{Settings, ZrocSource};
use crate::state::ExporterState;

pub(crate) use page::page;

pub(crate) const FORMAT: Format = Format { readers, router };

/// The name of its reader.
const READER: &str = "zroc";

const WRITE_IOPS: &str = "virtualDisk.numberWriteAveraged.average";
const WRITE_RATE: &str = "virtualDisk.write.average";
const WRITE_LATENCY: &str = "virtualDisk.totalWriteLatency.average";

/// What labels are made of, and what says that a machine's disks may have changed.
const PATHS: Paths = &[
    (Kind::VirtualMachine, &["name", "runtime.host", "runtime.powerState", "config.template", "config.changeVersion"]),
    (Kind::HostSystem, &["name", "parent"]),
    (Kind::ComputeResource, &["name", "parent"]),
    (Kind::Folder, &["parent"]),
    (Kind::Datacenter, &["name", "parent"]),
];

/// There is no aggregate of a machine's virtual disks.
const COUNTERS: &[WantedCounter] = &[
    WantedCounter { name: WRITE_IOPS, instance: "*" },
    WantedCounter { name: WRITE_RATE, instance: "*" },
    WantedCounter { name: WRITE_LATENCY, instance: "*" },
];

fn readers(settings: &Settings) -> Vec<Reader> {
    let Some(zroc) = settings.zroc else { return Vec::new() };
    let reader = |paths: Paths| Reader {
        name: READER,
        interval: zroc.poll_interval,
        source: source(zroc.source),
        or_real_time: matches!(zroc.source, ZrocSource::RolledUp { or_real_time: true, .. }),
        counters: &[(Kind::VirtualMachine, COUNTERS)],
        paths,
        details: DetailsOf::Running,
    };
    vec![reader(PATHS)]
}

const fn source(source: ZrocSource) -> SampleSource {
    match source {
        ZrocSource::Average | ZrocSource::Newest => SampleSource::RealTime,
        ZrocSource::RolledUp { interval, .. } => SampleSource::RolledUp(interval),
    }
}

fn router(state: &Arc<ExporterState>) -> Router {
    let router = Router::new();
    let health = |State(state): State<Arc<ExporterState>>| async move { health::answer(&state) };
    router.route("/health", get(health)).route("/healthz", get(health)).route("/ready", get(health)).with_state(Arc::clone(state))
}

/// The source of the samples that were gathered last: the one that is set, or what stands in for it.
fn source_of(gathered: &Gathered, wanted: SampleSource) -> SampleSource {
    if gathered.answers_to(Kind::VirtualMachine, wanted).is_some() { wanted } else { SampleSource::RealTime }
}
