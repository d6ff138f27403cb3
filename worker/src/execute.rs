//! Requests for one vSphere host: how many at a time, how long, about which object, and what became of them.
//!
//! Whatever one vSphere host does costs the requests for that host only: they count against a bound of their own, each has a
//! deadline, and none of them occupies a thread while it waits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value as Json, json};
use vpoller_inventory::{Host, Kind, panic_message};
use vpoller_vsphere::MoRef;
use vpoller_wire::Request;
use vpoller_wire::limits::{CLIENT_PATIENCE, LONGEST_PATIENCE};

use crate::actions;
use crate::actions::object::Target;
use crate::failure::Failure;
use crate::latency::Latencies;
use crate::log_limits::{self, LogOnce, shorten};
use crate::method::{Action, Answer, Method, Object, Task};
use crate::policy::Policy;

/// Executes the requests for one vSphere host.
pub(crate) struct Executor {
    host: Arc<Host>,
    /// Requests in work or waiting at most; further ones are refused at once.
    limit: AtomicUsize,
    in_work: AtomicUsize,
    counters: Counters,
    latencies: Latencies,
    /// Ambiguous names that were warned about.
    ambiguous: LogOnce,
}

/// How a request ended, for the counters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// vSphere did not answer in time.
    Timeout,
    /// There were too many requests for the host.
    Refused,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
    refused: AtomicU64,
}

/// Of the client's time, the share kept back so that our answer arrives before it gives up; at most this much.
const LONGEST_RESERVE: Duration = Duration::from_millis(500);

impl Executor {
    /// Takes on `limit` requests for the host at once.
    pub(crate) fn new(host: Arc<Host>, limit: usize) -> Self {
        Self {
            host,
            limit: AtomicUsize::new(limit),
            in_work: AtomicUsize::new(0),
            counters: Counters::default(),
            latencies: Latencies::default(),
            ambiguous: LogOnce::default(),
        }
    }

    /// The vSphere host that the requests are for.
    pub(crate) fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Changes how many requests it takes on at once; those it has stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Answers one request within the client's time.
    pub(crate) async fn perform(
        &self,
        method: &'static Method,
        action: Action,
        request: &Request,
        policy: Policy,
    ) -> Result<Answer, Failure> {
        self.host.want();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let outcome = self.within_limits(method, action, request, policy).await;
        if let Err(failure) = &outcome {
            self.react(failure);
        }
        outcome
    }

    /// As many requests as it may have, each until its deadline, and a panic costs one of them.
    async fn within_limits(
        &self,
        method: &'static Method,
        action: Action,
        request: &Request,
        policy: Policy,
    ) -> Result<Answer, Failure> {
        let _place = Place::take(self)?;
        let limit = time_left(request.timeout);
        // A request that panicked is not polled again.
        let work = AssertUnwindSafe(self.work(method, action, request, policy)).catch_unwind();
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(payload)) => Err(Failure::Task { method: method.name, cause: panic_message(&*payload) }),
            Err(_) => Err(Failure::Deadline { host: self.host.name().to_owned(), limit }),
        }
    }

    /// Lookup, then action.
    async fn work(&self, method: &'static Method, action: Action, request: &Request, policy: Policy) -> Result<Answer, Failure> {
        let object = match method.object {
            Object::Service | Object::Every(_) | Object::Worker => None,
            Object::One(kind) => Some(self.find(method, kind, request.name.as_deref()).await?),
            Object::Any => Some(match Target::of(request)? {
                Target::Named(kind, name) => self.find(method, kind, Some(name)).await?,
                Target::Reference(object) => object,
                Target::Manager(kind) => {
                    let manager = self.host.inventory().services().manager(&kind).await?;
                    manager.ok_or_else(|| (method.not_found)(request.name.clone()))?
                }
            }),
        };
        actions::perform(&Task { method, request, inventory: self.host.inventory(), object, policy }, action).await
    }

    /// The object that a name means; of several the preferred one, and the first time a warning.
    async fn find(&self, method: &Method, kind: Kind, name: Option<&str>) -> Result<MoRef, Failure> {
        let missing = || (method.not_found)(name.map(str::to_owned));
        let name = name.ok_or_else(missing)?;
        let found = vpoller_inventory::find_by_name(self.host.inventory(), kind, name).await?;
        if found.len() > 1 && self.ambiguous.first_time(name) {
            let all = found.iter().map(|object| format!("moid:{}", object.id)).collect::<Vec<_>>().join(", ");
            let (host, name, kind) = (self.host.name(), shorten(name, log_limits::LONGEST_NAME), kind.printed());
            tracing::warn!("[{host}] {name} names several managed objects of type {kind} ({all}); the first one is meant");
        }
        found.into_iter().next().ok_or_else(missing)
    }

    /// What a failure asks for beyond the reply.
    fn react(&self, failure: &Failure) {
        if let Failure::Task { method, cause } = failure {
            tracing::error!("[{}] Task {method} failed: {cause}", self.host.name());
        }
        if let Some(error) = failure.read_error() {
            self.host.failed(error);
        }
    }

    /// Counts a request that is answered, `took` after it arrived. What the worker answers about itself counts by its method only.
    pub(crate) fn count(&self, method: &'static Method, took: Duration, ending: Ending) {
        self.latencies.count(method, took, ending == Ending::Success);
        if method.action.is_none() {
            return;
        }
        let kinds = match ending {
            Ending::Success => return,
            Ending::Failure => None,
            Ending::Timeout => Some(&self.counters.timeouts),
            Ending::Refused => Some(&self.counters.refused),
        };
        [Some(&self.counters.failures), kinds].into_iter().flatten().for_each(|counter| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// What the status page says.
    pub(crate) fn status(&self) -> Json {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let connection = self.host.connection();
        let mut status = json!({
            "host": self.host.name(),
            "state": connection.state,
            "connected": connection.connected,
            "last_error": connection.last_error,
            "in_work": self.in_work.load(Ordering::Relaxed),
            "limit": self.limit.load(Ordering::Relaxed),
            "requests": count(&self.counters.requests),
            "failures": count(&self.counters.failures),
            "timeouts": count(&self.counters.timeouts),
            "refused": count(&self.counters.refused),
            "restarts": connection.restarts,
            "vsphere": self.host.inventory().health(),
        });
        if let Some(members) = status.as_object_mut() {
            members.extend(self.latencies.status().map(|(name, value)| (name.to_owned(), value)));
        }
        status
    }
}

impl Ending {
    pub(crate) fn of(outcome: &Result<Answer, Failure>) -> Self {
        match outcome {
            Ok(_) => Self::Success,
            Err(Failure::Deadline { .. }) => Self::Timeout,
            Err(Failure::Crowded { .. }) => Self::Refused,
            Err(_) => Self::Failure,
        }
    }
}

/// A request's place among those in work; given back when dropped.
struct Place<'a>(&'a Executor);

impl<'a> Place<'a> {
    fn take(executor: &'a Executor) -> Result<Self, Failure> {
        let waiting = executor.in_work.fetch_add(1, Ordering::Relaxed);
        let place = Self(executor);
        if waiting >= executor.limit.load(Ordering::Relaxed) {
            return Err(Failure::Crowded { host: executor.host.name().to_owned(), waiting });
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The time to answer in: what the client waits, less a little for the way back.
pub(crate) fn time_left(timeout: Option<u64>) -> Duration {
    let timeout = timeout.filter(|ms| *ms > 0).map_or(CLIENT_PATIENCE, Duration::from_millis).min(LONGEST_PATIENCE);
    timeout - (timeout / 20).min(LONGEST_RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_due_before_the_client_gives_up() {
        assert_eq!(time_left(None), Duration::from_millis(9500));
        assert_eq!(time_left(Some(0)), Duration::from_millis(9500));
        assert_eq!(time_left(Some(1000)), Duration::from_millis(950));
        assert_eq!(time_left(Some(u64::MAX)), LONGEST_PATIENCE - LONGEST_RESERVE);
    }
}
