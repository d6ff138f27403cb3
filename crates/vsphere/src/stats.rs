//! Counters of what was asked of a vSphere host.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Class;

/// Upper bounds of the latency buckets, in seconds; the last bucket has none.
pub const LATENCY_BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// A copy of the counters since the client was made.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// By method name; `vimServiceVersions.xml` for the version file.
    pub methods: BTreeMap<String, MethodStats>,
    /// Sessions opened, that is logins that succeeded.
    pub logins: u64,
}

/// Counters of one method.
#[derive(Clone, Debug, Default)]
pub struct MethodStats {
    /// Calls sent, whatever became of them.
    pub calls: u64,
    /// Failed calls by class, in the order of [`Class::ALL`].
    pub errors: [u64; Class::ALL.len()],
    /// Bytes of request bodies.
    pub bytes_out: u64,
    /// Bytes of answer bodies.
    pub bytes_in: u64,
    /// Time spent in calls altogether.
    pub time: Duration,
    /// Calls by latency; bucket `n` holds those up to `LATENCY_BOUNDS[n]`, the last all slower ones.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
}

impl Stats {
    /// Calls of all methods.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.methods.values().map(|method| method.calls).sum()
    }

    /// Failed calls of all methods in one class.
    #[must_use]
    pub fn errors(&self, class: Class) -> u64 {
        self.methods.values().map(|method| method.errors[class.index()]).sum()
    }

    /// Bytes received by all methods.
    #[must_use]
    pub fn bytes_in(&self) -> u64 {
        self.methods.values().map(|method| method.bytes_in).sum()
    }

    /// Bytes sent by all methods.
    #[must_use]
    pub fn bytes_out(&self) -> u64 {
        self.methods.values().map(|method| method.bytes_out).sum()
    }
}

/// What a finished call adds to the counters.
pub(crate) struct CallRecord {
    pub bytes_out: usize,
    pub bytes_in: usize,
    pub time: Duration,
    pub error: Option<Class>,
}

/// The counters themselves; locked for a few instructions only.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn count(&self, method: &str, call: &CallRecord) {
        self.change(|stats| {
            // Looked up first, so that a name is copied once only.
            if !stats.methods.contains_key(method) {
                stats.methods.insert(method.to_owned(), MethodStats::default());
            }
            let Some(counted) = stats.methods.get_mut(method) else { return };
            counted.calls += 1;
            counted.bytes_out += call.bytes_out as u64;
            counted.bytes_in += call.bytes_in as u64;
            counted.time += call.time;
            let seconds = call.time.as_secs_f64();
            let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(LATENCY_BOUNDS.len());
            counted.latency[bucket] += 1;
            if let Some(class) = call.error {
                counted.errors[class.index()] += 1;
            }
        });
    }

    pub(crate) fn count_login(&self) {
        self.change(|stats| stats.logins += 1);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_class_and_latency() {
        let counters = Counters::default();
        let call = |time, error| CallRecord { bytes_out: 10, bytes_in: 100, time, error };
        counters.count("Login", &call(Duration::from_millis(7), None));
        counters.count("Login", &call(Duration::from_secs(99), Some(Class::Auth)));
        counters.count("Logout", &call(Duration::ZERO, None));
        let stats = counters.snapshot();
        assert_eq!((stats.calls(), stats.errors(Class::Auth), stats.bytes_in(), stats.bytes_out()), (3, 1, 300, 30));
        let login = &stats.methods["Login"];
        assert_eq!((login.latency[1], login.latency[10]), (1, 1));
        assert_eq!(login.time, Duration::from_millis(99_007));
    }
}
