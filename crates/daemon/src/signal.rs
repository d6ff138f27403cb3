//! Signals as something to poll: blocked for all threads, read from a signalfd.
//!
//! A handler could interrupt any thread at any call. A descriptor is read by one thread when it has time.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal as SystemSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

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
    fd: SignalFd,
}

impl Signals {
    /// Blocks SIGINT, SIGTERM and SIGHUP for this thread and every one it starts. SIGPIPE is ignored already: Rust's runtime does
    /// that before `main`.
    ///
    /// Call it before any other thread exists. Programs started through `std::process::Command` do not inherit the block.
    ///
    /// # Errors
    /// What the system says; in practice only that descriptors ran out.
    pub fn block() -> io::Result<Self> {
        let signals = SigSet::from_iter([SystemSignal::SIGINT, SystemSignal::SIGTERM, SystemSignal::SIGHUP]);
        signals.thread_block()?;
        let fd = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { fd })
    }

    /// The descriptor to poll for input.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Waits for the next signal, at most for this time.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> Option<Signal> {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        // An interrupted wait ends early, as one whose time is over.
        let _ = poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], timeout);
        self.next()
    }

    /// The next signal that arrived; `None` when there is none. Never waits.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let received = self.fd.read_signal().ok().flatten()?;
        if received.ssi_signo == SystemSignal::SIGHUP as u32 { Some(Signal::Reload) } else { Some(Signal::Stop) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn signals_arrive_as_what_they_ask_for() {
        thread::spawn(|| {
            let signals = Signals::block().unwrap();
            assert_eq!(signals.next(), None);
            for (signal, meaning) in [
                (SystemSignal::SIGINT, Signal::Stop),
                (SystemSignal::SIGTERM, Signal::Stop),
                (SystemSignal::SIGHUP, Signal::Reload),
            ] {
                // Sent to this thread, which has blocked it.
                nix::sys::signal::raise(signal).unwrap();
                assert_eq!(signals.wait(Duration::from_secs(10)), Some(meaning));
                assert_eq!(signals.next(), None);
            }
        })
        .join()
        .unwrap();
    }
}
