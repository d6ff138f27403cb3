//! Many counters of many objects in one table.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::{Kind, Row, SampleQuery, SampleResult};
use vpoller_vsphere::{DateTime, Metric, Series};

use super::super::{Answer, Task, unique};
use super::objects::{Gap, Meant};
use super::{ROW, ask, objects};
use crate::failure::Failure;
use crate::log_limits::{self, shorten};
use crate::response::{Content, ObjectList};

/// One row for each object and instance, with the newest samples; with several samples asked for, one for each of their moments.
pub(crate) fn table<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let performance = task.inventory.performance();
        let kind = kind(task)?;
        let count = ask::samples(task.request)?;
        let catalogue = performance.counters().await.map_err(Failure::CounterInfo)?;
        let texts = ask::counters(task.request)?;
        let column =
            |text: &str| CounterColumn { text: text.to_owned(), counter: catalogue.find(text).map(|counter| counter.key) };
        let columns: Vec<CounterColumn> = unique(texts.iter().map(String::as_str)).into_iter().map(column).collect();
        if columns.iter().all(|column| column.counter.is_none()) {
            return Err(Failure::UnknownCounter);
        }
        // Rolled-up samples are there for what is off now, too.
        let Meant { rows, hidden: mut gap } = objects::find(task, kind, task.request.perf_interval.is_none()).await?;
        let answer = |gap: &Gap, result| Ok(Answer { msg: gap.success_text(task.method.success), result });
        let Some(first) = rows.first() else { return answer(&gap, Content::Whole(Json::Array(Vec::new()))) };
        let entity = objects::name(first).unwrap_or(&first.object.id).to_owned();
        let failed = |error| Failure::Metrics { entity: entity.clone(), error };
        let provider = performance.provider(&first.object).await.map_err(failed)?;
        let intervals = performance.intervals().await.map_err(failed)?;
        let window = ask::window(task.request, provider, &intervals, count, &entity)?;
        let instance = ask::instance(task.request)?;
        let metrics = columns.iter().filter_map(|column| Some(Metric::new(column.counter?, instance))).collect();
        let query = SampleQuery { objects: rows.iter().map(|row| row.object.clone()).collect(), metrics, window };
        let found = performance.samples(query).await.map_err(failed)?;
        // An object that fails costs no other one its samples; the error is answered only when every object failed.
        if found.iter().flatten().all(Result::is_err)
            && let Some(Err(error)) = found.iter().flatten().next()
        {
            return Err(failed(error.clone()));
        }
        let errors = found.iter().filter_map(|found| found.iter().find_map(|found| found.as_ref().err()));
        errors.for_each(|error| gap.add(error.clone()));
        answer(&gap, Content::List(Box::new(SampleTable { rows, columns, found, moments: window.samples > 1 })))
    })
}

/// A counter as it was asked for.
struct CounterColumn {
    text: String,
    /// Its number, if it exists.
    counter: Option<i32>,
}

/// The type of the objects, virtual machines when none is given.
fn kind(task: &Task<'_>) -> Result<Kind, Failure> {
    let Some(key) = task.request.key.as_deref() else { return Ok(Kind::VirtualMachine) };
    let kind = Kind::WORDS.iter().find(|(word, _)| *word == key).map(|(_, kind)| *kind).or_else(|| Kind::parse(key));
    let words = || Kind::WORDS.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    kind.ok_or_else(|| {
        Failure::Key(format!("key must be a type of object, not \"{}\": {}", shorten(key, log_limits::LONGEST_NAME), words()))
    })
}

/// What was found, from which the rows are made when they are written.
struct SampleTable {
    rows: Vec<Row>,
    columns: Vec<CounterColumn>,
    /// For each row, what was found for each column whose counter exists.
    found: Vec<Vec<SampleResult>>,
    /// Whether each moment is a row of its own.
    moments: bool,
}

impl ObjectList for SampleTable {
    fn objects(&self) -> Box<dyn Iterator<Item = Map<String, Json>> + '_> {
        let rows = self.rows.iter().zip(&self.found);
        Box::new(rows.flat_map(|(row, found)| output_rows(row, &self.columns, found, self.moments)))
    }

    fn count(&self) -> usize {
        self.rows.len()
    }

    fn has_refused(&self) -> bool {
        false
    }
}

/// One row of the table.
struct OutputRow {
    at: DateTime,
    interval: i32,
    /// By column.
    values: BTreeMap<usize, i64>,
}

/// The rows of one object, by instance and, where each moment is its own row, by moment.
fn output_rows(object: &Row, columns: &[CounterColumn], found: &[SampleResult], moments: bool) -> Vec<Map<String, Json>> {
    let mut table: BTreeMap<(&str, i64), OutputRow> = BTreeMap::new();
    let known = columns.iter().enumerate().filter(|(_, column)| column.counter.is_some());
    for ((column, _), found) in known.zip(found) {
        for Series { metric, samples } in found.iter().flatten() {
            for sample in samples {
                let moment = if moments { sample.at.unix_micros() } else { 0 };
                let new = || OutputRow { at: sample.at, interval: sample.interval, values: BTreeMap::new() };
                let line = table.entry((&metric.instance, moment)).or_insert_with(new);
                line.at = if sample.at.unix_micros() > line.at.unix_micros() { sample.at } else { line.at };
                line.values.insert(column, sample.value);
            }
        }
    }
    table.into_iter().map(|((instance, _), line)| line.to_object(object, instance, columns)).collect()
}

impl OutputRow {
    fn to_object(&self, object: &Row, instance: &str, columns: &[CounterColumn]) -> Map<String, Json> {
        let name = objects::name(object).map_or(Json::Null, Json::from);
        let at = Json::from(self.at.to_string());
        let fixed = [name, Json::from(&*object.object.id), Json::from(instance), Json::from(self.interval), at];
        let mut fields: Map<String, Json> = ROW.iter().map(|field| (*field).to_owned()).zip(fixed).collect();
        for (number, column) in columns.iter().enumerate() {
            let value = self.values.get(&number).map(|value| Json::from(*value));
            // Null shows that a counter does not exist here; one without a sample is left out.
            if let Some(value) = value.or(column.counter.is_none().then_some(Json::Null)) {
                fields.insert(column.text.clone(), value);
            }
        }
        fields
    }
}
