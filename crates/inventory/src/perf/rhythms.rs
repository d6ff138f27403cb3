//! What is known of counters whose samples are rarer than their interval, whichever object they were seen at.

use std::collections::HashMap;
use std::sync::Arc;

use vpoller_vsphere::{DateTime, Series};

use super::cached_series::CachedSeries;
use super::group::GroupKey;
use super::rhythm::{CounterHint, Finding};
use crate::border::Window;

/// Counters by the type of their objects and the interval.
#[derive(Debug, Default)]
pub(super) struct Rhythms {
    known: HashMap<(Arc<str>, i32), CounterRhythms>,
}

/// The counters of one type at one interval.
#[derive(Debug, Default)]
pub(super) struct CounterRhythms {
    by_counter: HashMap<i32, CounterRhythm>,
}

#[derive(Clone, Copy, Debug, Default)]
struct CounterRhythm {
    /// Intervals from one sample to the next; 0 as long as no object showed more than one.
    intervals: u16,
    /// Searches for older samples that showed no rhythm, since one that did.
    fruitless: u8,
}

/// After this many fruitless searches for older samples of a counter, no more are made: it has a sample in each interval, or none.
const FRUITLESS: u8 = 20;

impl Rhythms {
    /// Those that concern a group of objects.
    pub(super) fn of(&mut self, key: &GroupKey) -> &mut CounterRhythms {
        self.known.entry((key.kind.clone(), key.window.interval)).or_default()
    }

    /// Another server: its counters have other numbers.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }

    /// Searches that are given another chance: what had no samples may have some by now.
    pub(super) fn forgive(&mut self) {
        for counters in self.known.values_mut() {
            counters.by_counter.values_mut().for_each(|counter| counter.fruitless = 0);
        }
    }
}

impl CounterRhythms {
    /// Intervals from one sample to the next, where that is more than one.
    pub(super) fn sparse(&self, counter: i32) -> Option<u16> {
        // Nearly always there is none.
        if self.by_counter.is_empty() {
            return None;
        }
        self.by_counter.get(&counter).map(|counter| counter.intervals).filter(|intervals| *intervals > 1)
    }

    /// What is known of a counter.
    pub(super) fn hint(&self, counter: i32) -> CounterHint {
        let searchable = self.by_counter.get(&counter).is_none_or(|counter| counter.fruitless < FRUITLESS);
        CounterHint { sparse: self.sparse(counter), searchable }
    }

    /// Takes what an answer shows of a series, and leaves in it what still counts.
    pub(super) fn learn(&mut self, series: &mut CachedSeries, found: &mut [Series], window: Window, now: DateTime) -> Finding {
        let counter = series.metric.counter;
        let was_searching = series.rhythm.is_searching();
        let finding = series.rhythm.learn(found, window, self.hint(counter), now);
        if was_searching && !series.rhythm.is_searching() {
            self.searched(counter, series.rhythm.intervals());
        }
        finding
    }

    /// A search at one object ended: what it showed, 0 for no samples.
    fn searched(&mut self, counter: i32, intervals: u16) {
        let known = self.by_counter.entry(counter).or_default();
        if intervals > 1 {
            *known = CounterRhythm { intervals, fruitless: 0 };
        } else {
            known.fruitless = known.fruitless.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_end_where_they_show_nothing() {
        let mut counters = CounterRhythms::default();
        (1..FRUITLESS).for_each(|_| counters.searched(280, 1));
        assert!(counters.hint(280).searchable);
        counters.searched(280, 0);
        assert!(!counters.hint(280).searchable && counters.hint(281).searchable);
        assert_eq!(counters.sparse(280), None);
        counters.searched(280, 6);
        assert!(counters.hint(280).searchable);
        assert_eq!(counters.sparse(280), Some(6));
        counters.searched(280, 0);
        assert_eq!(counters.sparse(280), Some(6), "one object without samples is no reason to forget");
    }
}
