//! Workers that come, speak and go.

use std::sync::Arc;
use std::time::Instant;

use vpoller_wire::control::{Announcement, Control, DEAD_AFTER};

use super::log_event::Note;
use super::pending::State;
use super::refusal::Refusal;
use super::registry::Identity;
use super::{Action, Broker, MAX_REDISPATCHES, MAX_STRANGERS, Parcel};

impl Broker {
    pub(super) fn control(&mut self, identity: &Identity, known: bool, frames: &[Vec<u8>], now: Instant) {
        match Control::decode(frames) {
            Ok(Control::Announce(announcement)) => self.announce(identity, announcement, now),
            Ok(Control::Goodbye) => self.goodbye(identity, now),
            Ok(Control::Heartbeat) if !known => self.ask_who(identity),
            Ok(Control::Heartbeat) => {}
            // The proxy's own messages, or those of another release.
            Ok(Control::WhoAreYou | Control::Serve(_)) | Err(_) => {
                self.counters.dropped.control += 1;
                self.log_once(Note::StrangeControl, now);
            }
        }
    }

    pub(super) fn announce(&mut self, identity: &Identity, announcement: Announcement, now: Instant) {
        let (process, version) = (announcement.process.clone(), announcement.version.clone());
        let mut hosts = announcement.hosts.clone();
        match self.farm.announce(identity, announcement, now) {
            Some(true) => {
                hosts.sort_unstable();
                self.log(Note::WorkerJoined { process, version, hosts });
            }
            Some(false) => {}
            None => self.log_once(Note::TooManyWorkers, now),
        }
        self.strangers.remove(identity);
        self.reconsider_all(now);
    }

    pub(super) fn goodbye(&mut self, identity: &Identity, now: Instant) {
        if let Some(worker) = self.farm.get(identity).filter(|worker| !worker.leaving) {
            let process = Arc::clone(&worker.process);
            self.farm.leave(identity, now);
            if !self.farm.has_process(&process) {
                self.log(Note::WorkerLeaving { process: process.to_string() });
            }
            self.reconsider_all(now);
        }
    }

    pub(super) fn ask_who(&mut self, identity: &Identity) {
        if self.strangers.len() < MAX_STRANGERS && self.strangers.insert(identity.clone()) {
            self.tell(identity.clone(), &Control::WhoAreYou);
        }
    }

    pub(super) fn tell(&mut self, worker: Identity, message: &Control) {
        let mut frames = vec![worker.clone()];
        frames.extend(message.encode());
        self.actions.push_back(Action::ToWorker { what: Parcel { worker, number: None }, frames });
    }

    pub(super) fn beat(&mut self, now: Instant) {
        self.strangers.clear();
        let ended = self.farm.end_leases(now);
        if ended > 0 {
            self.counters.dropped.leases += ended as u64;
            self.pump(now);
        }
        let workers: Vec<_> = self.farm.iter().map(|(identity, _)| identity.clone()).collect();
        workers.into_iter().for_each(|worker| self.tell(worker, &Control::Heartbeat));
        for note in self.repeats.due(now) {
            self.log(note);
        }
    }

    pub(super) fn bury(&mut self, now: Instant) {
        let Some(limit) = now.checked_sub(DEAD_AFTER) else { return };
        let lost = self.farm.silent_since(limit);
        lost.iter().for_each(|identity| self.lose(identity, "it fell silent", now));
    }

    /// A worker is gone: its requests go to others.
    pub(super) fn lose(&mut self, identity: &Identity, reason: &'static str, now: Instant) {
        let Some(worker) = self.farm.remove(identity, now) else { return };
        let mut numbers: Vec<_> = worker.in_flight.keys().copied().collect();
        numbers.retain(|number| self.pending.get(number).is_some_and(|pending| pending.is_at(identity)));
        if worker.leaving && numbers.is_empty() {
            return;
        }
        self.counters.workers_lost += 1;
        let process = worker.process.to_string();
        self.log(Note::WorkerLost { process, reason, requests: numbers.len() });
        numbers.sort_unstable();
        for number in numbers {
            self.rescue(number, now);
        }
        self.reconsider_all(now);
    }

    /// Finds a new place for a request whose worker is gone.
    pub(super) fn rescue(&mut self, number: u64, now: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let State::Sent { may_repeat, .. } = pending.state else { return };
        let refusal = match () {
            () if self.stopping => Refusal::Stopping,
            () if !may_repeat => Refusal::NotRepeated,
            () if pending.redispatches >= MAX_REDISPATCHES => Refusal::GaveUp,
            () => {
                pending.redispatches += 1;
                pending.state = State::Waiting;
                self.counters.redispatched += 1;
                self.queue.wait(&pending.host, number);
                return;
            }
        };
        self.refuse(number, &refusal, now);
    }
}
