//! Moments in half the space, for what is kept of a million series.

use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

/// A moment, to the microsecond. Holds within this process.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Tick(NonZeroU64);

/// Moments before this program began to keep series are none that it meets; a day is room for a clock that a test holds.
const BEFORE: Duration = Duration::from_secs(86_400);

fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(|| {
        let now = Instant::from_std(std::time::Instant::now());
        now.checked_sub(BEFORE).unwrap_or(now)
    })
}

impl Tick {
    pub(super) fn at(self) -> Instant {
        base() + Duration::from_micros(self.0.get())
    }
}

impl From<Instant> for Tick {
    fn from(moment: Instant) -> Self {
        let micros = u64::try_from(moment.saturating_duration_since(base()).as_micros()).unwrap_or(u64::MAX);
        Self(NonZeroU64::new(micros).unwrap_or(NonZeroU64::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_comes_back_to_the_microsecond() {
        let now = Instant::now();
        for moment in [now, now + Duration::from_secs(1_000_000_000), now - Duration::from_secs(3600)] {
            assert!(moment.saturating_duration_since(Tick::from(moment).at()) < Duration::from_micros(1));
        }
        assert!(Tick::from(now) < Tick::from(now + Duration::from_micros(1)));
        assert_eq!(size_of::<Option<Tick>>(), 8);
    }
}
