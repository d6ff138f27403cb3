//! Single-flight: equal work that is wanted at the same moment is done once, and everyone who wants it gets its result.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

/// Fewer entries than this are not worth sweeping.
const FEW: usize = 64;

/// Work in flight: a future with a result for each of its clones.
pub struct Flight<T: Clone>(Shared<BoxFuture<'static, T>>);

impl<T: Clone> Flight<T> {
    /// Work that its waiters drive: it begins when the first of them polls it, and is dropped unfinished with the last clone.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(work.boxed().shared())
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.peek().is_some()
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Work in a task of its own, which ends it even when no waiter is left. `broken` makes the result of work that panicked.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn spawn(work: impl Future<Output = T> + Send + 'static, broken: impl FnOnce() -> T + Send + 'static) -> Self {
        let flight = Self::new(AssertUnwindSafe(work).catch_unwind().map(|done| done.unwrap_or_else(|_| broken())));
        tokio::spawn(flight.0.clone());
        flight
    }
}

impl<T: Clone> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Future for Flight<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.poll_unpin(context)
    }
}

impl<T: Clone> fmt::Debug for Flight<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Flight").field("over", &self.is_over()).finish_non_exhaustive()
    }
}

/// Work in flight by key. Results are not kept: who comes after the end begins anew.
pub struct SingleFlight<K, T: Clone> {
    table: Mutex<FlightTable<K, T>>,
    joined: AtomicU64,
}

/// Weak, so that the table neither keeps work alive that has no waiter left, nor results.
struct FlightTable<K, T: Clone> {
    flights: HashMap<K, WeakShared<BoxFuture<'static, T>>>,
    /// Number of entries at which those that are over are swept out.
    sweep_at: usize,
}

impl<K: Eq + Hash, T: Clone> SingleFlight<K, T> {
    /// The flight of this key that is not over, else the one that `start` makes. `start` must not use this `SingleFlight`.
    pub fn join(&self, key: K, start: impl FnOnce() -> Flight<T>) -> Flight<T> {
        let mut table = self.table();
        let running = table.flights.get(&key).and_then(WeakShared::upgrade).map(Flight).filter(|flight| !flight.is_over());
        if let Some(flight) = running {
            self.joined.fetch_add(1, Ordering::Relaxed);
            return flight;
        }
        if table.flights.len() >= table.sweep_at {
            table.sweep();
        }
        let flight = start();
        // Nothing to remember of a flight that is over already.
        if let Some(weak) = flight.0.downgrade() {
            table.flights.insert(key, weak);
        }
        flight
    }

    /// How often a flight was joined that another caller had begun.
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    fn table(&self) -> MutexGuard<'_, FlightTable<K, T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, T: Clone> FlightTable<K, T> {
    fn sweep(&mut self) {
        self.flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        self.sweep_at = FEW.max(2 * self.flights.len());
    }
}

impl<K, T: Clone> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self { table: Mutex::new(FlightTable { flights: HashMap::new(), sweep_at: FEW }), joined: AtomicU64::new(0) }
    }
}

impl<K, T: Clone> fmt::Debug for SingleFlight<K, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SingleFlight").field("joined", &self.joined).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::{Notify, Semaphore};

    #[tokio::test]
    async fn work_in_flight_is_joined_and_finished_work_is_not() {
        let flights = SingleFlight::default();
        let started = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Semaphore::new(0));
        let ask = |key: &'static str| {
            let started = Arc::clone(&started);
            let go = Arc::clone(&go);
            flights.join(key, move || {
                let number = started.fetch_add(1, Ordering::Relaxed);
                Flight::new(async move {
                    go.acquire().await.expect("never closed").forget();
                    number
                })
            })
        };
        let first = ask("a");
        let second = ask("a");
        let other = ask("b");
        go.add_permits(2);
        assert_eq!(tokio::join!(first.clone(), second, other), (0, 0, 1));
        assert_eq!(flights.joined(), 1);
        let again = ask("a");
        go.add_permits(1);
        assert_eq!((again.await, first.await), (2, 0), "the first result is not handed out again");
    }

    #[tokio::test]
    async fn work_without_a_waiter_is_dropped() {
        let flights = SingleFlight::default();
        let witness = Arc::new(());
        for key in 0..10 * FEW {
            let held = Arc::clone(&witness);
            drop(flights.join(key, move || {
                Flight::new(async move {
                    let _held = held;
                    std::future::pending::<()>().await;
                })
            }));
        }
        assert_eq!(Arc::strong_count(&witness), 1);
        assert!(flights.table().flights.len() <= FEW + 1);
    }

    #[tokio::test]
    async fn spawned_work_outlives_its_waiters_and_can_be_joined_meanwhile() {
        let flights = SingleFlight::default();
        let begun = Arc::new(Notify::new());
        let go = Arc::new(Notify::new());
        let began = Arc::clone(&begun);
        let gone = Arc::clone(&go);
        let work = async move {
            began.notify_one();
            gone.notified().await;
            7
        };
        drop(flights.join("a", || Flight::spawn(work, || 0)));
        begun.notified().await;
        let joined = flights.join("a", || Flight::new(async { 8 }));
        go.notify_one();
        assert_eq!((joined.await, flights.joined()), (7, 1));
    }

    #[tokio::test]
    async fn spawned_work_that_panics_has_the_result_of_broken_work() {
        let flight = Flight::spawn(async { panic!("no such luck") }, || "broken");
        assert_eq!((flight.clone().await, flight.is_over()), ("broken", true));
    }
}
