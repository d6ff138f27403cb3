//! Texts from outside on their way into the log: each warning once, so that a check every minute does not warn every minute,
//! and none at any length.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use vpoller_wire::text;

/// Texts seen before, as their hashes, because they come from outside at any length; forgets everything when there are too many.
#[derive(Default)]
pub(crate) struct LogOnce {
    hashes: Mutex<HashSet<u64>>,
    state: RandomState,
}

const MOST: usize = 1000;
/// So many characters of a name from outside are logged.
pub(crate) const LONGEST_NAME: usize = 200;

impl LogOnce {
    /// Whether the text is new.
    pub(crate) fn first_time(&self, text: &str) -> bool {
        let hash = self.state.hash_one(text);
        let mut seen = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(&hash) {
            return false;
        }
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(hash)
    }
}

/// Lets a number of lines a second through, and counts the others.
pub(crate) struct LogRate {
    start: Instant,
    /// The second that is counted, from 1; 0 before the first line.
    second: AtomicU64,
    lines: AtomicU64,
}

/// A line's way into the log.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Pass {
    /// It is logged; this number of lines were not since the last one.
    Through(u64),
    /// There were enough in this second.
    Held,
}

/// Lines of one throttle a second.
const LINES: u64 = 100;

impl LogRate {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, second: AtomicU64::new(0), lines: AtomicU64::new(0) }
    }

    /// Whether a line is logged now.
    pub(crate) fn pass(&self, now: Instant) -> Pass {
        let second = now.saturating_duration_since(self.start).as_secs() + 1;
        if self.second.load(Ordering::Relaxed) != second && self.second.swap(second, Ordering::Relaxed) != second {
            return Pass::Through(self.lines.swap(1, Ordering::Relaxed).saturating_sub(LINES));
        }
        if self.lines.fetch_add(1, Ordering::Relaxed) < LINES { Pass::Through(0) } else { Pass::Held }
    }
}

/// A text from outside as it goes into a log line: its first characters, and how long it is.
pub(crate) fn shorten(text: &str, most: usize) -> Cow<'_, str> {
    match text::shorten(text, most) {
        Cow::Owned(short) => Cow::Owned(format!("{short} ({} bytes)", text.len())),
        whole => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_time_counts_and_the_memory_is_bounded() {
        let seen = LogOnce::default();
        assert!(seen.first_time("a"));
        assert!(!seen.first_time("a"));
        for number in 0..3 * MOST {
            seen.first_time(&number.to_string());
        }
        assert!(seen.first_time("a"));
        assert!(seen.hashes.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn so_many_lines_a_second_pass_and_the_others_are_counted() {
        let start = Instant::now();
        let throttle = LogRate::new(start);
        let at = |millis: u64| throttle.pass(start + std::time::Duration::from_millis(millis));
        let passed = (0..3 * LINES).filter(|number| at(*number) == Pass::Through(0)).count();
        assert_eq!(passed as u64, LINES);
        assert_eq!((at(1000), at(1001)), (Pass::Through(2 * LINES), Pass::Through(0)));
        assert_eq!(at(5000), Pass::Through(0));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("vm01", LONGEST_NAME), "vm01");
        let long = "ä".repeat(LONGEST_NAME);
        assert_eq!(shorten(&long, LONGEST_NAME), long.as_str());
        assert_eq!(shorten(&format!("{long}ö"), LONGEST_NAME), format!("{long}… ({} bytes)", 2 * LONGEST_NAME + 2));
    }
}
