//! The inventory of a host that cannot be asked, because its settings are unusable: every question gets that answer.

use std::sync::Arc;

use vpoller_vsphere::{Catalogue, DateTime, Interval, Metric, MoRef, Provider, Struct, Value};

use crate::border::{
    Event, EventFilter, GuestAccount, Inventory, Kind, ObjectName, Performance, ReadError, Reading, Row, SampleQuery,
    SampleResult, Services,
};

/// Answers everything with the same error.
pub struct Broken(ReadError);

impl Broken {
    /// Answers with this error.
    #[must_use]
    pub fn new(error: ReadError) -> Self {
        Self(error)
    }

    fn answer<T: Send>(&self) -> Reading<'_, T> {
        Box::pin(async { Err(self.0.clone()) })
    }
}

impl Inventory for Broken {
    fn find<'a>(&'a self, _: Kind, _: &'a ObjectName) -> Reading<'a, Vec<MoRef>> {
        self.answer()
    }

    fn list<'a>(&'a self, _: Kind, _: &'a [&'a str]) -> Reading<'a, Vec<Row>> {
        self.answer()
    }

    fn read<'a>(&'a self, _: &'a [MoRef], _: &'a [&'a str]) -> Reading<'a, Vec<Row>> {
        self.answer()
    }

    fn about(&self) -> Reading<'_, Struct> {
        self.answer()
    }

    fn services(&self) -> &dyn Services {
        self
    }

    fn performance(&self) -> &dyn Performance {
        self
    }

    fn connect(&self) -> Reading<'_, ()> {
        self.answer()
    }
}

impl Performance for Broken {
    fn counters(&self) -> Reading<'_, Arc<Catalogue>> {
        self.answer()
    }

    fn intervals(&self) -> Reading<'_, Arc<[Interval]>> {
        self.answer()
    }

    fn provider<'a>(&'a self, _: &'a MoRef) -> Reading<'a, Provider> {
        self.answer()
    }

    fn available<'a>(&'a self, _: &'a MoRef, _: Option<i32>) -> Reading<'a, Arc<[Metric]>> {
        self.answer()
    }

    fn samples(&self, _: SampleQuery) -> Reading<'_, Vec<Vec<SampleResult>>> {
        self.answer()
    }
}

impl Services for Broken {
    fn root(&self) -> Reading<'_, MoRef> {
        self.answer()
    }

    fn manager<'a>(&'a self, _: &'a str) -> Reading<'a, Option<MoRef>> {
        self.answer()
    }

    fn now(&self) -> Reading<'_, DateTime> {
        self.answer()
    }

    fn latest_event(&self) -> Reading<'_, Option<Struct>> {
        self.answer()
    }

    fn events<'a>(&'a self, _: &'a EventFilter) -> Reading<'a, Vec<Event>> {
        self.answer()
    }

    fn sessions(&self) -> Reading<'_, Option<Vec<Struct>>> {
        self.answer()
    }

    fn vsan_status<'a>(&'a self, _: &'a MoRef) -> Reading<'a, Struct> {
        self.answer()
    }

    fn attribute_keys<'a>(&'a self, _: &'a str) -> Reading<'a, Vec<i64>> {
        self.answer()
    }

    fn processes<'a>(&'a self, _: &'a MoRef, _: GuestAccount<'a>) -> Reading<'a, Vec<Value>> {
        self.answer()
    }
}
