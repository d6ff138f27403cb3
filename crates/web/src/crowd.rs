//! The connections there are, and which of them makes room when there are as many as may be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// A connection's number.
type Number = u64;

/// What is known of one connection while it is served.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    /// Requests whose head arrived.
    requests: AtomicU64,
    /// An answer is being made.
    is_answering: AtomicBool,
    /// Since when the server waits for the client, in milliseconds since `started` and one more; 0 while it does not.
    waiting: AtomicU64,
    /// Asks for the end of the connection.
    pub(crate) make_room: Notify,
}

impl Progress {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            requests: AtomicU64::new(0),
            is_answering: AtomicBool::new(false),
            waiting: AtomicU64::new(1),
            make_room: Notify::new(),
        }
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether an answer is being made.
    pub(crate) fn is_answering(&self) -> bool {
        self.is_answering.load(Ordering::Relaxed)
    }

    /// From now on the server waits for the client, unless it does already.
    pub(crate) fn wait(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let _ = self.waiting.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The head of a request has arrived; the answer is being made as long as what is returned lives.
    pub(crate) fn answer(self: &Arc<Self>) -> Answering {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.is_answering.store(true, Ordering::Relaxed);
        self.waiting.store(0, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn waited(&self) -> Duration {
        match self.waiting.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.started.elapsed().saturating_sub(Duration::from_millis(since - 1)),
        }
    }
}

/// An answer is being made.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Ordering::Relaxed);
    }
}

/// All connections of a server.
#[derive(Debug)]
pub(crate) struct Crowd {
    places: Arc<Semaphore>,
    patience: Duration,
    members: Mutex<Members>,
}

#[derive(Debug, Default)]
struct Members {
    next: Number,
    known: HashMap<Number, Arc<Progress>>,
}

impl Crowd {
    pub(crate) fn new(connections: usize, patience: Duration) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(connections.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, patience, members: Mutex::default() })
    }

    /// A place for a further connection. Waits while all are taken, and makes room as soon as one of them may be closed.
    pub(crate) async fn enter(self: &Arc<Self>) -> Member {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            tokio::select! {
                biased;
                // The semaphore is never closed.
                Ok(place) = place => return self.admit(place),
                () = tokio::time::sleep(self.make_room()) => {}
            }
        }
    }

    fn admit(self: &Arc<Self>, place: OwnedSemaphorePermit) -> Member {
        let progress = Arc::new(Progress::new());
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let number = members.next;
        members.next += 1;
        members.known.insert(number, Arc::clone(&progress));
        Member { crowd: Arc::clone(self), number, progress, _place: place }
    }

    /// Closes the connection whose client has kept the server waiting longest, if that is too long; else it gives the time until
    /// one may be closed.
    fn make_room(&self) -> Duration {
        let longest = {
            let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            members.known.values().map(|progress| (progress.waited(), Arc::clone(progress))).max_by_key(|(waited, _)| *waited)
        };
        match longest {
            Some((waited, progress)) if waited >= self.patience => {
                progress.make_room.notify_one();
                A_MOMENT
            }
            Some((waited, _)) => self.patience.saturating_sub(waited).max(A_MOMENT),
            None => A_MOMENT,
        }
    }
}

/// Between two looks at who may go.
const A_MOMENT: Duration = Duration::from_millis(10);

/// One connection's place among the others; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    number: Number,
    pub(crate) progress: Arc<Progress>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.crowd.members.lock().unwrap_or_else(PoisonError::into_inner).known.remove(&self.number);
    }
}
