//! Where the scheduler gets its answers from.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use vpoller_vsphere::{
    Catalogue, DateTime, EntitySeries, Error, Identity, Interval, Metric, MoRef, PerfQuery, Performance, Provider,
};

/// The statistics of one vSphere host, question by question: [`Performance`], or what stands in for it in tests.
pub trait StatisticsSource: Send + Sync + 'static {
    /// See [`Performance::identity`].
    fn identity(&self) -> BoxFuture<'_, Result<Identity, Error>>;
    /// See [`Performance::counters`].
    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, Error>>;
    /// See [`Performance::intervals`].
    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, Error>>;
    /// See [`Performance::provider`].
    fn provider<'a>(&'a self, object: &'a MoRef) -> BoxFuture<'a, Result<Provider, Error>>;
    /// See [`Performance::available`].
    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, Error>>;
    /// See [`Performance::query`].
    fn query<'a>(&'a self, queries: &'a [PerfQuery]) -> BoxFuture<'a, Result<Vec<EntitySeries>, Error>>;
    /// See [`Performance::current_time`].
    fn current_time(&self) -> BoxFuture<'_, Result<DateTime, Error>>;
    /// See [`Performance::max_query_metrics`].
    fn max_query_metrics(&self) -> BoxFuture<'_, Result<Option<usize>, Error>>;
}

/// The longest that one call for samples may take.
const LIMIT: Duration = Duration::from_secs(30);

impl StatisticsSource for Performance {
    fn identity(&self) -> BoxFuture<'_, Result<Identity, Error>> {
        Box::pin(self.identity())
    }

    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, Error>> {
        Box::pin(self.counters())
    }

    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, Error>> {
        Box::pin(self.intervals())
    }

    fn provider<'a>(&'a self, object: &'a MoRef) -> BoxFuture<'a, Result<Provider, Error>> {
        Box::pin(self.provider(object))
    }

    fn available<'a>(&'a self, object: &'a MoRef, interval: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, Error>> {
        Box::pin(self.available(object, interval))
    }

    fn query<'a>(&'a self, queries: &'a [PerfQuery]) -> BoxFuture<'a, Result<Vec<EntitySeries>, Error>> {
        Box::pin(self.query(queries, LIMIT))
    }

    fn current_time(&self) -> BoxFuture<'_, Result<DateTime, Error>> {
        Box::pin(self.current_time())
    }

    fn max_query_metrics(&self) -> BoxFuture<'_, Result<Option<usize>, Error>> {
        Box::pin(self.max_query_metrics())
    }
}
