//! One series of one object: what is kept of it, and when it will be asked for again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use vpoller_vsphere::{DateTime, Metric, Sample, Series};

use crate::border::{ReadError, SampleResult};

/// What is known of a series.
#[derive(Debug)]
pub(super) struct Cell {
    pub metric: Arc<Metric>,
    pub stage: Stage,
    kept: Kept,
    /// What is kept holds until then.
    until: Option<Instant>,
    /// When it was first thought of.
    made: Instant,
    /// When somebody last asked; nobody has asked for a series that was only guessed.
    asked: Option<Instant>,
    /// The time between two questions, once there were two.
    gap: Option<Duration>,
    /// It was asked along in a call, and nobody has used that yet.
    ahead: bool,
}

/// Where a series is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Nobody waits for it.
    Idle,
    /// Somebody waits, and no call has it yet.
    Wanted,
    /// A call has it.
    Called,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Answered {
    /// From memory.
    Now,
    /// From memory, where it had been put ahead of the question.
    Ahead,
    /// By a call under way.
    Soon,
    /// By a call that has yet to be made.
    Later,
}

#[derive(Debug)]
enum Kept {
    Nothing,
    /// The one sample of the one series: by far the most usual, so it takes no memory of its own.
    One(Sample),
    Some(Box<[Series]>),
    Failed(Arc<ReadError>),
}

/// Questions this close together are one.
const SAME: Duration = Duration::from_secs(1);
/// A series that was asked for once may be asked for again within this time, and one that was guessed within that.
const NEWCOMER: Duration = Duration::from_secs(300);
const GUESS: Duration = Duration::from_secs(120);
/// One that comes round is waited for at least this long, or so many of its rounds.
const PATIENCE: Duration = Duration::from_secs(120);
const ROUNDS: u32 = 3;

impl Cell {
    /// A series that nobody has asked for yet.
    pub fn new(metric: Arc<Metric>, made: Instant) -> Self {
        Self { metric, stage: Stage::Idle, kept: Kept::Nothing, until: None, made, asked: None, gap: None, ahead: false }
    }

    pub fn is_fresh(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Whether a guess may yet come true.
    pub fn is_promising(&self, now: Instant) -> bool {
        self.is_fresh(now) || now.saturating_duration_since(self.made) < GUESS
    }

    fn is_empty(&self) -> bool {
        matches!(self.kept, Kept::Nothing)
    }

    /// Whether nobody ever asked for it.
    pub fn is_guess(&self) -> bool {
        self.asked.is_none()
    }

    pub fn asked(&self) -> Option<Instant> {
        self.asked
    }

    /// Somebody asks.
    pub fn ask(&mut self, now: Instant) -> Answered {
        if let Some(since) = self.asked.map(|asked| now.saturating_duration_since(asked)).filter(|since| *since >= SAME) {
            // Two who ask in turn make uneven gaps; the shorter one counts, and is soon forgotten when it does not come back.
            self.gap = Some(self.gap.map_or(since, |gap| since.min(2 * gap)));
        }
        self.asked = Some(now);
        if self.is_fresh(now) {
            return if std::mem::take(&mut self.ahead) { Answered::Ahead } else { Answered::Now };
        }
        match self.stage {
            Stage::Called => Answered::Soon,
            Stage::Idle | Stage::Wanted => {
                self.stage = Stage::Wanted;
                Answered::Later
            }
        }
    }

    /// When it will be asked for, if that is worth asking ahead: nothing holds that long, and an answer got now would.
    pub fn due(&self, now: Instant, horizon: Instant) -> Option<Instant> {
        if self.stage != Stage::Idle || self.is_fresh(now) {
            return None;
        }
        let (since, wait, patience) = match (self.asked, self.gap) {
            // A little early, as rounds are not exact.
            (Some(asked), Some(gap)) => (asked, gap - gap / 10, PATIENCE.max(gap * ROUNDS)),
            (Some(asked), None) => (asked, Duration::ZERO, NEWCOMER),
            // Objects that lack what others have are not guessed for again.
            (None, _) => (self.made, Duration::ZERO, if self.is_empty() { Duration::ZERO } else { GUESS }),
        };
        let next = since + wait;
        (next <= horizon && now.saturating_duration_since(since) < patience).then_some(next)
    }

    /// Takes in what a call found: the newest samples of the series, oldest first.
    pub fn settle(&mut self, series: Vec<Series>, samples: usize, until: Instant, ahead: bool) {
        let mut series = series;
        for one in &mut series {
            let surplus = one.samples.len().saturating_sub(samples);
            one.samples.drain(..surplus);
        }
        series.retain(|one| !one.samples.is_empty());
        self.kept = match series.as_slice() {
            [] => Kept::Nothing,
            [Series { metric, samples }] if *metric == *self.metric && samples.len() == 1 => {
                samples.first().map_or(Kept::Nothing, |sample| Kept::One(*sample))
            }
            _ => Kept::Some(series.into()),
        };
        (self.stage, self.until, self.ahead) = (Stage::Idle, Some(until), ahead);
    }

    /// It cannot be had.
    pub fn fail(&mut self, error: Arc<ReadError>, until: Instant) {
        (self.kept, self.stage, self.until, self.ahead) = (Kept::Failed(error), Stage::Idle, Some(until), false);
    }

    /// Its newest sample's moment.
    pub fn newest(series: &[Series]) -> Option<DateTime> {
        let newest = series.iter().filter_map(|one| one.samples.last()).map(|sample| sample.at);
        newest.max_by_key(|at| at.unix_micros())
    }

    /// What is kept.
    pub fn found(&self) -> SampleResult {
        match &self.kept {
            Kept::Nothing => Ok(Vec::new()),
            Kept::One(sample) => Ok(vec![Series { metric: (*self.metric).clone(), samples: vec![*sample] }]),
            Kept::Some(series) => Ok(series.to_vec()),
            Kept::Failed(error) => Err((**error).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn cell() -> Cell {
        Cell::new(Arc::new(Metric::new(2, "")), Instant::now())
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
        let (mut cell, start) = (cell(), Instant::now());
        assert_eq!(cell.ask(start), Answered::Later);
        assert_eq!(cell.ask(start), Answered::Later);
        cell.stage = Stage::Called;
        assert_eq!(cell.ask(start), Answered::Soon);
        cell.settle(vec![series("", &[5, 6, 7])], 1, start + seconds(20), false);
        assert_eq!(cell.ask(start + seconds(19)), Answered::Now);
        assert_eq!(cell.found().expect("found"), [Series { samples: vec![sample(40, 7)], ..series("", &[]) }]);
        assert_eq!(cell.ask(start + seconds(20)), Answered::Later);
        cell.fail(Arc::new(ReadError::new("no")), start + seconds(30));
        assert_eq!((cell.ask(start + seconds(21)), cell.found()), (Answered::Now, Err(ReadError::new("no"))));
    }

    #[test]
    fn what_was_put_ahead_counts_once() {
        let (mut cell, start) = (cell(), Instant::now());
        cell.settle(vec![series("", &[1])], 1, start + seconds(20), true);
        assert_eq!((cell.ask(start), cell.ask(start)), (Answered::Ahead, Answered::Now));
    }

    #[test]
    fn several_samples_and_instances_are_kept_as_they_came() {
        let (mut cell, start) = (cell(), Instant::now());
        cell.settle(vec![series("0", &[1, 2, 3]), series("1", &[4]), series("2", &[])], 2, start, false);
        let expected = [Series { samples: vec![sample(20, 2), sample(40, 3)], ..series("0", &[]) }, series("1", &[4])];
        assert_eq!(cell.found().expect("found"), expected);
        cell.settle(Vec::new(), 2, start, false);
        assert_eq!(cell.found(), Ok(Vec::new()));
    }

    #[test]
    fn rounds_are_foreseen() {
        let (mut cell, start) = (cell(), Instant::now());
        let due = |cell: &Cell, now: u64| cell.due(start + seconds(now), start + seconds(now + 20)).is_some();
        let ask = |cell: &mut Cell, at: u64| {
            cell.ask(start + seconds(at));
            cell.settle(vec![], 1, start + seconds(at), false);
        };
        assert!(!due(&cell, 0), "a guess that found nothing");
        cell.settle(vec![series("", &[1])], 1, start, true);
        assert!(due(&cell, 1) && due(&cell, 119) && !due(&cell, 121), "a guess that found something");
        ask(&mut cell, 0);
        assert!(due(&cell, 10) && due(&cell, 299) && !due(&cell, 300), "it may come again, but not for ever");
        ask(&mut cell, 60);
        assert!(!due(&cell, 61), "in a minute, not in twenty seconds");
        assert!(due(&cell, 100) && due(&cell, 239) && !due(&cell, 240), "on time, late, and given up");
    }

    #[test]
    fn of_two_rhythms_the_faster_counts() {
        let (mut cell, start) = (cell(), Instant::now());
        for at in [0, 50, 60, 110, 120] {
            cell.ask(start + seconds(at));
        }
        assert_eq!(cell.gap, Some(seconds(10)));
        for at in [420, 720, 1020, 1320, 1620] {
            cell.ask(start + seconds(at));
        }
        assert_eq!(cell.gap, Some(seconds(300)));
    }
}
