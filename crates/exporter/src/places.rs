//! Where a machine is: its ESXi host, that one's cluster, and the datacenter above it. Looked up once for each of these, not for
//! each machine.

use std::collections::HashMap;

use vpoller_inventory::{Column, Kind, ObjectView, Property, View};
use vpoller_vsphere::MoRef;

/// No inventory is nested deeper; a circle, which a changing inventory may show, ends here.
const DEPTH: usize = 64;

/// Names of ESXi hosts, clusters and datacenters by the host.
pub(crate) struct Places<'v> {
    by_host: HashMap<&'v str, Place<'v>>,
    of_machine: Option<Column<'v>>,
}

/// Where machines of one ESXi host are. Empty where it is not known; `refused` says that it may not be read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place<'v> {
    pub(crate) host: &'v str,
    pub(crate) cluster: &'v str,
    pub(crate) datacenter: &'v str,
    pub(crate) is_refused: bool,
}

/// A text property; the empty text where there is none, and whether that is for want of rights.
pub(crate) fn text<'v>(property: Property<'v>) -> (&'v str, bool) {
    match property {
        Property::Set(value) => (value.as_str().unwrap_or_default(), false),
        Property::Refused(_) => ("", true),
        Property::Unset | Property::Unknown => ("", false),
    }
}

impl<'v> Places<'v> {
    /// Looks up the places of all ESXi hosts.
    pub(crate) fn new(view: &'v View) -> Self {
        let parents = Parents::new(view);
        let mut by_host = HashMap::new();
        let name = view.column(Kind::HostSystem, "name");
        let parent = view.column(Kind::HostSystem, "parent");
        for host in view.objects(Kind::HostSystem) {
            let (host_name, is_refused) = name.map_or(("", false), |name| text(host.get(name)));
            let mut place = Place { host: host_name, is_refused, ..Place::default() };
            if let Some(parent) = parent {
                parents.climb(host.get(parent), &mut place);
            }
            by_host.insert(&*host.reference().id, place);
        }
        Self { by_host, of_machine: view.column(Kind::VirtualMachine, "runtime.host") }
    }

    /// Where a machine is.
    pub(crate) fn of(&self, machine: ObjectView<'v>) -> Place<'v> {
        let Some(host) = self.of_machine.map(|column| machine.get(column)) else { return Place::default() };
        match host {
            Property::Set(host) => host.as_moref().and_then(|host| self.by_host.get(&*host.id)).copied().unwrap_or_default(),
            Property::Refused(_) => Place { is_refused: true, ..Place::default() },
            Property::Unset | Property::Unknown => Place::default(),
        }
    }
}

/// What stands above ESXi hosts: name, parent, and whether it is a datacenter or may be a cluster.
struct Parents<'v> {
    known: HashMap<&'v MoRef, (Kind, Property<'v>, Property<'v>)>,
}

impl<'v> Parents<'v> {
    fn new(view: &'v View) -> Self {
        let mut known = HashMap::new();
        for kind in [Kind::ComputeResource, Kind::Folder, Kind::Datacenter] {
            let [name, parent] = ["name", "parent"].map(|path| view.column(kind, path));
            let read = |object: ObjectView<'v>, column: Option<Column<'v>>| {
                column.map_or(Property::Unknown, |column| object.get(column))
            };
            for object in view.objects(kind) {
                known.insert(object.reference(), (kind, read(object, name), read(object, parent)));
            }
        }
        Self { known }
    }

    fn climb(&self, parent: Property<'v>, place: &mut Place<'v>) {
        let mut above = parent;
        for _ in 0..DEPTH {
            let reference = match above {
                Property::Set(value) => value.as_moref(),
                Property::Refused(_) => {
                    place.is_refused = true;
                    None
                }
                Property::Unset | Property::Unknown => None,
            };
            let Some((kind, name, parent)) = reference.and_then(|reference| self.known.get(reference)) else { return };
            let (name, is_refused) = text(*name);
            place.is_refused |= is_refused && *kind != Kind::Folder;
            match kind {
                Kind::ComputeResource => place.cluster = name,
                Kind::Datacenter => {
                    place.datacenter = name;
                    return;
                }
                _ => {}
            }
            above = *parent;
        }
    }
}
