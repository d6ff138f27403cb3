//! The way by which vSphere reports, in one session, and how much of it was taken in.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use vpoller_vsphere::{Collector, MoRef, Updates};

use super::SnapshotStore;
use super::apply::{Draft, UnclearPaths, WatchFilters};
use super::path_key::PathKey;
use super::refusal_probe::RefusalProbe;
use super::silent_filters::UnreportedFilters;
use super::version::Snapshot;

/// The way by which vSphere reports, in one session.
pub(crate) struct UpdateStream {
    pub collector: Collector,
    pub view: MoRef,
    pub watches: WatchFilters,
    /// Filters of learned paths.
    pub groups: Vec<MoRef>,
    /// The filter of objects that are watched one by one, and what it has: never more than some hundred small values.
    pub individual: Option<(MoRef, BTreeSet<MoRef>, Vec<PathKey>)>,
    /// The last state that was reported to its end, with the columns of what is watched by now.
    pub latest: Snapshot,
    /// The state that is being reported.
    pub draft: Option<Draft>,
    /// Of [`Draft`], for when there is time.
    pub unknown_filters: Vec<MoRef>,
    pub unclear: UnclearPaths,
    pub probe: RefusalProbe,
    pub unreported: UnreportedFilters,
    /// Whether everything that was reported is taken in. A panic on the way leaves it false: what is left is not to be trusted.
    pub sound: bool,
    opened: Instant,
}

impl UpdateStream {
    /// A stream over which vSphere has reported nothing yet.
    pub(super) fn new(collector: Collector, view: MoRef, latest: Snapshot, opened: Instant) -> Self {
        Self {
            collector,
            view,
            watches: WatchFilters::new(),
            groups: Vec::new(),
            individual: None,
            latest,
            draft: None,
            unknown_filters: Vec::new(),
            unclear: UnclearPaths::new(),
            probe: RefusalProbe::new(opened),
            unreported: UnreportedFilters::default(),
            sound: true,
            opened,
        }
    }

    /// Takes in what was reported. The task that follows may be given up wherever it waits, so nothing here does: what the
    /// collector counts as reported must not get lost.
    pub(super) fn take(&mut self, reported: Option<Updates>, store: &SnapshotStore) {
        let Some(Updates { set, first, full }) = reported else {
            if self.draft.is_none() {
                self.unreported.count(&self.watches, &self.latest);
            }
            if self.unreported.has_base() {
                store.fresh.confirm(Instant::now());
            }
            return;
        };
        if first && full {
            self.unreported.await_all(&self.watches);
        }
        self.unreported.note(&self.watches, &set.filters);
        self.sound = false;
        let begun = self.draft.take().filter(|_| !first);
        let mut draft = begun.unwrap_or_else(|| Draft::new(if full { self.latest.emptied() } else { self.latest.clone() }));
        let truncated = set.truncated;
        draft.apply(&self.watches, set);
        if truncated {
            self.draft = Some(draft);
        } else {
            self.finish(draft, full, store);
        }
        self.sound = true;
    }

    /// A state was reported to its end.
    fn finish(&mut self, mut draft: Draft, full: bool, store: &SnapshotStore) {
        let counters = &store.counters;
        counters.updates.fetch_add(1, Ordering::Relaxed);
        counters.objects.fetch_add(draft.objects, Ordering::Relaxed);
        if full {
            counters.loads.fetch_add(1, Ordering::Relaxed);
            let time = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            counters.load_ms.store(time, Ordering::Relaxed);
        }
        self.latest = draft.snapshot;
        self.unknown_filters.append(&mut draft.unknown_filters);
        for (object, paths) in draft.unclear {
            self.unclear.entry(object).or_default().extend(paths);
        }
        self.unreported.count(&self.watches, &self.latest);
        if self.unreported.has_base() {
            self.publish(store);
        }
    }

    /// Publishes what vSphere has reported, as its state of now.
    pub(super) fn publish(&self, store: &SnapshotStore) {
        store.publish(&self.latest);
        store.silence.end();
        store.fresh.confirm(Instant::now());
    }
}
