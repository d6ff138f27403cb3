//! What is done about a failed call: who is to blame, and what is asked again.

use std::sync::Arc;

use tokio::time::Instant;
use vpoller_vsphere::Error;

use super::batch::{Batch, BatchEntry, SplitBy};
use super::error_policy::{Reaction, error_lifetime};
use super::group::{GroupKey, REFUSED};
use super::scheduler_state::SchedulerState;
use crate::border::ReadError;

/// A historical call for so few series is not too large for any server.
const FEW_SERIES: usize = 8;

impl SchedulerState {
    /// A call failed.
    pub(super) fn react(&mut self, batch: Batch, error: &Error, now: Instant) {
        match Reaction::to(error) {
            Reaction::Without(object) => self.without(batch, &object, error, now),
            Reaction::TooMuch => {
                self.limits.refused(batch.key.window.real_time, batch.entries.len(), batch.series());
                self.divide(&batch, SplitBy::Objects, error, now);
            }
            Reaction::Unexplained if !batch.key.window.real_time && batch.series() > FEW_SERIES => {
                // How many calls and objects go at a time is not the matter: real-time questions keep their pace.
                self.limits.refused_without_reason(batch.series());
                self.divide(&batch, SplitBy::Objects, error, now);
            }
            Reaction::TooSlow | Reaction::Unexplained => self.slow_down(&batch, error, now),
            Reaction::Isolate(_) if batch.entries.iter().any(|entry| !entry.prefetched.is_empty()) => {
                self.without_prefetched(&batch, error, now)
            }
            Reaction::Isolate(first) => self.divide(&batch, first, error, now),
            Reaction::GiveUp => batch.entries.iter().for_each(|entry| self.fail(&batch.key, entry, error, now)),
        }
    }

    /// Asks less for a while, and this in halves.
    fn slow_down(&mut self, batch: &Batch, error: &Error, now: Instant) {
        // One who is slow by himself says nothing about the others.
        if !batch.isolating && !batch.isolated {
            self.limits.halve();
        }
        match batch.entries.len() {
            // An object that hangs does so whatever it is asked.
            1 => self.blame(batch, error, now),
            _ => self.divide(batch, SplitBy::Objects, error, now),
        }
    }

    /// Asks again without the object that the server named.
    fn without(&mut self, mut batch: Batch, object: &vpoller_vsphere::MoRef, error: &Error, now: Instant) {
        match batch.take_out(object) {
            Some(entry) => {
                self.fail(&batch.key, &entry, error, now);
                self.isolate(&batch.key, &entry, now);
                let entries = std::mem::take(&mut batch.entries);
                self.retry(&batch, entries, error, now);
            }
            // Not one that was asked for.
            None => self.divide(&batch, SplitBy::Objects, error, now),
        }
    }

    /// What was asked along may be to blame: it is left out, and not tried again soon.
    fn without_prefetched(&mut self, batch: &Batch, error: &Error, now: Instant) {
        let Some(group) = self.groups.get_mut(&batch.key) else { return };
        for entry in &batch.entries {
            let Some(entity) = group.entities.get_mut(&entry.object.id) else { continue };
            for metric in &entry.prefetched {
                entity.series_of(metric, now).settle(Vec::new(), 0, now + error_lifetime(error), false);
            }
            entity.answer_waiting();
        }
        let entries = batch.entries.iter().filter(|entry| !entry.wanted.is_empty());
        let entries = entries.map(|entry| BatchEntry { prefetched: Vec::new(), ..entry.clone() }).collect();
        self.retry(batch, entries, error, now);
    }

    /// Asks in halves; what cannot be divided is to blame.
    fn divide(&mut self, batch: &Batch, first: SplitBy, error: &Error, now: Instant) {
        match batch.halves(first) {
            Some(halves) => halves.into_iter().for_each(|entries| self.retry(batch, entries, error, now)),
            None => self.blame(batch, error, now),
        }
    }

    /// Asks for these parts of a call again, as long as tries are left.
    fn retry(&mut self, batch: &Batch, entries: Vec<BatchEntry>, error: &Error, now: Instant) {
        if entries.is_empty() {
            return;
        }
        if batch.try_again() {
            // The latest first: the smaller the question, the sooner it is known what is to blame.
            self.again.push_front(batch.again(entries));
        } else {
            entries.iter().for_each(|entry| self.fail(&batch.key, entry, error, now));
        }
    }

    /// One object, or one series of it, was all that the call asked for: that is what fails.
    fn blame(&mut self, batch: &Batch, error: &Error, now: Instant) {
        for entry in &batch.entries {
            self.fail(&batch.key, entry, error, now);
            if error_lifetime(error) == REFUSED {
                let Some(group) = self.groups.get_mut(&batch.key) else { return };
                let told = Arc::new(ReadError::of(&entry.object.to_string(), error));
                entry.metrics().for_each(|metric| group.refuse(metric, &told, now));
            } else {
                self.isolate(&batch.key, entry, now);
            }
        }
    }

    /// From now on an object is asked by itself.
    fn isolate(&mut self, key: &GroupKey, entry: &BatchEntry, now: Instant) {
        let entity = self.groups.get_mut(key).and_then(|group| group.entities.get_mut(&entry.object.id));
        if let Some(entity) = entity {
            entity.isolate(now);
        }
    }

    /// An object's series cannot be had for now.
    pub(super) fn fail(&mut self, key: &GroupKey, entry: &BatchEntry, error: &Error, now: Instant) {
        let entity = self.groups.get_mut(key).and_then(|group| group.entities.get_mut(&entry.object.id));
        let Some(entity) = entity else { return };
        let told = Arc::new(ReadError::of(&entry.object.to_string(), error));
        for metric in entry.metrics() {
            entity.series_of(metric, now).fail(told.clone(), now + error_lifetime(error));
        }
        entity.answer_waiting();
    }
}
