//! Triggered alarms of an object and of everything below it.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{Refusal, Row};
use vpoller_vsphere::{MoRef, Struct, Value};

use super::{Answer, Task, refused};
use crate::failure::Failure;

const STATES: &str = "triggeredAlarmState";
const ALARM: &str = "alarm";
const ENTITY: &str = "entity";
const INFO: &str = "info";
/// What an alarm is called. Since vCenter 8 it may have no name: then what the system calls it, else what it is about.
const ALARM_NAMES: [&str; 3] = ["info.name", "info.systemName", "info.description"];

/// The alarms of the one object.
pub(crate) fn of_object<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move { of(task, task.object()?).await })
}

/// The alarms of everything, those of the vCenter itself included.
pub(crate) fn of_all<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move { of(task, &task.inventory.services().root().await?).await })
}

async fn of(task: &Task<'_>, object: &MoRef) -> Result<Answer, Failure> {
    let rows = task.inventory.read(std::slice::from_ref(object), &[STATES]).await?;
    // States that may not be read are no states: without this error every alarm would look as if it were over.
    let states = rows.first().ok_or_else(|| task.no_object())?.required(STATES)?.and_then(Value::as_list).unwrap_or_default();
    let states: Vec<&Struct> = states.iter().filter_map(Value::as_struct).collect();
    // However many alarms there are, their names cost two reads.
    let (alarms, entities) = tokio::try_join!(named(task, &states, ALARM, &ALARM_NAMES), named(task, &states, ENTITY, &[NAME]))?;
    task.answer(states.iter().map(|state| row(state, &alarms, &entities)).collect())
}

/// One alarm. An entity that has gone, or may not be seen, has no name: the alarm stands all the same.
fn row(state: &Struct, alarms: &HashMap<MoRef, Row>, entities: &HashMap<MoRef, Row>) -> Json {
    let field = |name: &str| state.get(name).map_or(Json::Null, Value::to_json);
    let of = |member: &str, rows: &'_ HashMap<MoRef, Row>| {
        state.get(member).and_then(Value::as_moref).and_then(|object| rows.get(object)).cloned()
    };
    let (alarm, entity) = (of(ALARM, alarms), of(ENTITY, entities));
    let name = |row: &Option<Row>, paths: &[&str]| row.as_ref().map_or(Json::Null, |row| first_text(row, paths));
    let mut fields = Map::from_iter([
        ("key".to_owned(), field("key")),
        (INFO.to_owned(), name(&alarm, &ALARM_NAMES)),
        ("time".to_owned(), field("time")),
        (ENTITY.to_owned(), name(&entity, &[NAME])),
        ("acknowledged".to_owned(), field("acknowledged")),
        ("overallStatus".to_owned(), field("overallStatus")),
        ("acknowledgedByUser".to_owned(), field("acknowledgedByUser")),
    ]);
    let unread = [(INFO, alarm.as_ref(), &ALARM_NAMES[..]), (ENTITY, entity.as_ref(), &[NAME])];
    let unread: Vec<(&str, &Refusal)> = unread
        .into_iter()
        .filter(|(field, _, _)| fields.get(*field).is_some_and(Json::is_null))
        .filter_map(|(field, row, paths)| Some((field, paths.iter().find_map(|path| row?.refusal(path))?)))
        .collect();
    refused::note(&mut fields, unread.into_iter());
    Json::Object(fields)
}

/// The first of these texts that says something.
fn first_text(row: &Row, paths: &[&str]) -> Json {
    let mut texts = paths.iter().filter_map(|path| row.readable(path)?.as_str());
    texts.find(|text| !text.is_empty()).map_or(Json::Null, Json::from)
}

/// All objects that the states refer to in a member, with these paths.
async fn named(task: &Task<'_>, states: &[&Struct], member: &str, paths: &[&str]) -> Result<HashMap<MoRef, Row>, Failure> {
    let mut objects: Vec<MoRef> = states.iter().filter_map(|state| state.get(member)?.as_moref().cloned()).collect();
    objects.sort();
    objects.dedup();
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = task.inventory.read(&objects, paths).await?;
    Ok(rows.into_iter().map(|row| (row.object.clone(), row)).collect())
}
