//! What the broker counts, for the status document.
//!
//! `received` = `answered` + all of `refused` + all of `expired` + what is pending: no request is lost unnoticed.

use std::collections::BTreeMap;

use serde::Serialize;

/// Everything counted since the start.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Requests from clients.
    pub received: u64,
    /// Replies of workers handed to clients.
    pub answered: u64,
    /// Questions about the proxy itself, which it answered; not among `received`.
    pub introduced: u64,
    /// Requests sent to a further worker because theirs was lost.
    pub redispatched: u64,
    /// Workers lost: silent, or their connection gone.
    pub workers_lost: u64,
    /// Errors the proxy answered with, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests whose client has given up.
    pub expired: Expired,
    /// Messages dropped.
    pub dropped: Dropped,
}

/// Requests older than their patience.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Expired {
    /// Never executed.
    pub waiting: u64,
    /// A worker had it and did not answer in time.
    pub in_flight: u64,
}

/// Messages that led to nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Dropped {
    /// From clients, without delimiter or body: there is no way back to a client in them.
    pub malformed_requests: u64,
    /// From workers, no reply and no control message.
    pub malformed_replies: u64,
    /// Control messages of another version, or that do not read.
    pub control: u64,
    /// Replies to requests that were answered or expired before.
    pub late_replies: u64,
    /// Replies with a number that was never given out (by this proxy).
    pub unknown_replies: u64,
    /// Answers whose client is gone.
    pub client_gone: u64,
    /// Answers whose client does not read.
    pub client_full: u64,
    /// Places freed because a worker never answered.
    pub leases: u64,
}

impl Counters {
    /// All errors the proxy answered with.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    pub(crate) fn refuse(&mut self, reason: &'static str) {
        *self.refused.entry(reason).or_default() += 1;
    }
}
