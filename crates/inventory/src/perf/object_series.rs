//! One object whose series are asked for.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{Metric, MoRef};

use super::batch::BatchEntry;
use super::cached_series::{AskOutcome, CachedSeries, SeriesStage};
use super::pending_request::PendingRequest;
use super::rhythms::CounterRhythms;
use crate::border::{SampleResult, Window};

/// An object with its series, in one window of time.
#[derive(Debug)]
pub(super) struct ObjectSeries {
    pub object: MoRef,
    pub series: Vec<CachedSeries>,
    /// Requests that wait for some of its series, each with its place among the request's objects.
    waiting: Vec<(Weak<PendingRequest>, usize)>,
    /// Where it waits for a call.
    pub queued: Queue,
    /// How many of the popular series were considered for it.
    pub considered: usize,
    /// It made calls fail: until then it is asked by itself.
    pub isolated_until: Option<Instant>,
}

/// Where an object waits for a call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Queue {
    #[default]
    Nowhere,
    /// With all the objects of a request for many.
    Bulk,
    /// With those of which a few are asked for at a time, which go first.
    First,
    /// With those that get a call to themselves.
    Isolated,
}

/// Nobody asked for anything this long: it is forgotten.
pub(super) const FORGET: Duration = Duration::from_secs(900);
/// An object that is asked for may get series that others of its type are asked for; one that is not any more does not.
const ACTIVE: Duration = Duration::from_secs(300);
/// How long an object that fails is kept apart, unless it is answered meanwhile.
const APART: Duration = Duration::from_secs(600);

impl ObjectSeries {
    pub(super) fn new(object: MoRef) -> Self {
        Self { object, series: Vec::new(), waiting: Vec::new(), queued: Queue::Nowhere, considered: 0, isolated_until: None }
    }

    /// Makes room for the series of a first question, and no more: there are many objects.
    pub(super) fn expect(&mut self, series: usize) {
        if self.series.is_empty() {
            self.series.reserve_exact(series);
        }
    }

    /// The place of a series, made when it is new.
    pub(super) fn series_of(&mut self, metric: &Arc<Metric>, now: Instant) -> &mut CachedSeries {
        let at = self.series.iter().position(|series| series.metric == *metric).unwrap_or_else(|| {
            self.series.push(CachedSeries::new(metric.clone(), now));
            self.series.len() - 1
        });
        &mut self.series[at]
    }

    fn known(&self, metric: &Metric) -> Option<&CachedSeries> {
        self.series.iter().find(|series| *series.metric == *metric)
    }

    /// A request waits for series that were asked for and are not there.
    pub(super) fn wait(&mut self, request: &Arc<PendingRequest>, place: usize) {
        self.waiting.push((Arc::downgrade(request), place));
    }

    /// Tells those who wait for nothing more, and forgets those who gave up.
    pub(super) fn answer_waiting(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|(request, place)| {
            let Some(request) = request.upgrade() else { return false };
            let told = self.answer(&request.metrics);
            told.map(|found| request.fill(*place, found)).is_none()
        });
        self.waiting = waiting;
    }

    /// What is known of these series, unless some are on their way.
    pub(super) fn answer(&self, metrics: &[Metric]) -> Option<Vec<SampleResult>> {
        let answer = |metric| match self.known(metric) {
            Some(series) if series.stage != SeriesStage::Idle => None,
            Some(series) => Some(series.found()),
            None => Some(Ok(Vec::new())),
        };
        metrics.iter().map(answer).collect()
    }

    /// Whether a call has yet to be made for it.
    pub(super) fn wants(&self) -> bool {
        self.series.iter().any(|series| series.stage == SeriesStage::Wanted)
    }

    /// Whether it may share a call with others.
    pub(super) fn is_isolated(&self, now: Instant) -> bool {
        self.isolated_until.is_some_and(|until| until > now)
    }

    /// It made a call fail.
    pub(super) fn isolate(&mut self, now: Instant) {
        self.isolated_until = Some(now + APART);
    }

    /// It was answered.
    pub(super) fn release(&mut self) {
        self.isolated_until = None;
    }

    /// Up to `most` series that a request waits for; a call has them from now on. None when all who waited gave up.
    pub(super) fn take_wanted(&mut self, most: usize) -> Vec<Arc<Metric>> {
        self.waiting.retain(|(request, _)| request.strong_count() > 0);
        if self.waiting.is_empty() {
            self.series
                .iter_mut()
                .filter(|series| series.stage == SeriesStage::Wanted)
                .for_each(|series| series.stage = SeriesStage::Idle);
        }
        let wanted = self.series.iter_mut().filter(|series| series.stage == SeriesStage::Wanted).take(most);
        wanted.map(taken).collect()
    }

    /// Of the series in a call, those to be asked further back than usual, and how many intervals.
    pub(super) fn deeper(&self, entry: &BatchEntry, window: Window, counters: &CounterRhythms) -> Vec<(Arc<Metric>, usize)> {
        let called = self.series.iter().filter(|series| series.stage == SeriesStage::Called);
        let deeper = called.filter_map(|series| {
            let reach = series.rhythm.reach(window, counters.sparse(series.metric.counter))?;
            Some((series.metric.clone(), reach))
        });
        deeper.filter(|(metric, _)| entry.metrics().any(|asked| asked == metric)).collect()
    }

    /// Up to `most` series that will be asked for soon, or that others are asked for; a call has them from now on.
    pub(super) fn take_prefetched(
        &mut self,
        now: Instant,
        horizon: Instant,
        popular: &[Arc<Metric>],
        most: usize,
    ) -> Vec<Arc<Metric>> {
        let due = self.series.iter_mut().filter(|series| series.due(now, horizon).is_some()).take(most);
        let mut prefetched: Vec<Arc<Metric>> = due.map(taken).collect();
        for metric in popular.iter().skip(self.considered) {
            if prefetched.len() >= most {
                return prefetched;
            }
            self.considered += 1;
            if self.known(metric).is_none() {
                prefetched.push(taken(self.series_of(metric, now)));
            }
        }
        prefetched
    }

    /// When its next series will be asked for, if it has a place in a call now.
    pub(super) fn due(&self, now: Instant, horizon: Instant, popular: usize) -> Option<Instant> {
        let due = self.series.iter().filter_map(|series| series.due(now, horizon)).min();
        let guess = || {
            let asked = self.asked()?;
            (self.considered < popular && now.saturating_duration_since(asked) <= ACTIVE).then_some(asked)
        };
        due.or_else(guess)
    }

    /// When anything of it was last asked for.
    pub(super) fn asked(&self) -> Option<Instant> {
        self.series.iter().filter_map(CachedSeries::asked).max()
    }

    /// Whether it can be forgotten without anybody missing an answer.
    pub(super) fn is_at_rest(&self) -> bool {
        self.queued == Queue::Nowhere && self.series.iter().all(|series| series.stage == SeriesStage::Idle)
    }

    /// Forgets the series that were not asked for in this time; earlier, what was only guessed.
    pub(super) fn forget(&mut self, now: Instant, after: Duration) {
        self.series.retain(|series| {
            let known = match series.asked() {
                Some(asked) => now.saturating_duration_since(asked) < after,
                None => !after.is_zero() && series.is_promising(now),
            };
            known || series.stage != SeriesStage::Idle
        });
    }

    /// Somebody asks for a series; says as well whether it is the first time.
    pub(super) fn ask(&mut self, metric: &Arc<Metric>, now: Instant) -> (AskOutcome, bool) {
        let series = self.series_of(metric, now);
        let first = series.is_guess();
        (series.ask(now), first)
    }
}

fn taken(series: &mut CachedSeries) -> Arc<Metric> {
    series.stage = SeriesStage::Called;
    series.metric.clone()
}
