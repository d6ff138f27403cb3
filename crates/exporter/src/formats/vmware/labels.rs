//! The labels of every object, written once for all its series.

use std::collections::{HashMap, HashSet};

use vpoller_inventory::{Column, Kind, ObjectView, Property, View};
use vpoller_vsphere::MoRef;

use super::table::LabelSet;
use crate::exposition::escape_label;

/// No inventory is nested deeper; a circle, which a changing inventory may show, ends here.
const DEPTH: usize = 64;
/// What stands for what is not known.
const NOT_KNOWN: &str = "n/a";

/// Labels without braces, for each object of a type in the order of the view; none for objects that have no series.
pub(super) struct LabelTable {
    machines: Vec<Option<String>>,
    datastores: Vec<Option<String>>,
    hosts: Vec<Option<String>>,
}

impl LabelTable {
    pub(super) fn new(view: &View, has_moid: bool) -> Self {
        let above = PlaceNames::new(view);
        let hosts = of_hosts(view, &above);
        let by_id: HashMap<&str, &HostPlace<'_>> = hosts.iter().map(|host| (host.id, host)).collect();
        let machines = of_machines(view, &by_id, has_moid);
        let write_host = |host: &HostPlace<'_>| {
            write(&[("host_name", host.name), ("dc_name", host.datacenter), ("cluster_name", host.cluster)], host.id, has_moid)
        };
        let of_hosts = once(hosts.iter().map(|host| Some(write_host(host))));
        Self {
            machines: once(machines.into_iter()),
            datastores: once(of_datastores(view, &above, has_moid).into_iter()),
            hosts: of_hosts,
        }
    }

    pub(super) fn of(&self, set: LabelSet) -> impl Iterator<Item = Option<&str>> {
        let labels = match set {
            LabelSet::Machine => &self.machines,
            LabelSet::Datastore => &self.datastores,
            LabelSet::Host => &self.hosts,
        };
        labels.iter().map(Option::as_deref)
    }
}

/// Of objects with the same labels, the first has them: a series that comes twice makes Prometheus refuse, or guess.
fn once(labels: impl Iterator<Item = Option<String>>) -> Vec<Option<String>> {
    let all: Vec<Option<String>> = labels.collect();
    let mut seen = HashSet::new();
    let is_first: Vec<bool> = all.iter().map(|labels| labels.as_deref().is_some_and(|labels| seen.insert(labels))).collect();
    all.into_iter().zip(is_first).map(|(labels, is_first)| labels.filter(|_| is_first)).collect()
}

fn write(pairs: &[(&str, &str)], id: &str, has_moid: bool) -> String {
    let mut text = String::with_capacity(160);
    let moid = has_moid.then_some(("moid", id));
    for (name, value) in pairs.iter().copied().chain(moid) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
        text.push_str("=\"");
        escape_label(&mut text, value);
        text.push('"');
    }
    text
}

/// A text of an object, where it is known.
fn text<'v>(object: ObjectView<'v>, column: Option<Column<'v>>) -> Option<&'v str> {
    match object.get(column?) {
        Property::Set(value) => value.as_str(),
        _ => None,
    }
}

/// An object that this one refers to, where that is known.
fn reference<'v>(object: ObjectView<'v>, column: Option<Column<'v>>) -> Option<&'v MoRef> {
    match object.get(column?) {
        Property::Set(value) => value.as_moref(),
        _ => None,
    }
}

/// An ESXi host's names and places.
struct HostPlace<'v> {
    id: &'v str,
    name: &'v str,
    datacenter: &'v str,
    cluster: &'v str,
}

fn of_hosts<'v>(view: &'v View, above: &PlaceNames<'v>) -> Vec<HostPlace<'v>> {
    let [name, other_name, parent] = ["summary.config.name", "name", "parent"].map(|path| view.column(Kind::HostSystem, path));
    let place = |host: ObjectView<'v>| {
        let stands_in = above.climb(reference(host, parent));
        let name = text(host, name).or_else(|| text(host, other_name)).unwrap_or(NOT_KNOWN);
        HostPlace {
            id: &host.reference().id,
            name: name.trim_end_matches('.'),
            datacenter: stands_in.datacenter,
            cluster: stands_in.cluster,
        }
    };
    view.objects(Kind::HostSystem).map(place).collect()
}

fn of_machines(view: &View, hosts: &HashMap<&str, &HostPlace<'_>>, has_moid: bool) -> Vec<Option<String>> {
    let [name, file, host] =
        ["name", "summary.config.vmPathName", "runtime.host"].map(|path| view.column(Kind::VirtualMachine, path));
    let labels = |machine: ObjectView<'_>| {
        // A machine that runs nowhere is being made still.
        if host.is_some_and(|host| machine.get(host) == Property::Unset) {
            return None;
        }
        let home = text(machine, file).and_then(|file| Some(file.strip_prefix('[')?.split_once(']')?.0));
        let place = reference(machine, host).and_then(|host| hosts.get(&*host.id));
        let pairs = [
            ("vm_name", text(machine, name).unwrap_or(NOT_KNOWN)),
            ("ds_name", home.unwrap_or(NOT_KNOWN)),
            ("host_name", place.map_or(NOT_KNOWN, |place| place.name)),
            ("dc_name", place.map_or(NOT_KNOWN, |place| place.datacenter)),
            ("cluster_name", place.map_or(NOT_KNOWN, |place| place.cluster)),
        ];
        Some(write(&pairs, &machine.reference().id, has_moid))
    };
    view.objects(Kind::VirtualMachine).map(labels).collect()
}

fn of_datastores(view: &View, above: &PlaceNames<'_>, has_moid: bool) -> Vec<Option<String>> {
    let [name, parent] = ["name", "parent"].map(|path| view.column(Kind::Datastore, path));
    let labels = |store: ObjectView<'_>| {
        let place = above.climb(reference(store, parent));
        let pairs = [
            ("ds_name", text(store, name).unwrap_or(NOT_KNOWN)),
            ("dc_name", place.datacenter),
            ("ds_cluster", place.datastore_cluster),
        ];
        Some(write(&pairs, &store.reference().id, has_moid))
    };
    view.objects(Kind::Datastore).map(labels).collect()
}

/// What stands above ESXi hosts and datastores.
struct PlaceNames<'v> {
    known: HashMap<&'v MoRef, (&'v str, Option<&'v MoRef>)>,
}

/// The names of what an object stands in; empty outside of clusters.
struct StandsIn<'v> {
    datacenter: &'v str,
    cluster: &'v str,
    datastore_cluster: &'v str,
}

impl<'v> PlaceNames<'v> {
    fn new(view: &'v View) -> Self {
        let mut known = HashMap::new();
        for kind in [Kind::ComputeResource, Kind::Folder, Kind::Datacenter] {
            let [name, parent] = ["name", "parent"].map(|path| view.column(kind, path));
            for object in view.objects(kind) {
                known.insert(object.reference(), (text(object, name).unwrap_or(NOT_KNOWN), reference(object, parent)));
            }
        }
        Self { known }
    }

    fn climb(&self, parent: Option<&MoRef>) -> StandsIn<'v> {
        let mut place = StandsIn { datacenter: NOT_KNOWN, cluster: "", datastore_cluster: "" };
        let mut next = parent.and_then(|parent| self.known.get_key_value(parent));
        for _ in 0..DEPTH {
            let Some((object, (name, parent))) = next else { return place };
            match &*object.kind {
                "ClusterComputeResource" => place.cluster = name,
                "StoragePod" => place.datastore_cluster = name,
                "Datacenter" => {
                    place.datacenter = name;
                    return place;
                }
                _ => {}
            }
            next = parent.and_then(|parent| self.known.get_key_value(parent));
        }
        place
    }
}
