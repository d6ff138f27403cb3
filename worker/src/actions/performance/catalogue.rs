//! What there is: counters, intervals, series.

use std::collections::HashSet;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_vsphere::{Counter, Struct, Value};

use super::super::{Answer, Task};
use super::{COUNTER_ID, INSTANCE, ask};
use crate::failure::Failure;

/// Every counter of the vSphere host.
pub(crate) fn counters<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let counters = task.inventory.performance().counters().await.map_err(Failure::CounterInfo)?;
        task.answer(counters.all().iter().map(described).collect())
    })
}

/// The historical intervals.
pub(crate) fn intervals<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let intervals = task.inventory.performance().intervals().await?;
        task.answer(intervals.iter().map(|interval| members(&interval.info)).collect())
    })
}

/// The counters that the object has, each described.
pub(crate) fn counters_of_object<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let performance = task.inventory.performance();
        let failed = |error| Failure::Counters { name: task.name(), error };
        let available = performance.available(task.object()?, None).await.map_err(failed)?;
        let catalogue = performance.counters().await.map_err(Failure::CounterInfo)?;
        let mut seen = HashSet::new();
        let once = available.iter().filter(|metric| seen.insert(metric.counter));
        // The list may name counters that are not described; there is nothing to say about those.
        task.answer(once.filter_map(|metric| catalogue.get(metric.counter)).map(described).collect())
    })
}

/// The series that the object has: of one counter, or all of them.
pub(crate) fn series_of_object<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let performance = task.inventory.performance();
        let failed = |error| Failure::Metrics { entity: task.name(), error };
        let object = task.object()?;
        let catalogue = performance.counters().await.map_err(Failure::CounterInfo)?;
        let asked = match (&task.request.counter_name, &task.request.counter_id) {
            (None, None) => None,
            _ => Some(ask::counter(task.request, &catalogue)?.0.key),
        };
        let provider = performance.provider(object).await.map_err(failed)?;
        let interval = provider.refresh_rate.filter(|_| provider.real_time);
        let available = performance.available(object, interval).await.map_err(failed)?;
        let wanted = available.iter().filter(|metric| asked.is_none_or(|key| key == metric.counter));
        let rows = wanted.filter_map(|metric| {
            let name = catalogue.get(metric.counter)?.full_name();
            Some(Json::Object(Map::from_iter([
                (COUNTER_ID.to_owned(), Json::from(name)),
                (INSTANCE.to_owned(), Json::from(&*metric.instance)),
            ])))
        });
        task.answer(rows.collect())
    })
}

fn described(counter: &Counter) -> Json {
    members(&counter.info)
}

fn members(object: &Struct) -> Json {
    Json::Object(object.fields.iter().map(|(name, value): &(_, Value)| (name.to_string(), value.to_json())).collect())
}
