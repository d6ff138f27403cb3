//! Waking a thread that waits in `zmq_poll`: an eventfd beside the sockets.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// A bell: any thread rings it, one thread polls its descriptor. Clones ring the same bell.
///
/// To pass things along, put them into a queue first and ring then; the poller drains the bell first and the queue then.
#[derive(Clone, Debug)]
pub struct Wake {
    fd: Arc<OwnedFd>,
}

impl Wake {
    /// Makes a bell.
    ///
    /// # Errors
    /// What the system says; in practice only that descriptors ran out.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; returns a new descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, is valid and nobody else owns it.
        Ok(Self { fd: Arc::new(unsafe { OwnedFd::from_raw_fd(fd) }) })
    }

    /// Rings. Cannot fail in a way that matters: a full counter is a bell that rings already.
    pub fn wake(&self) {
        let one = 1_u64;
        // SAFETY: the pointer is valid for the 8 bytes that an eventfd takes; the descriptor is open as long as `self` lives.
        unsafe { libc::write(self.fd(), (&raw const one).cast(), mem::size_of::<u64>()) };
    }

    /// The descriptor to poll for input.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Stops the ringing; says whether it rang. Never waits.
    pub fn drain(&self) -> bool {
        let mut count = 0_u64;
        // SAFETY: the pointer is valid for the 8 bytes that an eventfd gives; the descriptor is open as long as `self` lives.
        let read = unsafe { libc::read(self.fd(), (&raw mut count).cast(), mem::size_of::<u64>()) };
        read > 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_poller_wakes_up_and_sleeps_again() {
        let bell = Wake::new().unwrap();
        let other = bell.clone();
        let ringer = thread::spawn(move || (0..3).for_each(|_| other.wake()));
        let mut items = [zmq::PollItem::from_fd(bell.fd(), zmq::POLLIN)];
        assert_eq!(zmq::poll(&mut items, 10_000), Ok(1));
        ringer.join().unwrap();
        assert!(bell.drain());
        assert!(!bell.drain());
        assert_eq!(zmq::poll(&mut items, 0), Ok(0));
    }
}
