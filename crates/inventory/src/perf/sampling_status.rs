//! What the scheduler did, in numbers.

use serde::Serialize;

/// Counters since the start, and where things stand now. Speaks of *series*: one counter of one instance of one object.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct SamplingStatus {
    /// Calls for samples that were made.
    pub calls: u64,
    /// Objects in those calls.
    pub objects: u64,
    /// Series in those calls.
    pub series: u64,
    /// Series that requests asked for.
    pub asked: u64,
    /// Of these, answered without waiting.
    pub hits: u64,
    /// Of these, answered by a call that was under way already.
    pub joined: u64,
    /// Series asked along because they would be asked for soon.
    pub prefetched: u64,
    /// Of these, asked for before the next sample was due.
    pub prefetched_used: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls made to find out what in a failed one was to blame.
    pub isolating: u64,
    /// How often the size of calls was halved: a refusal, a timeout, a slow answer.
    pub halvings: u64,
    /// Series kept now.
    pub kept: u64,
    /// Calls under way now.
    pub under_way: u64,
    /// Objects that wait for a call now.
    pub waiting: u64,
    /// Objects that a call may have now.
    pub objects_per_call: u64,
    /// Calls that may be under way at the same time now.
    pub calls_at_once: u64,
    /// Series that a historical call may have now.
    pub series_per_historical_call: u64,
}

impl SamplingStatus {
    /// The share of prefetched series that a request used; none before the first.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no more than a few digits")]
    pub fn prefetch_efficiency(&self) -> Option<f64> {
        (self.prefetched > 0).then(|| self.prefetched_used as f64 / self.prefetched as f64)
    }
}
