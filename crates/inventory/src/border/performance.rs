//! Performance counters at the border: what methods may ask about them.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use vpoller_vsphere::{Catalogue, Interval, Metric, MoRef, Provider, Series};

use super::ReadError;

/// What can be asked about the performance counters of one vSphere host.
pub trait Performance: Send + Sync {
    /// Every counter.
    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, ReadError>>;

    /// The intervals for which rolled-up samples are kept.
    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, ReadError>>;

    /// Which statistics the object has.
    fn provider<'a>(&'a self, object: &'a MoRef) -> BoxFuture<'a, Result<Provider, ReadError>>;

    /// The series that the object has, at an interval or altogether.
    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, ReadError>>;

    /// The newest samples: for each object, in their order, what was found for each metric, in theirs.
    fn samples(&self, query: SampleQuery) -> BoxFuture<'_, Result<Vec<Vec<SampleResult>>, ReadError>>;
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
