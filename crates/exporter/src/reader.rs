//! What a reader wants of every host: which properties to watch, which counters to ask for, how often.

use std::fmt;
use std::time::Duration;

use vpoller_inventory::{Kind, Window};

/// What one format or collector needs.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Its name, by which it finds what was gathered for it.
    pub(crate) name: &'static str,
    /// How often its samples are asked for.
    pub(crate) interval: Duration,
    /// Which samples.
    pub(crate) source: SampleSource,
    /// Whether real-time samples stand in for those of a source that has hardly any.
    pub(crate) or_real_time: bool,
    /// The counters that it wants, by the type of their objects: machines, ESXi hosts, clusters, datastores.
    pub(crate) counters: Counters,
    /// The properties that it reads, which are watched as long as the exporter runs.
    pub(crate) paths: Paths,
    /// Of which machines it wants to know the devices.
    pub(crate) details: DetailsOf,
}

/// Of which machines devices are read, and which.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum DetailsOf {
    /// Of none.
    None,
    /// The disks of those that run.
    Running,
    /// All devices of all.
    All,
}

/// Paths of some types.
pub(crate) type Paths = &'static [(Kind, &'static [&'static str])];

/// Counters of objects of some types.
pub(crate) type Counters = &'static [(Kind, &'static [WantedCounter])];

/// A counter by its name, such as `cpu.usage.average`, and the instances of it: `*` is all, the empty text the object as a whole.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct WantedCounter {
    pub(crate) name: &'static str,
    pub(crate) instance: &'static str,
}

/// Which samples are asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum SampleSource {
    /// Real-time samples, all since the last cycle.
    RealTime,
    /// The newest sample of this interval in seconds, of those that vCenter rolls up.
    RolledUp(i32),
}

/// Seconds between real-time samples.
pub(crate) const REAL_TIME: u64 = 20;
/// vSphere keeps real-time samples for an hour.
const MOST_REAL_TIME: u64 = 180;

impl fmt::Display for SampleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RealTime => f.write_str("real time"),
            Self::RolledUp(seconds) => write!(f, "the interval of {seconds} s"),
        }
    }
}

impl SampleSource {
    /// The window of samples for a cycle that comes at this interval.
    pub(crate) fn window(self, interval: Duration) -> Window {
        match self {
            Self::RealTime => {
                let samples = interval.as_secs().div_ceil(REAL_TIME).clamp(1, MOST_REAL_TIME);
                let seconds = i32::try_from(REAL_TIME).unwrap_or(i32::MAX);
                Window { interval: seconds, real_time: true, samples: usize::try_from(samples).unwrap_or(1) }
            }
            Self::RolledUp(seconds) => Window { interval: seconds, real_time: false, samples: 1 },
        }
    }

    /// How old a sample may be, by the server's clock, to count as one of this cycle.
    pub(crate) fn oldest(self, interval: Duration) -> Duration {
        match self {
            // vCenter has the samples of ESXi hosts up to a minute after their time.
            Self::RealTime => interval.max(Duration::from_secs(REAL_TIME)) + Duration::from_secs(60),
            Self::RolledUp(seconds) => Duration::from_secs(u64::try_from(seconds).unwrap_or(0)) * 2 + Duration::from_secs(60),
        }
    }
}
