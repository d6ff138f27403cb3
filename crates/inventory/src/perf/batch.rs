//! One call for samples, and how it is divided when it fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use vpoller_vsphere::{DateTime, Metric, MoRef, PerfQuery};

use super::group::GroupKey;

/// A call to be made, or under way.
#[derive(Debug)]
pub(super) struct Batch {
    /// What kind of objects it is about, and from when.
    pub key: GroupKey,
    pub entries: Vec<BatchEntry>,
    /// It is made because another one failed.
    pub isolating: bool,
    /// It was made for one object that is kept apart.
    pub isolated: bool,
    /// How many more calls may be made to find out what is to blame.
    tries: Arc<AtomicU32>,
}

/// One object in a call.
#[derive(Clone, Debug)]
pub(super) struct BatchEntry {
    pub object: MoRef,
    /// Series that a request waits for.
    pub wanted: Vec<Arc<Metric>>,
    /// Series asked along.
    pub prefetched: Vec<Arc<Metric>>,
    /// Those of either that need a look further back than usual, and how many intervals; nearly always none.
    pub deeper: Vec<(Arc<Metric>, usize)>,
}

/// Along which line a call is divided first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SplitBy {
    Objects,
    Series,
}

/// So many calls at most are made to find out what in one call is to blame.
const TRIES: u32 = 64;

impl BatchEntry {
    /// Of these series, for which a request waits.
    pub(super) fn wanted(object: MoRef, wanted: Vec<Arc<Metric>>) -> Self {
        Self { object, wanted, prefetched: Vec::new(), deeper: Vec::new() }
    }

    pub(super) fn metrics(&self) -> impl Iterator<Item = &Arc<Metric>> {
        self.wanted.iter().chain(&self.prefetched)
    }
}

impl Batch {
    pub(super) fn new(key: GroupKey, entries: Vec<BatchEntry>) -> Self {
        Self { key, entries, isolating: false, isolated: false, tries: Arc::new(AtomicU32::new(TRIES)) }
    }

    /// Number of series.
    pub(super) fn series(&self) -> usize {
        self.entries.iter().map(|entry| entry.metrics().count()).sum()
    }

    /// The questions: one for each object, and one more for each further look back of its series.
    pub(super) fn queries(&self, now: DateTime) -> Vec<PerfQuery> {
        let window = self.key.window;
        let mut queries = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let deeper = |metric: &Metric| entry.deeper.iter().any(|(deeper, _)| **deeper == *metric);
            let usual: Vec<Metric> = entry.metrics().filter(|metric| !deeper(metric)).map(|metric| (**metric).clone()).collect();
            if !usual.is_empty() {
                queries.push(window.query(&entry.object, usual, window.usual_reach(), now));
            }
            let mut reaches: Vec<usize> = entry.deeper.iter().map(|(_, reach)| *reach).collect();
            reaches.sort_unstable();
            reaches.dedup();
            for reach in reaches {
                let metrics = entry.deeper.iter().filter(|(_, own)| *own == reach).map(|(metric, _)| (**metric).clone());
                queries.push(window.query(&entry.object, metrics.collect(), reach, now));
            }
        }
        queries
    }

    /// Takes an object out.
    pub(super) fn take_out(&mut self, object: &MoRef) -> Option<BatchEntry> {
        let at = self.entries.iter().position(|entry| entry.object == *object)?;
        Some(self.entries.remove(at))
    }

    /// For one object that is kept apart.
    pub(super) fn isolated(key: GroupKey, entry: BatchEntry) -> Self {
        Self { isolated: true, ..Self::new(key, vec![entry]) }
    }

    /// Uses up one of the tries; false when none is left.
    pub(super) fn try_again(&self) -> bool {
        self.tries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tries| tries.checked_sub(1)).is_ok()
    }

    /// The call once more, for these of its parts.
    pub(super) fn again(&self, entries: Vec<BatchEntry>) -> Self {
        Self { key: self.key.clone(), entries, isolating: true, isolated: self.isolated, tries: self.tries.clone() }
    }

    /// The call in two halves, divided by objects or by series, whatever still can be; nothing when neither can.
    pub(super) fn halves(&self, first: SplitBy) -> Option<[Vec<BatchEntry>; 2]> {
        match first {
            SplitBy::Objects => self.by_objects().or_else(|| self.by_series()),
            SplitBy::Series => self.by_series().or_else(|| self.by_objects()),
        }
    }

    fn by_objects(&self) -> Option<[Vec<BatchEntry>; 2]> {
        let half = self.entries.len().div_ceil(2);
        let (one, other) = self.entries.split_at_checked(half).filter(|(_, other)| !other.is_empty())?;
        Some([one.to_vec(), other.to_vec()])
    }

    fn by_series(&self) -> Option<[Vec<BatchEntry>; 2]> {
        let series: BTreeSet<&Metric> = self.entries.iter().flat_map(BatchEntry::metrics).map(|metric| &**metric).collect();
        if series.len() < 2 {
            return None;
        }
        let first: BTreeSet<&Metric> = series.iter().copied().take(series.len().div_ceil(2)).collect();
        let half = |side: bool| {
            let on_side =
                |metrics: &[Arc<Metric>]| metrics.iter().filter(|metric| first.contains(&***metric) == side).cloned().collect();
            let entries = self.entries.iter().map(|entry| BatchEntry {
                object: entry.object.clone(),
                wanted: on_side(&entry.wanted),
                prefetched: on_side(&entry.prefetched),
                // Found anew when the call is made.
                deeper: Vec::new(),
            });
            entries.filter(|entry| entry.metrics().next().is_some()).collect()
        };
        Some([half(true), half(false)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::Window;

    fn batch(objects: &[&str], counters: &[i32]) -> Batch {
        let key = GroupKey { kind: "VirtualMachine".into(), window: Window { interval: 20, real_time: true, samples: 1 } };
        let metrics: Vec<_> = counters.iter().map(|counter| Arc::new(Metric::new(*counter, ""))).collect();
        let entry = |id: &&str| BatchEntry::wanted(MoRef::new("VirtualMachine", *id), metrics.clone());
        Batch::new(key, objects.iter().map(entry).collect())
    }

    fn check(batch: &Batch, first: SplitBy, expected: [(&[&str], &[i32]); 2]) {
        let halves = batch.halves(first).expect("halves");
        for (half, (objects, counters)) in halves.iter().zip(expected) {
            assert_eq!(half.iter().map(|entry| &*entry.object.id).collect::<Vec<_>>(), objects);
            for entry in half {
                assert_eq!(entry.metrics().map(|metric| metric.counter).collect::<Vec<_>>(), counters);
            }
        }
    }

    #[test]
    fn calls_are_divided_by_objects_and_by_series() {
        let whole = batch(&["a", "b", "c"], &[1, 2, 3]);
        check(&whole, SplitBy::Objects, [(&["a", "b"], &[1, 2, 3]), (&["c"], &[1, 2, 3])]);
        check(&whole, SplitBy::Series, [(&["a", "b", "c"], &[1, 2]), (&["a", "b", "c"], &[3])]);
        check(&batch(&["a"], &[1, 2]), SplitBy::Objects, [(&["a"], &[1]), (&["a"], &[2])]);
        check(&batch(&["a", "b"], &[1]), SplitBy::Series, [(&["a"], &[1]), (&["b"], &[1])]);
        assert!(batch(&["a"], &[1]).halves(SplitBy::Objects).is_none());
        assert!(batch(&[], &[]).halves(SplitBy::Series).is_none());
    }

    #[test]
    fn a_family_of_calls_shares_its_tries() {
        let whole = batch(&["a", "b"], &[1]);
        let again = whole.again(Vec::new());
        let made = (0..1000).filter(|_| again.try_again()).count();
        assert_eq!((made, whole.try_again(), again.isolating), (64, false, true));
    }
}
