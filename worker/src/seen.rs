//! Things that were warned about, so that a check every minute does not warn every minute.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Texts seen before; forgets everything when there are too many.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashSet<String>>);

const MOST: usize = 1000;

impl Seen {
    /// Whether the text is new.
    pub(crate) fn first_time(&self, text: &str) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(text) {
            return false;
        }
        if seen.len() >= MOST {
            seen.clear();
        }
        seen.insert(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_time_counts_and_the_memory_is_bounded() {
        let seen = Seen::default();
        assert!(seen.first_time("a"));
        assert!(!seen.first_time("a"));
        for number in 0..3 * MOST {
            seen.first_time(&number.to_string());
        }
        assert!(seen.first_time("a"));
        assert!(seen.0.lock().unwrap().len() <= MOST);
    }
}
