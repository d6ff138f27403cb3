//! How much is asked at a time: less after refusals and slow answers, slowly more again after good ones.

use std::time::Duration;

/// Objects in a call, as VMware advises.
const MOST_OBJECTS: usize = 50;
/// Calls at the same time.
const MOST_CALLS: usize = 4;
/// Series in a real-time call, and in a historical one where the server sets no limit.
const MOST_SERIES: usize = 5000;
const MOST_UNLIMITED: usize = 1000;
/// An answer that took longer was too much at a time.
const SLOW: Duration = Duration::from_secs(10);
/// Good answers in a row after which a little more is asked, and after which a limit that the server showed is tried again.
const GROW_AFTER: u32 = 10;
const TRY_AFTER: u32 = 50;

/// No limit below this is guessed from failures that give no reason.
const LEAST_GUESSED: usize = 16;

/// What may be asked at a time.
#[derive(Debug)]
pub(super) struct BatchLimits {
    pub objects: usize,
    pub calls: usize,
    historical: usize,
    historical_most: usize,
    /// Good answers since the last change.
    good: u32,
    tried: u32,
    pub halvings: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            objects: MOST_OBJECTS,
            calls: MOST_CALLS,
            historical: MOST_UNLIMITED,
            historical_most: MOST_UNLIMITED,
            good: 0,
            tried: 0,
            halvings: 0,
        }
    }
}

impl BatchLimits {
    /// Another server, about which nothing is known.
    pub(super) fn start_anew(&mut self) {
        *self = Self { halvings: self.halvings, ..Self::default() };
    }

    /// The server's own limit on the series of a historical call.
    pub(super) fn limit(&mut self, most: Option<usize>) {
        let most = most.map_or(MOST_UNLIMITED, |most| most.max(1));
        if most != self.historical_most {
            self.historical = most;
            self.historical_most = most;
        }
    }

    /// Series that a call may have.
    pub(super) fn series(&self, real_time: bool) -> usize {
        if real_time { MOST_SERIES } else { self.historical }
    }

    /// The server was slow, or too slow.
    pub(super) fn halve(&mut self) {
        self.objects = (self.objects / 2).max(1);
        self.calls = (self.calls / 2).max(1);
        self.changed();
    }

    /// The server refused a call of this size as too large.
    pub(super) fn refused(&mut self, real_time: bool, objects: usize, series: usize) {
        // Several refusals of one size, as of calls made at the same time, say no more than the first.
        let (most, asked) = if real_time { (&mut self.objects, objects) } else { (&mut self.historical, series) };
        let half = (asked / 2).max(1);
        if half < *most {
            *most = half;
            self.changed();
        }
    }

    /// The server failed a historical call of this many series without a word: most likely it was too large. A server that fails
    /// everything for a while says little about its limit.
    pub(super) fn refused_without_reason(&mut self, series: usize) {
        self.refused(false, 0, series.max(2 * LEAST_GUESSED));
    }

    /// A call was answered in this time.
    pub(super) fn answered(&mut self, took: Duration) {
        if took > SLOW {
            return self.halve();
        }
        self.good += 1;
        if self.good < GROW_AFTER {
            return;
        }
        self.good = 0;
        self.tried += GROW_AFTER;
        self.objects = grown(self.objects, 4, MOST_OBJECTS);
        self.calls = (self.calls + 1).min(MOST_CALLS);
        if self.tried >= TRY_AFTER {
            self.tried = 0;
            self.historical = grown(self.historical, 8, self.historical_most);
        }
    }

    fn changed(&mut self) {
        self.good = 0;
        self.tried = 0;
        self.halvings += 1;
    }
}

/// A part more, up to a bound.
fn grown(number: usize, part: usize, most: usize) -> usize {
    (number + (number / part).max(1)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(100);

    fn answers(limits: &mut BatchLimits, count: u32) {
        (0..count).for_each(|_| limits.answered(QUICK));
    }

    #[test]
    fn it_halves_at_once_and_grows_slowly() {
        let mut limits = BatchLimits::default();
        limits.halve();
        assert_eq!((limits.objects, limits.calls), (25, 2));
        limits.answered(Duration::from_secs(11));
        assert_eq!((limits.objects, limits.calls, limits.halvings), (12, 1, 2));
        answers(&mut limits, 9);
        assert_eq!((limits.objects, limits.calls), (12, 1));
        answers(&mut limits, 1);
        assert_eq!((limits.objects, limits.calls), (15, 2));
        answers(&mut limits, 1000);
        assert_eq!((limits.objects, limits.calls), (50, 4));
    }

    #[test]
    fn it_never_stops_asking() {
        let mut limits = BatchLimits::default();
        (0..20).for_each(|_| limits.halve());
        (0..20).for_each(|size| limits.refused(false, 20 - size, 20 - size));
        (0..20).for_each(|size| limits.refused(true, 20 - size, 20 - size));
        assert_eq!((limits.objects, limits.calls, limits.series(false)), (1, 1, 1));
    }

    #[test]
    fn failures_without_a_reason_halve_to_a_bound() {
        let mut limits = BatchLimits::default();
        limits.refused_without_reason(512);
        assert_eq!((limits.series(false), limits.objects, limits.calls), (256, 50, 4));
        [200, 100, 50, 20, 9].into_iter().for_each(|series| limits.refused_without_reason(series));
        assert_eq!(limits.series(false), 16);
    }

    #[test]
    fn the_servers_limit_holds_for_historical_calls() {
        let mut limits = BatchLimits::default();
        assert_eq!((limits.series(true), limits.series(false)), (5000, 1000));
        limits.limit(Some(64));
        assert_eq!((limits.series(true), limits.series(false)), (5000, 64));
        limits.refused(false, 10, 60);
        limits.refused(false, 10, 60);
        assert_eq!((limits.series(false), limits.halvings), (30, 1));
        limits.limit(Some(64));
        assert_eq!(limits.series(false), 30, "what the server showed counts more than what it says");
        answers(&mut limits, 49);
        assert_eq!(limits.series(false), 30);
        answers(&mut limits, 1);
        assert_eq!(limits.series(false), 33);
        answers(&mut limits, 5000);
        assert_eq!(limits.series(false), 64);
        limits.limit(None);
        assert_eq!(limits.series(false), 1000);
    }
}
