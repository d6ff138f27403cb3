//! The limit of requests in time.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::web_config::RateSection;

/// A bucket of requests.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateSection,
    /// When the bucket was, or will be, empty, if it were filled all the time.
    empty_at: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(super) const fn new(limit: RateSection) -> Self {
        Self { limit, empty_at: Mutex::new(None) }
    }

    /// Takes a request out of the bucket, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let full = self.limit.interval.saturating_mul(self.limit.burst);
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        let fullest = now.checked_sub(full).unwrap_or(now);
        let since = empty_at.map_or(fullest, |moment| moment.max(fullest));
        let next = since.checked_add(self.limit.interval).unwrap_or(since);
        let is_allowed = next <= now;
        *empty_at = Some(if is_allowed { next } else { since });
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let second = Duration::from_secs(1);
        let bucket = Bucket::new(RateSection { interval: second, burst: 3 });
        let start = Instant::now() + 100 * second;
        let taken = |moment: Instant| (0..5).filter(|_| bucket.take(moment)).count();
        assert_eq!(taken(start), 3);
        assert_eq!(taken(start + second / 2), 0);
        assert_eq!(taken(start + second), 1);
        assert_eq!(taken(start + 100 * second), 3);
    }
}
