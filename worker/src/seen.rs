//! Texts from outside on their way into the log: each warning once, so that a check every minute does not warn every minute,
//! and none at any length.

use std::borrow::Cow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

/// Texts seen before, as their hashes, because they come from outside at any length; forgets everything when there are too many.
#[derive(Default)]
pub(crate) struct Seen {
    hashes: Mutex<HashSet<u64>>,
    state: RandomState,
}

const MOST: usize = 1000;
/// So many characters of a name from outside are logged.
pub(crate) const NAME: usize = 200;

impl Seen {
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

/// A text from outside as it goes into a log line: so many characters of it.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len())),
        None => Cow::Borrowed(text),
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
        assert!(seen.hashes.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("vm01", NAME), "vm01");
        let long = "ä".repeat(NAME);
        assert_eq!(cut(&long, NAME), long.as_str());
        assert_eq!(cut(&format!("{long}ö"), NAME), format!("{long}… ({} bytes)", 2 * NAME + 2));
    }
}
