//! What is asked, kept and awaited: every decision of the scheduler, without its waiting.
//!
//! Time is passed in, calls are passed out, and their outcomes come back in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{DateTime, EntitySeries, Error, MoRef, Series, printed_type};

use super::call::Call;
use super::cell::{Answered, Cell};
use super::entity::{FORGET, Queued};
use super::group::{Group, Key, Room};
use super::pace::Pace;
use super::reaction::holds;
use super::status::Status;
use super::waiter::Waiter;
use crate::border::{ReadError, SampleQuery};

/// Every series of one vSphere host that somebody asks for.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Nothing is kept: every question is asked.
    pub forgetful: bool,
    pub(super) groups: HashMap<Key, Group>,
    /// Groups in which objects wait, in turn.
    turn: VecDeque<Key>,
    /// Calls that are to be made because another one failed.
    pub(super) again: VecDeque<Call>,
    pub pace: Pace,
    under_way: usize,
    /// No more series than this are kept.
    at_most: usize,
    /// A call for an object that is kept apart is under way: one at a time, as such calls tend to hang.
    apart_under_way: bool,
    done: Status,
}

/// When it is, here and there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub here: Instant,
    /// By the server's clock.
    pub there: DateTime,
}

/// A request for more objects than this lets others go first.
const MANY: usize = 50;
/// Series kept at most: some 40 MB.
const MOST_SERIES: usize = 250_000;

impl Board {
    /// A request asks for its objects at these places. Those whose samples are all there are answered
    /// at once, the others when calls have been made.
    pub fn ask(&mut self, query: &SampleQuery, waiter: &Arc<Waiter>, places: std::ops::Range<usize>, now: Instant) {
        let queue = if query.objects.len() > MANY { Queued::Behind } else { Queued::Ahead };
        let objects = query.objects.iter().enumerate().skip(places.start).take(places.len());
        for (place, object) in objects {
            let key = Key { kind: object.kind.clone(), window: query.window };
            if !self.groups.contains_key(&key) {
                self.groups.insert(key.clone(), Group::default());
            }
            let Some(group) = self.groups.get_mut(&key) else { continue };
            for answered in group.ask(object, place, waiter, queue, now) {
                self.done.asked += 1;
                match answered {
                    Answered::Now => self.done.hits += 1,
                    Answered::Ahead => {
                        self.done.hits += 1;
                        self.done.prefetched_used += 1;
                    }
                    Answered::Soon => self.done.joined += 1,
                    Answered::Later => {}
                }
            }
            if group.wants(true) && !self.turn.contains(&key) {
                self.turn.push_back(key);
            }
        }
    }

    /// Whether a call could be made now.
    pub fn has_calls(&self) -> bool {
        let waiting = |key| self.groups.get(key).is_some_and(|group: &Group| group.wants(!self.apart_under_way));
        self.under_way < self.pace.calls && (!self.again.is_empty() || self.turn.iter().any(waiting))
    }

    /// The next call, if one is to be made now.
    pub fn next_call(&mut self, now: Moment) -> Option<Call> {
        if self.under_way >= self.pace.calls {
            return None;
        }
        let call = self.next_again(now.here).or_else(|| self.next_new(now))?;
        self.under_way += 1;
        self.apart_under_way |= call.alone;
        self.done.calls += 1;
        self.done.isolating += u64::from(call.isolating);
        self.done.objects += count(call.parts.len());
        self.done.series += count(call.series());
        let ahead = call.parts.iter().map(|part| part.ahead.len()).sum();
        self.done.prefetched += count(ahead);
        self.at_most += ahead;
        Some(call)
    }

    /// The next call that is made because another one failed, without what is known to be refused by now.
    fn next_again(&mut self, now: Instant) -> Option<Call> {
        while let Some(mut call) = self.again.pop_front() {
            if let Some(group) = self.groups.get_mut(&call.key) {
                call.parts.retain_mut(|part| group.without_refused(part, now));
            }
            if !call.parts.is_empty() {
                return Some(call);
            }
        }
        None
    }

    fn next_new(&mut self, now: Moment) -> Option<Call> {
        for _ in 0..self.turn.len() {
            let key = self.turn.pop_front()?;
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let room = Room { objects: self.pace.objects, series: self.pace.series(key.window.real_time) };
            let horizon = (!self.forgetful).then(|| now.here + key.window.holds(None, now.there));
            let mut call = group.call(&key, room, now.here, horizon);
            if call.is_none() && !self.apart_under_way {
                call = group.call_apart(&key, room);
            }
            if group.wants(true) {
                self.turn.push_back(key);
            }
            if call.is_some() {
                return call;
            }
        }
        None
    }

    /// A call came back.
    pub fn finish(&mut self, call: Call, outcome: Result<Vec<EntitySeries>, Error>, took: Duration, now: Moment) {
        self.under_way = self.under_way.saturating_sub(1);
        self.apart_under_way &= !call.alone;
        match outcome {
            Ok(found) => {
                self.pace.answered(took);
                self.settle(&call, found, now);
            }
            Err(error) => {
                self.done.failed += 1;
                self.react(call, &error, now.here);
            }
        }
    }

    fn settle(&mut self, call: &Call, found: Vec<EntitySeries>, now: Moment) {
        let forgetful = self.forgetful;
        let Some(group) = self.groups.get_mut(&call.key) else { return };
        let mut found: HashMap<MoRef, Vec<Series>> = found.into_iter().map(|entity| (entity.entity, entity.series)).collect();
        for part in &call.parts {
            let series = found.remove(&part.object).unwrap_or_default();
            let ahead = part.ahead.iter().map(|metric| (metric, true));
            for (metric, ahead) in part.wanted.iter().map(|metric| (metric, false)).chain(ahead) {
                let own: Vec<Series> = series.iter().filter(|one| metric.covers(&one.metric)).cloned().collect();
                let newest = Cell::newest(&own);
                if newest.is_some() {
                    group.given(metric);
                }
                let Some(entity) = group.entities.get_mut(&part.object.id) else { continue };
                let holds = if forgetful { Duration::ZERO } else { call.key.window.holds(newest, now.there) };
                entity.cell(metric, now.here).settle(own, call.key.window.samples, now.here + holds, ahead);
            }
            if let Some(entity) = group.entities.get_mut(&part.object.id) {
                entity.set_free();
                entity.tell();
            }
        }
    }

    /// A call was lost on its way: those who wait for it are told.
    pub fn lose(&mut self, call: &Call, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.apart_under_way &= !call.alone;
        let error = Error::Config(format!("a call about {} was given up; ask again", printed_type(&call.key.kind)));
        call.parts.iter().for_each(|part| self.fail(&call.key, part, &error, now));
    }

    /// No call can be made: those who wait for one are told.
    pub fn fail_waiting(&mut self, subject: &str, error: &Error, now: Instant) {
        let told = Arc::new(ReadError::of(subject, error));
        self.turn.clear();
        self.groups.values_mut().for_each(|group| group.fail_waiting(&told, now + holds(error)));
        for call in std::mem::take(&mut self.again) {
            call.parts.iter().for_each(|part| self.fail(&call.key, part, error, now));
        }
    }

    /// Another server: nothing that is known holds for it. Who waits for a call under way is told when it comes back.
    pub fn forget(&mut self, now: Instant) {
        self.sweep(now, Duration::ZERO);
        self.pace.start_anew();
    }

    /// Forgets what nobody has asked for in a while. Says whether anything is left.
    pub fn tidy(&mut self, now: Instant) -> bool {
        self.sweep(now, FORGET) > 0
    }

    fn sweep(&mut self, now: Instant, after: Duration) -> usize {
        self.groups.retain(|_, group| group.sweep(now, after) > 0);
        self.kept()
    }

    fn kept(&self) -> usize {
        self.groups.values().map(Group::kept).sum()
    }

    /// Makes room for a request.
    ///
    /// # Errors
    /// When more series are in demand than can be kept.
    pub fn make_room(&mut self, query: &SampleQuery, now: Instant) -> Result<(), ReadError> {
        let series = query.objects.len().saturating_mul(query.metrics.len());
        self.at_most = self.at_most.saturating_add(series);
        let mut after = FORGET;
        while self.at_most > MOST_SERIES {
            // Asked again and again, series are counted again and again; what is really kept takes longer to count.
            self.at_most = self.kept().saturating_add(series);
            if self.at_most <= MOST_SERIES {
                break;
            }
            if after.is_zero() {
                let text = format!("more than {MOST_SERIES} performance series are asked for; ask for fewer counters or objects");
                return Err(ReadError::new(&text));
            }
            after = if after > Duration::from_secs(1) { after / 2 } else { Duration::ZERO };
            self.sweep(now, after);
        }
        Ok(())
    }

    /// What was done so far, and where things stand.
    pub fn status(&self) -> Status {
        Status {
            halvings: self.pace.halvings,
            kept: count(self.kept()),
            under_way: count(self.under_way),
            waiting: count(self.groups.values().map(Group::waiting).sum()),
            objects_per_call: count(self.pace.objects),
            calls_at_once: count(self.pace.calls),
            series_per_historical_call: count(self.pace.series(false)),
            ..self.done
        }
    }
}

fn count(number: usize) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}
