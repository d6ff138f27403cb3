//! How true the snapshot is: when vSphere last confirmed it, and how long that is good enough.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::border::ReadError;
use crate::lock::lock;

/// Knows when answers from memory are good. The time is passed in.
#[derive(Debug)]
pub(crate) struct Freshness {
    start: Instant,
    /// How old an answer may be while vSphere cannot be reached.
    max_stale: Duration,
    /// How long vSphere may take to confirm while it can: it says nothing as long as nothing changes, until the wait is over.
    patience: Duration,
    /// In milliseconds since `start`; 0 = nothing is good. For readers, who must not wait for a lock.
    good_until: AtomicU64,
    state: Mutex<Confirmation>,
}

#[derive(Debug, Default)]
struct Confirmation {
    confirmed: Option<Instant>,
    /// Whether what is known may be out of date.
    stale: bool,
    lost: Option<ReadError>,
}

impl Freshness {
    pub(crate) fn new(start: Instant, max_stale: Duration, wait: Duration) -> Self {
        let patience = max_stale.max(2 * wait);
        Self { start, max_stale, patience, good_until: AtomicU64::new(0), state: Mutex::default() }
    }

    /// The snapshot's clock, in whole seconds.
    pub(crate) fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.start).as_secs()).unwrap_or(u32::MAX)
    }

    /// Whether answers from memory are good.
    pub(crate) fn is_good(&self, now: Instant) -> bool {
        self.millis(now) < self.good_until.load(Ordering::Acquire)
    }

    /// vSphere reported its state, or that it has not changed.
    pub(crate) fn confirm(&self, now: Instant) {
        let mut state = self.state();
        *state = Confirmation { confirmed: Some(now), stale: false, lost: None };
        self.good_until.store(self.millis(now + self.patience).max(1), Ordering::Release);
    }

    /// vSphere cannot be reached any more.
    pub(crate) fn lose(&self, error: ReadError) {
        let mut state = self.state();
        (state.stale, state.lost) = (true, Some(error));
        if let Some(confirmed) = state.confirmed {
            self.good_until.store(self.millis(confirmed + self.max_stale).max(1), Ordering::Release);
        }
    }

    /// vSphere is still lost, for this reason by now: the last one says best what to do.
    pub(crate) fn lose_on(&self, error: ReadError) {
        if let Some(lost) = &mut self.state().lost {
            *lost = error;
        }
    }

    /// vSphere can be reached again; what changed meanwhile is not known yet.
    pub(crate) fn found(&self) {
        self.state().lost = None;
    }

    /// Whether what is known may be out of date.
    pub(crate) fn is_stale(&self) -> bool {
        self.state().stale
    }

    /// What was known is void.
    pub(crate) fn void(&self) {
        let mut state = self.state();
        state.confirmed = None;
        self.good_until.store(0, Ordering::Release);
    }

    /// Why vSphere cannot be reached, while that is so.
    pub(crate) fn lost(&self) -> Option<ReadError> {
        self.state().lost.clone()
    }

    /// When vSphere last confirmed.
    pub(crate) fn confirmed(&self) -> Option<Instant> {
        self.state().confirmed
    }

    /// How long ago vSphere last confirmed.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.state().confirmed.map(|confirmed| now.saturating_duration_since(confirmed))
    }

    fn millis(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn state(&self) -> MutexGuard<'_, Confirmation> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn answers_are_good_for_a_limited_time_after_the_last_confirmation() {
        let start = Instant::now();
        let at = |seconds: u32| start + seconds * SECOND;
        let fresh = Freshness::new(start, 120 * SECOND, 60 * SECOND);
        assert!(!fresh.is_good(at(0)), "nothing is known yet");
        fresh.confirm(at(10));
        assert!(fresh.is_good(at(10)) && fresh.is_good(at(129)) && !fresh.is_good(at(130)));
        fresh.confirm(at(70));
        fresh.lose(ReadError::new("connection refused"));
        assert!(fresh.is_good(at(189)) && !fresh.is_good(at(190)));
        assert_eq!((fresh.age(at(75)), fresh.lost()), (Some(5 * SECOND), Some(ReadError::new("connection refused"))));
        fresh.lose_on(ReadError::new("refused"));
        assert_eq!(fresh.lost(), Some(ReadError::new("refused")), "the reason of the last attempt");
        fresh.found();
        fresh.lose_on(ReadError::new("refused"));
        assert!(fresh.lost().is_none() && fresh.is_stale() && !fresh.is_good(at(190)));
        fresh.confirm(at(300));
        assert!(fresh.is_good(at(301)) && !fresh.is_stale());
        fresh.void();
        assert!(!fresh.is_good(at(301)) && fresh.age(at(301)).is_none());
    }

    #[test]
    fn a_short_limit_counts_only_while_vsphere_is_lost() {
        let start = Instant::now();
        let fresh = Freshness::new(start, Duration::ZERO, SECOND);
        fresh.confirm(start + SECOND);
        assert!(fresh.is_good(start + 2 * SECOND), "vSphere is silent while nothing changes");
        fresh.lose(ReadError::new("gone"));
        assert!(!fresh.is_good(start + SECOND));
    }

    #[test]
    fn a_loss_before_anything_was_known_makes_nothing_good() {
        let start = Instant::now();
        let fresh = Freshness::new(start, 120 * SECOND, SECOND);
        fresh.lose(ReadError::new("gone"));
        assert!(!fresh.is_good(start));
    }
}
