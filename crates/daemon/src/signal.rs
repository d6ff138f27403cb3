//! Signals as something to poll: blocked for all threads, read from a signalfd.
//!
//! A handler could interrupt any thread at any call; a descriptor is read by one thread when it has time.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// SIGINT or SIGTERM: stop.
    Stop,
    /// SIGHUP: read configuration and reopen files again.
    Reload,
}

/// The blocked signals of this process.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks SIGINT, SIGTERM and SIGHUP for this thread and every one it starts, and ignores SIGPIPE.
    ///
    /// Call it before any other thread exists. Programs started through `std::process::Command` do not inherit the block.
    ///
    /// # Errors
    /// What the system says; in practice only that descriptors ran out.
    pub fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` initialises the set it is given, before anything else reads it.
        let mut set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: `set` is initialised and exclusively borrowed; the number is a valid signal.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: `set` is initialised; a null third argument means the old mask is not wanted.
        let code = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
        if code != 0 {
            return Err(io::Error::from_raw_os_error(code));
        }
        // SAFETY: setting a disposition to "ignore" installs no code of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made, is valid and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The descriptor to poll for input.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The next signal that arrived; `None` when there is none. Never waits.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = mem::size_of::<libc::signalfd_siginfo>();
        // SAFETY: the pointer is valid for `size` bytes, and the descriptor is open as long as `self` lives.
        let read = unsafe { libc::read(self.fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(read) != Ok(size) {
            return None;
        }
        // SAFETY: the kernel filled the whole structure, which holds integers only.
        let number = unsafe { info.assume_init() }.ssi_signo;
        let hangup = libc::SIGHUP.unsigned_abs();
        Some(if number == hangup { Signal::Reload } else { Signal::Stop })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::thread;

    fn raise(signal: libc::c_int) {
        // SAFETY: directs a signal, which this thread has blocked, at this thread.
        assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), signal) }, 0);
    }

    #[test]
    fn signals_arrive_as_what_they_ask_for() {
        thread::spawn(|| {
            let signals = Signals::block().unwrap();
            assert_eq!(signals.next(), None);
            for (signal, meaning) in [(libc::SIGINT, Signal::Stop), (libc::SIGTERM, Signal::Stop), (libc::SIGHUP, Signal::Reload)]
            {
                raise(signal);
                assert_eq!(signals.next(), Some(meaning));
                assert_eq!(signals.next(), None);
            }
        })
        .join()
        .unwrap();
    }
}
