//! Objects that another object refers to.

use serde_json::{Map, Value as Json, json};
use vpoller_vsphere::{MoRef, Value};

use super::attributes::Columns;
use super::{Performing, Task, fields, one, unique};
use crate::failure::Failure;
use crate::inventory::Row;
use crate::methods::{Relation, Shape};

pub(super) fn related<'a>(task: &'a Task<'a>, relation: Relation) -> Performing<'a> {
    Box::pin(async move {
        let own = task.read(&[NAME, relation.via]).await?;
        let reached = reach(task, &own, relation.via, relation.reads).await?;
        let list = || reached.iter().map(|row| Json::Object(fields(row, relation.reads))).collect::<Json>();
        let name = || own.get(NAME).map_or(Json::Null, Value::to_json);
        task.answer(match relation.shape {
            Shape::List => list(),
            Shape::Inside(field) => json!({ NAME: name(), field: list() }),
            Shape::NameOf(field) => {
                let other = reached.first().and_then(|row| row.get(NAME)).ok_or(Failure::MissingProperties)?;
                one(Map::from_iter([(NAME.to_owned(), name()), (field.to_owned(), other.to_json())]))
            }
        })
    })
}

/// The virtual machines directly in a resource pool, with requested properties and the name that was asked for.
pub(crate) fn pool_members<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let own = task.read(&[VM]).await?;
        let columns = Columns::of(task, unique([NAME].into_iter().chain(task.requested()))).await?;
        let reached = reach(task, &own, VM, &columns.reads).await?;
        let with_pool = |row: &Row| {
            let mut fields = columns.fields(row);
            fields.insert("resourcePool.name".to_owned(), Json::from(task.name()));
            Json::Object(fields)
        };
        task.answer(reached.iter().map(with_pool).collect())
    })
}

const NAME: &str = "name";
const VM: &str = "vm";

/// Paths of the objects that the property refers to.
async fn reach(task: &Task<'_>, own: &Row, via: &str, paths: &[&str]) -> Result<Vec<Row>, Failure> {
    let references = own.get(via).map(references).ok_or(Failure::MissingProperties)?;
    if references.is_empty() {
        return Ok(Vec::new());
    }
    Ok(task.inventory.read(&references, paths).await?)
}

/// A reference, the references of a list, or those that structs in a list have as their key (the mounts of a datastore).
fn references(value: &Value) -> Vec<MoRef> {
    let one = |value: &Value| match value {
        Value::Ref(reference) => Some(reference.clone()),
        Value::Struct(object) => object.get("key").and_then(Value::as_moref).cloned(),
        _ => None,
    };
    match value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}
