//! The server's clock: the times of samples are by it.

use std::time::Duration;

use tokio::time::Instant;

use crate::DateTime;

/// A server's clock, from one reading of it.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    /// When the reading was taken.
    read_at: Instant,
    reading: DateTime,
}

impl ServerClock {
    /// From a reading that was asked for and arrived at these moments: it was taken about halfway.
    #[must_use]
    pub fn read(asked: Instant, reading: DateTime, arrived: Instant) -> Self {
        Self { read_at: asked + arrived.saturating_duration_since(asked) / 2, reading }
    }

    /// The server's time at this moment of our clock.
    #[must_use]
    pub fn at(&self, now: Instant) -> DateTime {
        let passed = now.saturating_duration_since(self.read_at).as_micros();
        let before = self.read_at.saturating_duration_since(now).as_micros();
        let add = |micros| i64::try_from(micros).unwrap_or(i64::MAX);
        DateTime::from_unix_micros(self.reading.unix_micros().saturating_add(add(passed)).saturating_sub(add(before)))
    }

    /// How long ago it was read.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.read_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_holds_for_the_middle_of_its_call() {
        let asked = Instant::now();
        let reading = DateTime::from_unix_micros(1_000_000_000);
        let clock = ServerClock::read(asked, reading, asked + Duration::from_millis(400));
        let micros = |ms| clock.at(asked + Duration::from_millis(ms)).unix_micros();
        assert_eq!(micros(200), 1_000_000_000);
        assert_eq!(micros(1200), 1_001_000_000);
        assert_eq!(micros(0), 999_800_000);
        assert_eq!(clock.age(asked + Duration::from_secs(2)), Duration::from_millis(1800));
    }
}
