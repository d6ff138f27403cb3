//! How other threads reach the broker's thread, which waits in `zmq_poll`: a queue of commands and a descriptor that wakes it.

use std::os::fd::RawFd;
use std::sync::mpsc::{self, Receiver, Sender};

use vpoller_daemon::wake::Wake;

use crate::broker::Report;

/// What other threads want of the broker's thread.
#[derive(Debug)]
pub(crate) enum ThreadCommand {
    /// Answer with the broker's state.
    Report(Sender<Report>),
    /// End in good order.
    Stop,
}

/// The end at which commands are given. Clones reach the same thread.
#[derive(Clone, Debug)]
pub(crate) struct Commander {
    commands: Sender<ThreadCommand>,
    wake: Wake,
}

/// The end at which the broker's thread takes them.
#[derive(Debug)]
pub(crate) struct Commands {
    commands: Receiver<ThreadCommand>,
    wake: Wake,
}

/// Connects the two ends; `wake` is of their own.
pub(crate) fn channel(wake: Wake) -> (Commander, Commands) {
    let (sender, receiver) = mpsc::channel();
    (Commander { commands: sender, wake: wake.clone() }, Commands { commands: receiver, wake })
}

impl Commander {
    /// Gives a command and wakes the thread.
    pub(crate) fn send(&self, command: ThreadCommand) {
        // A thread that ended takes no commands. The manager notices its end by other means.
        let _ = self.commands.send(command);
        self.wake.wake();
    }
}

impl Commands {
    /// The descriptor that is readable while there are commands.
    pub(crate) fn fd(&self) -> RawFd {
        self.wake.fd()
    }

    /// The commands that have come. Never waits.
    pub(crate) fn take(&self) -> impl Iterator<Item = ThreadCommand> + '_ {
        // The descriptor is read first: a command that comes after that wakes the thread again.
        let woken = self.wake.drain();
        woken.then(|| self.commands.try_iter()).into_iter().flatten()
    }
}
