//! Values that are read once for all callers.

use std::sync::{Arc, OnceLock};

use crate::Error;
use crate::single_flight::{Flight, SingleFlight};

/// A value that is read once, by a task of its own: callers that want it meanwhile wait for the same reading, and one that gives
/// up does not end it. A failure goes to all who wait, and is not kept.
#[derive(Debug)]
pub(super) struct ReadOnce<T: Clone> {
    value: OnceLock<T>,
    readings: SingleFlight<(), Result<T, Error>>,
}

impl<T: Clone> Default for ReadOnce<T> {
    fn default() -> Self {
        Self { value: OnceLock::new(), readings: SingleFlight::default() }
    }
}

impl<T: Clone + Send + Sync + 'static> ReadOnce<T> {
    /// The value; `read` runs when it is neither there nor being read.
    pub(crate) async fn get(self: &Arc<Self>, read: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
        if let Some(value) = self.value.get() {
            return Ok(value.clone());
        }
        let own = Arc::clone(self);
        let reading = async move {
            // A reading that ended while the caller came here.
            if let Some(value) = own.value.get() {
                return Ok(value.clone());
            }
            let value = read.await?;
            Ok(own.value.get_or_init(|| value).clone())
        };
        self.readings.join((), || Flight::spawn(reading, given_up)).await
    }
}

/// The result of a reading that panicked.
pub(super) fn given_up<T>() -> Result<T, Error> {
    Err(crate::error::config("a reading was given up; ask again"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A reading that counts itself and ends when the test lets it.
    fn reading(count: &Arc<AtomicUsize>, go: &Arc<Notify>, fails: bool) -> impl Future<Output = Result<usize, Error>> + use<> {
        let count = count.clone();
        let go = go.clone();
        async move {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            go.notified().await;
            if fails { Err(crate::error::config("no")) } else { Ok(number) }
        }
    }

    #[tokio::test]
    async fn one_reading_serves_all_and_outlives_its_first_caller() {
        let count = Arc::default();
        let go = Arc::default();
        let once = Arc::new(ReadOnce::default());
        let first = tokio::spawn({
            let once = once.clone();
            let read = reading(&count, &go, false);
            async move { once.get(read).await }
        });
        while count.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        first.abort();
        assert!(first.await.is_err());
        go.notify_one();
        assert_eq!(once.get(reading(&count, &go, false)).await.unwrap(), 1);
        assert_eq!(once.get(reading(&count, &go, true)).await.unwrap(), 1);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failure_is_returned_and_not_kept() {
        let count = Arc::default();
        let go = Arc::new(Notify::new());
        let once = Arc::new(ReadOnce::default());
        go.notify_one();
        assert_eq!(once.get(reading(&count, &go, true)).await.unwrap_err().to_string(), "no");
        go.notify_one();
        assert_eq!(once.get(reading(&count, &go, false)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_reading_that_broke_is_made_again() {
        let once: Arc<ReadOnce<usize>> = Arc::default();
        let broken = once.get(async { panic!("no such luck") }).await;
        assert!(broken.unwrap_err().to_string().contains("given up"));
        assert_eq!(once.get(async { Ok(7) }).await.unwrap(), 7);
    }
}
