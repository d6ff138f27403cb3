//! Triggered alarms of an object and of everything below it.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use vpoller_inventory::property::NAME;
use vpoller_vsphere::{MoRef, Struct, Value};

use super::{Answer, Task};
use crate::failure::Failure;

const STATES: &str = "triggeredAlarmState";
const ALARM_NAME: &str = "info.name";

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
    let states = rows.first().ok_or_else(|| task.no_object())?.get(STATES).and_then(Value::as_list).unwrap_or_default();
    let states: Vec<&Struct> = states.iter().filter_map(Value::as_struct).collect();
    // However many alarms there are, their names cost two reads.
    let (alarms, entities) = tokio::try_join!(named(task, &states, "alarm", ALARM_NAME), named(task, &states, "entity", NAME))?;
    let row = |state: &&Struct| {
        let field = |name: &str| state.get(name).map_or(Json::Null, Value::to_json);
        let name_of = |member: &str, names: &HashMap<MoRef, Json>| {
            state.get(member).and_then(Value::as_moref).and_then(|object| names.get(object)).cloned()
        };
        json!({
            "key": field("key"),
            "info": name_of("alarm", &alarms),
            "time": field("time"),
            "entity": name_of("entity", &entities),
            "acknowledged": field("acknowledged"),
            "overallStatus": field("overallStatus"),
            "acknowledgedByUser": field("acknowledgedByUser"),
        })
    };
    task.answer(states.iter().map(row).collect())
}

/// The names of all objects that the states refer to in a member.
async fn named(task: &Task<'_>, states: &[&Struct], member: &str, path: &str) -> Result<HashMap<MoRef, Json>, Failure> {
    let mut objects: Vec<MoRef> = states.iter().filter_map(|state| state.get(member)?.as_moref().cloned()).collect();
    objects.sort();
    objects.dedup();
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = task.inventory.read(&objects, &[path]).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.object.clone(), row.get(path)?.to_json()))).collect())
}
