//! Every question answered by calls to vSphere.

mod event_start;
mod event_view;
mod events;
mod services;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;
use vpoller_vsphere::{Client, Error, MoRef, Session, Struct};

use self::events::EventCollectors;
use self::services::ServiceCache;

use super::health;
use crate::border::{Inventory, Kind, ObjectName, Performance, ReadError, ReadPlan, Row, Services};
use crate::perf::{Clock, SamplingStatus, Scheduler};
use crate::retrieve::Retriever;

/// One vSphere host, asked each time.
pub struct Direct {
    client: Client,
    retriever: Retriever,
    collectors: Arc<Mutex<EventCollectors>>,
    cache: ServiceCache,
    performance: Scheduler,
}

impl Direct {
    /// Asks through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self::at(client, Clock::default())
    }

    /// Asks through this client, and keeps samples by this clock.
    #[must_use]
    pub fn at(client: Client, clock: Clock) -> Self {
        let statistics = Arc::new(vpoller_vsphere::Performance::new(client.clone()));
        let performance = Scheduler::new(&client.config().host, statistics, clock);
        let retriever = Retriever::new(client.clone());
        Self { client, retriever, collectors: Arc::default(), cache: ServiceCache::default(), performance }
    }

    /// What was asked of its performance counters so far.
    #[must_use]
    pub fn sampling_status(&self) -> SamplingStatus {
        self.performance.status()
    }

    /// Asks for samples, too, each time.
    #[must_use]
    pub fn forgetful(self) -> Self {
        Self { performance: self.performance.forgetful(), ..self }
    }
}

impl Inventory for Direct {
    fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
        Box::pin(async move {
            let rows = self.retriever.list(kind, &wanted.paths(kind)).await?;
            wanted.choose(kind, &rows)
        })
    }

    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            let plan = ReadPlan::new(std::iter::once(kind.wire()), paths);
            Ok(plan.pick(self.retriever.list(kind, &plan.paths()).await?))
        })
    }

    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        Box::pin(async move {
            let kinds: BTreeSet<&str> = objects.iter().map(|object| &*object.kind).collect();
            let plan = ReadPlan::new(kinds.iter().copied(), paths);
            Ok(plan.pick(self.retriever.read(objects, &plan.paths()).await?))
        })
    }

    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
        Box::pin(async { Ok(self.session().await?.content.about.clone()) })
    }

    fn services(&self) -> &dyn Services {
        self
    }

    fn performance(&self) -> &dyn Performance {
        &self.performance
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { self.session().await.map(drop) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.client.logout())
    }

    fn health(&self) -> Json {
        let mut health = health::of(&self.client);
        health.insert("perf".to_owned(), json!(self.performance.status()));
        Json::Object(health)
    }
}

impl Direct {
    async fn session(&self) -> Result<Arc<Session>, ReadError> {
        self.retriever.session().await
    }

    /// An error that concerns the vSphere host as a whole.
    fn error(&self, error: &Error) -> ReadError {
        self.retriever.error(error)
    }
}
