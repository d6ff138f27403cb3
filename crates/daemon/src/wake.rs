//! Waking a thread that waits in `zmq_poll`: an eventfd beside the sockets.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Any thread wakes, one thread polls the descriptor. Clones wake the same thread.
///
/// To pass things along, put them into a queue first and wake then. The poller drains the descriptor first and the queue then.
#[derive(Clone, Debug)]
pub struct Wake {
    fd: Arc<EventFd>,
}

impl Wake {
    /// Makes the descriptor.
    ///
    /// # Errors
    /// What the system says; in practice only that descriptors ran out.
    pub fn new() -> io::Result<Self> {
        let fd = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self { fd: Arc::new(fd) })
    }

    /// Wakes the thread, now or at its next poll.
    pub fn wake(&self) {
        // Fails only when the counter is full, and then the descriptor is readable already.
        let _ = self.fd.write(1);
    }

    /// The descriptor to poll for input.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Makes the descriptor unreadable again; says whether it was readable. Never waits.
    pub fn drain(&self) -> bool {
        self.fd.read().is_ok_and(|count| count > 0)
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::thread;

    #[test]
    fn a_poller_wakes_up_and_sleeps_again() {
        let wake = Wake::new().unwrap();
        let other = wake.clone();
        let waker = thread::spawn(move || (0..3).for_each(|_| other.wake()));
        let mut items = [PollFd::new(wake.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut items, 10_000_u16), Ok(1));
        waker.join().unwrap();
        assert!(wake.drain());
        assert!(!wake.drain());
        assert_eq!(poll(&mut items, PollTimeout::ZERO), Ok(0));
    }
}
