//! The way by which vSphere tells, in one session, and how much of it was taken in.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Instant;

use vpoller_vsphere::{Collector, MoRef, Updates};

use super::Known;
use super::apply::{Draft, Unclear, Watches};
use super::learn::Key;
use super::refused::Probe;
use super::state::Snapshot;

/// The way by which vSphere tells, in one session.
pub(crate) struct Line {
    pub collector: Collector,
    pub view: MoRef,
    pub watches: Watches,
    /// Filters of learned paths.
    pub groups: Vec<MoRef>,
    /// The filter of objects that are watched one by one, and what it has: never more than some hundred small values.
    pub aside: Option<(MoRef, BTreeSet<MoRef>, Vec<Key>)>,
    /// The last state that was told to its end, with the columns of what is watched by now.
    pub latest: Snapshot,
    /// The state that is being told.
    pub draft: Option<Draft>,
    /// Of [`Draft`], for when there is time.
    pub strangers: Vec<MoRef>,
    pub unclear: Unclear,
    pub probe: Probe,
    /// Whether all that was told is taken in. A defect amid that leaves it false: what is left is not to be trusted.
    pub sound: bool,
    opened: Instant,
}

impl Line {
    /// A line over which nothing has been told yet.
    pub fn new(collector: Collector, view: MoRef, latest: Snapshot, opened: Instant) -> Self {
        Self {
            collector,
            view,
            watches: Watches::new(),
            groups: Vec::new(),
            aside: None,
            latest,
            draft: None,
            strangers: Vec::new(),
            unclear: Unclear::new(),
            probe: Probe::new(opened),
            sound: true,
            opened,
        }
    }

    /// Takes in what was told. The task that follows may be given up wherever it waits, so nothing here does: what the
    /// collector counts as told must not get lost.
    pub fn take(&mut self, told: Option<Updates>, known: &Known) {
        let Some(Updates { set, first, full }) = told else {
            return known.fresh.confirm(Instant::now());
        };
        self.sound = false;
        let begun = self.draft.take().filter(|_| !first);
        let mut draft = begun.unwrap_or_else(|| Draft::new(if full { self.latest.emptied() } else { self.latest.clone() }));
        let truncated = set.truncated;
        draft.apply(&self.watches, set);
        if truncated {
            self.draft = Some(draft);
        } else {
            self.finish(draft, full, known);
        }
        self.sound = true;
    }

    /// A state was told to its end.
    fn finish(&mut self, mut draft: Draft, full: bool, known: &Known) {
        let counters = &known.counters;
        counters.updates.fetch_add(1, Ordering::Relaxed);
        counters.objects.fetch_add(draft.objects, Ordering::Relaxed);
        if full {
            counters.loads.fetch_add(1, Ordering::Relaxed);
            let time = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
            counters.load_ms.store(time, Ordering::Relaxed);
        }
        self.latest = draft.snapshot;
        self.strangers.append(&mut draft.strangers);
        for (object, paths) in draft.unclear {
            self.unclear.entry(object).or_default().extend(paths);
        }
        known.publish(&self.latest);
        known.fresh.confirm(Instant::now());
    }
}
