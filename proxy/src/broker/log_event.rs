//! What the broker logs.
//!
//! Events that can happen with every request are logged once and then summed up, so that an outage does not fill the disk.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Events of one kind are summed up for this long.
const SUM_UP: Duration = Duration::from_secs(10);

/// How serious an event is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// For finding a fault.
    Debug,
    /// Normal operation.
    Info,
    /// The operator should look at it.
    Warning,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogEvent {
    WorkerJoined {
        process: String,
        version: String,
        /// The vSphere hosts it serves.
        hosts: Vec<String>,
    },
    /// A worker is stopping in good order.
    WorkerLeaving {
        process: String,
    },
    WorkerLost {
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
    /// A client's message without the empty frame, or with nothing behind it.
    MalformedRequest,
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
    /// Events that were summed up.
    Repeated {
        /// What they were.
        kind: &'static str,
        times: u64,
    },
    Sent {
        number: u64,
        method: String,
        host: String,
        process: String,
    },
    Answered {
        number: u64,
        waited: Duration,
        bytes: usize,
    },
}

impl LogEvent {
    /// How serious it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::WorkerJoined { .. } | Self::WorkerLeaving { .. } => Severity::Info,
            Self::Sent { .. } | Self::Answered { .. } => Severity::Debug,
            _ => Severity::Warning,
        }
    }

    /// The kind under which it is summed up.
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused { reason, .. } => reason,
            Self::Expired { at_worker: true, .. } => "expired at a worker",
            Self::Expired { at_worker: false, .. } => "expired while waiting",
            Self::StrangeControl => "strange message on the backend",
            Self::TooManyWorkers => "worker not let in",
            Self::MalformedRequest => "malformed message on the frontend",
            _ => "other",
        }
    }
}

impl fmt::Display for LogEvent {
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
            Self::MalformedRequest => f.write_str(
                "Dropped a message on the frontend that has no empty frame before its body; a client with a DEALER socket must send one",
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

/// The kinds of events that were logged recently.
#[derive(Debug, Default)]
pub(crate) struct RepeatedEvents {
    /// By kind: when it was logged, and how often it happened since.
    logged: BTreeMap<&'static str, (Instant, u64)>,
}

impl RepeatedEvents {
    /// The event, if its kind was not logged recently.
    pub(crate) fn admit(&mut self, event: LogEvent, now: Instant) -> Option<LogEvent> {
        let kind = event.kind();
        if let Some((_, times)) = self.logged.get_mut(kind) {
            *times += 1;
            return None;
        }
        self.logged.insert(kind, (now, 0));
        Some(event)
    }

    /// The sums whose time has come.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<LogEvent> {
        let mut sums = Vec::new();
        self.logged.retain(|kind, (since, times)| {
            if now.saturating_duration_since(*since) < SUM_UP {
                return true;
            }
            if *times == 0 {
                // It stopped: the next one is logged in full.
                return false;
            }
            sums.push(LogEvent::Repeated { kind, times: *times });
            *since = now;
            *times = 0;
            true
        });
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_logged_once_then_summed_up() {
        let mut repeats = RepeatedEvents::default();
        let start = Instant::now();
        let event = || LogEvent::Refused { reason: "no_worker", text: "no worker".into() };
        assert_eq!(repeats.admit(event(), start), Some(event()));
        assert_eq!((0..5).filter_map(|_| repeats.admit(event(), start)).count(), 0);
        assert!(repeats.due(start + SUM_UP / 2).is_empty());
        assert_eq!(repeats.due(start + SUM_UP), [LogEvent::Repeated { kind: "no_worker", times: 5 }]);
        assert!(repeats.due(start + SUM_UP * 2).is_empty());
        assert_eq!(repeats.admit(event(), start + SUM_UP * 2), Some(event()));
    }
}
