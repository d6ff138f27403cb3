//! The connections of the blocking listener, and which of them makes room when there are as many as may be.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two looks at who may go.
const A_MOMENT: Duration = Duration::from_millis(10);

/// All connections of a listener.
pub(crate) struct Crowd {
    most: usize,
    patience: Duration,
    visits: Mutex<Visits>,
    /// Somebody has left.
    left: Condvar,
}

#[derive(Default)]
struct Visits {
    next: u64,
    known: BTreeMap<u64, Arc<Visit>>,
}

/// What is known of one connection.
struct Visit {
    /// The connection again, so that it can be closed while its thread waits for the client.
    stream: TcpStream,
    /// Since when the server waits for the client; none while it does not.
    waiting: Mutex<Option<Instant>>,
}

impl Visit {
    fn set_waiting(&self, since: Option<Instant>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn waited(&self) -> Duration {
        let since = *self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// One connection's place among the others; free again when it is dropped.
pub(crate) struct Guest {
    crowd: Arc<Crowd>,
    number: u64,
    visit: Arc<Visit>,
}

impl Guest {
    /// An answer is being made.
    pub(crate) fn answering(&self) {
        self.visit.set_waiting(None);
    }

    /// From now on the server waits for the client.
    pub(crate) fn waiting(&self) {
        self.visit.set_waiting(Some(Instant::now()));
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.crowd.lock().known.remove(&self.number);
        self.crowd.left.notify_one();
    }
}

impl Crowd {
    pub(crate) fn new(most: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), patience, visits: Mutex::default(), left: Condvar::new() })
    }

    /// A place for a further connection. Waits while all are taken, and closes the connection whose client has kept the server
    /// waiting longest, once that is too long.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub(crate) fn enter(self: &Arc<Self>, stream: &TcpStream) -> io::Result<Guest> {
        let visit = Arc::new(Visit { stream: stream.try_clone()?, waiting: Mutex::new(None) });
        let mut visits = self.lock();
        while visits.known.len() >= self.most {
            let pause = self.make_room(&visits);
            visits = self.left.wait_timeout(visits, pause).unwrap_or_else(PoisonError::into_inner).0;
        }
        visit.set_waiting(Some(Instant::now()));
        let number = visits.next;
        visits.next += 1;
        visits.known.insert(number, Arc::clone(&visit));
        drop(visits);
        Ok(Guest { crowd: Arc::clone(self), number, visit })
    }

    /// Gives the time until it is worth another look.
    fn make_room(&self, visits: &Visits) -> Duration {
        let longest = visits.known.values().map(|visit| (visit.waited(), visit)).max_by_key(|(waited, _)| *waited);
        match longest {
            Some((waited, visit)) if waited >= self.patience => {
                // One that is closed already has left or is about to.
                let _ = visit.stream.shutdown(Shutdown::Both);
                A_MOMENT
            }
            Some((waited, _)) => self.patience.saturating_sub(waited).max(A_MOMENT),
            None => A_MOMENT,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    const PATIENCE: Duration = Duration::from_millis(50);

    #[test]
    fn who_keeps_the_server_waiting_longest_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let crowd = Crowd::new(3, PATIENCE);
        let enter = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            (client, crowd.enter(&server).unwrap(), server)
        };
        let (_first, busy, _kept) = enter();
        busy.answering();
        let (mut second, slow, waits) = enter();
        let (third, other, also) = enter();
        slow.visit.set_waiting(Instant::now().checked_sub(PATIENCE));
        // As the thread of a connection does: it leaves when it reads the end.
        let thread = std::thread::spawn(move || {
            let (mut waits, slow) = (waits, slow);
            let end = waits.read(&mut [0]).unwrap();
            drop(slow);
            end
        });
        let (_fourth, _newest, _stays) = enter();
        assert_eq!((thread.join().unwrap(), second.read(&mut [0]).unwrap()), (0, 0), "it waited longest");
        other.waiting();
        third.set_nonblocking(true).unwrap();
        assert_eq!((&third).read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "the others stay");
        drop((other, also, third));
        assert_eq!(crowd.lock().known.len(), 2);
    }
}
