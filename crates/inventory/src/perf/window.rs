//! How long samples hold, and from when on they are asked for.

use std::time::Duration;

use vpoller_vsphere::{DateTime, Metric, MoRef, PerfQuery};

use crate::border::Window;

/// Newest samples are often not there yet, so some more are asked for than are wanted.
pub(super) const SPARE_SAMPLES: usize = 2;
/// Rolled-up samples appear a minute or two after their time.
const ROLLUP_DELAY: Duration = Duration::from_secs(90);
/// How soon a rolled-up sample that is late is asked for again.
const LATE: Duration = Duration::from_secs(60);
/// However soon the next sample is due, an answer holds for this time.
const SHORTEST: Duration = Duration::from_secs(1);
const MICROS: i64 = 1_000_000;

impl Window {
    /// For how long an answer holds whose newest sample is this one: until the next one is due. By the server's clock. `sparse` is
    /// the number of intervals from one sample to the next, where that is more than one.
    pub(super) fn valid_for(&self, newest: Option<DateTime>, now: DateTime, sparse: Option<u16>) -> Duration {
        let (period, now) = (self.period(), now.unix_micros());
        let newest = newest.map(DateTime::unix_micros);
        let next = if self.real_time {
            // Samples come at a steady beat; one that has not arrived by its time is asked for at the next beat.
            now + period - (now - newest.unwrap_or(0)).rem_euclid(period)
        } else {
            let delay = i64::try_from(ROLLUP_DELAY.as_micros()).unwrap_or(0);
            let rhythm = sparse.map_or(period, |intervals| period.saturating_mul(i64::from(intervals)));
            let due = newest.map(|newest| newest + rhythm + delay).filter(|due| *due > now);
            // A rare sample may come before its time: it is looked for once in an interval.
            let due = due.map(|due| if sparse.is_some() { due.min(now + period) } else { due });
            due.unwrap_or_else(|| now + period.min(i64::try_from(LATE.as_micros()).unwrap_or(period)))
        };
        Duration::from_micros(u64::try_from(next - now).unwrap_or(0)).max(SHORTEST)
    }

    /// The intervals that a question goes back.
    pub(super) fn usual_reach(&self) -> usize {
        self.samples.saturating_add(SPARE_SAMPLES)
    }

    /// The moment this many intervals ago.
    pub(super) fn back(&self, now: DateTime, intervals: usize) -> DateTime {
        let back = i64::try_from(intervals).unwrap_or(i64::MAX).saturating_mul(self.period());
        DateTime::from_unix_micros(now.unix_micros().saturating_sub(back))
    }

    /// The question about one object, which goes back this many intervals.
    pub(super) fn query(&self, entity: &MoRef, metrics: Vec<Metric>, asked: usize, now: DateTime) -> PerfQuery {
        PerfQuery {
            entity: entity.clone(),
            // Without a start the server returns all that it keeps.
            start: (!self.real_time).then(|| self.back(now, asked)),
            max_sample: self.real_time.then(|| i32::try_from(asked).unwrap_or(i32::MAX)),
            metrics,
            interval: self.interval,
        }
    }

    /// Microseconds between samples.
    pub(super) fn period(&self) -> i64 {
        i64::from(self.interval.max(1)) * MICROS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: Window = Window { interval: 20, real_time: true, samples: 1 };
    const DAY: Window = Window { interval: 300, real_time: false, samples: 1 };

    fn at(text: &str) -> DateTime {
        DateTime::parse(&format!("2024-05-02T{text}Z")).expect("a time")
    }

    fn holds(window: Window, newest: Option<&str>, now: &str, millis: u64) {
        let holds = window.valid_for(newest.map(at), at(now), None);
        assert_eq!(holds, Duration::from_millis(millis), "{newest:?} at {now}");
    }

    #[test]
    fn a_real_time_sample_holds_until_the_next_is_due() {
        holds(REAL, Some("09:15:00"), "09:15:05", 15_000);
        holds(REAL, Some("09:15:00"), "09:15:00", 20_000);
        holds(REAL, Some("09:15:07"), "09:15:10", 17_000);
        holds(REAL, Some("09:15:00"), "09:15:19.5", 1_000);
    }

    #[test]
    fn a_late_one_until_the_beat_after() {
        holds(REAL, Some("09:14:20"), "09:15:03", 17_000);
        holds(REAL, None, "09:15:03", 17_000);
        holds(REAL, Some("09:15:20"), "09:15:03", 17_000);
    }

    #[test]
    fn a_rollup_holds_until_the_next_can_have_appeared() {
        holds(DAY, Some("09:10:00"), "09:12:00", 270_000);
        holds(DAY, Some("09:10:00"), "09:16:29", 1_000);
        holds(DAY, Some("09:10:00"), "09:17:00", 60_000);
        holds(DAY, None, "09:17:00", 60_000);
        holds(Window { interval: 86_400, ..DAY }, Some("00:00:00"), "12:00:00", 43_290_000);
    }

    #[test]
    fn a_rare_sample_is_looked_for_once_in_an_interval() {
        let holds = |newest, now, millis| {
            let holds = DAY.valid_for(Some(at(newest)), at(now), Some(6));
            assert_eq!(holds, Duration::from_millis(millis), "{newest} at {now}");
        };
        holds("09:00:00", "09:02:00", 300_000);
        holds("09:00:00", "09:30:00", 90_000);
        holds("09:00:00", "09:40:00", 60_000);
    }

    #[test]
    fn historical_questions_say_from_when_on() {
        let object = MoRef::new("Datacenter", "datacenter-1");
        let query = DAY.query(&object, Vec::new(), 3, at("09:12:00"));
        assert_eq!((query.start, query.max_sample), (Some(at("08:57:00")), None));
        let query = REAL.query(&object, Vec::new(), 3, at("09:12:00"));
        assert_eq!((query.start, query.max_sample), (None, Some(3)));
        let deep = Window { samples: usize::MAX, ..DAY }.query(&object, Vec::new(), usize::MAX, at("09:12:00"));
        assert!(deep.start < Some(at("09:12:00")));
    }
}
