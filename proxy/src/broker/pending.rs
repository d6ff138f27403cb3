//! A request between its arrival and its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vpoller_wire::Route;
use vpoller_wire::envelope::Envelope;
use vpoller_wire::limits::LONGEST_PATIENCE;

use super::registry::Identity;

/// Where a request is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RequestState {
    /// In the queue.
    Waiting,
    /// At a worker.
    Sent {
        /// Which one.
        worker: Identity,
        /// Whether another one may get it when this one is lost.
        may_repeat: bool,
    },
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(crate) struct Pending {
    /// The frames that lead back to the client.
    client: Vec<Vec<u8>>,
    /// The body, as it came.
    pub body: Vec<u8>,
    /// Method name; empty when it could not be read.
    pub method: String,
    /// The vSphere host; empty when it could not be read.
    pub host: Arc<str>,
    /// Whether the client takes the outcome byte.
    pub outcome: bool,
    pub arrived: Instant,
    /// When its client has given up.
    pub expires: Instant,
    /// When the broker looks at it again.
    pub due: Instant,
    /// Where it is.
    pub state: RequestState,
    /// How many workers were lost with it.
    pub redispatches: u32,
}

impl Pending {
    /// A request that arrives now and waits.
    pub(crate) fn new(envelope: Envelope, route: Route, ttl: Duration, now: Instant) -> Self {
        // A client that waits for nothing would not have asked.
        let own = route.timeout.filter(|milliseconds| *milliseconds > 0).map(Duration::from_millis);
        let patience = own.unwrap_or(ttl).min(LONGEST_PATIENCE);
        Self {
            client: envelope.route,
            body: envelope.body,
            method: route.method,
            host: route.hostname.into(),
            outcome: route.outcome,
            arrived: now,
            expires: now + patience,
            due: now + patience,
            state: RequestState::Waiting,
            redispatches: 0,
        }
    }

    /// How long its client waits in all.
    pub(crate) fn patience(&self) -> Duration {
        self.expires.saturating_duration_since(self.arrived)
    }

    /// The memory it takes: its frames.
    pub(crate) fn size(&self) -> usize {
        self.body.len() + self.client.iter().map(Vec::len).sum::<usize>()
    }

    /// Whether it is at this worker.
    pub(crate) fn is_at(&self, identity: &Identity) -> bool {
        matches!(&self.state, RequestState::Sent { worker, .. } if worker == identity)
    }

    /// The message that gives the client its answer.
    pub(crate) fn answer(self, body: Vec<u8>) -> Vec<Vec<u8>> {
        let mut frames = self.client;
        frames.push(body);
        frames
    }
}
