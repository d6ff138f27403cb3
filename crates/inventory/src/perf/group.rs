//! The objects of one type and their series, in one window of time: those that can share a call.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{Metric, MoRef};

use super::call::{Call, Part};
use super::cell::{Answered, Stage};
use super::entity::{Entity, Queued};
use super::waiter::Waiter;
use crate::border::{ReadError, Window};

/// What objects must have in common to share a call.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Key {
    /// The managed type.
    pub kind: Arc<str>,
    pub window: Window,
}

/// Objects of one type, by their ids.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub entities: HashMap<Arc<str>, Entity>,
    /// How many objects each series was asked of.
    askers: HashMap<Arc<Metric>, usize>,
    /// Series that were asked of several objects: probably all of them will be.
    popular: Vec<Arc<Metric>>,
    /// Objects that wait for a call. One may stand in two queues; the second time it comes up it wants nothing.
    ahead: VecDeque<Arc<str>>,
    behind: VecDeque<Arc<str>>,
    apart: VecDeque<Arc<str>>,
    /// Series that the server refuses for this type.
    refused: HashMap<Metric, Refused>,
}

#[derive(Debug)]
struct Refused {
    error: Arc<ReadError>,
    /// Objects for which it was refused.
    objects: usize,
    /// Taken for granted until then.
    until: Option<Instant>,
}

/// How large a call may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub objects: usize,
    pub series: usize,
}

/// A series that was asked of so many objects is guessed for others; at most so many series are.
const POPULAR: usize = 2;
const MOST_POPULAR: usize = 64;
/// A series that was refused for so many objects and given for none is refused for all, for this time.
const REFUSALS: usize = 3;
pub(super) const REFUSED: Duration = Duration::from_secs(600);

impl Group {
    /// A request asks for series of an object. The waiter is told when something has to be waited for.
    pub fn ask(&mut self, object: &MoRef, place: usize, waiter: &Arc<Waiter>, queue: Queued, now: Instant) -> Vec<Answered> {
        let metrics: Vec<Arc<Metric>> = waiter.metrics.iter().map(|metric| self.intern(metric)).collect();
        let entity = self.entities.entry(object.id.clone()).or_insert_with(|| Entity::new(object.clone()));
        let mut answers = Vec::with_capacity(metrics.len());
        for metric in &metrics {
            let (mut answered, first) = entity.ask(metric, now);
            if first && let Some(askers) = self.askers.get_mut(metric) {
                *askers += 1;
                if *askers == POPULAR && self.popular.len() < MOST_POPULAR {
                    self.popular.push(metric.clone());
                }
            }
            if answered == Answered::Later
                && let Some(refused) = standing(&self.refused, metric, now)
            {
                entity.cell(metric, now).fail(refused.error.clone(), refused.until.unwrap_or(now));
                answered = Answered::Now;
            }
            answers.push(answered);
        }
        match entity.answer(&waiter.metrics) {
            Some(found) => waiter.fill(place, found),
            None => entity.wait(waiter, place),
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
    fn enqueue(&mut self, id: &Arc<str>, queue: Queued, now: Instant) {
        let Some(entity) = self.entities.get_mut(id).filter(|entity| entity.wants()) else { return };
        let queue = if entity.is_alone(now) { Queued::Apart } else { queue };
        // One that waits behind may go ahead, not the other way round.
        if entity.queued == Queued::Nowhere || (entity.queued, queue) == (Queued::Behind, Queued::Ahead) {
            entity.queued = queue;
            match queue {
                Queued::Ahead => self.ahead.push_back(id.clone()),
                Queued::Apart => self.apart.push_back(id.clone()),
                Queued::Behind | Queued::Nowhere => self.behind.push_back(id.clone()),
            }
        }
    }

    /// Whether any object waits for a call; `apart` says whether one that is kept apart could have it.
    pub fn wants(&self, apart: bool) -> bool {
        !self.ahead.is_empty() || !self.behind.is_empty() || (apart && !self.apart.is_empty())
    }

    /// Objects that wait for a call.
    pub fn waiting(&self) -> usize {
        self.ahead.len() + self.behind.len() + self.apart.len()
    }

    /// The next call: objects for which somebody waits, then, as room is left, what will be asked for before `horizon`, if there
    /// is one.
    pub fn call(&mut self, key: &Key, room: Room, now: Instant, horizon: Option<Instant>) -> Option<Call> {
        let mut left = room.series;
        let mut parts = self.take_wanted(room.objects, &mut left, now);
        if parts.is_empty() {
            return None;
        }
        let Some(horizon) = horizon else { return Some(Call::new(key.clone(), parts)) };
        for part in &mut parts {
            self.take_ahead(part, &mut left, now, horizon);
        }
        for object in self.next(&parts, room.objects.saturating_sub(parts.len()), now, horizon) {
            let mut part = Part { object, wanted: Vec::new(), ahead: Vec::new() };
            self.take_ahead(&mut part, &mut left, now, horizon);
            if !part.ahead.is_empty() {
                parts.push(part);
            }
        }
        Some(Call::new(key.clone(), parts))
    }

    /// The call for the next object that is kept apart.
    pub fn call_apart(&mut self, key: &Key, room: Room) -> Option<Call> {
        while let Some(id) = self.apart.pop_front() {
            let Some(entity) = self.entities.get_mut(&id) else { continue };
            entity.queued = Queued::Nowhere;
            let wanted = entity.take_wanted(room.series);
            if entity.wants() {
                entity.queued = Queued::Apart;
                self.apart.push_front(id);
            }
            if !wanted.is_empty() {
                let part = Part { object: entity.object.clone(), wanted, ahead: Vec::new() };
                return Some(Call::alone(key.clone(), part));
            }
        }
        None
    }

    fn take_wanted(&mut self, objects: usize, left: &mut usize, now: Instant) -> Vec<Part> {
        let mut parts = Vec::new();
        while parts.len() < objects && *left > 0 {
            let Some(id) = self.ahead.pop_front().or_else(|| self.behind.pop_front()) else { break };
            let Some(entity) = self.entities.get_mut(&id) else { continue };
            if entity.is_alone(now) {
                entity.queued = Queued::Apart;
                self.apart.push_back(id);
                continue;
            }
            entity.queued = Queued::Nowhere;
            let wanted = entity.take_wanted(*left);
            *left -= wanted.len();
            if !wanted.is_empty() {
                parts.push(Part { object: entity.object.clone(), wanted, ahead: Vec::new() });
            }
            if entity.wants() {
                entity.queued = Queued::Ahead;
                self.ahead.push_front(id);
                break;
            }
        }
        parts
    }

    fn take_ahead(&mut self, part: &mut Part, left: &mut usize, now: Instant, horizon: Instant) {
        let Some(entity) = self.entities.get_mut(&part.object.id) else { return };
        part.ahead = entity.take_ahead(now, horizon, &self.popular, *left);
        *left -= part.ahead.len();
    }

    /// The objects that will be asked for next, of those that are in no call and no queue.
    fn next(&self, parts: &[Part], most: usize, now: Instant, horizon: Instant) -> Vec<MoRef> {
        if most == 0 {
            return Vec::new();
        }
        let inside: HashSet<&Arc<str>> = parts.iter().map(|part| &part.object.id).collect();
        let others = self
            .entities
            .iter()
            .filter(|(id, entity)| entity.queued == Queued::Nowhere && !entity.is_alone(now) && !inside.contains(id));
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
    pub fn refuse(&mut self, metric: &Metric, error: &Arc<ReadError>, now: Instant) {
        let refused = || Refused { error: error.clone(), objects: 0, until: None };
        let refused = self.refused.entry(metric.clone()).or_insert_with(refused);
        refused.objects += 1;
        if refused.objects >= REFUSALS {
            refused.until = Some(now + REFUSED);
        }
    }

    /// A series was given for some object after all.
    pub fn given(&mut self, metric: &Metric) {
        self.refused.remove(metric);
    }

    /// Leaves out of a part what is refused for the type by now, and says whether anything is left.
    pub fn without_refused(&mut self, part: &mut Part, now: Instant) -> bool {
        let Some(entity) = self.entities.get_mut(&part.object.id) else { return false };
        for metrics in [&mut part.wanted, &mut part.ahead] {
            metrics.retain(|metric| match standing(&self.refused, metric, now) {
                Some(refused) => {
                    entity.cell(metric, now).fail(refused.error.clone(), refused.until.unwrap_or(now));
                    false
                }
                None => true,
            });
        }
        entity.tell();
        part.metrics().next().is_some()
    }

    /// Forgets what nobody asked for in this time; how many series are kept afterwards.
    pub fn sweep(&mut self, now: Instant, after: Duration) -> usize {
        self.entities.retain(|_, entity| {
            entity.forget(now, after);
            !(entity.cells.is_empty() && entity.is_at_rest())
        });
        self.refused.retain(|_, refused| refused.until.is_some_and(|until| until > now));
        self.askers.values_mut().for_each(|askers| *askers = 0);
        for cell in self.entities.values().flat_map(|entity| &entity.cells) {
            *self.askers.entry(cell.metric.clone()).or_default() += usize::from(!cell.is_guess());
        }
        let used: HashSet<&Metric> = self.entities.values().flat_map(|entity| &entity.cells).map(|cell| &*cell.metric).collect();
        self.askers.retain(|metric, _| used.contains(&**metric));
        self.popular.retain(|metric| self.askers.get(metric).is_some_and(|askers| *askers >= POPULAR));
        self.entities.values_mut().for_each(|entity| entity.considered = self.popular.len());
        self.kept()
    }

    /// Series that are kept.
    pub fn kept(&self) -> usize {
        self.entities.values().map(|entity| entity.cells.len()).sum()
    }

    /// Fails whatever waits for a call.
    pub fn fail_waiting(&mut self, error: &Arc<ReadError>, until: Instant) {
        [&mut self.ahead, &mut self.behind, &mut self.apart].into_iter().for_each(VecDeque::clear);
        for entity in self.entities.values_mut().filter(|entity| entity.queued != Queued::Nowhere) {
            entity.queued = Queued::Nowhere;
            entity.cells.iter_mut().filter(|cell| cell.stage == Stage::Wanted).for_each(|cell| cell.fail(error.clone(), until));
            entity.tell();
        }
    }
}

fn standing<'a>(refused: &'a HashMap<Metric, Refused>, metric: &Metric, now: Instant) -> Option<&'a Refused> {
    refused.get(metric).filter(|refused| refused.until.is_some_and(|until| until > now))
}
