//! The rules of the proxy as a state machine: messages and the clock in, sends out. No socket, no thread, no time of its own.
//!
//! A request gets a number, which takes the place of the client's identity on the way to a worker. The first reply with the
//! number wins; whatever comes later is counted and dropped. That makes it safe to send a request to a second worker when the
//! first one is lost, and a worker that was paused for a minute cannot answer a client twice.
//!
//! After every event the caller takes the [`Action`]s with [`Broker::next_action`], carries them out and reports those that
//! failed ([`Broker::undelivered`], [`Broker::client_lost`]), which may lead to further actions.

mod affinity;
mod counters;
mod log_event;
mod pending;
mod queue;
mod refusal;
mod registry;
mod report;
mod requests;
mod worker_events;
mod worker_names;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vpoller_wire::control::{self, Control, DEAD_AFTER, HEARTBEAT};
use vpoller_wire::envelope::Envelope;
use vpoller_wire::limits::{CLIENT_PATIENCE, LONGEST_HOST_NAME};
use vpoller_wire::{Route, text};

pub use counters::{Counters, Dropped, Expired};
pub use log_event::{LogEvent, Severity};
pub use queue::{Bounds, Full};
pub use refusal::Refusal;
pub use registry::{Identity, MAX_CAPACITY};
pub use report::{Report, WorkerReport};

use log_event::RepeatedEvents;
use pending::Pending;
use queue::Queue;
use registry::WorkerRegistry;
use requests::Verdict;

/// A request that no worker can serve is held this long after the start or the last worker's end, or for half its patience if
/// that is less.
const HOLD: Duration = Duration::from_secs(2);
/// How often a request is sent again. When the next worker is lost over it, the client gets an error.
const MAX_REDISPATCHES: u32 = 2;
/// Unknown workers that are asked who they are, between two heartbeats.
const MAX_ASKED: usize = 1024;

/// What can be configured about the rules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// How many worker processes serve one vSphere host.
    pub affinity: usize,
    /// How long a client waits when its request does not say.
    pub request_ttl: Duration,
    /// Bounds of waiting and held requests.
    pub bounds: Bounds,
    /// Largest body taken from a client, in bytes.
    pub max_request: usize,
    /// Whether to log every request.
    pub log_requests: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            affinity: 2,
            request_ttl: CLIENT_PATIENCE,
            bounds: Bounds::default(),
            max_request: 16 * 1024 * 1024,
            log_requests: false,
        }
    }
}

/// Something the caller has to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Send these frames, identity first, to a client.
    ToClient(Vec<Vec<u8>>),
    /// Send these frames, identity first, to a worker.
    ToWorker {
        /// The worker and the request, to be given back if the message cannot be delivered.
        delivery: Delivery,
        frames: Vec<Vec<u8>>,
    },
    /// A client asks about the proxy itself: it gets the status.
    AnswerStatus(Envelope),
    /// An event for the log.
    Log(LogEvent),
}

/// A message to a worker, without its frames.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    pub worker: Identity,
    /// The request's number; `None` for control messages.
    pub number: Option<u64>,
}

/// Why libzmq did not take a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The peer's connection is gone.
    Unreachable,
    /// The peer's queue is full.
    Full,
}

pub struct Broker {
    rules: Rules,
    registry: WorkerRegistry,
    queue: Queue,
    pending: HashMap<u64, Pending>,
    /// When each pending request is looked at again, if nothing happens before.
    due: BTreeSet<(Instant, u64)>,
    first_number: u64,
    next_number: u64,
    started: Instant,
    last_tick: Instant,
    next_heartbeat: Instant,
    stopping: bool,
    asked_identity: BTreeSet<Identity>,
    counters: Counters,
    repeats: RepeatedEvents,
    actions: VecDeque<Action>,
}

impl Broker {
    /// A broker without workers. `first_number` must be far from the numbers of any earlier proxy, or a worker's late reply to that
    /// proxy would be taken for a reply to this one. The clock in nanoseconds is.
    #[must_use]
    pub fn new(rules: Rules, first_number: u64, now: Instant) -> Self {
        Self {
            rules,
            registry: WorkerRegistry::new(rules.affinity, now),
            queue: Queue::new(rules.bounds),
            pending: HashMap::new(),
            due: BTreeSet::new(),
            first_number,
            next_number: first_number,
            started: now,
            last_tick: now,
            next_heartbeat: now + HEARTBEAT,
            stopping: false,
            asked_identity: BTreeSet::new(),
            counters: Counters::default(),
            repeats: RepeatedEvents::default(),
            actions: VecDeque::new(),
        }
    }

    /// The next thing to do; `None` when everything is done.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Broker::tick`] has something to do, if nothing happens before.
    #[must_use]
    pub fn next_due(&self) -> Instant {
        let silence = self.registry.longest_quiet().map(|heard| heard + DEAD_AFTER);
        let request = self.due.first().map(|(due, _)| *due);
        [silence, request, self.registry.settle_at()].into_iter().flatten().fold(self.next_heartbeat, Instant::min)
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many requests were taken in and not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// A message from the frontend, the client's identity first.
    pub fn client(&mut self, frames: Vec<Vec<u8>>, now: Instant) {
        let Some(envelope) = Envelope::split(frames).filter(|envelope| envelope.route.len() >= 2) else {
            self.counters.dropped.malformed_requests += 1;
            self.log_once(LogEvent::MalformedRequest, now);
            return;
        };
        let size = envelope.body.len();
        let route = if size > self.rules.max_request { Route::default() } else { Route::read(&envelope.body) };
        let trailing = envelope.trailing;
        if route.hostname == text::PROXY_ITSELF && !trailing {
            self.counters.introduced += 1;
            self.actions.push_back(Action::AnswerStatus(envelope));
            return;
        }
        self.counters.received += 1;
        let number = self.next_number;
        self.next_number += 1;
        let mut pending = Pending::new(envelope, route, self.rules.request_ttl, now);
        if pending.host.len() > LONGEST_HOST_NAME {
            pending.host = Arc::from("");
        }
        let refusal = if self.stopping {
            Some(Refusal::Stopping)
        } else if trailing {
            Some(Refusal::Malformed)
        } else if size > self.rules.max_request {
            Some(Refusal::TooLarge(self.rules.max_request))
        } else {
            self.queue.admit(&pending.host, pending.size()).err().map(Refusal::Full)
        };
        if let Some(refusal) = refusal {
            self.answer_refusal(pending, &refusal, now);
            return;
        }
        let first_of_its_host = self.queue.waiting_for(&pending.host) == 0;
        self.queue.wait(&pending.host, number);
        self.due.insert((pending.due, number));
        self.pending.insert(number, pending);
        match self.verdict(number, now) {
            Some(Verdict::Send(_)) if !first_of_its_host => {}
            Some(verdict) => self.carry_out(number, verdict, now),
            None => {}
        }
    }

    /// A message from the backend, the worker's identity first.
    pub fn worker(&mut self, mut frames: Vec<Vec<u8>>, now: Instant) {
        if frames.is_empty() {
            return;
        }
        let identity = frames.remove(0);
        let known = self.registry.heard(&identity, now);
        if control::is_control(&frames) {
            self.control(&identity, known, &frames, now);
        } else {
            if !known {
                self.ask_identity(&identity);
            }
            self.reply(&identity, frames, now);
        }
        self.send_waiting_for(&identity, now);
    }

    /// Time passes.
    pub fn tick(&mut self, now: Instant) {
        if now.saturating_duration_since(self.last_tick) > DEAD_AFTER / 2 {
            // This process was paused. What workers sent meanwhile is still in the socket.
            self.registry.mark_all_heard(now);
        }
        self.last_tick = now;
        self.drop_silent(now);
        self.look_at_due(now);
        for (worker, hosts) in self.registry.settle(now) {
            let hosts = hosts.iter().map(ToString::to_string).collect();
            self.send_control(worker, &Control::Serve(hosts));
        }
        if self.next_heartbeat <= now {
            self.next_heartbeat = now + HEARTBEAT;
            self.send_heartbeats(now);
        }
    }

    /// A message could not be handed to a worker.
    pub fn undelivered(&mut self, delivery: Delivery, fault: Fault, now: Instant) {
        if let Some(number) = delivery.number {
            // It never left, so it may go to another worker whatever its method.
            self.take_back(&delivery.worker, number);
        }
        match fault {
            Fault::Unreachable => self.worker_lost(&delivery.worker, "its connection is closed", now),
            Fault::Full => {
                if let Some(worker) = self.registry.get_mut(&delivery.worker) {
                    worker.congested = true;
                }
                if delivery.number.is_none() {
                    self.registry.assignment_lost(&delivery.worker, now);
                }
            }
        }
        self.send_waiting(now);
    }

    /// An answer could not be handed to its client; the client will ask again or is gone.
    pub fn client_lost(&mut self, fault: Fault) {
        match fault {
            Fault::Unreachable => self.counters.dropped.client_gone += 1,
            Fault::Full => self.counters.dropped.client_full += 1,
        }
    }

    /// Begins to stop: waiting and new requests are answered with an error. Workers may still answer the requests they have.
    pub fn stop(&mut self, now: Instant) {
        self.stopping = true;
        for number in self.queue.numbers(|_| true) {
            self.refuse(number, &Refusal::Stopping, now);
        }
    }

    /// Answers every request that is left with an error.
    pub fn give_up(&mut self, now: Instant) {
        let mut numbers: Vec<_> = self.pending.keys().copied().collect();
        numbers.sort_unstable();
        numbers.into_iter().for_each(|number| self.refuse(number, &Refusal::Stopping, now));
    }

    fn log(&mut self, event: LogEvent) {
        self.actions.push_back(Action::Log(event));
    }

    fn log_once(&mut self, event: LogEvent, now: Instant) {
        if let Some(event) = self.repeats.admit(event, now) {
            self.log(event);
        }
    }
}

#[cfg(test)]
mod tests;
