//! Which paths vSphere is asked for, so that it can answer those that a reader wants.
//!
//! vSphere takes paths along declared types only ([`vpoller_vsphere::declared()`]). A member that only a subtype has is read with its
//! longest declared part and picked out of it here, so that readers see the path that they asked for.

use std::borrow::Cow;
use std::sync::Arc;

use vpoller_vsphere::{Declared, Value, declared};

use super::{Row, is_within};

/// What is asked of vSphere in place of some paths, for objects of some types.
pub(crate) struct ReadPlan<'p> {
    wanted: &'p [&'p str],
    /// For each wanted path the one that is read.
    sources: Vec<&'p str>,
    /// Whether any of them differs.
    picks: bool,
}

impl<'p> ReadPlan<'p> {
    /// A plan for these paths, which are read of objects of all these types at once.
    pub(crate) fn new<'k>(kinds: impl Iterator<Item = &'k str> + Clone, wanted: &'p [&'p str]) -> Self {
        let mut sources: Vec<&str> = wanted.iter().map(|path| declared_part(kinds.clone(), path)).collect();
        let picks = sources.iter().zip(wanted).any(|(source, path)| source != path);
        if picks {
            // What is part of something that is read anyway is not read beside it.
            let read = sources.clone();
            for source in &mut sources {
                let whole = |other: &&&str| kinds.clone().all(|kind| is_picked(kind, source, other));
                if let Some(whole) = read.iter().filter(whole).min_by_key(|other| other.len()) {
                    *source = whole;
                }
            }
        }
        Self { wanted, sources, picks }
    }

    /// The paths to read, each once.
    pub(crate) fn paths(&self) -> Cow<'_, [&'p str]> {
        if !self.picks {
            return Cow::Borrowed(self.wanted);
        }
        let mut paths: Vec<&str> = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            if !paths.contains(source) {
                paths.push(source);
            }
        }
        Cow::Owned(paths)
    }

    /// Rows of the wanted paths, out of rows of the paths that were read.
    pub(crate) fn pick(&self, rows: Vec<Row>) -> Vec<Row> {
        if !self.picks {
            return rows;
        }
        let names: Vec<Arc<str>> = self.wanted.iter().map(|path| Arc::from(*path)).collect();
        let picked = |read: Row| {
            let mut row = Row::new(read.object.clone(), Vec::with_capacity(names.len()));
            for ((path, source), name) in self.wanted.iter().zip(&self.sources).zip(&names) {
                let value = read.get(source).and_then(|value| part_below(value, path, source));
                row.values.extend(value.map(|value| (Arc::clone(name), value.clone())));
                let refused = read.refused.iter().find(|(refused, _)| **refused == **source);
                row.refused.extend(refused.map(|(_, why)| (Arc::clone(name), Arc::clone(why))));
            }
            row
        };
        rows.into_iter().map(picked).collect()
    }
}

/// The path to read for one that is wanted of objects of these types.
pub(crate) fn declared_part<'k, 'p>(kinds: impl Iterator<Item = &'k str>, path: &'p str) -> &'p str {
    // Nothing but a type's own properties has no part that only a subtype could have.
    if !path.contains('.') {
        return path;
    }
    let parts = kinds.filter_map(|kind| match declared(kind, path) {
        Declared::Part(part) => Some(part),
        Declared::Whole { .. } | Declared::Unknown => None,
    });
    parts.min_by_key(|part| part.len()).unwrap_or(path)
}

/// Whether the value of a path is known from the value of `whole`, which contains it. A list is not: an empty one is left out of
/// what contains it. Nor is an element of a list, because the keys of elements are not told by all of them.
pub(crate) fn is_picked(kind: &str, path: &str, whole: &str) -> bool {
    let is_below = path.len() > whole.len() && is_within(path, whole) && path.as_bytes().get(whole.len()) == Some(&b'.');
    is_below
        && match declared(kind, path) {
            Declared::Part(_) => true,
            Declared::Whole { list } => !list && !path.get(whole.len()..).is_some_and(|rest| rest.contains('[')),
            Declared::Unknown => false,
        }
}

/// The value of a path within the value of `whole`, which contains it or is the same.
pub(crate) fn part_below<'v>(value: &'v Value, path: &str, whole: &str) -> Option<&'v Value> {
    let rest = path.get(whole.len()..)?;
    value.part(rest.strip_prefix('.').unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use vpoller_vsphere::{MoRef, Struct};

    use super::*;

    const CLUSTER: &str = "ClusterComputeResource";

    fn read(kinds: &[&str], wanted: &[&str]) -> Vec<String> {
        ReadPlan::new(kinds.iter().copied(), wanted).paths().iter().map(|path| (*path).to_owned()).collect()
    }

    #[test]
    fn a_part_that_is_read_whole_is_read_once() {
        let wanted = ["name", "summary.numHosts", "summary.numVmotions", "summary.currentFailoverLevel", "summary.numCpuCores"];
        assert_eq!(read(&[CLUSTER], &wanted), ["name", "summary"]);
        assert_eq!(read(&[CLUSTER], &["summary.numHosts", "name"]), ["summary.numHosts", "name"]);
        assert_eq!(
            read(&[CLUSTER], &["configurationEx.dasConfig.enabled", "configurationEx.vmSwapPlacement"]),
            ["configurationEx"]
        );
    }

    #[test]
    fn of_several_types_the_part_is_read_that_all_declare() {
        let wanted = ["configuration.dasConfig.enabled", "summary.numVmotions"];
        assert_eq!(read(&[CLUSTER, "ComputeResource"], &wanted), ["configuration.dasConfig.enabled", "summary"]);
        assert_eq!(read(&["Datastore"], &["info.vmfs.name", "info.nas.name"]), ["info"]);
    }

    #[test]
    fn lists_and_elements_are_read_for_themselves() {
        assert!(is_picked("VirtualMachine", "guest.toolsStatus", "guest") && !is_picked("VirtualMachine", "guest.net", "guest"));
        assert!(!is_picked("VirtualMachine", "guest.net[\"4000\"].connected", "guest"));
        assert!(!is_picked("VirtualMachine", "guest", "guest") && !is_picked("VirtualMachine", "guestHeartbeatStatus", "guest"));
    }

    #[test]
    fn rows_have_the_paths_that_were_asked_for() {
        let wanted = ["summary.numVmotions", "name", "summary.currentFailoverLevel", "summary.numHosts"];
        let plan = ReadPlan::new(std::iter::once(CLUSTER), &wanted);
        let fields = vec![("numHosts".into(), Value::Int(3)), ("numVmotions".into(), Value::Int(7))];
        let summary = Value::from(Struct { kind: "ClusterComputeResourceSummary".into(), fields });
        let object = MoRef::new(CLUSTER, "domain-c1");
        let rows = vec![Row::new(object, vec![("summary".into(), summary), ("name".into(), Value::string("c"))])];
        let [row] = &plan.pick(rows)[..] else { panic!("one row") };
        let values: Vec<&str> = row.values.iter().map(|(path, _)| &**path).collect();
        assert_eq!(values, ["summary.numVmotions", "name", "summary.numHosts"]);
        assert_eq!(row.get("summary.numVmotions"), Some(&Value::Int(7)));
    }
}
