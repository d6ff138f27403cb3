//! Answers of vSphere that are good for a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Answers by their questions, each for a limited time.
#[derive(Debug)]
pub(crate) struct KeptAnswers<K, T> {
    answers: Mutex<HashMap<K, KeptAnswer<T>>>,
    used: AtomicU64,
}

#[derive(Debug)]
struct KeptAnswer<T> {
    answer: T,
    /// Bytes, about.
    weight: usize,
    until: Instant,
}

/// Bytes of answers that are kept, about.
const KEPT: usize = 16 << 20;

impl<K, T> Default for KeptAnswers<K, T> {
    fn default() -> Self {
        Self { answers: Mutex::new(HashMap::new()), used: AtomicU64::new(0) }
    }
}

impl<K: Eq + Hash, T: Clone> KeptAnswers<K, T> {
    /// The answer to a question, while it is good.
    pub(crate) fn get(&self, key: &K, now: Instant) -> Option<T> {
        let answers = lock(&self.answers);
        let kept = answers.get(key).filter(|kept| now < kept.until)?;
        self.used.fetch_add(1, Ordering::Relaxed);
        Some(kept.answer.clone())
    }

    /// Keeps an answer for this time, unless there are too many already.
    pub(crate) fn keep(&self, key: K, answer: T, weight: usize, now: Instant, time: Duration) {
        let mut answers = lock(&self.answers);
        answers.retain(|_, kept| now < kept.until);
        let others = answers.iter().filter(|(other, _)| **other != key).map(|(_, kept)| kept.weight);
        if others.sum::<usize>().saturating_add(weight) <= KEPT {
            answers.insert(key, KeptAnswer { answer, weight, until: now + time });
        }
    }

    /// How often a kept answer was given.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_a_moment_and_within_bounds() {
        let (kept, now) = (KeptAnswers::<&str, u8>::default(), Instant::now());
        let second = Duration::from_secs(1);
        kept.keep("a", 1, KEPT / 2, now, second);
        kept.keep("b", 2, KEPT, now, second);
        assert_eq!((kept.get(&"a", now), kept.get(&"b", now)), (Some(1), None));
        assert_eq!(kept.get(&"a", now + second), None);
        kept.keep("b", 2, KEPT, now + second, second);
        assert_eq!((kept.get(&"b", now + second), kept.used()), (Some(2), 2));
    }
}
