//! Each vSphere host: whether it is there, how old what is known of it is, how much that is, and how its cycles go.

use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use vpoller_inventory::Kind;

use super::Collector;
use crate::exposition::{Exposition, FamilyKind};
use crate::samples::Gathered;
use crate::state::{ExporterState, HostData};

pub(crate) const COLLECTOR: Collector = Collector { reader: None, collect };

const KINDS: [Kind; 8] = [
    Kind::ClusterComputeResource,
    Kind::Datacenter,
    Kind::Datastore,
    Kind::Folder,
    Kind::HostSystem,
    Kind::Network,
    Kind::ResourcePool,
    Kind::VirtualMachine,
];

/// A figure about a host's cycles.
type OfCycle = fn(&Gathered) -> Option<f64>;

const OF_CYCLES: [(&str, FamilyKind, &str, OfCycle); 5] = [
    (
        "vpoller_exporter_last_cycle_timestamp_seconds",
        FamilyKind::Gauge,
        "When the last cycle ended in which nothing failed.",
        |gathered| Some(gathered.last_whole?.duration_since(UNIX_EPOCH).ok()?.as_secs_f64()),
    ),
    ("vpoller_exporter_last_cycle_duration_seconds", FamilyKind::Gauge, "How long the last cycle took.", |gathered| {
        Some(gathered.took.as_secs_f64())
    }),
    (
        "vpoller_exporter_last_cycle_machines",
        FamilyKind::Gauge,
        "Machines whose questions were answered in the last cycle.",
        |gathered| number(gathered.answered),
    ),
    (
        "vpoller_exporter_last_cycle_failures",
        FamilyKind::Gauge,
        "Objects whose questions failed in the last cycle.",
        |gathered| number(gathered.failed.as_ref().map_or(0, |(count, _)| *count)),
    ),
    ("vpoller_exporter_cycles", FamilyKind::Counter, "Cycles that ended.", |gathered| {
        number(usize::try_from(gathered.cycles).ok()?)
    }),
];

fn collect(state: &Arc<ExporterState>, page: &mut Exposition) {
    let hosts = state.read("");
    page.family("vpoller_vcenter_up", FamilyKind::Gauge, "Whether the vSphere host is connected.");
    for HostData { host, .. } in &hosts {
        page.sample(&[("vcenter", host.name())], u8::from(host.is_connected()));
    }
    page.family("vpoller_vcenter_cache_age_seconds", FamilyKind::Gauge, "Since when what is known is not confirmed.");
    for (name, view) in known(&hosts) {
        page.sample(&[("vcenter", name)], Instant::now().saturating_duration_since(view.confirmed()).as_secs_f64());
    }
    page.family("vpoller_vcenter_objects", FamilyKind::Gauge, "Managed objects that are known, subtypes included.");
    for (name, view) in known(&hosts) {
        for kind in KINDS {
            // vSphere tells an account that may see no object of a type the same as if there were none: nothing.
            let count = view.objects(kind).count();
            if count > 0 {
                page.sample(&[("vcenter", name), ("type", kind.wire())], count);
            }
        }
    }
    for (family, kind, help, value) in OF_CYCLES {
        page.family(family, kind, help);
        for (place, plan) in state.plans.iter().enumerate() {
            let interval = plan.interval.as_secs_f64().to_string();
            for HostData { host, .. } in &hosts {
                let gathered = state.last(place, host.name());
                if let Some(value) = gathered.and_then(|gathered| value(&gathered)) {
                    page.sample(&[("vcenter", host.name()), ("interval", &interval)], value);
                }
            }
        }
    }
}

fn known(hosts: &[HostData]) -> impl Iterator<Item = (&str, &vpoller_inventory::View)> {
    hosts.iter().filter_map(|data| Some((data.host.name(), data.view.as_ref()?)))
}

#[expect(clippy::cast_precision_loss, reason = "no exporter counts to 2^53")]
fn number(count: usize) -> Option<f64> {
    Some(count as f64)
}
