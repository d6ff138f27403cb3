//! What is done about a failed call: who is to blame, and what is asked again.

use std::sync::Arc;

use tokio::time::Instant;
use vpoller_vsphere::Error;

use super::board::Board;
use super::call::{By, Call, Part};
use super::group::{Key, REFUSED};
use super::reaction::{Reaction, holds};
use crate::border::ReadError;

impl Board {
    /// A call failed.
    pub(super) fn react(&mut self, call: Call, error: &Error, now: Instant) {
        match Reaction::to(error) {
            Reaction::Without(object) => self.without(call, &object, error, now),
            Reaction::TooMuch => {
                self.pace.refused(call.key.window.real_time, call.parts.len(), call.series());
                self.divide(&call, By::Objects, error, now);
            }
            Reaction::TooSlow => {
                // One who is slow by himself says nothing about the others.
                if !call.isolating && !call.alone {
                    self.pace.halve();
                }
                match call.parts.len() {
                    // An object that hangs does so whatever it is asked.
                    1 => self.blame(&call, error, now),
                    _ => self.divide(&call, By::Objects, error, now),
                }
            }
            Reaction::Isolate(_) if call.parts.iter().any(|part| !part.ahead.is_empty()) => self.without_ahead(&call, error, now),
            Reaction::Isolate(first) => self.divide(&call, first, error, now),
            Reaction::GiveUp => call.parts.iter().for_each(|part| self.fail(&call.key, part, error, now)),
        }
    }

    /// Asks again without the object that the server named.
    fn without(&mut self, mut call: Call, object: &vpoller_vsphere::MoRef, error: &Error, now: Instant) {
        match call.take_out(object) {
            Some(part) => {
                self.fail(&call.key, &part, error, now);
                self.set_apart(&call.key, &part, now);
                let parts = std::mem::take(&mut call.parts);
                self.retry(&call, parts, error, now);
            }
            // Not one that was asked for.
            None => self.divide(&call, By::Objects, error, now),
        }
    }

    /// What was asked along may be to blame: it is left out, and not tried again soon.
    fn without_ahead(&mut self, call: &Call, error: &Error, now: Instant) {
        let Some(group) = self.groups.get_mut(&call.key) else { return };
        for part in &call.parts {
            let Some(entity) = group.entities.get_mut(&part.object.id) else { continue };
            for metric in &part.ahead {
                entity.cell(metric, now).settle(Vec::new(), 0, now + holds(error), false);
            }
            entity.tell();
        }
        let parts = call.parts.iter().filter(|part| !part.wanted.is_empty());
        let parts = parts.map(|part| Part { ahead: Vec::new(), ..part.clone() }).collect();
        self.retry(call, parts, error, now);
    }

    /// Asks in halves; what cannot be divided is to blame.
    fn divide(&mut self, call: &Call, first: By, error: &Error, now: Instant) {
        match call.halves(first) {
            Some(halves) => halves.into_iter().for_each(|parts| self.retry(call, parts, error, now)),
            None => self.blame(call, error, now),
        }
    }

    /// Asks for these parts of a call again, as long as tries are left.
    fn retry(&mut self, call: &Call, parts: Vec<Part>, error: &Error, now: Instant) {
        if parts.is_empty() {
            return;
        }
        if call.try_again() {
            // The latest first: the smaller the question, the sooner it is known what is to blame.
            self.again.push_front(call.again(parts));
        } else {
            parts.iter().for_each(|part| self.fail(&call.key, part, error, now));
        }
    }

    /// One object, or one series of it, was all that the call asked for: that is what fails.
    fn blame(&mut self, call: &Call, error: &Error, now: Instant) {
        for part in &call.parts {
            self.fail(&call.key, part, error, now);
            if holds(error) == REFUSED {
                let Some(group) = self.groups.get_mut(&call.key) else { return };
                let told = Arc::new(ReadError::of(&part.object.to_string(), error));
                part.metrics().for_each(|metric| group.refuse(metric, &told, now));
            } else {
                self.set_apart(&call.key, part, now);
            }
        }
    }

    /// From now on an object is asked by itself.
    fn set_apart(&mut self, key: &Key, part: &Part, now: Instant) {
        let entity = self.groups.get_mut(key).and_then(|group| group.entities.get_mut(&part.object.id));
        if let Some(entity) = entity {
            entity.set_apart(now);
        }
    }

    /// An object's series cannot be had for now.
    pub(super) fn fail(&mut self, key: &Key, part: &Part, error: &Error, now: Instant) {
        let entity = self.groups.get_mut(key).and_then(|group| group.entities.get_mut(&part.object.id));
        let Some(entity) = entity else { return };
        let told = Arc::new(ReadError::of(&part.object.to_string(), error));
        for metric in part.metrics() {
            entity.cell(metric, now).fail(told.clone(), now + holds(error));
        }
        entity.tell();
    }
}
