//! The inventory of a host that cannot be asked, because its settings are unusable: every question gets that answer.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use vpoller_vsphere::{Catalogue, DateTime, Interval, Metric, MoRef, Provider, Struct, Value};

use crate::border::{
    EventFilter, EventList, GuestAccount, Inventory, Kind, MissingPrivilege, ObjectName, Performance, ReadError, Row,
    SampleQuery, SampleResult, Services,
};

/// Answers everything with the same error.
pub struct Broken(ReadError);

impl Broken {
    /// Answers with this error.
    #[must_use]
    pub fn new(error: ReadError) -> Self {
        Self(error)
    }

    fn answer<T: Send>(&self) -> BoxFuture<'_, Result<T, ReadError>> {
        Box::pin(async { Err(self.0.clone()) })
    }
}

impl Inventory for Broken {
    fn find<'a>(&'a self, _: Kind, _: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
        self.answer()
    }

    fn list<'a>(&'a self, _: Kind, _: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.answer()
    }

    fn read<'a>(&'a self, _: &'a [MoRef], _: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.answer()
    }

    fn missing_privileges(&self) -> BoxFuture<'_, Result<Vec<MissingPrivilege>, ReadError>> {
        self.answer()
    }

    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
        self.answer()
    }

    fn services(&self) -> &dyn Services {
        self
    }

    fn performance(&self) -> &dyn Performance {
        self
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        self.answer()
    }
}

impl Performance for Broken {
    fn counters(&self) -> BoxFuture<'_, Result<Arc<Catalogue>, ReadError>> {
        self.answer()
    }

    fn intervals(&self) -> BoxFuture<'_, Result<Arc<[Interval]>, ReadError>> {
        self.answer()
    }

    fn provider<'a>(&'a self, _: &'a MoRef) -> BoxFuture<'a, Result<Provider, ReadError>> {
        self.answer()
    }

    fn available<'a>(&'a self, _: &'a MoRef, _: Option<i32>) -> BoxFuture<'a, Result<Arc<[Metric]>, ReadError>> {
        self.answer()
    }

    fn samples(&self, _: SampleQuery) -> BoxFuture<'_, Result<Vec<Vec<SampleResult>>, ReadError>> {
        self.answer()
    }
}

impl Services for Broken {
    fn root(&self) -> BoxFuture<'_, Result<MoRef, ReadError>> {
        self.answer()
    }

    fn manager<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<MoRef>, ReadError>> {
        self.answer()
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime, ReadError>> {
        self.answer()
    }

    fn latest_event(&self) -> BoxFuture<'_, Result<Option<Struct>, ReadError>> {
        self.answer()
    }

    fn events<'a>(&'a self, _: &'a EventFilter) -> BoxFuture<'a, Result<EventList, ReadError>> {
        self.answer()
    }

    fn sessions(&self) -> BoxFuture<'_, Result<Option<Vec<Struct>>, ReadError>> {
        self.answer()
    }

    fn vsan_status<'a>(&'a self, _: &'a MoRef) -> BoxFuture<'a, Result<Struct, ReadError>> {
        self.answer()
    }

    fn attribute_keys<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<i64>, ReadError>> {
        self.answer()
    }

    fn processes<'a>(&'a self, _: &'a MoRef, _: GuestAccount<'a>) -> BoxFuture<'a, Result<Vec<Value>, ReadError>> {
        self.answer()
    }
}
