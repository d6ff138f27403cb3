//! One object whose series are asked for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{Metric, MoRef};

use super::cell::{Answered, Cell, Stage};
use super::waiter::Waiter;
use crate::border::SampleResult;

/// An object with its series, in one window of time.
#[derive(Debug)]
pub(super) struct Entity {
    pub object: MoRef,
    pub cells: Vec<Cell>,
    /// Requests that wait for some of its series, each with its place among the request's objects.
    waiting: Vec<(Weak<Waiter>, usize)>,
    /// Where it waits for a call.
    pub queued: Queued,
    /// How many of the popular series were considered for it.
    pub considered: usize,
    /// It made calls fail: until then it is asked by itself.
    pub alone_until: Option<Instant>,
}

/// Where an object waits for a call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Queued {
    #[default]
    Nowhere,
    /// With all the objects of a request for many.
    Behind,
    /// With those of which a few are asked for at a time, which go first.
    Ahead,
    /// With those that get a call to themselves.
    Apart,
}

/// Nobody asked for anything this long: it is forgotten.
pub(super) const FORGET: Duration = Duration::from_secs(900);
/// An object that is asked for may get series that others of its type are asked for; one that is not any more does not.
const ACTIVE: Duration = Duration::from_secs(300);
/// How long an object that fails is kept apart, unless it is answered meanwhile.
const APART: Duration = Duration::from_secs(600);

impl Entity {
    pub fn new(object: MoRef) -> Self {
        Self { object, cells: Vec::new(), waiting: Vec::new(), queued: Queued::Nowhere, considered: 0, alone_until: None }
    }

    /// The place of a series, made when it is new.
    pub fn cell(&mut self, metric: &Arc<Metric>, now: Instant) -> &mut Cell {
        let at = self.cells.iter().position(|cell| cell.metric == *metric).unwrap_or_else(|| {
            self.cells.push(Cell::new(metric.clone(), now));
            self.cells.len() - 1
        });
        &mut self.cells[at]
    }

    fn known(&self, metric: &Metric) -> Option<&Cell> {
        self.cells.iter().find(|cell| *cell.metric == *metric)
    }

    /// A request waits for series that were asked for and are not there.
    pub fn wait(&mut self, waiter: &Arc<Waiter>, place: usize) {
        self.waiting.push((Arc::downgrade(waiter), place));
    }

    /// Tells those who wait for nothing more, and forgets those who gave up.
    pub fn tell(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|(waiter, place)| {
            let Some(waiter) = waiter.upgrade() else { return false };
            let told = self.answer(&waiter.metrics);
            told.map(|found| waiter.fill(*place, found)).is_none()
        });
        self.waiting = waiting;
    }

    /// What is known of these series, unless some are on their way.
    pub fn answer(&self, metrics: &[Metric]) -> Option<Vec<SampleResult>> {
        let answer = |metric| match self.known(metric) {
            Some(cell) if cell.stage != Stage::Idle => None,
            Some(cell) => Some(cell.found()),
            None => Some(Ok(Vec::new())),
        };
        metrics.iter().map(answer).collect()
    }

    /// Whether a call has yet to be made for it.
    pub fn wants(&self) -> bool {
        self.cells.iter().any(|cell| cell.stage == Stage::Wanted)
    }

    /// Whether it may share a call with others.
    pub fn is_alone(&self, now: Instant) -> bool {
        self.alone_until.is_some_and(|until| until > now)
    }

    /// It made a call fail.
    pub fn set_apart(&mut self, now: Instant) {
        self.alone_until = Some(now + APART);
    }

    /// It was answered.
    pub fn set_free(&mut self) {
        self.alone_until = None;
    }

    /// Up to so many series that somebody waits for; a call has them from now on. None when all who waited gave up.
    pub fn take_wanted(&mut self, most: usize) -> Vec<Arc<Metric>> {
        self.waiting.retain(|(waiter, _)| waiter.strong_count() > 0);
        if self.waiting.is_empty() {
            self.cells.iter_mut().filter(|cell| cell.stage == Stage::Wanted).for_each(|cell| cell.stage = Stage::Idle);
        }
        let wanted = self.cells.iter_mut().filter(|cell| cell.stage == Stage::Wanted).take(most);
        wanted.map(taken).collect()
    }

    /// Up to so many series that will be asked for soon, or that others are asked for; a call has them from now on.
    pub fn take_ahead(&mut self, now: Instant, horizon: Instant, popular: &[Arc<Metric>], most: usize) -> Vec<Arc<Metric>> {
        let due = self.cells.iter_mut().filter(|cell| cell.due(now, horizon).is_some()).take(most);
        let mut ahead: Vec<Arc<Metric>> = due.map(taken).collect();
        for metric in popular.iter().skip(self.considered) {
            if ahead.len() >= most {
                return ahead;
            }
            self.considered += 1;
            if self.known(metric).is_none() {
                ahead.push(taken(self.cell(metric, now)));
            }
        }
        ahead
    }

    /// When its next series will be asked for, if it has a place in a call now.
    pub fn due(&self, now: Instant, horizon: Instant, popular: usize) -> Option<Instant> {
        let due = self.cells.iter().filter_map(|cell| cell.due(now, horizon)).min();
        let guess = || {
            let asked = self.asked()?;
            (self.considered < popular && now.saturating_duration_since(asked) <= ACTIVE).then_some(asked)
        };
        due.or_else(guess)
    }

    /// When anything of it was last asked for.
    pub fn asked(&self) -> Option<Instant> {
        self.cells.iter().filter_map(Cell::asked).max()
    }

    /// Whether it can be forgotten without anybody missing an answer.
    pub fn is_at_rest(&self) -> bool {
        self.queued == Queued::Nowhere && self.cells.iter().all(|cell| cell.stage == Stage::Idle)
    }

    /// Forgets the series that nobody asked for in this time; earlier, what was only guessed.
    pub fn forget(&mut self, now: Instant, after: Duration) {
        self.cells.retain(|cell| {
            let known = match cell.asked() {
                Some(asked) => now.saturating_duration_since(asked) < after,
                None => !after.is_zero() && cell.is_promising(now),
            };
            known || cell.stage != Stage::Idle
        });
    }

    /// Somebody asks for a series; says as well whether it is the first time.
    pub fn ask(&mut self, metric: &Arc<Metric>, now: Instant) -> (Answered, bool) {
        let cell = self.cell(metric, now);
        let first = cell.is_guess();
        (cell.ask(now), first)
    }
}

fn taken(cell: &mut Cell) -> Arc<Metric> {
    cell.stage = Stage::Called;
    cell.metric.clone()
}
