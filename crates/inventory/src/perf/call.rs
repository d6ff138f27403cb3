//! One call for samples, and how it is divided when it fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use vpoller_vsphere::{DateTime, Metric, MoRef, PerfQuery};

use super::group::Key;

/// A call to be made, or under way.
#[derive(Debug)]
pub(super) struct Call {
    /// What kind of objects it is about, and from when.
    pub key: Key,
    pub parts: Vec<Part>,
    /// It is made because another one failed.
    pub isolating: bool,
    /// It was made for one object that is kept apart.
    pub alone: bool,
    /// How many more calls may be made to find out what is to blame.
    tries: Arc<AtomicU32>,
}

/// One object in a call.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub object: MoRef,
    /// Series that somebody waits for.
    pub wanted: Vec<Arc<Metric>>,
    /// Series asked along.
    pub ahead: Vec<Arc<Metric>>,
}

/// Along which line a call is divided first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum By {
    Objects,
    Series,
}

/// So many calls at most are made to find out what in one call is to blame.
const TRIES: u32 = 64;

impl Part {
    pub fn metrics(&self) -> impl Iterator<Item = &Arc<Metric>> {
        self.wanted.iter().chain(&self.ahead)
    }
}

impl Call {
    pub fn new(key: Key, parts: Vec<Part>) -> Self {
        Self { key, parts, isolating: false, alone: false, tries: Arc::new(AtomicU32::new(TRIES)) }
    }

    /// Number of series.
    pub fn series(&self) -> usize {
        self.parts.iter().map(|part| part.metrics().count()).sum()
    }

    /// The questions, one for each object.
    pub fn queries(&self, now: DateTime) -> Vec<PerfQuery> {
        let query = |part: &Part| {
            let metrics = part.metrics().map(|metric| (**metric).clone()).collect();
            self.key.window.query(&part.object, metrics, now)
        };
        self.parts.iter().map(query).collect()
    }

    /// Takes an object out.
    pub fn take_out(&mut self, object: &MoRef) -> Option<Part> {
        let at = self.parts.iter().position(|part| part.object == *object)?;
        Some(self.parts.remove(at))
    }

    /// For one object that is kept apart.
    pub fn alone(key: Key, part: Part) -> Self {
        Self { alone: true, ..Self::new(key, vec![part]) }
    }

    /// Uses up one of the tries; false when none is left.
    pub fn try_again(&self) -> bool {
        self.tries.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tries| tries.checked_sub(1)).is_ok()
    }

    /// The call once more, for these of its parts.
    pub fn again(&self, parts: Vec<Part>) -> Self {
        Self { key: self.key.clone(), parts, isolating: true, alone: self.alone, tries: self.tries.clone() }
    }

    /// The call in two halves, divided by objects or by series, whatever still can be; nothing when neither can.
    pub fn halves(&self, first: By) -> Option<[Vec<Part>; 2]> {
        match first {
            By::Objects => self.by_objects().or_else(|| self.by_series()),
            By::Series => self.by_series().or_else(|| self.by_objects()),
        }
    }

    fn by_objects(&self) -> Option<[Vec<Part>; 2]> {
        let half = self.parts.len().div_ceil(2);
        let (one, other) = self.parts.split_at_checked(half).filter(|(_, other)| !other.is_empty())?;
        Some([one.to_vec(), other.to_vec()])
    }

    fn by_series(&self) -> Option<[Vec<Part>; 2]> {
        let series: BTreeSet<&Metric> = self.parts.iter().flat_map(Part::metrics).map(|metric| &**metric).collect();
        if series.len() < 2 {
            return None;
        }
        let first: BTreeSet<&Metric> = series.iter().copied().take(series.len().div_ceil(2)).collect();
        let half = |side: bool| {
            let on_side =
                |metrics: &[Arc<Metric>]| metrics.iter().filter(|metric| first.contains(&***metric) == side).cloned().collect();
            let parts = self.parts.iter().map(|part| Part {
                object: part.object.clone(),
                wanted: on_side(&part.wanted),
                ahead: on_side(&part.ahead),
            });
            parts.filter(|part| part.metrics().next().is_some()).collect()
        };
        Some([half(true), half(false)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::Window;

    fn call(objects: &[&str], counters: &[i32]) -> Call {
        let key = Key { kind: "VirtualMachine".into(), window: Window { interval: 20, real_time: true, samples: 1 } };
        let metrics: Vec<_> = counters.iter().map(|counter| Arc::new(Metric::new(*counter, ""))).collect();
        let part = |id: &&str| Part { object: MoRef::new("VirtualMachine", *id), wanted: metrics.clone(), ahead: Vec::new() };
        Call::new(key, objects.iter().map(part).collect())
    }

    fn check(call: &Call, first: By, expected: [(&[&str], &[i32]); 2]) {
        let halves = call.halves(first).expect("halves");
        for (half, (objects, counters)) in halves.iter().zip(expected) {
            assert_eq!(half.iter().map(|part| &*part.object.id).collect::<Vec<_>>(), objects);
            for part in half {
                assert_eq!(part.metrics().map(|metric| metric.counter).collect::<Vec<_>>(), counters);
            }
        }
    }

    #[test]
    fn calls_are_divided_by_objects_and_by_series() {
        let whole = call(&["a", "b", "c"], &[1, 2, 3]);
        check(&whole, By::Objects, [(&["a", "b"], &[1, 2, 3]), (&["c"], &[1, 2, 3])]);
        check(&whole, By::Series, [(&["a", "b", "c"], &[1, 2]), (&["a", "b", "c"], &[3])]);
        check(&call(&["a"], &[1, 2]), By::Objects, [(&["a"], &[1]), (&["a"], &[2])]);
        check(&call(&["a", "b"], &[1]), By::Series, [(&["a"], &[1]), (&["b"], &[1])]);
        assert!(call(&["a"], &[1]).halves(By::Objects).is_none());
        assert!(call(&[], &[]).halves(By::Series).is_none());
    }

    #[test]
    fn a_family_of_calls_shares_its_tries() {
        let whole = call(&["a", "b"], &[1]);
        let again = whole.again(Vec::new());
        let made = (0..1000).filter(|_| again.try_again()).count();
        assert_eq!((made, whole.try_again(), again.isolating), (64, false, true));
    }
}
