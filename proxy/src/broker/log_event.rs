//! What the operator should hear from the broker.
//!
//! Things that happen per request are told once and then summed up, so that an outage does not fill the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// The same kind of trouble is summed up for this long.
const SUM_UP: Duration = Duration::from_secs(10);

/// How serious a note is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// For those who look for a fault.
    Debug,
    /// What is going on.
    Info,
    /// What needs attention.
    Warning,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// A worker process came.
    WorkerJoined {
        /// Its name.
        process: String,
        /// Its version.
        version: String,
        /// The vSphere hosts it serves.
        hosts: Vec<String>,
    },
    /// A worker is stopping in good order.
    WorkerLeaving {
        /// Its process.
        process: String,
    },
    /// A worker is gone.
    WorkerLost {
        /// Its process.
        process: String,
        /// How we know.
        reason: &'static str,
        /// How many requests it had.
        requests: usize,
    },
    /// A worker was not let in.
    TooManyWorkers,
    /// A control message that we do not understand.
    StrangeControl,
    /// The proxy answered with an error.
    Refused {
        /// Short name of the reason.
        reason: &'static str,
        /// The text that the client got.
        text: String,
    },
    /// A client gave up before there was an answer.
    Expired {
        /// What it asked for.
        method: String,
        /// Of which vSphere host.
        host: String,
        /// Whether a worker had the request.
        at_worker: bool,
    },
    /// Notes that were summed up.
    Repeated {
        /// What they were.
        kind: &'static str,
        /// How many.
        times: u64,
    },
    /// A request went to a worker.
    Sent {
        /// Its number.
        number: u64,
        /// Its method.
        method: String,
        /// Its vSphere host.
        host: String,
        /// The worker's process.
        process: String,
    },
    /// A request was answered.
    Answered {
        /// Its number.
        number: u64,
        /// How long it took.
        waited: Duration,
        /// How long the reply is.
        bytes: usize,
    },
}

impl Note {
    /// How serious it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::WorkerJoined { .. } | Self::WorkerLeaving { .. } => Severity::Info,
            Self::Sent { .. } | Self::Answered { .. } => Severity::Debug,
            _ => Severity::Warning,
        }
    }

    /// What it is summed up under.
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused { reason, .. } => reason,
            Self::Expired { at_worker: true, .. } => "expired at a worker",
            Self::Expired { at_worker: false, .. } => "expired while waiting",
            Self::StrangeControl => "strange message on the backend",
            Self::TooManyWorkers => "worker not let in",
            _ => "other",
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerJoined { process, version, hosts } => {
                write!(f, "Worker {process} [{version} release] is there, vSphere hosts: {}", hosts.join(", "))
            }
            Self::WorkerLeaving { process } => write!(f, "Worker {process} is leaving"),
            Self::WorkerLost { process, reason, requests } => {
                write!(f, "Worker {process} is lost, {reason}; {requests} of its requests are rescued")
            }
            Self::TooManyWorkers => f.write_str("A worker was not let in, there are too many"),
            Self::StrangeControl => f.write_str(
                "Dropped a message on the backend that is not from a worker of this release; is every worker up to date?",
            ),
            Self::Refused { text, .. } => write!(f, "Answered with an error: {text}"),
            Self::Expired { method, host, at_worker } => {
                let place = if *at_worker { "a worker did not answer in time" } else { "no worker had room in time" };
                write!(f, "[{host}] The client of {method} gave up, {place}")
            }
            Self::Repeated { kind, times } => write!(f, "{times} more of the same in the last {SUM_UP:?}: {kind}"),
            Self::Sent { number, method, host, process } => write!(f, "[{host}] Request {number} {method} goes to {process}"),
            Self::Answered { number, waited, bytes } => write!(f, "Request {number} answered after {waited:?}, {bytes} bytes"),
        }
    }
}

/// What was told recently.
#[derive(Debug, Default)]
pub struct Repeats {
    /// By kind: when it was told, and how often it happened since.
    told: BTreeMap<&'static str, (Instant, u64)>,
}

impl Repeats {
    /// The note, if its kind was not told recently.
    pub fn admit(&mut self, note: Note, now: Instant) -> Option<Note> {
        let kind = note.kind();
        if let Some((_, times)) = self.told.get_mut(kind) {
            *times += 1;
            return None;
        }
        self.told.insert(kind, (now, 0));
        Some(note)
    }

    /// The sums whose time has come.
    pub fn due(&mut self, now: Instant) -> Vec<Note> {
        let mut notes = Vec::new();
        self.told.retain(|kind, (since, times)| {
            if now.saturating_duration_since(*since) < SUM_UP {
                return true;
            }
            if *times > 0 {
                notes.push(Note::Repeated { kind, times: *times });
            }
            // Still going on: keep summing up. Otherwise the next one is told in full.
            (*since, *times) = if *times > 0 { (now, 0) } else { return false };
            true
        });
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_once_then_summed_up() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let note = || Note::Refused { reason: "no_worker", text: "no worker".into() };
        assert_eq!(repeats.admit(note(), start), Some(note()));
        assert_eq!((0..5).filter_map(|_| repeats.admit(note(), start)).count(), 0);
        assert!(repeats.due(start + SUM_UP / 2).is_empty());
        assert_eq!(repeats.due(start + SUM_UP), [Note::Repeated { kind: "no_worker", times: 5 }]);
        assert!(repeats.due(start + SUM_UP * 2).is_empty());
        assert_eq!(repeats.admit(note(), start + SUM_UP * 2), Some(note()));
    }
}
