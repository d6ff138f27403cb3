//! Each vSphere host: whether it is there, how old what is known of it is, what is asked of it, and how its cycles go.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;
use vpoller_inventory::{Kind, View};

use super::figures::{Collector, Figures, figure};
use crate::exposition::Exposition;
use crate::exposition::FamilyKind::{Counter, Gauge, Histogram};
use crate::samples::Gathered;
use crate::state::HostData;

const VCENTER: &[&str] = &["vcenter"];
const CYCLE: &[&str] = &["vcenter", "interval"];
const SESSIONS: [&str; 5] = ["none", "connecting", "open", "refused", "unreachable"];

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

pub(super) const COLLECTOR: Collector = Collector {
    name: "vcenter",
    figures: &[
        figure(Gauge, "vpoller_vcenter_up", "", VCENTER, "Whether the vSphere host is connected.", |figures, page| {
            for HostData { host, .. } in figures.hosts {
                page.sample(&[("vcenter", host.name())], u8::from(host.is_connected()));
            }
        }),
        figure(
            Gauge,
            "vpoller_vcenter_session_state",
            "",
            &["vcenter", "state"],
            "How the session is: 1 for the word that holds.",
            |figures, page| {
                for (data, health) in figures.each() {
                    let text = health.get("session").and_then(Json::as_str);
                    let Some(word) = text.and_then(|text| text.split(',').next()) else { continue };
                    for state in SESSIONS {
                        page.sample(&[("vcenter", data.host.name()), ("state", state)], u8::from(state == word));
                    }
                }
            },
        ),
        figure(
            Gauge,
            "vpoller_vcenter_last_update_timestamp_seconds",
            "seconds",
            VCENTER,
            "When vSphere last confirmed what is known of it.",
            |figures, page| {
                for (name, view) in known(figures.hosts) {
                    let confirmed = SystemTime::now().checked_sub(age(view));
                    if let Some(since) = confirmed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
                        page.sample(&[("vcenter", name)], since.as_secs_f64());
                    }
                }
            },
        ),
        figure(
            Gauge,
            "vpoller_vcenter_cache_age_seconds",
            "seconds",
            VCENTER,
            "Since when what is known is not confirmed.",
            |figures, page| {
                for (name, view) in known(figures.hosts) {
                    page.sample(&[("vcenter", name)], age(view).as_secs_f64());
                }
            },
        ),
        figure(
            Gauge,
            "vpoller_vcenter_objects",
            "",
            &["vcenter", "type"],
            "Managed objects that are known, subtypes included.",
            |figures, page| {
                for (name, view) in known(figures.hosts) {
                    for kind in KINDS {
                        // vSphere tells an account that may see no object of a type the same as if there were none: nothing.
                        let count = view.objects(kind).count();
                        if count > 0 {
                            page.sample(&[("vcenter", name), ("type", kind.wire())], count);
                        }
                    }
                }
            },
        ),
        figure(
            Counter,
            "vpoller_vcenter_soap_requests",
            "",
            &["vcenter", "method", "outcome"],
            "Calls to vSphere: ok, or the class of the error.",
            write_calls,
        ),
        figure(
            Histogram,
            "vpoller_vcenter_soap_request_duration_seconds",
            "seconds",
            &["vcenter", "method"],
            "Time of calls to vSphere.",
            write_durations,
        ),
        figure(
            Counter,
            "vpoller_vcenter_soap_bytes",
            "bytes",
            &["vcenter", "direction"],
            "Bytes of calls (out) and of answers (in).",
            |figures, page| {
                for (data, health) in figures.each() {
                    for (direction, member) in [("in", "bytes_in"), ("out", "bytes_out")] {
                        if let Some(bytes) = health.get(member).and_then(Json::as_u64) {
                            page.sample(&[("vcenter", data.host.name()), ("direction", direction)], bytes);
                        }
                    }
                }
            },
        ),
        figure(Counter, "vpoller_vcenter_logins", "", VCENTER, "Sessions that were opened.", |figures, page| {
            figures.numbers("/logins", page);
        }),
        figure(Counter, "vpoller_vcenter_cache_updates", "", VCENTER, "Sets of changes that vSphere sent.", |figures, page| {
            figures.numbers("/cache/counters/updates", page);
        }),
        figure(Counter, "vpoller_vcenter_cache_losses", "", VCENTER, "Times the stream of changes broke.", |figures, page| {
            figures.numbers("/cache/counters/losses", page);
        }),
        figure(Counter, "vpoller_vcenter_cache_hits", "", VCENTER, "Values that memory had for checks.", |figures, page| {
            figures.numbers("/cache/hits", page);
        }),
        figure(
            Counter,
            "vpoller_vcenter_cache_misses",
            "",
            VCENTER,
            "Values that were read from vSphere for checks.",
            |figures, page| figures.numbers("/cache/misses", page),
        ),
        figure(
            Counter,
            "vpoller_vcenter_coalesced_requests",
            "",
            VCENTER,
            "Questions answered along with another one.",
            |figures, page| figures.numbers("/cache/shared", page),
        ),
        figure(Counter, "vpoller_vcenter_perf_queries", "", VCENTER, "Calls for samples of counters.", |figures, page| {
            figures.numbers("/perf/calls", page);
        }),
        figure(Counter, "vpoller_vcenter_perf_query_failures", "", VCENTER, "Calls for samples that failed.", |figures, page| {
            figures.numbers("/perf/failed", page)
        }),
        figure(Counter, "vpoller_vcenter_perf_entities", "", VCENTER, "Objects in calls for samples.", |figures, page| {
            figures.numbers("/perf/objects", page);
        }),
        figure(Counter, "vpoller_vcenter_perf_series", "", VCENTER, "Series in calls for samples.", |figures, page| {
            figures.numbers("/perf/series", page);
        }),
        figure(
            Gauge,
            "vpoller_vcenter_perf_batch_limit",
            "",
            VCENTER,
            "Objects that a call for samples may have now.",
            |figures, page| figures.numbers("/perf/objects_per_call", page),
        ),
        figure(
            Gauge,
            "vpoller_exporter_last_cycle_timestamp_seconds",
            "seconds",
            CYCLE,
            "When the last cycle ended in which nothing failed.",
            |figures, page| {
                cycles(figures, page, |gathered| Some(gathered.last_whole?.duration_since(UNIX_EPOCH).ok()?.as_secs_f64()));
            },
        ),
        figure(
            Gauge,
            "vpoller_exporter_last_cycle_duration_seconds",
            "seconds",
            CYCLE,
            "How long the last cycle took.",
            |figures, page| cycles(figures, page, |gathered| Some(gathered.took.as_secs_f64())),
        ),
        figure(
            Gauge,
            "vpoller_exporter_last_cycle_machines",
            "",
            CYCLE,
            "Machines whose questions were answered in the last cycle.",
            |figures, page| cycles(figures, page, |gathered| number(gathered.answered)),
        ),
        figure(
            Gauge,
            "vpoller_exporter_last_cycle_failures",
            "",
            CYCLE,
            "Objects whose questions failed in the last cycle.",
            |figures, page| {
                cycles(figures, page, |gathered| number(gathered.failed.as_ref().map_or(0, |(count, _)| *count)));
            },
        ),
        figure(Counter, "vpoller_exporter_cycles", "", CYCLE, "Cycles that ended.", |figures, page| {
            cycles(figures, page, |gathered| number(usize::try_from(gathered.cycles).ok()?));
        }),
    ],
};

fn age(view: &View) -> std::time::Duration {
    Instant::now().saturating_duration_since(view.confirmed())
}

fn known(hosts: &[HostData]) -> impl Iterator<Item = (&str, &View)> {
    hosts.iter().filter_map(|data| Some((data.host.name(), data.view.as_ref()?)))
}

/// The figures of each SOAP method.
fn methods(health: &Json) -> impl Iterator<Item = (&String, &Json)> {
    health.get("soap_by_method").and_then(Json::as_object).into_iter().flatten()
}

fn write_calls(figures: &Figures<'_>, page: &mut Exposition) {
    for (data, health) in figures.each() {
        for (method, calls) in methods(health) {
            let of_class = |(class, count): (&'_ String, &'_ Json)| Some((class.clone(), count.as_u64()?));
            let errors: Vec<(String, u64)> =
                calls.get("errors").and_then(Json::as_object).into_iter().flatten().filter_map(of_class).collect();
            let failed: u64 = errors.iter().map(|(_, count)| count).sum();
            let good = calls.get("calls").and_then(Json::as_u64).unwrap_or(0).saturating_sub(failed);
            page.sample(&[("vcenter", data.host.name()), ("method", method), ("outcome", "ok")], good);
            for (class, count) in errors {
                page.sample(&[("vcenter", data.host.name()), ("method", method), ("outcome", &class)], count);
            }
        }
    }
}

fn write_durations(figures: &Figures<'_>, page: &mut Exposition) {
    for (data, health) in figures.each() {
        for (method, calls) in methods(health) {
            let numbers = |pointer: &str| calls.pointer(pointer).and_then(Json::as_array);
            let (Some(bounds), Some(counts)) = (numbers("/latency_seconds/bounds"), numbers("/latency_seconds/counts")) else {
                continue;
            };
            let bounds: Vec<f64> = bounds.iter().filter_map(Json::as_f64).collect();
            let counts: Vec<u64> = counts.iter().filter_map(Json::as_u64).collect();
            let sum = calls.pointer("/latency_seconds/sum").and_then(Json::as_f64).unwrap_or(0.0);
            page.histogram(&[("vcenter", data.host.name()), ("method", method)], &bounds, &counts, sum);
        }
    }
}

/// A figure of each host's cycles, by their interval.
fn cycles(figures: &Figures<'_>, page: &mut Exposition, value: fn(&Gathered) -> Option<f64>) {
    for (place, plan) in figures.state.plans.iter().enumerate() {
        let interval = plan.interval.as_secs_f64().to_string();
        for HostData { host, .. } in figures.hosts {
            let gathered = figures.state.last(place, host.name());
            if let Some(value) = gathered.and_then(|gathered| value(&gathered)) {
                page.sample(&[("vcenter", host.name()), ("interval", &interval)], value);
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "no exporter counts to 2^53")]
fn number(count: usize) -> Option<f64> {
    Some(count as f64)
}
