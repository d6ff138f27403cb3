//! Snapshots of machines.

use vpoller_inventory::Kind;
use vpoller_vsphere::{Struct, Value};

use super::super::metric::ValueSource::{Made, Several};
use super::super::metric::{Series, gauge, labelled};
use super::Subject;
use crate::reader::Paths;

const TREE: &str = "snapshot";
const PATHS: Paths = &[(Kind::VirtualMachine, &[TREE])];
/// vSphere allows 32 in a chain; what nests deeper is not followed.
const DEEPEST: usize = 64;

pub(crate) const SUBJECT: Subject = Subject {
    name: "snapshot",
    about: "snapshots of each machine",
    kind: Kind::VirtualMachine,
    paths: PATHS,
    counters: &[],
    metrics: &[
        gauge("vsphere_vm_snapshots", "", "Snapshots of a machine.", Made(TREE, |tree| Some(summary(tree)?.number))),
        gauge(
            "vsphere_vm_snapshot_chain_depth",
            "",
            "Snapshots in the longest chain of a machine.",
            Made(TREE, |tree| Some(summary(tree)?.depth)),
        ),
        gauge(
            "vsphere_vm_snapshot_oldest_timestamp_seconds",
            "seconds",
            "When the oldest snapshot of a machine was made.",
            Made(TREE, |tree| summary(tree)?.oldest),
        ),
    ],
    describe: None,
};

pub(crate) const EACH: Subject = Subject {
    name: "snapshot_each",
    about: "each snapshot by its name",
    kind: Kind::VirtualMachine,
    paths: PATHS,
    counters: &[],
    metrics: &[labelled(
        "vsphere_vm_snapshot_timestamp_seconds",
        "seconds",
        &["snapshot", "snapshot_moid"],
        "When a snapshot was made.",
        Several(TREE, |tree, series| {
            each(roots(Some(tree)).unwrap_or_default(), 1, &mut |node, _| show(node, series));
        }),
    )],
    describe: None,
};

fn show(node: &Struct, series: &mut Series<'_>) {
    let name = node.get("name").and_then(Value::as_str).unwrap_or_default();
    let moid = node.get("snapshot").and_then(Value::as_moref).map_or("", |reference| &reference.id);
    if let Some(time) = created(node) {
        series(&[name, moid], time);
    }
}

struct SnapshotSummary {
    number: f64,
    depth: f64,
    oldest: Option<f64>,
}

/// Nothing where the value is not what it should be. A machine without the property has no snapshots.
fn summary(tree: Option<&Value>) -> Option<SnapshotSummary> {
    let mut all = SnapshotSummary { number: 0.0, depth: 0.0, oldest: None };
    each(roots(tree)?, 1, &mut |node, depth| {
        all.number += 1.0;
        all.depth = all.depth.max(f64::from(u32::try_from(depth).unwrap_or(u32::MAX)));
        all.oldest = created(node).map(|time| all.oldest.map_or(time, |oldest| oldest.min(time))).or(all.oldest);
    });
    Some(all)
}

fn roots(tree: Option<&Value>) -> Option<&[Value]> {
    let Some(tree) = tree else { return Some(&[]) };
    Some(tree.as_struct()?.get("rootSnapshotList").and_then(Value::as_list).unwrap_or_default())
}

fn each(nodes: &[Value], depth: usize, visit: &mut dyn FnMut(&Struct, usize)) {
    for node in nodes.iter().filter_map(Value::as_struct) {
        visit(node, depth);
        let below = node.get("childSnapshotList").and_then(Value::as_list).filter(|_| depth < DEEPEST);
        each(below.unwrap_or_default(), depth + 1, visit);
    }
}

fn created(node: &Struct) -> Option<f64> {
    super::super::subject::unix_seconds(node.get("createTime")?.as_datetime()?)
}
