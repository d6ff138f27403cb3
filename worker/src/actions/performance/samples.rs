//! Samples of one counter of one object.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::property::{CONNECTION_STATE, NAME, POWER_STATE};
use vpoller_inventory::{Row, SampleQuery};
use vpoller_vsphere::{Metric, Sample, Series, Value};

use super::super::{Answer, Task};
use super::{SAMPLE, ask};
use crate::failure::Failure;

/// What differs between the types of objects.
#[derive(Clone, Copy)]
struct Rules {
    /// What the object is called when it is off; nothing when it is never off.
    powered: Option<&'static str>,
    /// Whether the request chooses an instance, and must count samples well.
    chooses: bool,
}

pub(crate) fn of_host<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    samples(task, Rules { powered: Some("Host"), chooses: true })
}

pub(crate) fn of_vm<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    samples(task, Rules { powered: Some("VM"), chooses: true })
}

pub(crate) fn of_datastore<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    samples(task, Rules { powered: None, chooses: true })
}

/// Of clusters and datacenters, which have historical statistics as a whole only.
pub(crate) fn of_group<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    samples(task, Rules { powered: None, chooses: false })
}

/// In the order in which failures have always been reported: state, number of samples, interval, counter.
fn samples<'a>(task: &'a Task<'a>, rules: Rules) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let performance = task.inventory.performance();
        let object = task.object()?;
        let paths = if rules.powered.is_some() { &[NAME, POWER_STATE, CONNECTION_STATE][..] } else { &[NAME] };
        let row = task.row(paths).await?;
        rules.powered.map_or(Ok(()), |word| is_up(&row, word))?;
        let count = match ask::samples(task.request) {
            Err(_) if !rules.chooses => 1,
            count => count?,
        };
        let entity = row.readable(NAME).and_then(Value::as_str).map_or_else(|| task.name(), str::to_owned);
        let failed = |error| Failure::Metrics { entity: entity.clone(), error };
        let provider = performance.provider(object).await.map_err(failed)?;
        let intervals = performance.intervals().await.map_err(failed)?;
        let window = ask::window(task.request, provider, &intervals, count, &entity)?;
        let catalogue = performance.counters().await.map_err(failed)?;
        let (counter, text) = ask::counter(task.request, &catalogue)?;
        let instance = if rules.chooses { ask::instance(task.request)? } else { "" };
        let query = SampleQuery { objects: vec![object.clone()], metrics: vec![Metric::new(counter.key, instance)], window };
        let found = performance.samples(query).await.map_err(failed)?;
        let series = found.into_iter().flatten().next().unwrap_or_else(|| Ok(Vec::new())).map_err(failed)?;
        task.answer(rows(&series, &text))
    })
}

/// Whether the object has samples of its own.
fn is_up(row: &Row, word: &'static str) -> Result<(), Failure> {
    if row.required_text(POWER_STATE)? != Some("poweredOn") {
        return Err(Failure::NotPoweredOn(word));
    }
    if row.required_text(CONNECTION_STATE)? != Some("connected") {
        return Err(Failure::NotConnected(word));
    }
    Ok(())
}

/// All samples, the oldest first, under the name that was asked for.
fn rows(series: &[Series], counter: &str) -> Json {
    let samples = series.iter().flat_map(|one| one.samples.iter().map(|sample| (sample, &*one.metric.instance)));
    let mut samples: Vec<(&Sample, &str)> = samples.collect();
    samples.sort_by_key(|(sample, _)| sample.at.unix_micros());
    let row = |(sample, instance): (&Sample, &str)| {
        let values = [
            Json::from(sample.interval),
            Json::from(sample.at.to_string()),
            Json::from(counter),
            Json::from(instance),
            Json::from(sample.value),
        ];
        Json::Object(SAMPLE.iter().map(|field| (*field).to_owned()).zip(values).collect::<Map<_, _>>())
    };
    samples.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{COUNTER_ID, INSTANCE};
    use super::*;
    use serde_json::json;
    use vpoller_vsphere::DateTime;

    #[test]
    fn rows_stand_oldest_first_whatever_their_instance() {
        let series = |instance, seconds: &[i64]| {
            let sample =
                |second: &i64| Sample { at: DateTime::from_unix_micros(second * 1_000_000), interval: 20, value: *second };
            Series { metric: Metric::new(148, instance), samples: seconds.iter().map(sample).collect() }
        };
        let rows = rows(&[series("vmnic0", &[0, 40]), series("vmnic1", &[20, 40])], "148");
        let order: Vec<_> =
            rows.as_array().into_iter().flatten().map(|row| (row["value"].clone(), row[INSTANCE].clone())).collect();
        let expected = [(0, "vmnic0"), (20, "vmnic1"), (40, "vmnic0"), (40, "vmnic1")];
        assert_eq!(order, expected.map(|(value, instance)| (json!(value), json!(instance))));
        assert_eq!(
            rows[0],
            json!({"interval": 20, "timestamp": "1970-01-01 00:00:00+00:00", COUNTER_ID: "148", INSTANCE: "vmnic0", "value": 0})
        );
    }
}
