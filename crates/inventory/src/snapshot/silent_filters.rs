//! Filters that vSphere took and of which it reports nothing.
//!
//! The first values of a filter come with the next state: of every object that it matches, whether they are set or not. A filter whose values are due
//! and do not come is silent: the first time everything is followed anew, by another collector. After that its paths are read from
//! vSphere, and watched again later.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vpoller_vsphere::{Client, Error, FilterUpdate, MoRef, Value};

use super::apply::{FilterRole, WatchFilter, WatchFilters};
use super::follow::Follower;
use super::path_key::PathKey;
use super::table::Table;
use super::update_stream::UpdateStream;
use super::version::Snapshot;
use super::{base, wait};

/// Whole states after which a filter whose values are due counts as silent.
const SILENT_STATES: u32 = 2;
/// The longest wait for changes while values are due.
const DUE: Duration = Duration::from_secs(5);

/// Filters of one collector of which vSphere has reported nothing yet.
#[derive(Debug, Default)]
pub(crate) struct UnreportedFilters {
    /// By id, the whole states that vSphere has reported while values were due.
    states: HashMap<Arc<str>, u32>,
    /// Whether the base set was reported.
    base: bool,
}

/// What is known of the silence of a vSphere host, whatever collector it is.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    /// Whether a collector was made anew for it.
    remade: AtomicBool,
    /// Whether the base set is not reported either, so that nothing can be answered from memory.
    total: AtomicBool,
}

impl UnreportedFilters {
    /// Expects the first values of a filter.
    pub(super) fn await_first_values(&mut self, filter: &MoRef) {
        self.states.insert(Arc::clone(&filter.id), 0);
    }

    /// Expects those of all filters: vSphere begins from nothing.
    pub(super) fn await_all(&mut self, watches: &WatchFilters) {
        self.states = watches.keys().map(|id| (Arc::clone(id), 0)).collect();
        self.base = false;
    }

    /// Expects no values of a filter any more.
    pub(super) fn forget(&mut self, filter: &str) {
        self.states.remove(filter);
    }

    /// Notes which filters are in a report.
    pub(super) fn note(&mut self, watches: &WatchFilters, updates: &[FilterUpdate]) {
        for FilterUpdate { filter, .. } in updates {
            if self.states.remove(&filter.id).is_some() {
                self.base |= watches.get(&filter.id).is_some_and(|watch| watch.role == FilterRole::View);
            }
        }
    }

    /// Whether the base set was reported: without it a version would say that there are no objects.
    pub(super) const fn has_base(&self) -> bool {
        self.base
    }

    /// Counts a whole state.
    pub(super) fn count(&mut self, watches: &WatchFilters, latest: &Snapshot) {
        let due = self.states.iter_mut().filter(|(id, _)| watches.get(*id).is_some_and(|watch| is_due(watch, latest)));
        due.for_each(|(_, states)| *states = states.saturating_add(1));
    }

    /// The filters whose values are due in this many whole states already.
    fn due_for(&self, states: u32, watches: &WatchFilters, latest: &Snapshot) -> Vec<(Arc<str>, WatchFilter)> {
        let waiting = self.states.iter().filter(|(_, waited)| **waited >= states);
        let found = waiting.filter_map(|(id, _)| Some((Arc::clone(id), watches.get(id)?.clone())));
        found.filter(|(_, watch)| is_due(watch, latest)).collect()
    }
}

impl Silence {
    /// Begins anew, with another vCenter.
    pub(super) fn reset(&self) {
        self.remade.store(false, Ordering::Relaxed);
        self.total.store(false, Ordering::Relaxed);
    }

    /// The base set was reported.
    pub(super) fn end(&self) {
        self.total.store(false, Ordering::Relaxed);
    }

    /// Whether not even the base set is reported.
    pub(crate) fn is_total(&self) -> bool {
        self.total.load(Ordering::Relaxed)
    }
}

/// Whether a filter matches anything: of what does not exist there is nothing to report.
fn is_due(watch: &WatchFilter, latest: &Snapshot) -> bool {
    let has_objects = |kind: &str| {
        let mut objects = latest.table(kind).into_iter().flat_map(Table::objects);
        objects.any(|object| *object.reference.kind == *kind || base::family(&object.reference.kind) == kind)
    };
    watch.role == FilterRole::View || watch.paths.iter().any(|(kind, _)| has_objects(kind))
}

impl Follower {
    /// How long to wait for changes: values that are due should come at once.
    pub(super) fn next_wait(&self, stream: &UpdateStream) -> Duration {
        let longest = wait(&self.settings);
        let due = stream.unreported.due_for(0, &stream.watches, &stream.latest);
        if due.is_empty() { longest } else { longest.min(DUE) }
    }

    /// Looks after silent filters.
    pub(super) async fn end_silence(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        self.accept_empty_estate(stream).await?;
        let silent = stream.unreported.due_for(SILENT_STATES, &stream.watches, &stream.latest);
        if silent.is_empty() {
            return Ok(());
        }
        if self.store.silence.remade.swap(true, Ordering::Relaxed) {
            return self.give_up(stream, silent).await;
        }
        let keys: Vec<PathKey> = silent.iter().flat_map(|(_, watch)| keys(watch)).collect();
        tracing::warn!(
            "[{}] vSphere took the filter on {} and sends no values; following anew",
            self.client().config().host,
            names(&keys)
        );
        let begun = self.begin().await?;
        let old = std::mem::replace(stream, begun);
        // One that cannot be destroyed ends with the session.
        let _ = old.collector.destroy().await;
        Ok(())
    }

    /// A filter on everything that exists is not silent where there is nothing, or nothing that the account may see.
    async fn accept_empty_estate(&self, stream: &mut UpdateStream) -> Result<(), Error> {
        let base = stream.watches.iter().find(|(_, watch)| watch.role == FilterRole::View).map(|(id, _)| Arc::clone(id));
        let Some(base) = base.filter(|base| stream.unreported.states.contains_key(base)) else { return Ok(()) };
        if is_view_empty(self.client(), &stream.view).await? {
            stream.unreported.forget(&base);
            stream.unreported.base = true;
            stream.publish(&self.store);
        }
        Ok(())
    }

    /// Watches the paths of silent filters no more, for a while.
    async fn give_up(&self, stream: &mut UpdateStream, silent: Vec<(Arc<str>, WatchFilter)>) -> Result<(), Error> {
        let now = Instant::now();
        let mut new = Vec::new();
        for (id, watch) in silent {
            stream.unreported.forget(&id);
            let mut keys = keys(&watch);
            if watch.role == FilterRole::View {
                // Nothing is published, so that every answer comes from vSphere.
                let is_known = self.store.silence.total.swap(true, Ordering::Relaxed);
                new.extend(keys.into_iter().filter(|_| !is_known));
                continue;
            }
            // The root folder is of a type that the view has, too; what is always watched stays so.
            keys.retain(|key| watch.role == FilterRole::Values || base::is_watched_individually(&key.kind));
            new.extend(keys.iter().filter(|key| self.store.watch_list.silence(key, now)).cloned());
            stream.latest.unwatch(&keys, &self.store.watch_list.watched());
            if watch.role == FilterRole::Values {
                self.drop_filter(stream, &MoRef::new("PropertyFilter", id)).await?;
            }
        }
        if !new.is_empty() {
            let host = &self.client().config().host;
            tracing::warn!("[{host}] vSphere sends no values of {}: read from vSphere for each check", names(&new));
        }
        if stream.unreported.has_base() {
            self.store.publish(&stream.latest);
        }
        Ok(())
    }
}

/// Whether the view holds nothing. One that cannot be read may hold anything.
async fn is_view_empty(client: &Client, view: &MoRef) -> Result<bool, Error> {
    let read = match client.retrieve_objects(std::slice::from_ref(view), &["view"]).await {
        Ok(read) => read,
        Err(Error::Fault { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    let is_empty = |list: Option<&Value>| list.and_then(Value::as_list).is_none_or(<[Value]>::is_empty);
    Ok(read.first().is_some_and(|content| content.missing.is_empty() && is_empty(content.get("view"))))
}

/// The paths of a filter.
fn keys(watch: &WatchFilter) -> Vec<PathKey> {
    let of_kind = |(kind, paths): &(Arc<str>, Vec<Arc<str>>)| -> Vec<PathKey> {
        paths.iter().map(|path| PathKey::new(kind, path)).collect()
    };
    watch.paths.iter().flat_map(of_kind).collect()
}

/// The paths for a message.
fn names(keys: &[PathKey]) -> String {
    keys.iter().map(|key| format!("{}.{}", key.kind, key.path)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::table::Object;
    use super::*;

    fn watches(filters: &[(&str, FilterRole, &str)]) -> WatchFilters {
        let watch = |(id, role, kind): &(&str, FilterRole, &str)| {
            (Arc::from(*id), WatchFilter { paths: vec![(Arc::from(*kind), vec!["config.version".into()])], role: *role })
        };
        filters.iter().map(watch).collect()
    }

    fn due(unreported: &UnreportedFilters, states: u32, watches: &WatchFilters, latest: &Snapshot) -> Vec<String> {
        let mut due: Vec<String> =
            unreported.due_for(states, watches, latest).into_iter().map(|(id, _)| id.to_string()).collect();
        due.sort();
        due
    }

    #[test]
    fn only_what_matches_an_object_is_due() {
        let watches = watches(&[
            ("base", FilterRole::View, "VirtualMachine"),
            ("machines", FilterRole::Values, "VirtualMachine"),
            ("clusters", FilterRole::Values, "ClusterComputeResource"),
        ]);
        let (mut unreported, mut latest) = (UnreportedFilters::default(), Snapshot::default());
        unreported.await_all(&watches);
        unreported.count(&watches, &latest);
        assert_eq!(due(&unreported, 0, &watches, &latest), ["base"], "there are no machines");
        let mut machine = Object::new(MoRef::new("VirtualMachine", "vm-1"));
        machine.viewed = true;
        latest.put(machine);
        let mut standalone = Object::new(MoRef::new("ComputeResource", "domain-s1"));
        standalone.viewed = true;
        latest.put(standalone);
        assert_eq!(due(&unreported, 0, &watches, &latest), ["base", "machines"], "a standalone host is no cluster");
        assert_eq!(due(&unreported, 1, &watches, &latest), ["base"], "the state was before the machine");
        unreported.count(&watches, &latest);
        assert_eq!(due(&unreported, 1, &watches, &latest), ["base", "machines"]);
        assert_eq!(due(&unreported, 2, &watches, &latest), ["base"]);
        let report =
            |id: &str| FilterUpdate { filter: MoRef::new("PropertyFilter", id), objects: Vec::new(), missing: Vec::new() };
        unreported.note(&watches, &[report("machines"), report("unknown")]);
        assert!(!unreported.has_base());
        unreported.note(&watches, &[report("base")]);
        assert!(unreported.has_base() && due(&unreported, 0, &watches, &latest).is_empty());
        unreported.await_all(&watches);
        assert!(!unreported.has_base(), "vSphere begins from nothing");
    }
}
