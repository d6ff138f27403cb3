//! Questions to vSphere that are under way: whoever asks the same meanwhile gets the same answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

/// A question under way, for everybody who asked it. Given up when nobody waits for it any more.
pub(crate) type Flight<T> = Shared<Pin<Box<dyn Future<Output = T> + Send>>>;

type Weak<T> = WeakShared<Pin<Box<dyn Future<Output = T> + Send>>>;

/// Questions under way, and answers that are good for a moment.
#[derive(Debug)]
pub(crate) struct Flights<K, T: Clone> {
    state: Mutex<State<K, T>>,
    shared: AtomicU64,
}

#[derive(Debug)]
struct State<K, T: Clone> {
    under_way: HashMap<K, Weak<T>>,
    /// Questions at which those that ended are cleared away.
    sweep_at: usize,
    kept: HashMap<K, Kept<T>>,
}

#[derive(Debug)]
struct Kept<T> {
    answer: T,
    weight: usize,
    until: Instant,
}

/// Fewer questions than this are not worth clearing away.
const FEW: usize = 64;
/// Bytes of answers that are kept, about.
const KEPT: usize = 16 << 20;

impl<K, T: Clone> Default for Flights<K, T> {
    fn default() -> Self {
        let state = State { under_way: HashMap::new(), sweep_at: FEW, kept: HashMap::new() };
        Self { state: Mutex::new(state), shared: AtomicU64::new(0) }
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Flights<K, T> {
    /// The question's answer: of somebody who asks it at this moment, or by `start`.
    pub fn join(&self, key: K, start: impl FnOnce() -> Pin<Box<dyn Future<Output = T> + Send>>) -> Flight<T> {
        let mut state = self.state();
        // One that has its answer already is no longer under way: things may have changed since.
        let running = state.under_way.get(&key).and_then(Weak::upgrade).filter(|flight| flight.peek().is_none());
        if let Some(flight) = running {
            self.shared.fetch_add(1, Ordering::Relaxed);
            return flight;
        }
        if state.under_way.len() >= state.sweep_at {
            state.under_way.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
            state.sweep_at = FEW.max(2 * state.under_way.len());
        }
        let flight = start().shared();
        if let Some(weak) = flight.downgrade() {
            state.under_way.insert(key, weak);
        }
        flight
    }

    /// An answer that was kept.
    pub fn kept(&self, key: &K, now: Instant) -> Option<T> {
        let state = self.state();
        let kept = state.kept.get(key).filter(|kept| now < kept.until)?;
        self.shared.fetch_add(1, Ordering::Relaxed);
        Some(kept.answer.clone())
    }

    /// Keeps an answer for a moment, unless there are too many already.
    pub fn keep(&self, key: K, answer: T, weight: usize, now: Instant, time: Duration) {
        let mut state = self.state();
        state.kept.retain(|_, kept| now < kept.until);
        let others = state.kept.iter().filter(|(other, _)| **other != key).map(|(_, kept)| kept.weight);
        if others.sum::<usize>().saturating_add(weight) <= KEPT {
            state.kept.insert(key, Kept { answer, weight, until: now + time });
        }
    }

    /// Answers that served somebody besides the one who asked.
    pub fn shared(&self) -> u64 {
        self.shared.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State<K, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn questions_under_way_are_shared_and_finished_ones_are_not() {
        let (flights, started, go) = (Flights::default(), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = |key: &'static str| {
            let (started, go) = (Arc::clone(&started), Arc::clone(&go));
            flights.join(key, move || {
                let number = started.fetch_add(1, Ordering::Relaxed);
                Box::pin(async move {
                    go.acquire().await.expect("never closed").forget();
                    number
                })
            })
        };
        let (first, second, other) = (ask("a"), ask("a"), ask("b"));
        go.add_permits(2);
        assert_eq!(tokio::join!(first.clone(), second, other), (0, 0, 1));
        assert_eq!(flights.shared(), 1);
        let again = ask("a");
        go.add_permits(1);
        assert_eq!((again.await, first.await), (2, 0), "the first answer is not handed out again");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_given_up() {
        let flights = Flights::default();
        let witness = Arc::new(());
        for key in 0..10 * FEW {
            let held = Arc::clone(&witness);
            drop(flights.join(key, move || {
                Box::pin(async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                })
            }));
        }
        assert_eq!(Arc::strong_count(&witness), 1);
        assert!(flights.state().under_way.len() <= FEW + 1);
    }

    #[test]
    fn answers_are_kept_for_a_moment_and_within_bounds() {
        let (flights, now) = (Flights::<&str, u8>::default(), Instant::now());
        let second = Duration::from_secs(1);
        flights.keep("a", 1, KEPT / 2, now, second);
        flights.keep("b", 2, KEPT, now, second);
        assert_eq!((flights.kept(&"a", now), flights.kept(&"b", now)), (Some(1), None));
        assert_eq!(flights.kept(&"a", now + second), None);
        flights.keep("b", 2, KEPT, now + second, second);
        assert_eq!(flights.kept(&"b", now + second), Some(2));
    }
}
