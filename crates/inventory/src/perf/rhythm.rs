//! How often a series really has a sample, and how far back the next question about it must look.
//!
//! vCenter measures some counters more rarely than their interval says: how full a datastore is every half hour, into statistics of
//! five minutes. Between two samples it writes -1, or nothing. A question about the newest three intervals then finds nothing.

use vpoller_vsphere::{DateTime, Sample, Series};

use crate::border::Window;

/// What is known of the rhythm of one series.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Rhythm {
    /// Intervals from one sample to the next; 0 as long as that is not known.
    intervals: u16,
    probe: Probe,
}

/// How far a series that had no sample was searched for older ones.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Probe {
    #[default]
    NotNeeded,
    Near,
    Far,
    /// The search is over until the series has samples again.
    Done,
}

/// What other objects showed of a counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct CounterHint {
    /// Intervals from one sample to the next, where that is more than one.
    pub sparse: Option<u16>,
    /// Whether older samples are worth a search.
    pub searchable: bool,
}

/// What an answer means for the series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Finding {
    /// There is no more to be had.
    Complete,
    /// There may be older samples that count: it is to be asked again, deeper.
    AskDeeper,
}

/// Intervals that the two steps of a search go back: two hours and a day, where samples are five minutes apart.
const NEAR: usize = 24;
const FAR: usize = 288;
/// No question goes back further than that for the sake of a rhythm.
const DEEPEST: usize = 400;
/// Samples that show a rhythm.
const ENOUGH: usize = 3;
/// Outside of a search: neighbours by chance are no reason to forget a rhythm.
const MANY: usize = 4;

impl Rhythm {
    /// How many intervals the next question goes back, if that is more than usual. What other objects show of the counter counts
    /// as long as the series itself shows nothing.
    pub(super) fn reach(self, window: Window, counter: Option<u16>) -> Option<usize> {
        let reach = match self.probe {
            Probe::Near => NEAR,
            Probe::Far => FAR,
            Probe::NotNeeded | Probe::Done => self.known(counter).map_or(0, |intervals| reach_of(intervals, window.samples)),
        };
        (reach > window.usual_reach()).then_some(reach)
    }

    /// Intervals from one sample to the next, if they are more than one.
    pub(super) fn sparse(self, counter: Option<u16>) -> Option<u16> {
        self.known(counter).filter(|intervals| *intervals > 1)
    }

    fn known(self, counter: Option<u16>) -> Option<u16> {
        if self.intervals > 0 { Some(self.intervals) } else { counter }
    }

    /// Whether older samples are being searched for.
    pub(super) fn is_searching(self) -> bool {
        matches!(self.probe, Probe::Near | Probe::Far)
    }

    /// Intervals from one sample to the next, as far as the series itself showed them; 0 otherwise.
    pub(super) fn intervals(self) -> u16 {
        self.intervals
    }

    /// Learns from an answer, and leaves in it what still counts: the value of a series that ended hours ago does not.
    pub(super) fn learn(&mut self, found: &mut [Series], window: Window, counter: CounterHint, now: DateTime) -> Finding {
        let asked = self.reach(window, counter.sparse);
        let enough = if self.is_searching() { ENOUGH } else { MANY };
        let long = found.iter().filter(|one| one.samples.len() >= enough);
        let shown = long.filter_map(|one| between(&one.samples, window)).max();
        self.intervals = shown.unwrap_or(self.intervals);
        if asked.is_some() {
            let known = self.known(counter.sparse).unwrap_or(1);
            found.iter_mut().for_each(|one| drop_ended(one, window, known, now));
        }
        // In real time what has no rows at all is off or away; a row of -1 is a series that may have older samples.
        let full = found.iter().all(|one| one.samples.len() >= window.samples) && (window.real_time || !found.is_empty());
        if full {
            self.probe = Probe::NotNeeded;
            return Finding::Complete;
        }
        let dense = self.intervals == 1 && found.iter().any(|one| !one.samples.is_empty());
        if dense || !(counter.searchable || self.is_searching()) {
            return Finding::Complete;
        }
        let asked = asked.unwrap_or(window.usual_reach());
        self.search_on(asked, shown.is_some());
        let deeper = self.reach(window, counter.sparse).unwrap_or(window.usual_reach()) > asked;
        if deeper { Finding::AskDeeper } else { Finding::Complete }
    }

    /// The next step of the search for older samples, after an answer that went back so many intervals.
    fn search_on(&mut self, asked: usize, shown: bool) {
        self.probe = match self.probe {
            Probe::Near | Probe::Far if shown => Probe::Done,
            Probe::NotNeeded if asked < NEAR => Probe::Near,
            Probe::NotNeeded | Probe::Near if asked < FAR => Probe::Far,
            _ => Probe::Done,
        };
    }
}

/// How far back this many samples of a rhythm are to be found, with one that was missed.
fn reach_of(intervals: u16, samples: usize) -> usize {
    match intervals {
        0 | 1 => 0,
        more => {
            samples.saturating_add(1).saturating_mul(usize::from(more)).saturating_add(super::window::SPARE_SAMPLES).min(DEEPEST)
        }
    }
}

/// Intervals between samples: of all distances the middle one, so that a time without any does not count.
fn between(samples: &[Sample], window: Window) -> Option<u16> {
    let period = window.period();
    let distance = |(one, next): (&Sample, &Sample)| (next.at.unix_micros() - one.at.unix_micros() + period / 2) / period;
    let mut distances: Vec<i64> = samples.iter().zip(samples.iter().skip(1)).map(distance).collect();
    distances.sort_unstable();
    let middle = distances.get(distances.len() / 2)?;
    u16::try_from((*middle).max(1)).ok()
}

/// Drops samples that are older than the rhythm of the instance explains.
fn drop_ended(one: &mut Series, window: Window, known: u16, now: DateTime) {
    let own = if one.samples.len() >= MANY { between(&one.samples, window) } else { None };
    let reach = reach_of(own.unwrap_or(known), window.samples).max(window.usual_reach());
    let since = window.back(now, reach).unix_micros();
    one.samples.retain(|sample| sample.at.unix_micros() > since);
}
