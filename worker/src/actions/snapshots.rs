//! Snapshots of a virtual machine: the whole tree, and what they amount to.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{ReadError, Row};
use vpoller_vsphere::{DateTime, MoRef, Struct, Value};

use super::refused::Computed;
use super::{Answer, Task, one};
use crate::failure::Failure;

const SNAPSHOT: &str = "snapshot";
const LAYOUT: &str = "layoutEx";
const COUNT: &str = "count";
const AGE: &str = "age";
const SIZE: &str = "size";

/// The totals, in the order in which they are answered.
pub(crate) const TOTALS: &[&str] = &[NAME, COUNT, AGE, SIZE];

/// Every snapshot, parents before their children.
pub(crate) fn tree<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let vm = task.row(&[SNAPSHOT]).await?;
        let info = info(&vm)?;
        let snapshots = all(info);
        if snapshots.is_empty() {
            return Err(Failure::NoSnapshots(task.name()));
        }
        task.answer(snapshots.into_iter().map(row).collect())
    })
}

fn row(snapshot: &Struct) -> Json {
    let member = |name: &str| snapshot.get(name).map_or(Json::Null, Value::to_json);
    let quiesced = if snapshot.get("quiesced").and_then(Value::as_bool) == Some(true) { "True" } else { "False" };
    json!({
        "createTime": member("createTime"),
        "description": member("description"),
        "id": member("id"),
        "name": member(NAME),
        "quiesced": quiesced,
        "state": member("state"),
    })
}

/// How many snapshots there are, how old the oldest is, and how much space all take.
pub(crate) fn totals<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let asked = task.chosen()?;
        let vm = task.row(&[NAME, SNAPSHOT]).await?;
        let info = info(&vm);
        let mut computed = Computed::default();
        for field in asked {
            let value = match (field, &info) {
                (NAME, _) => vm.required(NAME).map(|name| name.map_or(Json::Null, Value::to_json)),
                (_, Err(refused)) => Err(refused.clone()),
                (COUNT, Ok(info)) => Ok(json!(all(*info).len())),
                (AGE, Ok(info)) => Ok(json!(age(task, &all(*info)).await?)),
                (_, Ok(info)) => size(task, *info).await?,
            };
            computed.add(field, value)?;
        }
        task.answer(one(computed.finish()?))
    })
}

/// What the machine says of its snapshots; nothing when it has none.
fn info(vm: &Row) -> Result<Option<&Struct>, ReadError> {
    Ok(vm.required(SNAPSHOT)?.and_then(Value::as_struct))
}

/// The bytes that all snapshots take, null when the layout is not known. That is large and computed by the server: it is read only for
/// those who ask.
async fn size(task: &Task<'_>, info: Option<&Struct>) -> Result<Result<Json, ReadError>, Failure> {
    if all(info).is_empty() {
        return Ok(Ok(json!(0)));
    }
    let vm = task.row(&[LAYOUT]).await?;
    Ok(vm
        .required(LAYOUT)
        .map(|layout| layout.and_then(Value::as_struct).map_or(Json::Null, |layout| json!(sum(layout, &roots(info))))))
}

/// Seconds since the oldest snapshot was taken, by the server's clock; 0 without snapshots.
async fn age(task: &Task<'_>, snapshots: &[&Struct]) -> Result<i64, Failure> {
    let times = snapshots.iter().filter_map(|snapshot| snapshot.get("createTime").and_then(Value::as_datetime));
    let Some(oldest) = times.map(DateTime::unix_micros).min() else { return Ok(0) };
    let now = task.inventory.services().now().await?.unix_micros();
    Ok((now - oldest).max(0) / 1_000_000)
}

/// All snapshots, parents before their children. Chains can be long, so this does not recurse.
fn all(info: Option<&Struct>) -> Vec<&Struct> {
    let mut found = Vec::new();
    let mut open: Vec<&Struct> = list(info, "rootSnapshotList").collect();
    open.reverse();
    while let Some(snapshot) = open.pop() {
        found.push(snapshot);
        let below = open.len();
        open.extend(list(Some(snapshot), "childSnapshotList"));
        if let Some(children) = open.get_mut(below..) {
            children.reverse();
        }
    }
    found
}

/// The snapshots that are no other one's children.
fn roots(info: Option<&Struct>) -> BTreeSet<MoRef> {
    let roots = list(info, "rootSnapshotList");
    roots.filter_map(|root| root.get(SNAPSHOT)?.as_moref().cloned()).collect()
}

/// The bytes that snapshots take: of all files of disks those that did not exist when the first snapshots were taken, and the
/// state and memory of each snapshot.
fn sum(layout: &Struct, roots: &BTreeSet<MoRef>) -> i64 {
    let snapshots = || list(Some(layout), SNAPSHOT);
    let (first, later): (Vec<&Struct>, Vec<&Struct>) =
        snapshots().partition(|snapshot| snapshot.get("key").and_then(Value::as_moref).is_some_and(|key| roots.contains(key)));
    let before: BTreeSet<i64> = first.iter().flat_map(|snapshot| disk_files(snapshot)).collect();
    let mut files: BTreeSet<i64> = disk_files(layout).chain(later.iter().flat_map(|snapshot| disk_files(snapshot))).collect();
    files.retain(|file| !before.contains(file));
    let own = ["dataKey", "memoryKey"];
    files.extend(snapshots().flat_map(|snapshot| own.iter().filter_map(|member| snapshot.get(member)?.as_i64())));
    let sizes: BTreeMap<i64, i64> = list(Some(layout), "file").filter_map(file).collect();
    files.iter().filter_map(|file| sizes.get(file)).fold(0, |sum, size| sum.saturating_add(*size))
}

fn file(file: &Struct) -> Option<(i64, i64)> {
    Some((file.get("key")?.as_i64()?, file.get(SIZE)?.as_i64()?))
}

/// The keys of all files that the disks of a layout consist of.
fn disk_files(layout: &Struct) -> impl Iterator<Item = i64> {
    let units = list(Some(layout), "disk").flat_map(|disk| list(Some(disk), "chain"));
    units.flat_map(|unit| unit.get("fileKey").and_then(Value::as_list).unwrap_or_default()).filter_map(Value::as_i64)
}

/// The data objects in a member that is a list.
fn list<'s>(object: Option<&'s Struct>, member: &str) -> impl Iterator<Item = &'s Struct> + use<'s> {
    let items = object.and_then(|object| object.get(member)).and_then(Value::as_list).unwrap_or_default();
    items.iter().filter_map(Value::as_struct)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn structure(members: &[(&str, Value)]) -> Struct {
        Struct { kind: "Any".into(), fields: members.iter().map(|(name, value)| ((*name).into(), value.clone())).collect() }
    }

    fn structs(items: impl IntoIterator<Item = Struct>) -> Value {
        Value::List(items.into_iter().map(Value::from).collect())
    }

    fn reference(number: i64) -> MoRef {
        MoRef::new("VirtualMachineSnapshot", format!("snapshot-{number}"))
    }

    fn node(number: i64, children: Vec<Struct>) -> Struct {
        structure(&[
            (SNAPSHOT, Value::from(reference(number))),
            ("id", Value::Int(number)),
            ("childSnapshotList", structs(children)),
        ])
    }

    fn info(roots: Vec<Struct>) -> Struct {
        structure(&[("rootSnapshotList", structs(roots))])
    }

    #[test]
    fn the_tree_is_walked_parents_first() {
        let info = info(vec![node(1, vec![node(2, vec![node(3, vec![])]), node(4, vec![])]), node(5, vec![])]);
        let ids: Vec<i64> = all(Some(&info)).iter().filter_map(|snapshot| snapshot.get("id")?.as_i64()).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        assert_eq!(roots(Some(&info)), [reference(1), reference(5)].into());
    }

    #[test]
    fn a_chain_of_any_length_is_walked() {
        // vSphere allows 32; the server's XML may be nested no deeper than we read.
        let chain = (0..100).fold(Vec::new(), |below, number| vec![node(number, below)]);
        assert_eq!(all(Some(&info(chain))).len(), 100);
        assert_eq!(all(None).len(), 0);
    }

    /// The disks of a layout, each a chain of units with one file.
    fn disks(chains: &[&[i64]]) -> Value {
        let unit = |file: &i64| structure(&[("fileKey", Value::List(vec![Value::Int(*file)]))]);
        structs(chains.iter().map(|chain| structure(&[("chain", structs(chain.iter().map(unit)))])))
    }

    fn layout(disk: Value, snapshots: Vec<Struct>) -> Struct {
        let file = |key: i64| structure(&[("key", Value::Int(key)), (SIZE, Value::Int(1 << key))]);
        let members = [("file", structs((0..12).map(file))), ("disk", disk), (SNAPSHOT, structs(snapshots))];
        structure(&members)
    }

    fn frozen(number: i64, disk: Value, data: i64) -> Struct {
        structure(&[("key", Value::from(reference(number))), ("dataKey", Value::Int(data)), ("disk", disk)])
    }

    #[test]
    fn the_disks_as_they_were_at_first_do_not_count() {
        // Two disks of base files 0 and 1. Snapshot 1 froze them; 2 and, on another branch, 3 are its children.
        let snapshots = vec![
            frozen(1, disks(&[&[0], &[1]]), 6),
            frozen(2, disks(&[&[0, 2], &[1, 3]]), 7),
            frozen(3, disks(&[&[0, 4], &[1]]), 8),
        ];
        let layout = layout(disks(&[&[0, 2, 5], &[1, 3]]), snapshots);
        let expected: i64 = [2, 3, 4, 5, 6, 7, 8].iter().map(|key| 1 << key).sum();
        assert_eq!(sum(&layout, &[reference(1)].into()), expected);
    }

    #[test]
    fn a_linked_clones_own_base_does_not_count() {
        let layout = layout(disks(&[&[0, 1, 2]]), vec![frozen(1, disks(&[&[0, 1]]), 9)]);
        assert_eq!(sum(&layout, &[reference(1)].into()), (1 << 2) + (1 << 9));
    }
}
