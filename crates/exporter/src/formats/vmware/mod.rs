//! The page of vmware_exporter: its names, labels and values.

mod counters;
mod fields;
mod labels;
mod page;
mod table;
mod writer;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::get;
use vpoller_inventory::Kind;

use crate::format::Format;
use crate::reader::{Counters, DetailsOf, Paths, Reader, SampleSource};
use crate::settings::Settings;
use crate::state::ExporterState;

pub(crate) use page::page;

pub(crate) const FORMAT: Format = Format { readers, router };

/// The name of its reader.
const READER: &str = "vmware";

const SOURCE: SampleSource = SampleSource::RealTime;

/// What the table and the labels are made of.
const PATHS: Paths = &[
    (
        Kind::VirtualMachine,
        &[
            "name",
            "runtime.host",
            "runtime.powerState",
            "runtime.bootTime",
            "runtime.maxCpuUsage",
            "summary.config.numCpu",
            "summary.config.memorySizeMB",
            "summary.config.template",
            "summary.config.vmPathName",
            "config.template",
            "datastore",
            "guest.disk",
            "guest.toolsStatus",
            "guest.toolsVersion",
            "guest.toolsVersionStatus2",
            "snapshot.rootSnapshotList",
        ],
    ),
    (
        Kind::HostSystem,
        &[
            "name",
            "parent",
            "datastore",
            "runtime.powerState",
            "runtime.standbyMode",
            "runtime.connectionState",
            "runtime.inMaintenanceMode",
            "runtime.bootTime",
            "runtime.healthSystemRuntime.systemHealthInfo.numericSensorInfo",
            "runtime.healthSystemRuntime.hardwareStatusInfo.cpuStatusInfo",
            "runtime.healthSystemRuntime.hardwareStatusInfo.memoryStatusInfo",
            "summary.config.name",
            "summary.config.product.version",
            "summary.config.product.build",
            "summary.quickStats.overallCpuUsage",
            "summary.quickStats.overallMemoryUsage",
            "summary.hardware.numCpuCores",
            "summary.hardware.cpuMhz",
            "summary.hardware.memorySize",
            "summary.hardware.model",
            "summary.hardware.cpuModel",
        ],
    ),
    (
        Kind::Datastore,
        &[
            "name",
            "parent",
            "summary.capacity",
            "summary.freeSpace",
            "summary.uncommitted",
            "summary.maintenanceMode",
            "summary.type",
            "summary.accessible",
        ],
    ),
    (Kind::ComputeResource, &["name", "parent"]),
    (Kind::Folder, &["name", "parent"]),
    (Kind::Datacenter, &["name", "parent"]),
];

fn readers(settings: &Settings) -> Vec<Reader> {
    let Some(vmware) = &settings.vmware else { return Vec::new() };
    let counters: Counters = match (vmware.collect.vms, vmware.collect.hosts) {
        (true, true) => counters::BOTH,
        (true, false) => counters::MACHINES,
        (false, true) => counters::HOSTS,
        (false, false) => &[],
    };
    let details = DetailsOf::None;
    vec![Reader { name: READER, interval: vmware.interval, source: SOURCE, or_real_time: false, counters, paths: PATHS, details }]
}

fn router(state: &Arc<ExporterState>) -> Router {
    let page = |State(state): State<Arc<ExporterState>>, RawQuery(query): RawQuery| async move {
        page(&state, &query.unwrap_or_default())
    };
    Router::new().route("/metrics/vmware", get(page)).with_state(Arc::clone(state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn everything_that_the_table_reads_is_watched() {
        for metric in table::METRICS {
            let kind = metric.set.kind();
            let watched = PATHS.iter().find(|(known, _)| *known == kind).unwrap().1;
            for path in metric.paths {
                assert!(watched.contains(path), "{}: {path}", metric.name);
            }
        }
    }

    #[test]
    fn each_name_stands_once() {
        let of_counters =
            [table::LabelSet::Machine, table::LabelSet::Host].into_iter().flat_map(counters::of).map(|(name, _)| name);
        let names: Vec<String> = table::METRICS.iter().map(|metric| metric.name.to_owned()).chain(of_counters).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        // 41 of properties, 48 counters, and seven that only dashboards know.
        assert_eq!((table::METRICS.len(), names.len()), (41, 41 + 48 + 7));
    }
}
