//! One series of one object: what is kept of it, and when it will be asked for again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{DateTime, Metric, Sample, Series};

use super::rhythm::Rhythm;
use super::tick::Tick;
use crate::border::{ReadError, SampleResult};

/// What is known of a series. There may be a million of them.
#[derive(Debug)]
pub(super) struct CachedSeries {
    pub metric: Arc<Metric>,
    pub stage: SeriesStage,
    samples: CachedSamples,
    /// What is kept holds until then.
    until: Option<Tick>,
    /// When it was first thought of.
    made: Tick,
    /// When a request last asked; none for a series that was only guessed.
    asked: Option<Tick>,
    /// Milliseconds between two questions, once there were two.
    gap: Option<NonZeroU32>,
    /// It was prefetched, and no request has used that yet.
    prefetched: bool,
    pub rhythm: Rhythm,
}

/// Where a series is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SeriesStage {
    /// Nobody waits for it.
    Idle,
    /// Somebody waits, and no call has it yet.
    Wanted,
    /// A call has it.
    Called,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AskOutcome {
    /// From memory.
    Cached,
    /// From memory, where it had been put ahead of the question.
    Prefetched,
    /// By a call under way.
    InFlight,
    /// By a call that has yet to be made.
    Queued,
}

#[derive(Debug)]
enum CachedSamples {
    Nothing,
    /// The one sample of the one series: by far the most usual, so it takes no memory of its own.
    One(Sample),
    /// Several of that series, exactly as long as it must be.
    Several(Box<[Sample]>),
    Some(Box<[Series]>),
    Failed(Arc<ReadError>),
}

/// Questions this close together are one.
const SAME: Duration = Duration::from_secs(1);
/// A series that was asked for once may be asked for again within this time, and one that was guessed within that.
const NEWCOMER: Duration = Duration::from_secs(300);
const GUESS: Duration = Duration::from_secs(120);
/// One that comes round is waited for at least this long, or this number of its rounds.
const PATIENCE: Duration = Duration::from_secs(120);
const ROUNDS: u32 = 3;

impl CachedSeries {
    /// A series that was not asked for yet.
    pub(super) fn new(metric: Arc<Metric>, made: Instant) -> Self {
        Self {
            metric,
            stage: SeriesStage::Idle,
            samples: CachedSamples::Nothing,
            until: None,
            made: made.into(),
            asked: None,
            gap: None,
            prefetched: false,
            rhythm: Rhythm::default(),
        }
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now.into())
    }

    /// Whether a guess may yet come true.
    pub(super) fn is_promising(&self, now: Instant) -> bool {
        self.is_fresh(now) || now.saturating_duration_since(self.made.at()) < GUESS
    }

    fn is_empty(&self) -> bool {
        matches!(self.samples, CachedSamples::Nothing)
    }

    /// Whether no request ever asked for it.
    pub(super) fn is_guess(&self) -> bool {
        self.asked.is_none()
    }

    pub(super) fn asked(&self) -> Option<Instant> {
        self.asked.map(Tick::at)
    }

    /// The time between two questions, once there were two.
    fn gap(&self) -> Option<Duration> {
        self.gap.map(|millis| Duration::from_millis(millis.get().into()))
    }

    /// Somebody asks.
    pub(super) fn ask(&mut self, now: Instant) -> AskOutcome {
        if let Some(since) = self.asked().map(|asked| now.saturating_duration_since(asked)).filter(|since| *since >= SAME) {
            // Two who ask in turn make uneven gaps; the shorter one counts, and is soon forgotten when it does not come back.
            let gap = self.gap().map_or(since, |gap| since.min(2 * gap));
            self.gap = NonZeroU32::new(u32::try_from(gap.as_millis()).unwrap_or(u32::MAX));
        }
        self.asked = Some(now.into());
        if self.is_fresh(now) {
            return if std::mem::take(&mut self.prefetched) { AskOutcome::Prefetched } else { AskOutcome::Cached };
        }
        match self.stage {
            SeriesStage::Called => AskOutcome::InFlight,
            SeriesStage::Idle | SeriesStage::Wanted => {
                self.stage = SeriesStage::Wanted;
                AskOutcome::Queued
            }
        }
    }

    /// When it will be asked for, if that is worth asking ahead: nothing holds that long, and an answer got now would.
    pub(super) fn due(&self, now: Instant, horizon: Instant) -> Option<Instant> {
        if self.stage != SeriesStage::Idle || self.is_fresh(now) {
            return None;
        }
        let (since, wait, patience) = match (self.asked(), self.gap()) {
            // A little early, as rounds are not exact.
            (Some(asked), Some(gap)) => (asked, gap - gap / 10, PATIENCE.max(gap * ROUNDS)),
            (Some(asked), None) => (asked, Duration::ZERO, NEWCOMER),
            // Objects that lack what others have are not guessed for again.
            (None, _) => (self.made.at(), Duration::ZERO, if self.is_empty() { Duration::ZERO } else { GUESS }),
        };
        let next = since + wait;
        (next <= horizon && now.saturating_duration_since(since) < patience).then_some(next)
    }

    /// Takes in what a call found: the newest samples of the series, oldest first.
    pub(super) fn settle(&mut self, series: Vec<Series>, samples: usize, until: Instant, prefetched: bool) {
        let mut series = series;
        for one in &mut series {
            let surplus = one.samples.len().saturating_sub(samples);
            one.samples.drain(..surplus);
        }
        series.retain(|one| !one.samples.is_empty());
        self.samples = match series.as_slice() {
            [] => CachedSamples::Nothing,
            [Series { metric, samples }] if *metric == *self.metric => match samples.as_slice() {
                [sample] => CachedSamples::One(*sample),
                samples => CachedSamples::Several(samples.into()),
            },
            _ => {
                series.iter_mut().for_each(|one| one.samples.shrink_to_fit());
                CachedSamples::Some(series.into())
            }
        };
        self.stage = SeriesStage::Idle;
        self.until = Some(until.into());
        self.prefetched = prefetched;
    }

    /// It has to be asked for once more: by a call to come, if a request waits for it, else when it is asked for.
    pub(super) fn ask_again(&mut self, waited_for: bool) {
        self.stage = if waited_for { SeriesStage::Wanted } else { SeriesStage::Idle };
    }

    /// It cannot be had.
    pub(super) fn fail(&mut self, error: Arc<ReadError>, until: Instant) {
        (self.samples, self.stage, self.until, self.prefetched) =
            (CachedSamples::Failed(error), SeriesStage::Idle, Some(until.into()), false);
    }

    /// Its newest sample's moment.
    pub(super) fn newest(series: &[Series]) -> Option<DateTime> {
        let newest = series.iter().filter_map(|one| one.samples.last()).map(|sample| sample.at);
        newest.max_by_key(|at| at.unix_micros())
    }

    /// What is kept.
    pub(super) fn found(&self) -> SampleResult {
        match &self.samples {
            CachedSamples::Nothing => Ok(Vec::new()),
            CachedSamples::One(sample) => Ok(vec![Series { metric: (*self.metric).clone(), samples: vec![*sample] }]),
            CachedSamples::Several(samples) => Ok(vec![Series { metric: (*self.metric).clone(), samples: samples.to_vec() }]),
            CachedSamples::Some(series) => Ok(series.to_vec()),
            CachedSamples::Failed(error) => Err((**error).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_million_take_less_than_ninety_megabytes() {
        assert!(size_of::<CachedSeries>() <= 88, "{}", size_of::<CachedSeries>());
    }

    fn unasked() -> CachedSeries {
        CachedSeries::new(Arc::new(Metric::new(2, "")), Instant::now())
    }

    fn sample(second: i64, value: i64) -> Sample {
        Sample { at: DateTime::from_unix_micros(second * 1_000_000), interval: 20, value }
    }

    fn series(instance: &str, values: &[i64]) -> Series {
        let samples = values.iter().zip(0..).map(|(value, at)| sample(20 * at, *value)).collect();
        Series { metric: Metric::new(2, instance), samples }
    }

    #[test]
    fn an_answer_is_used_until_its_time() {
        let (mut cached, start) = (unasked(), Instant::now());
        assert_eq!(cached.ask(start), AskOutcome::Queued);
        assert_eq!(cached.ask(start), AskOutcome::Queued);
        cached.stage = SeriesStage::Called;
        assert_eq!(cached.ask(start), AskOutcome::InFlight);
        cached.settle(vec![series("", &[5, 6, 7])], 1, start + seconds(20), false);
        assert_eq!(cached.ask(start + seconds(19)), AskOutcome::Cached);
        assert_eq!(cached.found().expect("found"), [Series { samples: vec![sample(40, 7)], ..series("", &[]) }]);
        assert_eq!(cached.ask(start + seconds(20)), AskOutcome::Queued);
        cached.fail(Arc::new(ReadError::new("no")), start + seconds(30));
        assert_eq!((cached.ask(start + seconds(21)), cached.found()), (AskOutcome::Cached, Err(ReadError::new("no"))));
    }

    #[test]
    fn what_was_put_ahead_counts_once() {
        let (mut cached, start) = (unasked(), Instant::now());
        cached.settle(vec![series("", &[1])], 1, start + seconds(20), true);
        assert_eq!((cached.ask(start), cached.ask(start)), (AskOutcome::Prefetched, AskOutcome::Cached));
    }

    #[test]
    fn several_samples_and_instances_are_kept_as_they_came() {
        let (mut cached, start) = (unasked(), Instant::now());
        cached.settle(vec![series("0", &[1, 2, 3]), series("1", &[4]), series("2", &[])], 2, start, false);
        let expected = [Series { samples: vec![sample(20, 2), sample(40, 3)], ..series("0", &[]) }, series("1", &[4])];
        assert_eq!(cached.found().expect("found"), expected);
        cached.settle(vec![series("", &[1, 2, 3])], 2, start, false);
        assert_eq!(cached.found().expect("found"), [Series { samples: vec![sample(20, 2), sample(40, 3)], ..series("", &[]) }]);
        cached.settle(Vec::new(), 2, start, false);
        assert_eq!(cached.found(), Ok(Vec::new()));
    }

    #[test]
    fn rounds_are_foreseen() {
        let (mut cached, start) = (unasked(), Instant::now());
        let due = |cached: &CachedSeries, now: u64| cached.due(start + seconds(now), start + seconds(now + 20)).is_some();
        let ask = |cached: &mut CachedSeries, at: u64| {
            cached.ask(start + seconds(at));
            cached.settle(vec![], 1, start + seconds(at), false);
        };
        assert!(!due(&cached, 0), "a guess that found nothing");
        cached.settle(vec![series("", &[1])], 1, start, true);
        assert!(due(&cached, 1) && due(&cached, 119) && !due(&cached, 121), "a guess that found something");
        ask(&mut cached, 0);
        assert!(due(&cached, 10) && due(&cached, 299) && !due(&cached, 300), "it may come again, but not for ever");
        ask(&mut cached, 60);
        assert!(!due(&cached, 61), "in a minute, not in twenty seconds");
        assert!(due(&cached, 100) && due(&cached, 239) && !due(&cached, 240), "on time, late, and given up");
    }

    #[test]
    fn of_two_rhythms_the_faster_counts() {
        let (mut cached, start) = (unasked(), Instant::now());
        for at in [0, 50, 60, 110, 120] {
            cached.ask(start + seconds(at));
        }
        assert_eq!(cached.gap(), Some(seconds(10)));
        for at in [420, 720, 1020, 1320, 1620] {
            cached.ask(start + seconds(at));
        }
        assert_eq!(cached.gap(), Some(seconds(300)));
    }
}
