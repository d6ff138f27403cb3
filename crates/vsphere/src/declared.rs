//! Property paths and the types that the API declares.
//!
//! A vCenter takes a path along declared types only. `summary` of a cluster is declared as `ComputeResourceSummary`, so
//! `summary.currentFailoverLevel`, which only the subtype `ClusterComputeResourceSummary` has, is `InvalidProperty`, although
//! `summary` comes with it. Such a member is had by reading the longest declared part, and picked out of that ([`Value::part`]).

use crate::schema::{self, Kind, Member};
use crate::{Struct, Value};

/// How a property path runs along declared types.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Declared<'p> {
    /// To its end, which is a single value or a list.
    Whole {
        /// Whether the value is a list.
        list: bool,
    },
    /// To the end of this part, which is a path too; what follows is a member that only a subtype has.
    Part(&'p str),
    /// Not as far as the schema table knows, which may be older than the server.
    Unknown,
}

/// How a property path of a type of managed object runs along declared types.
#[must_use]
pub fn declared<'p>(kind: &str, path: &'p str) -> Declared<'p> {
    follow(kind, path).unwrap_or(Declared::Unknown)
}

fn follow<'p>(kind: &str, path: &'p str) -> Option<Declared<'p>> {
    let mut steps = steps(path);
    let mut step = steps.next()?;
    let mut member = schema::property(kind, step.name)?;
    let mut part = None;
    loop {
        let element = element(member, &step)?;
        let end = step.end;
        let Some(next) = steps.next() else {
            let whole = Declared::Whole { list: member.array && step.key.is_none() };
            return Some(part.map_or(whole, Declared::Part));
        };
        let Kind::Object(id) = element? else { return None };
        member = match id.member(next.name) {
            Some(declared) => declared,
            None => {
                part = part.or(path.get(..end));
                id.extended_member(next.name)?
            }
        };
        step = next;
    }
}

/// What the next step starts from: nothing when it would start from a list. No step at all with a key where there is no list.
#[expect(clippy::option_option, reason = "a list may be the end of a path, and nothing but the end")]
fn element(member: &Member, step: &Step<'_>) -> Option<Option<Kind>> {
    match (member.array, step.key) {
        (true, None) => Some(None),
        (true, Some(_)) | (false, None) => Some(Some(member.kind)),
        (false, Some(_)) => None,
    }
}

/// One step of a path: `guest`, `net["4000"]`.
struct Step<'p> {
    name: &'p str,
    /// What is between the brackets, without quotes.
    key: Option<&'p str>,
    /// Where the step ends in the path.
    end: usize,
}

/// The steps of a path. Dots in keys are none between steps.
fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = path.get(start..).filter(|rest| !rest.is_empty())?;
        let mut inside = false;
        let end = rest.find(|letter| {
            inside = (inside || letter == '[') && letter != ']';
            letter == '.' && !inside
        });
        let length = end.unwrap_or(rest.len());
        let text = rest.get(..length)?;
        let step = Step { name: text.split('[').next()?, key: key(text), end: start + length };
        start += length + 1;
        Some(step)
    })
}

fn key(step: &str) -> Option<&str> {
    let (_, key) = step.split_once('[')?;
    let key = key.strip_suffix(']')?;
    Some(key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key))
}

impl Value {
    /// What a property path names within this value: `dasConfig.enabled`, `rule["7"].name`. Nothing when it is unset, or the
    /// value is of a type without such a member.
    #[must_use]
    pub fn part(&self, path: &str) -> Option<&Self> {
        steps(path).try_fold(self, |value, step| {
            let member = value.as_struct()?.get(step.name)?;
            match step.key {
                Some(key) => member.as_list()?.iter().find(|element| element.as_struct().is_some_and(|own| has_key(own, key))),
                None => Some(member),
            }
        })
    }
}

/// Whether the element of a list goes by this key in property paths.
fn has_key(element: &Struct, key: &str) -> bool {
    match element.get("key") {
        Some(Value::String(own)) => **own == *key,
        Some(Value::Int(own)) => key.parse() == Ok(*own),
        Some(Value::Ref(own)) => *own.id == *key,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MoRef;

    const CLUSTER: &str = "ClusterComputeResource";

    #[test]
    fn what_only_a_subtype_has_is_read_by_its_longest_declared_part() {
        for (kind, path, part) in [
            (CLUSTER, "summary.currentFailoverLevel", "summary"),
            (CLUSTER, "summary.numVmotions", "summary"),
            ("ComputeResource", "summary.numVmotions", "summary"),
            (CLUSTER, "configurationEx.dasConfig.enabled", "configurationEx"),
            (CLUSTER, "configurationEx.drsConfig.defaultVmBehavior", "configurationEx"),
            (CLUSTER, "configurationEx.rule[\"7\"].name", "configurationEx"),
            ("Datastore", "info.vmfs.blockSizeMb", "info"),
            ("Datastore", "info.nas.remoteHost", "info"),
            ("VmwareDistributedVirtualSwitch", "config.maxMtu", "config"),
            ("DistributedVirtualPortgroup", "config.defaultPortConfig.vlan.vlanId", "config.defaultPortConfig"),
            ("VirtualMachine", "config.hardware.device[4000].macAddress", "config.hardware.device[4000]"),
            ("VirtualMachine", "config.hardware.device[2000].backing.fileName", "config.hardware.device[2000].backing"),
        ] {
            assert_eq!(declared(kind, path), Declared::Part(part), "{kind} {path}");
        }
    }

    #[test]
    fn what_is_declared_is_read_as_it_is() {
        for (kind, path, list) in [
            (CLUSTER, "name", false),
            (CLUSTER, "summary.numHosts", false),
            (CLUSTER, "configuration.dasConfig.enabled", false),
            (CLUSTER, "datastore", true),
            ("VirtualMachine", "guest.net", true),
            ("VirtualMachine", "guest.net[4000].ipAddress", true),
            ("VirtualMachine", "config.extraConfig[\"a.b\"].value", false),
            ("Datastore", "info.url", false),
            ("Alarm", "info.name", false),
            ("EventManager", "latestEvent.key", false),
        ] {
            assert_eq!(declared(kind, path), Declared::Whole { list }, "{kind} {path}");
        }
    }

    #[test]
    fn what_the_table_does_not_know_is_left_to_the_server() {
        for (kind, path) in [
            (CLUSTER, ""),
            (CLUSTER, "novelty.x"),
            (CLUSTER, "summary.novelty"),
            (CLUSTER, "configurationEx.dasConfig.novelty"),
            (CLUSTER, "summary[1].numHosts"),
            (CLUSTER, "name.x"),
            ("VirtualMachine", "guest.net.ipAddress"),
            ("NovelObject", "name"),
        ] {
            assert_eq!(declared(kind, path), Declared::Unknown, "{kind} {path}");
        }
    }

    #[test]
    fn parts_are_picked_by_members_and_keys() {
        let structure = |members: Vec<(&str, Value)>| {
            let fields = members.into_iter().map(|(name, value)| (name.into(), value)).collect();
            Value::from(Struct { kind: "X".into(), fields })
        };
        let rule = |key: Value, name: &str| structure(vec![("key", key), ("name", Value::string(name))]);
        let host = Value::from(MoRef::new("HostSystem", "host-1"));
        let rules = vec![rule(Value::Int(7), "a"), rule(Value::string("x.y"), "b"), rule(host, "c"), Value::Int(1)];
        let value = structure(vec![("das", structure(vec![("enabled", Value::Bool(true))])), ("rule", Value::List(rules))]);
        assert_eq!(value.part("das.enabled"), Some(&Value::Bool(true)));
        for (path, name) in
            [("rule[7].name", "a"), ("rule[\"7\"].name", "a"), ("rule[\"x.y\"].name", "b"), ("rule[host-1].name", "c")]
        {
            assert_eq!(value.part(path).and_then(Value::as_str), Some(name), "{path}");
        }
        for path in ["das.disabled", "rule.name", "rule[8].name", "das[1].enabled", "das.enabled.x"] {
            assert_eq!(value.part(path), None, "{path}");
        }
        assert_eq!(value.part(""), Some(&value));
    }
}
