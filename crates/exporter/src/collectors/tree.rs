//! Where objects stand: names of what is above them, looked up once for a page.

use std::collections::HashMap;

use vpoller_inventory::{Column, Kind, ObjectView, Property, View, decoded_name};
use vpoller_vsphere::MoRef;

use crate::places::text;

/// No inventory is nested deeper; a circle, which a changing inventory may show, ends here.
const DEPTH: usize = 64;
const CLUSTER: &str = "ClusterComputeResource";

/// Everything that has something below it.
pub(crate) struct Tree<'v> {
    known: HashMap<&'v MoRef, Node<'v>>,
    pools: HashMap<&'v MoRef, Property<'v>>,
    host_of: Option<Column<'v>>,
    pool_of: Option<Column<'v>>,
    parents: Vec<(Kind, Option<Column<'v>>)>,
}

#[derive(Clone, Copy)]
struct Node<'v> {
    kind: Kind,
    name: Property<'v>,
    parent: Property<'v>,
}

/// The names above an object, as vSphere stores them. Empty where they are not known or may not be read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Above<'v> {
    pub(crate) host: &'v str,
    cluster: &'v str,
    datacenter: &'v str,
}

impl Above<'_> {
    pub(crate) fn cluster(&self) -> String {
        Tree::shown(self.cluster)
    }

    pub(crate) fn datacenter(&self) -> String {
        Tree::shown(self.datacenter)
    }
}

impl<'v> Tree<'v> {
    pub(crate) fn new(view: &'v View) -> Self {
        let mut known = HashMap::new();
        let read =
            |object: ObjectView<'v>, column: Option<Column<'v>>| column.map_or(Property::Unknown, |column| object.get(column));
        for kind in [Kind::HostSystem, Kind::ComputeResource, Kind::Folder, Kind::Datacenter] {
            let [name, parent] = ["name", "parent"].map(|path| view.column(kind, path));
            for object in view.objects(kind) {
                known.insert(object.reference(), Node { kind, name: read(object, name), parent: read(object, parent) });
            }
        }
        let name = view.column(Kind::ResourcePool, "name");
        let pools = view.objects(Kind::ResourcePool).map(|pool| (pool.reference(), read(pool, name))).collect();
        let parents = [
            (Kind::VirtualMachine, "parent"),
            (Kind::HostSystem, "parent"),
            (Kind::ComputeResource, "parent"),
            (Kind::Datastore, "parent"),
            (Kind::ResourcePool, "owner"),
        ];
        Self {
            known,
            pools,
            host_of: view.column(Kind::VirtualMachine, "runtime.host"),
            pool_of: view.column(Kind::VirtualMachine, "resourcePool"),
            parents: parents.map(|(kind, path)| (kind, view.column(kind, path))).into(),
        }
    }

    /// A name as people see it.
    pub(crate) fn shown(stored: &str) -> String {
        decoded_name(stored).into_owned()
    }

    /// What is above a machine. One that is on no host is in its folder's datacenter.
    pub(crate) fn of_machine(&self, machine: ObjectView<'v>) -> Above<'v> {
        let host = self.host_of.and_then(|column| reference(machine.get(column)));
        let mut above = host.map(|host| self.from(host)).unwrap_or_default();
        if above.datacenter.is_empty() {
            above.datacenter = self.above(Kind::VirtualMachine, machine).datacenter;
        }
        above
    }

    pub(crate) fn of_host(&self, host: ObjectView<'v>) -> Above<'v> {
        self.above(Kind::HostSystem, host)
    }

    /// What is above a cluster or a datastore.
    pub(crate) fn of_cluster(&self, object: ObjectView<'v>) -> Above<'v> {
        let kind = if &*object.reference().kind == "Datastore" { Kind::Datastore } else { Kind::ComputeResource };
        self.above(kind, object)
    }

    pub(crate) fn of_pool(&self, pool: ObjectView<'v>) -> Above<'v> {
        self.above(Kind::ResourcePool, pool)
    }

    /// The name of a machine's resource pool.
    pub(crate) fn pool(&self, machine: ObjectView<'v>) -> String {
        let pool = self.pool_of.and_then(|column| reference(machine.get(column)));
        let name = pool.and_then(|pool| self.pools.get(pool)).map_or("", |name| text(*name).0);
        Self::shown(name)
    }

    /// The folders above a machine or a datastore, from the datacenter down, without the one that every datacenter has.
    pub(crate) fn folder(&self, object: ObjectView<'v>) -> String {
        let kind = if &*object.reference().kind == "Datastore" { Kind::Datastore } else { Kind::VirtualMachine };
        let mut names = Vec::new();
        let mut next = self.parent(kind, object);
        for _ in 0..DEPTH {
            let Some(node) = next.and_then(|next| self.known.get(next)).filter(|node| node.kind == Kind::Folder) else { break };
            names.push(Self::shown(text(node.name).0));
            next = reference(node.parent);
        }
        names.pop();
        names.reverse();
        names.join("/")
    }

    fn parent(&self, kind: Kind, object: ObjectView<'v>) -> Option<&'v MoRef> {
        let (_, column) = self.parents.iter().find(|(of, _)| *of == kind)?;
        reference(object.get((*column)?))
    }

    fn above(&self, kind: Kind, object: ObjectView<'v>) -> Above<'v> {
        self.parent(kind, object).map(|parent| self.from(parent)).unwrap_or_default()
    }

    /// The names of this and of what is above it.
    fn from(&self, start: &'v MoRef) -> Above<'v> {
        let mut above = Above::default();
        let mut next = Some(start);
        for _ in 0..DEPTH {
            let Some((object, node)) = next.and_then(|next| Some((next, self.known.get(next)?))) else { break };
            let name = text(node.name).0;
            match node.kind {
                Kind::HostSystem => above.host = name,
                // What stands for a host that is in no cluster is none.
                Kind::ComputeResource if &*object.kind == CLUSTER => above.cluster = name,
                Kind::Datacenter => {
                    above.datacenter = name;
                    break;
                }
                _ => {}
            }
            next = reference(node.parent);
        }
        above
    }
}

fn reference(property: Property<'_>) -> Option<&MoRef> {
    match property {
        Property::Set(value) => value.as_moref(),
        _ => None,
    }
}

/// Properties that are texts.
pub(crate) struct Texts<'v, const N: usize> {
    columns: [Option<Column<'v>>; N],
}

impl<'v, const N: usize> Texts<'v, N> {
    pub(crate) fn new(view: &'v View, kind: Kind, paths: &[&'static str; N]) -> Self {
        Self { columns: paths.map(|path| view.column(kind, path)) }
    }

    /// Their values; empty where there is none or it may not be read.
    pub(crate) fn of(&self, object: ObjectView<'v>) -> [String; N] {
        self.columns.map(|column| column.map_or_else(String::new, |column| Tree::shown(text(object.get(column)).0)))
    }
}
