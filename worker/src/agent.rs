//! One agent per vSphere host: its inventory, its limits, its health.
//!
//! Whatever one vSphere host does costs the requests for that host only: they count against a bound of their own, each has a
//! deadline, and none of them occupies a thread while it waits. A task per agent keeps the login; it is supervised.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use vpoller_vsphere::{Class, MoRef};
use vpoller_wire::{Reply, Request};

use crate::actions::object::Target;
use crate::actions::{self, Answer, Policy, Task};
use crate::catch::Caught;
use crate::failure::Failure;
use crate::inventory::{self, Inventory, ReadError};
use crate::kind::Kind;
use crate::latency::Latencies;
use crate::methods::{Method, Object};
use crate::seen::{self, Seen, cut};

/// What serves the requests for one vSphere host.
pub struct Agent {
    host: Arc<str>,
    inventory: Arc<dyn Inventory>,
    /// Requests in work or waiting at most; further ones are refused at once.
    limit: AtomicUsize,
    busy: AtomicUsize,
    /// Turns true when somebody needs the agent, and stays so.
    wanted: watch::Sender<bool>,
    /// Rung when a request found the connection lost.
    lost: Notify,
    state: Mutex<State>,
    counters: Counters,
    latencies: Latencies,
    /// Ambiguous names that were warned about.
    ambiguous: Seen,
    /// The task that keeps the login.
    keeper: Mutex<Option<AbortHandle>>,
}

/// How the connection is, as far as anybody noticed.
#[derive(Clone, Debug, Default)]
struct State {
    phase: Phase,
    last_error: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Phase {
    #[default]
    Idle,
    Connecting,
    Connected,
    Failed,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
    refused: AtomicU64,
    restarts: AtomicU64,
}

/// How long a client waits that does not say.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// Of the client's time, the share kept back so that our answer arrives before it gives up; at most this much.
const LONGEST_RESERVE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A connection that stood for this long is made again without a pause.
const STEADY: Duration = Duration::from_secs(10);
/// Longer than any logout should take; the process ends anyway.
const CLOSING: Duration = Duration::from_secs(3);

impl Agent {
    /// An agent for the host of this name that takes on `limit` requests at once.
    #[must_use]
    pub fn new(host: &str, inventory: Arc<dyn Inventory>, limit: usize) -> Self {
        Self {
            host: host.into(),
            inventory,
            limit: AtomicUsize::new(limit),
            busy: AtomicUsize::new(0),
            wanted: watch::Sender::new(false),
            lost: Notify::new(),
            state: Mutex::default(),
            counters: Counters::default(),
            latencies: Latencies::default(),
            ambiguous: Seen::default(),
            keeper: Mutex::default(),
        }
    }

    /// The vSphere host, as registered.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Changes how many requests it takes on at once; those it has stay.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Says that the agent is needed: it logs in, if it has not yet.
    pub fn want(&self) {
        self.wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
    }

    /// Whether it was ever needed.
    pub(crate) fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Answers one request within the client's time.
    pub(crate) async fn perform(&self, method: &'static Method, request: &Request, policy: Policy) -> Reply {
        self.want();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let limit = time_left(request.timeout);
        let outcome = match Place::take(self) {
            Ok(_place) => match tokio::time::timeout(limit, Caught::new(self.work(method, request, policy))).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(cause)) => Err(Failure::Task { method: method.name, cause }),
                Err(_) => Err(Failure::Deadline { host: self.host.to_string(), limit }),
            },
            Err(failure) => Err(failure),
        };
        self.note(&outcome);
        outcome.map_or_else(Reply::from, |answer| Reply::success(answer.msg, answer.result))
    }

    /// Lookup, then action.
    async fn work(&self, method: &'static Method, request: &Request, policy: Policy) -> Result<Answer, Failure> {
        let object = match method.object {
            Object::Service | Object::Every(_) | Object::Worker => None,
            Object::One(kind) => Some(self.find(method, kind, request.name.as_deref()).await?),
            Object::Any => Some(match Target::of(request)? {
                Target::Named(kind, name) => self.find(method, kind, Some(name)).await?,
                Target::Reference(object) => object,
                Target::Manager(kind) => {
                    let manager = self.inventory.services().manager(&kind).await?;
                    manager.ok_or_else(|| (method.missing)(request.name.clone()))?
                }
            }),
        };
        actions::perform(&Task { method, request, inventory: &*self.inventory, object, policy }).await
    }

    /// The object that a name means; of several the preferred one, and the first time a warning.
    async fn find(&self, method: &Method, kind: Kind, name: Option<&str>) -> Result<MoRef, Failure> {
        let missing = || (method.missing)(name.map(str::to_owned));
        let name = name.ok_or_else(missing)?;
        let found = inventory::find(&*self.inventory, kind, name).await?;
        if found.len() > 1 && self.ambiguous.first_time(name) {
            let all = found.iter().map(|object| format!("moid:{}", object.id)).collect::<Vec<_>>().join(", ");
            let (host, name, kind) = (&self.host, cut(name, seen::NAME), kind.printed());
            tracing::warn!("[{host}] {name} names several managed objects of type {kind} ({all}); the first one is meant");
        }
        found.into_iter().next().ok_or_else(missing)
    }

    /// Counts a request that was taken on at that moment and is answered now.
    pub(crate) fn account(&self, method: &'static Method, since: Instant, success: bool) {
        self.latencies.count(method, since.elapsed(), success);
    }

    fn note(&self, outcome: &Result<Answer, Failure>) {
        let Err(failure) = outcome else { return };
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        match failure {
            Failure::Deadline { .. } => {
                self.counters.timeouts.fetch_add(1, Ordering::Relaxed);
            }
            Failure::Crowded { .. } => {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
            }
            Failure::Task { method, cause } => tracing::error!("[{}] Task {method} failed: {cause}", self.host),
            _ => {}
        }
        if let Some(error) = failure.read_error().filter(|error| unreachable(error)) {
            let before = self.set(Phase::Failed, Some(error.to_string()));
            if before == Phase::Connected {
                tracing::warn!("[{}] Lost connection to vSphere host, trying to reconnect", self.host);
                self.lost.notify_one();
            }
        }
    }

    /// Notes where the connection is; the last error stays readable after it was overcome. Returns where it was.
    fn set(&self, phase: Phase, error: Option<String>) -> Phase {
        let mut state = lock(&self.state);
        if error.is_some() {
            state.last_error = error;
        }
        std::mem::replace(&mut state.phase, phase)
    }

    /// Starts the task that keeps the agent logged in, from the moment it is wanted; there is one at most.
    pub(crate) fn start(self: &Arc<Self>, runtime: &Handle) {
        lock(&self.keeper).get_or_insert_with(|| runtime.spawn(Arc::clone(self).supervise()).abort_handle());
    }

    /// A panic is reported and survived.
    async fn supervise(self: Arc<Self>) {
        let (mut started, mut pause) = (Instant::now(), FIRST_PAUSE);
        while let Err(cause) = Caught::new(self.keep()).await {
            self.counters.restarts.fetch_add(1, Ordering::Relaxed);
            let text = format!("the agent stopped by a defect and was restarted: {cause}");
            tracing::error!("[{}] {text}", self.host);
            self.set(Phase::Failed, Some(text));
            // One that comes at once each time must not make a load on vSphere of it.
            pause = if started.elapsed() >= LONGEST_PAUSE { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::time::sleep(pause).await;
            started = Instant::now();
        }
    }

    async fn keep(&self) {
        // The sender lives in `self`, so this can only end by the value.
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted).await;
        tracing::info!("Connecting vSphere Agent to {}", self.host);
        let mut pause = FIRST_PAUSE;
        loop {
            self.set(Phase::Connecting, None);
            let wait = match self.inventory.connect().await {
                Ok(()) => {
                    self.set(Phase::Connected, None);
                    let since = Instant::now();
                    let ended = self.stay().await;
                    match ended.filter(|_| since.elapsed() < STEADY) {
                        Some(error) => Self::patience(&error, pause),
                        None => {
                            pause = FIRST_PAUSE;
                            continue;
                        }
                    }
                }
                Err(error) => {
                    self.set(Phase::Failed, Some(error.to_string()));
                    self.report(&error);
                    Self::patience(&error, pause)
                }
            };
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// While the connection stands, follows what vSphere tells. Ends when a request or the following fails; the latter's error.
    async fn stay(&self) -> Option<ReadError> {
        let Err(error) = tokio::select! {
            () = self.lost.notified() => return None,
            ended = self.inventory.follow() => ended,
        };
        self.set(Phase::Failed, Some(error.to_string()));
        tracing::warn!("[{}] Lost connection to vSphere host, trying to reconnect: {error}", self.host);
        Some(error)
    }

    /// Logs a failed login, once per attempt that was really made.
    fn report(&self, error: &ReadError) {
        if error.retry_after().is_none() {
            tracing::error!("Cannot connect to {}: {error}", self.host);
        } else {
            tracing::debug!("Not connecting to {}: {error}", self.host);
        }
    }

    /// How long to wait after a failure. Where the client paces its attempts itself, it is asked again soon.
    fn patience(error: &ReadError, pause: Duration) -> Duration {
        match error.retry_after() {
            Some(pause) => pause.max(FIRST_PAUSE),
            None if unreachable(error) => FIRST_PAUSE,
            None => pause,
        }
    }

    /// Gives up the login for good.
    pub(crate) async fn close(&self) {
        if let Some(keeper) = lock(&self.keeper).take() {
            keeper.abort();
        }
        if self.is_wanted() {
            tracing::info!("Disconnecting vSphere Agent from {}", self.host);
            if tokio::time::timeout(CLOSING, self.inventory.close()).await.is_err() {
                tracing::warn!("{} did not log us out within {} s", self.host, CLOSING.as_secs());
            }
        }
    }

    /// Whether requests can be answered right now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        lock(&self.state).phase == Phase::Connected
    }

    /// What the status page says.
    #[must_use]
    pub fn status(&self) -> Json {
        let state = lock(&self.state).clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let phase = match state.phase {
            Phase::Idle => "idle",
            Phase::Connecting => "connecting",
            Phase::Connected => "connected",
            Phase::Failed => "failed",
        };
        let mut status = json!({
            "host": &*self.host,
            "state": phase,
            "connected": state.phase == Phase::Connected,
            "last_error": state.last_error,
            "in_work": self.busy.load(Ordering::Relaxed),
            "limit": self.limit.load(Ordering::Relaxed),
            "requests": count(&self.counters.requests),
            "failures": count(&self.counters.failures),
            "timeouts": count(&self.counters.timeouts),
            "refused": count(&self.counters.refused),
            "restarts": count(&self.counters.restarts),
            "vsphere": self.inventory.health(),
        });
        if let Some(members) = status.as_object_mut() {
            members.extend(self.latencies.status().map(|(name, value)| (name.to_owned(), value)));
        }
        status
    }
}

/// A request's place among those in work; given back when dropped.
struct Place<'a>(&'a Agent);

impl<'a> Place<'a> {
    fn take(agent: &'a Agent) -> Result<Self, Failure> {
        let waiting = agent.busy.fetch_add(1, Ordering::Relaxed);
        let place = Self(agent);
        if waiting >= agent.limit.load(Ordering::Relaxed) {
            return Err(Failure::Crowded { host: agent.host.to_string(), waiting });
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The time to answer in: what the client waits, less a little for the way back.
pub(crate) fn time_left(timeout: Option<u64>) -> Duration {
    let timeout = timeout.filter(|ms| *ms > 0).map_or(DEFAULT_TIMEOUT, Duration::from_millis).min(LONGEST_TIMEOUT);
    timeout - (timeout / 20).min(LONGEST_RESERVE)
}

/// Whether the error says something about the connection, not about the question.
fn unreachable(error: &ReadError) -> bool {
    error.class().is_some_and(Class::is_unreachable)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_due_before_the_client_gives_up() {
        assert_eq!(time_left(None), Duration::from_millis(9500));
        assert_eq!(time_left(Some(0)), Duration::from_millis(9500));
        assert_eq!(time_left(Some(1000)), Duration::from_millis(950));
        assert_eq!(time_left(Some(u64::MAX)), LONGEST_TIMEOUT - LONGEST_RESERVE);
    }
}
