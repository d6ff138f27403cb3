//! Where the scheduler gets its answers from.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use vpoller_vsphere::{
    Catalogue, DateTime, EntitySeries, Error, Identity, Interval, Metric, MoRef, PerfQuery, Performance, Provider,
};

/// A question on its way.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The statistics of one vSphere host, question by question: [`Performance`], or what stands in for it in tests.
pub trait StatisticsSource: Send + Sync + 'static {
    /// See [`Performance::identity`].
    fn identity(&self) -> Asking<'_, Identity>;
    /// See [`Performance::counters`].
    fn counters(&self) -> Asking<'_, Arc<Catalogue>>;
    /// See [`Performance::intervals`].
    fn intervals(&self) -> Asking<'_, Arc<[Interval]>>;
    /// See [`Performance::provider`].
    fn provider<'a>(&'a self, object: &'a MoRef) -> Asking<'a, Provider>;
    /// See [`Performance::available`].
    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> Asking<'a, Arc<[Metric]>>;
    /// See [`Performance::query`].
    fn query<'a>(&'a self, queries: &'a [PerfQuery]) -> Asking<'a, Vec<EntitySeries>>;
    /// See [`Performance::current_time`].
    fn current_time(&self) -> Asking<'_, DateTime>;
    /// See [`Performance::max_query_metrics`].
    fn max_query_metrics(&self) -> Asking<'_, Option<usize>>;
}

/// The longest that one call for samples may take.
const LIMIT: Duration = Duration::from_secs(30);

impl StatisticsSource for Performance {
    fn identity(&self) -> Asking<'_, Identity> {
        Box::pin(self.identity())
    }

    fn counters(&self) -> Asking<'_, Arc<Catalogue>> {
        Box::pin(self.counters())
    }

    fn intervals(&self) -> Asking<'_, Arc<[Interval]>> {
        Box::pin(self.intervals())
    }

    fn provider<'a>(&'a self, object: &'a MoRef) -> Asking<'a, Provider> {
        Box::pin(self.provider(object))
    }

    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> Asking<'a, Arc<[Metric]>> {
        Box::pin(self.available(object, interval))
    }

    fn query<'a>(&'a self, queries: &'a [PerfQuery]) -> Asking<'a, Vec<EntitySeries>> {
        Box::pin(self.query(queries, LIMIT))
    }

    fn current_time(&self) -> Asking<'_, DateTime> {
        Box::pin(self.current_time())
    }

    fn max_query_metrics(&self) -> Asking<'_, Option<usize>> {
        Box::pin(self.max_query_metrics())
    }
}
