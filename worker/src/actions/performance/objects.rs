//! Which objects a request about many means.

use std::borrow::Cow;
use std::collections::HashSet;

use vpoller_inventory::property::{CONNECTION_STATE, HOST, NAME, PARENT, POWER_STATE};
use vpoller_inventory::{Ancestors, Kind, ReadError, Row, decoded_name, upward};
use vpoller_vsphere::{MoRef, Value};
use wildmatch::WildMatch;

use super::super::Task;
use crate::failure::Failure;

/// What a request's `name` says about many objects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Which<'r> {
    /// Every object of the type.
    All,
    /// Those whose name fits a pattern.
    Like(&'r str),
    /// Those in another object.
    In(Kind, &'r str),
    /// The one of this name.
    One(&'r str),
}

/// The objects that are meant.
pub(super) struct Meant {
    /// Those of which that is known.
    pub rows: Vec<Row>,
    /// How many more there may be, because they do not tell their name or place, and why the first of them does not.
    pub hidden: Gap,
}

/// What an answer lacks.
#[derive(Default)]
pub(super) struct Gap {
    objects: usize,
    error: Option<ReadError>,
}

impl Meant {
    /// All of them.
    fn whole(rows: Vec<Row>) -> Self {
        Self { rows, hidden: Gap::default() }
    }

    /// The rows, and errors of objects that may be meant. An error when there are no rows but such objects.
    fn of(rows: Vec<Row>, hidden: impl Iterator<Item = ReadError>) -> Result<Self, Failure> {
        let mut gap = Gap::default();
        hidden.for_each(|error| gap.add(error));
        match gap.error {
            Some(error) if rows.is_empty() => Err(error.into()),
            _ => Ok(Self { rows, hidden: gap }),
        }
    }
}

impl Gap {
    /// One more object, and why.
    pub(super) fn add(&mut self, error: ReadError) {
        self.objects += 1;
        self.error.get_or_insert(error);
    }

    /// The text of a success, which says so if something is missing: a table has no other place for it.
    pub(super) fn success_text(&self, success: &'static str) -> Cow<'static, str> {
        match &self.error {
            Some(error) => {
                Cow::Owned(format!("{success}; objects that could not be read: {}, the first because of {error}", self.objects))
            }
            None => Cow::Borrowed(success),
        }
    }
}

const MOUNTS: &str = "host";

/// No name of vSphere is as long.
const LONGEST_PATTERN: usize = 1000;

/// Words for what objects can be in.
const PLACES: &[(&str, Kind)] =
    &[("cluster", Kind::ComputeResource), ("datacenter", Kind::Datacenter), ("folder", Kind::Folder), ("host", Kind::HostSystem)];

impl<'r> Which<'r> {
    fn read(name: Option<&'r str>) -> Self {
        let Some(name) = name else { return Self::All };
        let place = name.split_once(':').and_then(|(word, rest)| {
            let (_, kind) = PLACES.iter().find(|(place, _)| *place == word)?;
            Some(Self::In(*kind, rest.trim()))
        });
        let is_pattern = name.len() <= LONGEST_PATTERN && name.contains(['*', '?']);
        place.unwrap_or(if is_pattern { Self::Like(name) } else { Self::One(name) })
    }
}

/// The objects of the type that the request's `name` means, each with its name; with `up`, only those that are up.
///
/// The exact name of an object goes before what it means as a pattern or a place: `vm0*` and `cluster:2` may be names.
pub(super) async fn find(task: &Task<'_>, kind: Kind, up: bool) -> Result<Meant, Failure> {
    let inventory = task.inventory;
    let has_state = matches!(kind, Kind::VirtualMachine | Kind::HostSystem);
    let states: &[&str] = if up && has_state { &[POWER_STATE, CONNECTION_STATE] } else { &[] };
    let paths = [&[NAME], states].concat();
    let which = Which::read(task.request.name.as_deref());
    let exact = match (which, task.request.name.as_deref()) {
        // One whose name may not be read is counted below, where it may be one that is meant.
        (Which::Like(_) | Which::In(..), Some(name)) => match vpoller_inventory::find_by_name(inventory, kind, name).await {
            Err(error) if error.refusal().is_some() => None,
            found => found?.into_iter().next(),
        },
        _ => None,
    };
    let mut meant = match which {
        _ if exact.is_some() => Meant::whole(inventory.read(exact.as_slice(), &paths).await?),
        Which::One(name) => {
            let found = vpoller_inventory::find_by_name(inventory, kind, name).await?.into_iter().next();
            let found = found.ok_or_else(|| Failure::NoSuchObject(Some(name.to_owned())))?;
            Meant::whole(inventory.read(&[found], &paths).await?)
        }
        Which::All => Meant::whole(inventory.list(kind, &paths).await?),
        Which::Like(pattern) => {
            let pattern = WildMatch::new(pattern);
            let fits = |name: &str| pattern.matches(name) || (name.contains('%') && pattern.matches(&decoded_name(name)));
            let (rows, others): (Vec<Row>, Vec<Row>) =
                inventory.list(kind, &paths).await?.into_iter().partition(|row| name(row).is_some_and(fits));
            // An object whose name may not be read may be one that is meant.
            Meant::of(rows, others.iter().filter_map(|row| row.required(NAME).err()))?
        }
        Which::In(place, name) => {
            let found = vpoller_inventory::find_by_name(inventory, place, name).await?;
            let place = found.into_iter().next().ok_or_else(|| Failure::NoSuchObject(Some(name.to_owned())))?;
            inside(task, kind, &place, states).await?
        }
    };
    // What may be off, because its state may not be read, is asked for samples like what is on.
    let may_be = |row: &Row, path: &str, state: &str| row.required_text(path).map_or(true, |own| own == Some(state));
    let is_up = |row: &Row| may_be(row, POWER_STATE, "poweredOn") && may_be(row, CONNECTION_STATE, "connected");
    meant.rows.retain(|row| states.is_empty() || is_up(row));
    Ok(meant)
}

/// The name of an object, where it is known.
pub(super) fn name(row: &Row) -> Option<&str> {
    row.readable(NAME).and_then(Value::as_str)
}

/// The objects of the type in a place: below it, or on the ESXi hosts below it.
async fn inside(task: &Task<'_>, kind: Kind, place: &MoRef, states: &[&str]) -> Result<Meant, Failure> {
    let on_hosts = matches!(&*place.kind, "HostSystem" | "ComputeResource" | "ClusterComputeResource");
    let via: &[&str] = match kind {
        Kind::VirtualMachine if on_hosts => &[HOST],
        Kind::Datastore if on_hosts => &[MOUNTS],
        _ => &[],
    };
    let rows = task.inventory.list(kind, &[upward(kind), states, via].concat()).await?;
    let hosts: Vec<MoRef> = rows.iter().flat_map(hosts_of).collect::<HashSet<_>>().into_iter().collect();
    let hosts = if hosts.is_empty() { Vec::new() } else { task.inventory.read(&hosts, &[NAME, PARENT]).await? };
    let above = Ancestors::of(task.inventory, &[rows.as_slice(), &hosts].concat()).await?;
    let below = |row: &Row| row.object == *place || above.above(row).any(|ancestor| ancestor.object == *place);
    let hosts: HashSet<&MoRef> = hosts.iter().filter(|host| below(host)).map(|host| &host.object).collect();
    let is_inside = |row: &Row| below(row) || hosts_of(row).iter().any(|host| hosts.contains(host));
    let (inside, others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_inside);
    // What does not tell its host or its place may be inside.
    let place_of = |row: &Row| via.iter().find_map(|path| row.required(path).err()).or_else(|| above.refusal(row));
    Meant::of(inside, others.iter().filter_map(place_of))
}

/// The ESXi host that a virtual machine runs on, or those that a datastore is mounted on.
fn hosts_of(row: &Row) -> Vec<MoRef> {
    let mounts = row.readable(MOUNTS).and_then(Value::as_list).unwrap_or_default().iter();
    let mounts = mounts.filter_map(|mount| mount.as_struct()?.get("key")?.as_moref());
    row.readable(HOST).and_then(Value::as_moref).into_iter().chain(mounts).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_objects() {
        assert_eq!(Which::read(None), Which::All);
        assert_eq!(Which::read(Some("web*")), Which::Like("web*"));
        assert_eq!(Which::read(Some("cluster: cluster01")), Which::In(Kind::ComputeResource, "cluster01"));
        assert_eq!(Which::read(Some("folder:/datacenter01/vm/Web")), Which::In(Kind::Folder, "/datacenter01/vm/Web"));
        assert_eq!(Which::read(Some("moid:vm-12")), Which::One("moid:vm-12"));
        assert_eq!(Which::read(Some("vm01.example.org")), Which::One("vm01.example.org"));
        let long = "*".repeat(LONGEST_PATTERN + 1);
        assert_eq!(Which::read(Some(&long)), Which::One(&long));
    }
}
