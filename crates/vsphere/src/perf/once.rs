//! What is read once on behalf of all who want it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::Error;

/// A value that the first who wants it has read, in a task of its own: whoever wants it meanwhile waits for the same reading, and
/// nobody who gives up ends it. A failure is told to all of them and not kept.
#[derive(Debug)]
pub(super) struct Once<T> {
    phase: Mutex<Phase<T>>,
}

#[derive(Debug)]
enum Phase<T> {
    Unread,
    Reading(watch::Receiver<Option<Result<T, Error>>>),
    Read(T),
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self { phase: Mutex::new(Phase::Unread) }
    }
}

impl<T: Clone + Send + Sync + 'static> Once<T> {
    /// The value; `read` runs when nobody has read it and nobody is about to.
    pub async fn get(self: &Arc<Self>, read: impl Future<Output = Result<T, Error>> + Send + 'static) -> Result<T, Error> {
        let mut outcome = match self.enter(read) {
            Ok(value) => return Ok(value),
            Err(reading) => reading,
        };
        let found = outcome.wait_for(Option::is_some).await;
        let given_up = || Err(crate::error::config("a reading was given up; ask again"));
        found.ok().and_then(|outcome| outcome.clone()).unwrap_or_else(given_up)
    }

    /// The value, or where it will come.
    fn enter(
        self: &Arc<Self>,
        read: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, watch::Receiver<Option<Result<T, Error>>>> {
        let mut phase = self.phase();
        match &*phase {
            Phase::Read(value) => return Ok(value.clone()),
            // A reading whose task is gone without an outcome will not get one.
            Phase::Reading(outcome) if outcome.has_changed().is_ok() => return Err(outcome.clone()),
            _ => {}
        }
        let (sender, receiver) = watch::channel(None);
        *phase = Phase::Reading(receiver.clone());
        let own = self.clone();
        tokio::spawn(async move {
            let outcome = read.await;
            *own.phase() = outcome.as_ref().map_or(Phase::Unread, |value| Phase::Read(value.clone()));
            // Nobody may be waiting any more.
            let _ = sender.send(Some(outcome));
        });
        Err(receiver)
    }

    fn phase(&self) -> MutexGuard<'_, Phase<T>> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// A reading that counts itself and ends when told to.
    fn reading(count: &Arc<AtomicUsize>, go: &Arc<Notify>, fails: bool) -> impl Future<Output = Result<usize, Error>> + use<> {
        let (count, go) = (count.clone(), go.clone());
        async move {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            go.notified().await;
            if fails { Err(crate::error::config("no")) } else { Ok(number) }
        }
    }

    #[tokio::test]
    async fn one_reading_serves_all_and_outlives_who_asked_for_it() {
        let (count, go) = (Arc::default(), Arc::default());
        let once = Arc::new(Once::default());
        let first = tokio::spawn({
            let (once, read) = (once.clone(), reading(&count, &go, false));
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
    async fn a_failure_is_told_and_not_kept() {
        let (count, go) = (Arc::default(), Arc::new(Notify::new()));
        let once = Arc::new(Once::default());
        go.notify_one();
        assert_eq!(once.get(reading(&count, &go, true)).await.unwrap_err().to_string(), "no");
        go.notify_one();
        assert_eq!(once.get(reading(&count, &go, false)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_reading_that_broke_is_made_again() {
        let once: Arc<Once<usize>> = Arc::default();
        let broken = once.get(async { panic!("no such luck") }).await;
        assert!(broken.unwrap_err().to_string().contains("given up"));
        assert_eq!(once.get(async { Ok(7) }).await.unwrap(), 7);
    }
}
