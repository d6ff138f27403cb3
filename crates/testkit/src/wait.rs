//! Waiting for a condition, with a limit: the only way tests wait.
//!
//! The limits below are for conditions that come true; a test that fails waits for the whole of one. They leave room for a loaded
//! machine and measure nothing: a test about speed states its own bound.

use std::thread;
use std::time::{Duration, Instant};

/// For what takes less than a second on an idle machine: a reply, a line of a log, a daemon's start or stop.
pub const SOON: Duration = Duration::from_secs(30);

/// For what takes seconds on an idle machine: a program that runs to its end, a restart with its pauses.
pub const SLOW: Duration = Duration::from_secs(120);

/// For what Zabbix does in cycles of its own: it reads its configuration, runs discovery rules, gathers values.
pub const ZABBIX: Duration = Duration::from_secs(300);

/// Pause between one look at the condition and the next.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits until `condition` holds.
///
/// # Panics
/// When `limit` has passed; the message contains `what`.
#[track_caller]
pub fn wait_until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(limit, what, || condition().then_some(()));
}

/// Waits until `probe` yields a value, and returns it.
///
/// # Panics
/// When `limit` has passed; the message contains `what`.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    poll(limit, probe).unwrap_or_else(|| panic!("waited {limit:?} in vain for: {what}"))
}

/// Waits until `probe` yields a value; none when `limit` has passed, for callers with more to say about it.
pub fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let value = probe();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_value_as_soon_as_there_is_one() {
        let mut looks = 0;
        let value = wait_for(Duration::from_secs(5), "third look", || {
            looks += 1;
            (looks == 3).then_some("here")
        });
        assert_eq!((value, looks), ("here", 3));
    }

    #[test]
    #[should_panic(expected = "in vain for: a miracle")]
    fn gives_up_after_the_limit() {
        wait_until(Duration::from_millis(20), "a miracle", || false);
    }
}
