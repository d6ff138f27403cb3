//! The way of a request: which worker gets it, when it expires, how it is answered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use vpoller_wire::envelope::Envelope;
use vpoller_wire::text;

use super::log_event::LogEvent;
use super::pending::{Pending, RequestState};
use super::refusal::Refusal;
use super::registry::{Availability, Identity, WorkerRegistry};
use super::{Action, Broker, Delivery, HOLD};

/// Workers that an error lists at most.
const NAMED: usize = 10;

/// What to do with a request at this moment.
pub(crate) enum Verdict {
    Send(Identity),
    /// Look again at this time, if nothing changes before.
    Wait(Option<Instant>),
    Refuse(Refusal),
}

impl Broker {
    pub(crate) fn reply(&mut self, identity: &Identity, frames: Vec<Vec<u8>>, now: Instant) {
        let Some((number, body)) = numbered(frames) else {
            self.counters.dropped.malformed_replies += 1;
            return;
        };
        if let Some(worker) = self.registry.get_mut(identity)
            && worker.in_flight.remove(&number).is_some()
        {
            worker.answered += 1;
        }
        let Some(pending) = self.forget(number) else {
            if (self.first_number..self.next_number).contains(&number) {
                self.counters.dropped.late_replies += 1;
            } else {
                self.counters.dropped.unknown_replies += 1;
            }
            return;
        };
        self.counters.answered += 1;
        if self.rules.log_requests {
            let waited = now.saturating_duration_since(pending.arrived);
            self.log(LogEvent::Answered { number, waited, bytes: body.len() });
        }
        self.actions.push_back(Action::ToClient(pending.answer(body)));
    }

    /// Sends what can be sent now, the hosts in turn.
    pub(crate) fn send_waiting(&mut self, now: Instant) {
        self.send_waiting_while(now, |_, _| true, |_| true);
    }

    /// Sends what the process of this worker has room for now. Runs after every message of a worker, so it must cost next to
    /// nothing when there is nothing to do.
    pub(crate) fn send_waiting_for(&mut self, identity: &Identity, now: Instant) {
        if self.queue.len() == 0 {
            return;
        }
        let Some(process) = self.registry.get(identity).map(|worker| Arc::clone(&worker.process)) else { return };
        self.send_waiting_while(now, |registry, host| registry.may_use(&process, host), |registry| registry.has_room(&process));
    }

    /// Goes round the hosts that wait and are `eligible`, as long as there is `room`; a host that cannot be served now is not
    /// asked again, for places do not become free meanwhile.
    fn send_waiting_while(
        &mut self,
        now: Instant,
        eligible: impl Fn(&WorkerRegistry, &str) -> bool,
        room: impl Fn(&WorkerRegistry) -> bool,
    ) {
        let mut stuck: HashSet<Arc<str>> = HashSet::new();
        let mut passed_over = 0;
        while passed_over < self.queue.turns() && room(&self.registry) {
            let Some(number) = self.queue.next_turn() else { return };
            let Some(host) = self.pending.get(&number).map(|pending| Arc::clone(&pending.host)) else { return };
            if stuck.contains(&host) || !eligible(&self.registry, &host) {
                passed_over += 1;
                continue;
            }
            match self.verdict(number, now) {
                None | Some(Verdict::Wait(_)) => {
                    stuck.insert(host);
                    passed_over += 1;
                }
                Some(verdict) => {
                    self.carry_out(number, verdict, now);
                    passed_over = 0;
                }
            }
        }
    }

    /// After workers came or went: sends what can be sent, and decides again how long requests for hosts without a worker
    /// may wait.
    pub(crate) fn reconsider_all(&mut self, now: Instant) {
        self.send_waiting(now);
        let unserved =
            |host: &str| matches!(self.registry.availability(host), Availability::NoWorker(_) | Availability::Gone(..));
        for number in self.queue.numbers(unserved) {
            match self.verdict(number, now) {
                None | Some(Verdict::Send(_)) => {}
                Some(verdict) => self.carry_out(number, verdict, now),
            }
        }
    }

    pub(crate) fn look_at_due(&mut self, now: Instant) {
        while let Some((due, number)) = self.due.first().copied().filter(|(due, _)| *due <= now) {
            let Some(pending) = self.pending.get(&number) else {
                self.due.remove(&(due, number));
                continue;
            };
            if pending.expires <= now {
                self.expire(number, now);
            } else {
                self.set_due(number, None);
                if let Some(verdict) = self.verdict(number, now) {
                    self.carry_out(number, verdict, now);
                }
            }
        }
    }

    pub(crate) fn expire(&mut self, number: u64, now: Instant) {
        let Some(pending) = self.forget(number) else { return };
        match pending.state {
            RequestState::Waiting => self.counters.expired.waiting += 1,
            RequestState::Sent { .. } => self.counters.expired.in_flight += 1,
        }
        let host = pending.host.to_string();
        let event = LogEvent::Expired { method: pending.method, host, at_worker: pending.state != RequestState::Waiting };
        self.log_once(event, now);
    }

    /// What to do with a waiting request; `None` when it does not wait.
    pub(crate) fn verdict(&mut self, number: u64, now: Instant) -> Option<Verdict> {
        let pending = self.pending.get(&number).filter(|pending| pending.state == RequestState::Waiting)?;
        let hold = HOLD.min(pending.patience() / 2);
        let held = |since: Instant, otherwise: Verdict| {
            if now < since + hold { Verdict::Wait(Some(since + hold)) } else { otherwise }
        };
        let send = |worker: Option<Identity>| worker.map_or(Verdict::Wait(None), Verdict::Send);
        let hostless = pending.host.is_empty() || pending.method.is_empty() || &*pending.host == text::ANY_WORKER;
        let availability = self.registry.availability(&pending.host);
        if let Some(name) =
            pending.host.strip_prefix(text::ONE_WORKER).filter(|_| !matches!(availability, Availability::NoWorker(_)))
        {
            return Some(match self.registry.choose_named(name) {
                Some(worker) => send(worker),
                None => {
                    let names = self.registry.names().iter().take(NAMED).map(str::to_owned).collect();
                    held(self.started, Verdict::Refuse(Refusal::NoSuchWorker(names)))
                }
            });
        }
        Some(match availability {
            Availability::NoWorker(since) => held(since, Verdict::Refuse(Refusal::NoWorker)),
            // A worker gives the documented error, or its own status.
            _ if hostless => send(self.registry.choose_any()),
            Availability::Served => send(self.registry.choose(&pending.host)),
            Availability::Gone(since, others) => held(since, Verdict::Refuse(Refusal::HostGone(others))),
            // The worker that serves it may not have found this proxy again yet.
            Availability::Unlisted if now < self.started + hold => Verdict::Wait(Some(self.started + hold)),
            Availability::Unlisted => send(self.registry.choose_any()),
        })
    }

    pub(crate) fn carry_out(&mut self, number: u64, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Send(worker) => self.dispatch(number, worker, now),
            Verdict::Wait(until) => self.set_due(number, until),
            Verdict::Refuse(refusal) => self.refuse(number, &refusal, now),
        }
    }

    pub(crate) fn dispatch(&mut self, number: u64, identity: Identity, now: Instant) {
        let (Some(pending), Some(worker)) = (self.pending.get_mut(&number), self.registry.get_mut(&identity)) else { return };
        self.queue.remove(&pending.host, number);
        worker.in_flight.insert(number, now);
        let may_repeat = !worker.never_repeat.contains(&pending.method);
        pending.state = RequestState::Sent { worker: identity.clone(), may_repeat };
        let frames = vec![identity.clone(), number.to_be_bytes().to_vec(), Vec::new(), pending.body.clone()];
        let event = self.rules.log_requests.then(|| LogEvent::Sent {
            number,
            method: pending.method.clone(),
            host: pending.host.to_string(),
            process: worker.process.to_string(),
        });
        self.actions.push_back(Action::ToWorker { delivery: Delivery { worker: identity, number: Some(number) }, frames });
        event.into_iter().for_each(|event| self.log(event));
        self.set_due(number, None);
    }

    /// Undoes [`Broker::dispatch`].
    pub(crate) fn take_back(&mut self, identity: &Identity, number: u64) {
        if let Some(worker) = self.registry.get_mut(identity) {
            worker.in_flight.remove(&number);
        }
        if let Some(pending) = self.pending.get_mut(&number).filter(|pending| pending.is_at(identity)) {
            pending.state = RequestState::Waiting;
            self.queue.wait(&pending.host, number);
        }
    }

    pub(crate) fn refuse(&mut self, number: u64, refusal: &Refusal, now: Instant) {
        if let Some(pending) = self.forget(number) {
            self.answer_refusal(pending, refusal, now);
        }
    }

    pub(crate) fn answer_refusal(&mut self, pending: Pending, refusal: &Refusal, now: Instant) {
        self.counters.refuse(refusal.name());
        let event = LogEvent::Refused { reason: refusal.name(), text: refusal.text(&pending.method, &pending.host) };
        self.log_once(event, now);
        let body = refusal.reply(&pending.method, &pending.host, pending.outcome);
        self.actions.push_back(Action::ToClient(pending.answer(body)));
    }

    /// Takes a request out of everything but its worker's places.
    pub(crate) fn forget(&mut self, number: u64) -> Option<Pending> {
        let pending = self.pending.remove(&number)?;
        self.due.remove(&(pending.due, number));
        self.queue.remove(&pending.host, number);
        self.queue.release(&pending.host, pending.size());
        Some(pending)
    }

    pub(crate) fn set_due(&mut self, number: u64, until: Option<Instant>) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        self.due.remove(&(pending.due, number));
        pending.due = until.map_or(pending.expires, |until| until.min(pending.expires));
        self.due.insert((pending.due, number));
    }
}

/// The number and the body of a worker's reply.
fn numbered(frames: Vec<Vec<u8>>) -> Option<(u64, Vec<u8>)> {
    let envelope = Envelope::split(frames)?;
    let [number, _delimiter] = envelope.route.as_slice() else { return None };
    let number = number.as_slice().try_into().ok().map(u64::from_be_bytes)?;
    Some((number, envelope.body))
}
