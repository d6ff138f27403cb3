//! Performance counters at the border: what methods may ask about them.

use std::sync::Arc;

use vpoller_vsphere::{Catalogue, Interval, Metric, MoRef, Provider, Series};

use super::{ReadError, Reading};

/// What can be asked about the performance counters of one vSphere host.
pub trait Performance: Send + Sync {
    /// Every counter.
    fn counters(&self) -> Reading<'_, Arc<Catalogue>>;

    /// The intervals for which rolled-up samples are kept.
    fn intervals(&self) -> Reading<'_, Arc<[Interval]>>;

    /// Which statistics the object has.
    fn provider<'a>(&'a self, object: &'a MoRef) -> Reading<'a, Provider>;

    /// The series that the object has, at an interval or altogether.
    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> Reading<'a, Arc<[Metric]>>;

    /// The newest samples: for each object, in their order, what was found for each metric, in theirs.
    fn samples(&self, query: SampleQuery) -> Reading<'_, Vec<Vec<SampleResult>>>;
}

/// The series found for one metric, each with at least one sample, oldest first; one at most unless all instances were asked for.
pub type SampleResult = Result<Vec<Series>, ReadError>;

/// Which samples are wanted.
#[derive(Clone, Debug)]
pub struct SampleQuery {
    /// Of these objects.
    pub objects: Vec<MoRef>,
    /// Of these series.
    pub metrics: Vec<Metric>,
    /// From this time.
    pub window: Window,
}

/// The time that samples are from: the newest ones of an interval.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Window {
    /// Seconds between samples.
    pub interval: i32,
    /// Whether they are real-time samples, and not rolled-up ones.
    pub real_time: bool,
    /// How many.
    pub samples: usize,
}
