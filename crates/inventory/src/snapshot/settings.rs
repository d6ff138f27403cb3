//! What may be remembered of vSphere, and for how long.

use std::time::Duration;

/// The settings of the snapshot; for the worker, the section `[cache]` of its configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// Whether anything is remembered at all.
    pub enabled: bool,
    /// Learned values held at most; 0 = the built-in bound.
    pub maxsize: usize,
    /// A learned path that no request asked for during this time is dropped at the next housekeeping.
    pub ttl: Duration,
    /// How often idle paths are dropped; zero is never.
    pub housekeeping: Duration,
    /// How old an answer may be while vSphere cannot be reached.
    pub max_stale: Duration,
    /// The shortest time between two fetches of changes.
    pub update_interval: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            maxsize: 0,
            ttl: Duration::from_secs(3600),
            housekeeping: Duration::from_secs(480 * 60),
            max_stale: Duration::from_secs(120),
            update_interval: Duration::from_secs(1),
        }
    }
}
