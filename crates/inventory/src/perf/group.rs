//! The objects of one type and their series, in one window of time: those that can share a call.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{Metric, MoRef};

use super::batch::{Batch, BatchEntry};
use super::cached_series::{AskOutcome, SeriesStage};
use super::object_series::{ObjectSeries, Queue};
use super::pending_request::PendingRequest;
use crate::border::{ReadError, Window};

/// What objects must have in common to share a call.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct GroupKey {
    /// The managed type.
    pub kind: Arc<str>,
    pub window: Window,
}

/// Objects of one type, by their ids.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub entities: HashMap<Arc<str>, ObjectSeries>,
    /// How many objects each series was asked of.
    askers: HashMap<Arc<Metric>, usize>,
    /// Series that were asked of several objects: probably all of them will be.
    popular: Vec<Arc<Metric>>,
    /// Objects that wait for a call. One may stand in two queues; the second time it comes up it wants nothing.
    first: VecDeque<Arc<str>>,
    bulk: VecDeque<Arc<str>>,
    isolated: VecDeque<Arc<str>>,
    /// Series that the server refuses for this type.
    refused: HashMap<Metric, RefusedSeries>,
}

#[derive(Debug)]
struct RefusedSeries {
    error: Arc<ReadError>,
    /// Objects for which it was refused.
    objects: usize,
    /// Taken for granted until then.
    until: Option<Instant>,
}

/// How large a call may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchRoom {
    pub objects: usize,
    pub series: usize,
}

/// From how many objects on a series is guessed for others, and how many series are guessed at most.
const POPULAR: usize = 2;
const MOST_POPULAR: usize = 64;
/// From how many objects on a series that was refused for each of them is refused for all, and for how long.
const REFUSALS: usize = 3;
pub(super) const REFUSED: Duration = Duration::from_secs(600);

impl Group {
    /// A request asks for series of an object. The pending request learns what it has to wait for.
    pub(super) fn ask(
        &mut self,
        object: &MoRef,
        place: usize,
        request: &Arc<PendingRequest>,
        queue: Queue,
        now: Instant,
    ) -> Vec<AskOutcome> {
        let metrics: Vec<Arc<Metric>> = request.metrics.iter().map(|metric| self.intern(metric)).collect();
        let entity = self.entities.entry(object.id.clone()).or_insert_with(|| ObjectSeries::new(object.clone()));
        entity.expect(metrics.len());
        let mut answers = Vec::with_capacity(metrics.len());
        for metric in &metrics {
            let (mut answered, first) = entity.ask(metric, now);
            if first && let Some(askers) = self.askers.get_mut(metric) {
                *askers += 1;
                if *askers == POPULAR && self.popular.len() < MOST_POPULAR {
                    self.popular.push(metric.clone());
                }
            }
            if answered == AskOutcome::Queued
                && let Some(refused) = standing(&self.refused, metric, now)
            {
                entity.series_of(metric, now).fail(refused.error.clone(), refused.until.unwrap_or(now));
                answered = AskOutcome::Cached;
            }
            answers.push(answered);
        }
        match entity.answer(&request.metrics) {
            Some(found) => request.fill(place, found),
            None => entity.wait(request, place),
        }
        self.enqueue(&object.id, queue, now);
        answers
    }

    fn intern(&mut self, metric: &Metric) -> Arc<Metric> {
        match self.askers.get_key_value(metric) {
            Some((known, _)) => known.clone(),
            None => {
                let metric = Arc::new(metric.clone());
                self.askers.insert(metric.clone(), 0);
                metric
            }
        }
    }

    /// Puts an object that waits for a call into a queue.
    pub(super) fn enqueue(&mut self, id: &Arc<str>, queue: Queue, now: Instant) {
        let Some(entity) = self.entities.get_mut(id).filter(|entity| entity.wants()) else { return };
        let queue = if entity.is_isolated(now) { Queue::Isolated } else { queue };
        // One that waits behind may go ahead, not the other way round.
        if entity.queued == Queue::Nowhere || (entity.queued, queue) == (Queue::Bulk, Queue::First) {
            entity.queued = queue;
            match queue {
                Queue::First => self.first.push_back(id.clone()),
                Queue::Isolated => self.isolated.push_back(id.clone()),
                Queue::Bulk | Queue::Nowhere => self.bulk.push_back(id.clone()),
            }
        }
    }

    /// Whether any object waits for a call; `apart` says whether one that is kept apart could have it.
    pub(super) fn wants(&self, apart: bool) -> bool {
        !self.first.is_empty() || !self.bulk.is_empty() || (apart && !self.isolated.is_empty())
    }

    /// Objects that wait for a call.
    pub(super) fn waiting(&self) -> usize {
        self.first.len() + self.bulk.len() + self.isolated.len()
    }

    /// The next call: objects for which a request waits, then, as room is left, what will be asked for before `horizon`, if there
    /// is one.
    pub(super) fn batch(&mut self, key: &GroupKey, room: BatchRoom, now: Instant, horizon: Option<Instant>) -> Option<Batch> {
        let mut left = room.series;
        let mut entries = self.take_wanted(room.objects, &mut left, now);
        if entries.is_empty() {
            return None;
        }
        let Some(horizon) = horizon else { return Some(Batch::new(key.clone(), entries)) };
        for entry in &mut entries {
            self.take_prefetched(entry, &mut left, now, horizon);
        }
        for object in self.next(&entries, room.objects.saturating_sub(entries.len()), now, horizon) {
            let mut entry = BatchEntry::wanted(object, Vec::new());
            self.take_prefetched(&mut entry, &mut left, now, horizon);
            if !entry.prefetched.is_empty() {
                entries.push(entry);
            }
        }
        Some(Batch::new(key.clone(), entries))
    }

    /// The call for the next object that is kept apart.
    pub(super) fn isolated_batch(&mut self, key: &GroupKey, room: BatchRoom) -> Option<Batch> {
        while let Some(id) = self.isolated.pop_front() {
            let Some(entity) = self.entities.get_mut(&id) else { continue };
            entity.queued = Queue::Nowhere;
            let wanted = entity.take_wanted(room.series);
            if entity.wants() {
                entity.queued = Queue::Isolated;
                self.isolated.push_front(id);
            }
            if !wanted.is_empty() {
                let entry = BatchEntry::wanted(entity.object.clone(), wanted);
                return Some(Batch::isolated(key.clone(), entry));
            }
        }
        None
    }

    fn take_wanted(&mut self, objects: usize, left: &mut usize, now: Instant) -> Vec<BatchEntry> {
        let mut entries = Vec::new();
        while entries.len() < objects && *left > 0 {
            let Some(id) = self.first.pop_front().or_else(|| self.bulk.pop_front()) else { break };
            let Some(entity) = self.entities.get_mut(&id) else { continue };
            if entity.is_isolated(now) {
                entity.queued = Queue::Isolated;
                self.isolated.push_back(id);
                continue;
            }
            entity.queued = Queue::Nowhere;
            let wanted = entity.take_wanted(*left);
            *left -= wanted.len();
            if !wanted.is_empty() {
                entries.push(BatchEntry::wanted(entity.object.clone(), wanted));
            }
            if entity.wants() {
                entity.queued = Queue::First;
                self.first.push_front(id);
                break;
            }
        }
        entries
    }

    fn take_prefetched(&mut self, entry: &mut BatchEntry, left: &mut usize, now: Instant, horizon: Instant) {
        let Some(entity) = self.entities.get_mut(&entry.object.id) else { return };
        entry.prefetched = entity.take_prefetched(now, horizon, &self.popular, *left);
        *left -= entry.prefetched.len();
    }

    /// The objects that will be asked for next, of those that are in no call and no queue.
    fn next(&self, entries: &[BatchEntry], most: usize, now: Instant, horizon: Instant) -> Vec<MoRef> {
        if most == 0 {
            return Vec::new();
        }
        let inside: HashSet<&Arc<str>> = entries.iter().map(|entry| &entry.object.id).collect();
        let others = self
            .entities
            .iter()
            .filter(|(id, entity)| entity.queued == Queue::Nowhere && !entity.is_isolated(now) && !inside.contains(id));
        let due = others.filter_map(|(id, entity)| Some((entity.due(now, horizon, self.popular.len())?, id, &entity.object)));
        let mut due: Vec<_> = due.collect();
        if due.len() > most {
            due.select_nth_unstable(most);
            due.truncate(most);
        }
        due.sort_unstable();
        due.into_iter().map(|(_, _, object)| object.clone()).collect()
    }

    /// A call was refused that asked for this one series of one object.
    pub(super) fn refuse(&mut self, metric: &Metric, error: &Arc<ReadError>, now: Instant) {
        let refused = || RefusedSeries { error: error.clone(), objects: 0, until: None };
        let refused = self.refused.entry(metric.clone()).or_insert_with(refused);
        refused.objects += 1;
        if refused.objects >= REFUSALS {
            refused.until = Some(now + REFUSED);
        }
    }

    /// A series was given for some object after all.
    pub(super) fn given(&mut self, metric: &Metric) {
        self.refused.remove(metric);
    }

    /// Leaves out of a part what is refused for the type by now, and says whether anything is left.
    pub(super) fn without_refused(&mut self, entry: &mut BatchEntry, now: Instant) -> bool {
        let Some(entity) = self.entities.get_mut(&entry.object.id) else { return false };
        for metrics in [&mut entry.wanted, &mut entry.prefetched] {
            metrics.retain(|metric| match standing(&self.refused, metric, now) {
                Some(refused) => {
                    entity.series_of(metric, now).fail(refused.error.clone(), refused.until.unwrap_or(now));
                    false
                }
                None => true,
            });
        }
        entity.answer_waiting();
        entry.metrics().next().is_some()
    }

    /// Forgets what was not asked for in this time; how many series are kept afterwards.
    pub(super) fn sweep(&mut self, now: Instant, after: Duration) -> usize {
        self.entities.retain(|_, entity| {
            entity.forget(now, after);
            !(entity.series.is_empty() && entity.is_at_rest())
        });
        self.refused.retain(|_, refused| refused.until.is_some_and(|until| until > now));
        self.askers.values_mut().for_each(|askers| *askers = 0);
        for series in self.entities.values().flat_map(|entity| &entity.series) {
            *self.askers.entry(series.metric.clone()).or_default() += usize::from(!series.is_guess());
        }
        let used: HashSet<&Metric> =
            self.entities.values().flat_map(|entity| &entity.series).map(|series| &*series.metric).collect();
        self.askers.retain(|metric, _| used.contains(&**metric));
        self.popular.retain(|metric| self.askers.get(metric).is_some_and(|askers| *askers >= POPULAR));
        self.entities.values_mut().for_each(|entity| entity.considered = self.popular.len());
        self.kept()
    }

    /// Series that are kept.
    pub(super) fn kept(&self) -> usize {
        self.entities.values().map(|entity| entity.series.len()).sum()
    }

    /// Fails whatever waits for a call.
    pub(super) fn fail_waiting(&mut self, error: &Arc<ReadError>, until: Instant) {
        [&mut self.first, &mut self.bulk, &mut self.isolated].into_iter().for_each(VecDeque::clear);
        for entity in self.entities.values_mut().filter(|entity| entity.queued != Queue::Nowhere) {
            entity.queued = Queue::Nowhere;
            entity
                .series
                .iter_mut()
                .filter(|series| series.stage == SeriesStage::Wanted)
                .for_each(|series| series.fail(error.clone(), until));
            entity.answer_waiting();
        }
    }
}

fn standing<'a>(refused: &'a HashMap<Metric, RefusedSeries>, metric: &Metric, now: Instant) -> Option<&'a RefusedSeries> {
    refused.get(metric).filter(|refused| refused.until.is_some_and(|until| until > now))
}
