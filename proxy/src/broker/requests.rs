//! The way of a request: where it may go, when it is given up, how it is answered.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use vpoller_wire::envelope::Envelope;
use vpoller_wire::text;

use super::log_event::Note;
use super::pending::{Pending, State};
use super::refusal::Refusal;
use super::registry::{Farm, Identity, Standing};
use super::{Action, Broker, HOLD, Parcel};

/// Workers that an error lists at most.
const NAMED: usize = 10;

/// What to do with a request at this moment.
pub(super) enum Verdict {
    Send(Identity),
    /// Look again at this time, if nothing changes before.
    Wait(Option<Instant>),
    Refuse(Refusal),
}

impl Broker {
    pub(super) fn reply(&mut self, identity: &Identity, frames: Vec<Vec<u8>>, now: Instant) {
        let Some((number, body)) = numbered(frames) else {
            self.counters.dropped.malformed_replies += 1;
            return;
        };
        if let Some(worker) = self.farm.get_mut(identity)
            && worker.in_flight.remove(&number).is_some()
        {
            worker.answered += 1;
        }
        let Some(pending) = self.forget(number) else {
            let issued = (self.first_number..self.next_number).contains(&number);
            let dropped = &mut self.counters.dropped;
            *(if issued { &mut dropped.late_replies } else { &mut dropped.unknown_replies }) += 1;
            return;
        };
        self.counters.answered += 1;
        if self.rules.log_requests {
            let waited = now.saturating_duration_since(pending.arrived);
            self.log(Note::Answered { number, waited, bytes: body.len() });
        }
        self.actions.push_back(Action::ToClient(pending.answer(body)));
    }

    /// Sends what can be sent now, the hosts in turn.
    pub(super) fn pump(&mut self, now: Instant) {
        self.pump_while(now, |_, _| true, |_| true);
    }

    /// Sends what the process of this worker has room for now. Runs after every message of a worker, so it must cost next to
    /// nothing when there is nothing to do.
    pub(super) fn pump_for(&mut self, identity: &Identity, now: Instant) {
        if self.queue.len() == 0 {
            return;
        }
        let Some(process) = self.farm.get(identity).map(|worker| Arc::clone(&worker.process)) else { return };
        self.pump_while(now, |farm, host| farm.may_use(&process, host), |farm| farm.has_room(&process));
    }

    /// Goes round the hosts that wait and are `eligible`, as long as there is `room`; a host that cannot be served now is not
    /// asked again, for places do not become free meanwhile.
    fn pump_while(&mut self, now: Instant, eligible: impl Fn(&Farm, &str) -> bool, room: impl Fn(&Farm) -> bool) {
        let mut stuck: HashSet<Arc<str>> = HashSet::new();
        let mut passed_over = 0;
        while passed_over < self.queue.turns() && room(&self.farm) {
            let Some(number) = self.queue.next_turn() else { return };
            let Some(host) = self.pending.get(&number).map(|pending| Arc::clone(&pending.host)) else { return };
            if stuck.contains(&host) || !eligible(&self.farm, &host) {
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

    /// After workers came or went: sends what can be sent, and looks anew at how long requests for hosts that nobody serves
    /// may wait.
    pub(super) fn reconsider_all(&mut self, now: Instant) {
        self.pump(now);
        let unserved = |host: &str| matches!(self.farm.standing(host), Standing::NoWorker(_) | Standing::Gone(..));
        for number in self.queue.numbers(unserved) {
            match self.verdict(number, now) {
                None | Some(Verdict::Send(_)) => {}
                Some(verdict) => self.carry_out(number, verdict, now),
            }
        }
    }

    pub(super) fn look_at_due(&mut self, now: Instant) {
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

    pub(super) fn expire(&mut self, number: u64, now: Instant) {
        let Some(pending) = self.forget(number) else { return };
        match pending.state {
            State::Waiting => self.counters.expired.waiting += 1,
            State::Sent { .. } => self.counters.expired.in_flight += 1,
        }
        let host = pending.host.to_string();
        let note = Note::Expired { method: pending.method, host, at_worker: pending.state != State::Waiting };
        self.log_once(note, now);
    }

    /// What to do with a waiting request; `None` when it does not wait.
    pub(super) fn verdict(&mut self, number: u64, now: Instant) -> Option<Verdict> {
        let pending = self.pending.get(&number).filter(|pending| pending.state == State::Waiting)?;
        let hold = HOLD.min(pending.patience() / 2);
        let held = |since: Instant, otherwise: Verdict| {
            if now < since + hold { Verdict::Wait(Some(since + hold)) } else { otherwise }
        };
        let send = |worker: Option<Identity>| worker.map_or(Verdict::Wait(None), Verdict::Send);
        let hostless = pending.host.is_empty() || pending.method.is_empty() || &*pending.host == text::ANY_WORKER;
        let standing = self.farm.standing(&pending.host);
        if let Some(name) = pending.host.strip_prefix(text::ONE_WORKER).filter(|_| !matches!(standing, Standing::NoWorker(_))) {
            return Some(match self.farm.choose_named(name) {
                Some(worker) => send(worker),
                None => held(
                    self.started,
                    Verdict::Refuse(Refusal::NoSuchWorker(self.farm.seats().names().take(NAMED).map(str::to_owned).collect())),
                ),
            });
        }
        Some(match standing {
            Standing::NoWorker(since) => held(since, Verdict::Refuse(Refusal::NoWorker)),
            // A worker gives the documented error, or tells about itself.
            _ if hostless => send(self.farm.choose_any()),
            Standing::Served => send(self.farm.choose(&pending.host)),
            Standing::Gone(since, others) => held(since, Verdict::Refuse(Refusal::HostGone(others))),
            // The worker that serves it may not have found us again yet.
            Standing::Unlisted if now < self.started + hold => Verdict::Wait(Some(self.started + hold)),
            Standing::Unlisted => send(self.farm.choose_any()),
        })
    }

    pub(super) fn carry_out(&mut self, number: u64, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Send(worker) => self.dispatch(number, worker, now),
            Verdict::Wait(until) => self.set_due(number, until),
            Verdict::Refuse(refusal) => self.refuse(number, &refusal, now),
        }
    }

    pub(super) fn dispatch(&mut self, number: u64, identity: Identity, now: Instant) {
        let (Some(pending), Some(worker)) = (self.pending.get_mut(&number), self.farm.get_mut(&identity)) else { return };
        self.queue.remove(&pending.host, number);
        worker.in_flight.insert(number, now);
        let may_repeat = !worker.never_repeat.contains(&pending.method);
        pending.state = State::Sent { worker: identity.clone(), may_repeat };
        let frames = vec![identity.clone(), number.to_be_bytes().to_vec(), Vec::new(), pending.body.clone()];
        let note = self.rules.log_requests.then(|| Note::Sent {
            number,
            method: pending.method.clone(),
            host: pending.host.to_string(),
            process: worker.process.to_string(),
        });
        self.actions.push_back(Action::ToWorker { what: Parcel { worker: identity, number: Some(number) }, frames });
        note.into_iter().for_each(|note| self.log(note));
        self.set_due(number, None);
    }

    /// Undoes [`Broker::dispatch`].
    pub(super) fn take_back(&mut self, identity: &Identity, number: u64) {
        if let Some(worker) = self.farm.get_mut(identity) {
            worker.in_flight.remove(&number);
        }
        if let Some(pending) = self.pending.get_mut(&number).filter(|pending| pending.is_at(identity)) {
            pending.state = State::Waiting;
            self.queue.wait(&pending.host, number);
        }
    }

    pub(super) fn refuse(&mut self, number: u64, refusal: &Refusal, now: Instant) {
        if let Some(pending) = self.forget(number) {
            self.answer_refusal(pending, refusal, now);
        }
    }

    pub(super) fn answer_refusal(&mut self, pending: Pending, refusal: &Refusal, now: Instant) {
        self.counters.refuse(refusal.name());
        let note = Note::Refused { reason: refusal.name(), text: refusal.text(&pending.method, &pending.host) };
        self.log_once(note, now);
        let body = refusal.reply(&pending.method, &pending.host, pending.outcome);
        self.actions.push_back(Action::ToClient(pending.answer(body)));
    }

    /// Takes a request out of everything but its worker's places.
    pub(super) fn forget(&mut self, number: u64) -> Option<Pending> {
        let pending = self.pending.remove(&number)?;
        self.due.remove(&(pending.due, number));
        self.queue.remove(&pending.host, number);
        self.queue.release(&pending.host, pending.size());
        Some(pending)
    }

    pub(super) fn set_due(&mut self, number: u64, until: Option<Instant>) {
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
