//! What is asked, kept and awaited: every decision of the scheduler, without its waiting.
//!
//! Time is passed in, calls are passed out, and their outcomes come back in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{DateTime, EntitySeries, Error, MoRef, Series, printed_type};

use super::batch::Batch;
use super::batch_limits::BatchLimits;
use super::cached_series::{AskOutcome, CachedSeries};
use super::error_policy::error_lifetime;
use super::group::{BatchRoom, Group, GroupKey};
use super::object_series::{FORGET, Queue};
use super::pending_request::PendingRequest;
use super::rhythm::Finding;
use super::rhythms::Rhythms;
use super::sampling_status::SamplingStatus;
use crate::border::{ReadError, SampleQuery};

/// Every series of one vSphere host that requests ask for.
#[derive(Debug, Default)]
pub(super) struct SchedulerState {
    /// Nothing is kept: every question is asked.
    pub forgetful: bool,
    pub(super) groups: HashMap<GroupKey, Group>,
    /// Groups in which objects wait, in turn.
    turn: VecDeque<GroupKey>,
    /// Calls that are to be made because another one failed.
    pub(super) again: VecDeque<Batch>,
    pub limits: BatchLimits,
    in_flight: usize,
    /// No more series than this are kept.
    at_most: usize,
    /// A call for an object that is kept apart is under way: one at a time, as such calls tend to hang.
    isolated_in_flight: bool,
    done: SamplingStatus,
    /// How often counters really have samples.
    rhythms: Rhythms,
    /// When counters without a rhythm last got another chance.
    forgiven: Option<Instant>,
}

/// When it is, here and there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub local: Instant,
    /// By the server's clock.
    pub server: DateTime,
}

/// A request for more objects than this lets others go first.
const MANY: usize = 50;
/// Series kept at most: some 90 MB.
const MOST_SERIES: usize = 1_000_000;
/// How often counters without a rhythm get another chance.
const FORGIVE: Duration = Duration::from_secs(3600);

impl SchedulerState {
    /// A request asks for its objects at these places. Those whose samples are all there are answered
    /// at once, the others when calls have been made.
    pub(super) fn ask(
        &mut self,
        query: &SampleQuery,
        request: &Arc<PendingRequest>,
        places: std::ops::Range<usize>,
        now: Instant,
    ) {
        let queue = if query.objects.len() > MANY { Queue::Bulk } else { Queue::First };
        let objects = query.objects.iter().enumerate().skip(places.start).take(places.len());
        for (place, object) in objects {
            let key = GroupKey { kind: object.kind.clone(), window: query.window };
            if !self.groups.contains_key(&key) {
                self.groups.insert(key.clone(), Group::default());
            }
            let Some(group) = self.groups.get_mut(&key) else { continue };
            for answered in group.ask(object, place, request, queue, now) {
                self.done.asked += 1;
                match answered {
                    AskOutcome::Cached => self.done.hits += 1,
                    AskOutcome::Prefetched => {
                        self.done.hits += 1;
                        self.done.prefetched_used += 1;
                    }
                    AskOutcome::InFlight => self.done.joined += 1,
                    AskOutcome::Queued => {}
                }
            }
            if group.wants(true) && !self.turn.contains(&key) {
                self.turn.push_back(key);
            }
        }
    }

    /// Whether a call could be made now.
    pub(super) fn has_batches(&self) -> bool {
        let waiting = |key| self.groups.get(key).is_some_and(|group: &Group| group.wants(!self.isolated_in_flight));
        self.in_flight < self.limits.calls && (!self.again.is_empty() || self.turn.iter().any(waiting))
    }

    /// The next call, if one is to be made now.
    pub(super) fn next_batch(&mut self, now: Moment) -> Option<Batch> {
        if self.in_flight >= self.limits.calls {
            return None;
        }
        let mut batch = self.next_again(now.local).or_else(|| self.next_new(now))?;
        self.look_deeper(&mut batch);
        self.in_flight += 1;
        self.isolated_in_flight |= batch.isolated;
        self.done.calls += 1;
        self.done.isolating += u64::from(batch.isolating);
        self.done.objects += count(batch.entries.len());
        self.done.series += count(batch.series());
        let prefetched = batch.entries.iter().map(|entry| entry.prefetched.len()).sum();
        self.done.prefetched += count(prefetched);
        self.at_most += prefetched;
        Some(batch)
    }

    /// The next call that is made because another one failed, without what is known to be refused by now.
    fn next_again(&mut self, now: Instant) -> Option<Batch> {
        while let Some(mut batch) = self.again.pop_front() {
            if let Some(group) = self.groups.get_mut(&batch.key) {
                batch.entries.retain_mut(|entry| group.without_refused(entry, now));
            }
            if !batch.entries.is_empty() {
                return Some(batch);
            }
        }
        None
    }

    fn next_new(&mut self, now: Moment) -> Option<Batch> {
        for _ in 0..self.turn.len() {
            let key = self.turn.pop_front()?;
            let Some(group) = self.groups.get_mut(&key) else { continue };
            let room = BatchRoom { objects: self.limits.objects, series: self.limits.series(key.window.real_time) };
            let horizon = (!self.forgetful).then(|| now.local + key.window.valid_for(None, now.server, None));
            let mut batch = group.batch(&key, room, now.local, horizon);
            if batch.is_none() && !self.isolated_in_flight {
                batch = group.isolated_batch(&key, room);
            }
            if group.wants(true) {
                self.turn.push_back(key);
            }
            if batch.is_some() {
                return batch;
            }
        }
        None
    }

    /// Finds which series of a call are to be asked further back than usual.
    fn look_deeper(&mut self, batch: &mut Batch) {
        let counters = self.rhythms.of(&batch.key);
        let Some(group) = self.groups.get(&batch.key) else { return };
        for entry in &mut batch.entries {
            let Some(entity) = group.entities.get(&entry.object.id) else { continue };
            entry.deeper = entity.deeper(entry, batch.key.window, counters);
        }
    }

    /// A call came back.
    pub(super) fn finish(&mut self, batch: Batch, outcome: Result<Vec<EntitySeries>, Error>, took: Duration, now: Moment) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.isolated_in_flight &= !batch.isolated;
        match outcome {
            Ok(found) => {
                self.limits.answered(took);
                self.settle(&batch, found, now);
            }
            Err(error) => {
                self.done.failed += 1;
                self.react(batch, &error, now.local);
            }
        }
    }

    fn settle(&mut self, batch: &Batch, found: Vec<EntitySeries>, now: Moment) {
        let (forgetful, window) = (self.forgetful, batch.key.window);
        let counters = self.rhythms.of(&batch.key);
        let Some(group) = self.groups.get_mut(&batch.key) else { return };
        let mut by_object: HashMap<MoRef, Vec<Series>> = HashMap::with_capacity(found.len());
        for entity in found {
            // An object comes twice when some of its series were asked further back.
            by_object.entry(entity.entity).or_default().extend(entity.series);
        }
        for entry in &batch.entries {
            let found = by_object.remove(&entry.object).unwrap_or_default();
            let prefetched = entry.prefetched.iter().map(|metric| (metric, true));
            for (metric, prefetched) in entry.wanted.iter().map(|metric| (metric, false)).chain(prefetched) {
                let mut own: Vec<Series> = found.iter().filter(|one| metric.covers(&one.metric)).cloned().collect();
                if CachedSeries::newest(&own).is_some() {
                    group.given(metric);
                }
                let Some(entity) = group.entities.get_mut(&entry.object.id) else { continue };
                let series = entity.series_of(metric, now.local);
                if counters.learn(series, &mut own, window, now.server) == Finding::AskDeeper {
                    series.ask_again(!prefetched);
                    continue;
                }
                let sparse = series.rhythm.sparse(counters.sparse(metric.counter));
                let newest = CachedSeries::newest(&own);
                let holds = if forgetful { Duration::ZERO } else { window.valid_for(newest, now.server, sparse) };
                series.settle(own, window.samples, now.local + holds, prefetched);
            }
            if let Some(entity) = group.entities.get_mut(&entry.object.id) {
                entity.release();
                entity.answer_waiting();
                group.enqueue(&entry.object.id, Queue::First, now.local);
            }
        }
        if group.wants(true) && !self.turn.contains(&batch.key) {
            self.turn.push_back(batch.key.clone());
        }
    }

    /// A call was lost on its way: the requests that wait for it get an error.
    pub(super) fn lose(&mut self, batch: &Batch, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.isolated_in_flight &= !batch.isolated;
        let error = Error::Config(format!("a call about {} was given up; ask again", printed_type(&batch.key.kind)));
        batch.entries.iter().for_each(|entry| self.fail(&batch.key, entry, &error, now));
    }

    /// No call can be made: the requests that wait for one get the error.
    pub(super) fn fail_waiting(&mut self, subject: &str, error: &Error, now: Instant) {
        let told = Arc::new(ReadError::of(subject, error));
        self.turn.clear();
        self.groups.values_mut().for_each(|group| group.fail_waiting(&told, now + error_lifetime(error)));
        for batch in std::mem::take(&mut self.again) {
            batch.entries.iter().for_each(|entry| self.fail(&batch.key, entry, error, now));
        }
    }

    /// Another server: nothing that is known holds for it. A request that waits for a call under way is answered when it comes back.
    pub(super) fn forget(&mut self, now: Instant) {
        self.sweep(now, Duration::ZERO);
        self.limits.start_anew();
        self.rhythms.forget();
    }

    /// Forgets what was not asked for in a while. Says whether anything is left.
    pub(super) fn tidy(&mut self, now: Instant) -> bool {
        if self.forgiven.is_none_or(|forgiven| now.saturating_duration_since(forgiven) >= FORGIVE) {
            self.forgiven = Some(now);
            self.rhythms.forgive();
        }
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
    pub(super) fn make_room(&mut self, query: &SampleQuery, now: Instant) -> Result<(), ReadError> {
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
    pub(super) fn status(&self) -> SamplingStatus {
        SamplingStatus {
            halvings: self.limits.halvings,
            kept: count(self.kept()),
            under_way: count(self.in_flight),
            waiting: count(self.groups.values().map(Group::waiting).sum()),
            objects_per_call: count(self.limits.objects),
            calls_at_once: count(self.limits.calls),
            series_per_historical_call: count(self.limits.series(false)),
            ..self.done
        }
    }
}

fn count(number: usize) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}
