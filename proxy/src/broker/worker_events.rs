//! Workers that come, speak and go.

use std::sync::Arc;
use std::time::Instant;

use vpoller_wire::control::{Announcement, Control, DEAD_AFTER};

use super::log_event::LogEvent;
use super::pending::RequestState;
use super::refusal::Refusal;
use super::registry::Identity;
use super::{Action, Broker, Delivery, MAX_ASKED, MAX_REDISPATCHES};

impl Broker {
    pub(crate) fn control(&mut self, identity: &Identity, known: bool, frames: &[Vec<u8>], now: Instant) {
        match Control::decode(frames) {
            Ok(Control::Announce(announcement)) => self.announce(identity, announcement, now),
            Ok(Control::Goodbye) => self.goodbye(identity, now),
            Ok(Control::Heartbeat) if !known => self.ask_identity(identity),
            Ok(Control::Heartbeat) => {}
            // The proxy's own messages, or those of another release.
            Ok(Control::WhoAreYou | Control::Serve(_)) | Err(_) => {
                self.counters.dropped.control += 1;
                self.log_once(LogEvent::StrangeControl, now);
            }
        }
    }

    pub(crate) fn announce(&mut self, identity: &Identity, announcement: Announcement, now: Instant) {
        let (process, version) = (announcement.process.clone(), announcement.version.clone());
        let mut hosts = announcement.hosts.clone();
        match self.registry.announce(identity, announcement, now) {
            Some(true) => {
                hosts.sort_unstable();
                self.log(LogEvent::WorkerJoined { process, version, hosts });
            }
            Some(false) => {}
            None => self.log_once(LogEvent::TooManyWorkers, now),
        }
        self.asked_identity.remove(identity);
        self.reconsider_all(now);
    }

    pub(crate) fn goodbye(&mut self, identity: &Identity, now: Instant) {
        if let Some(worker) = self.registry.get(identity).filter(|worker| !worker.leaving) {
            let process = Arc::clone(&worker.process);
            self.registry.leave(identity, now);
            if !self.registry.has_process(&process) {
                self.log(LogEvent::WorkerLeaving { process: process.to_string() });
            }
            self.reconsider_all(now);
        }
    }

    pub(crate) fn ask_identity(&mut self, identity: &Identity) {
        if self.asked_identity.len() < MAX_ASKED && self.asked_identity.insert(identity.clone()) {
            self.send_control(identity.clone(), &Control::WhoAreYou);
        }
    }

    pub(crate) fn send_control(&mut self, worker: Identity, message: &Control) {
        let mut frames = vec![worker.clone()];
        frames.extend(message.encode());
        self.actions.push_back(Action::ToWorker { delivery: Delivery { worker, number: None }, frames });
    }

    pub(crate) fn send_heartbeats(&mut self, now: Instant) {
        self.asked_identity.clear();
        let ended = self.registry.end_leases(now);
        if ended > 0 {
            self.counters.dropped.leases += ended as u64;
            self.send_waiting(now);
        }
        let workers: Vec<_> = self.registry.iter().map(|(identity, _)| identity.clone()).collect();
        workers.into_iter().for_each(|worker| self.send_control(worker, &Control::Heartbeat));
        for event in self.repeats.due(now) {
            self.log(event);
        }
    }

    pub(crate) fn drop_silent(&mut self, now: Instant) {
        let Some(limit) = now.checked_sub(DEAD_AFTER) else { return };
        let lost = self.registry.silent_since(limit);
        lost.iter().for_each(|identity| self.worker_lost(identity, "it fell silent", now));
    }

    /// A worker is gone: its requests go to others.
    pub(crate) fn worker_lost(&mut self, identity: &Identity, reason: &'static str, now: Instant) {
        let Some(worker) = self.registry.remove(identity, now) else { return };
        let mut numbers: Vec<_> = worker.in_flight.keys().copied().collect();
        numbers.retain(|number| self.pending.get(number).is_some_and(|pending| pending.is_at(identity)));
        if worker.leaving && numbers.is_empty() {
            return;
        }
        self.counters.workers_lost += 1;
        let process = worker.process.to_string();
        self.log(LogEvent::WorkerLost { process, reason, requests: numbers.len() });
        numbers.sort_unstable();
        for number in numbers {
            self.reassign(number, now);
        }
        self.reconsider_all(now);
    }

    /// Finds a new place for a request whose worker is gone.
    pub(crate) fn reassign(&mut self, number: u64, now: Instant) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        let RequestState::Sent { may_repeat, .. } = pending.state else { return };
        let refusal = if self.stopping {
            Refusal::Stopping
        } else if !may_repeat {
            Refusal::NotRepeated
        } else if pending.redispatches >= MAX_REDISPATCHES {
            Refusal::GaveUp
        } else {
            pending.redispatches += 1;
            pending.state = RequestState::Waiting;
            self.counters.redispatched += 1;
            self.queue.wait(&pending.host, number);
            return;
        };
        self.refuse(number, &refusal, now);
    }
}
