//! Objects that another object refers to.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{Reached, Row, Rows};
use vpoller_vsphere::Value;

use super::attributes::Columns;
use super::{Answer, Task, fields, is_shown, one, refused, unique};
use crate::failure::Failure;
use crate::method::{Relation, Shape};

pub(super) fn related<'a>(task: &'a Task<'a>, relation: Relation) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let (own, reached) = reach(task, &[NAME], relation.via, relation.reads).await?;
        let list =
            || reached.iter().filter(|row| is_shown(row)).map(|row| Json::Object(fields(row, relation.reads))).collect::<Json>();
        // Next to what was asked for, its own name: null when it may not be read, with a note of that.
        let with_name = |field: &str, value: Json| {
            let name = own.readable(NAME).map_or(Json::Null, Value::to_json);
            let mut outer = Map::from_iter([(NAME.to_owned(), name), (field.to_owned(), value)]);
            refused::note(&mut outer, own.refusal(NAME).map(|refusal| (NAME, refusal)).into_iter());
            outer
        };
        task.answer(match relation.shape {
            Shape::List => list(),
            Shape::Inside(field) => Json::Object(with_name(field, list())),
            Shape::NameOf(field) => {
                let other = reached.first().ok_or(Failure::MissingProperties)?.required(NAME)?;
                one(with_name(field, other.ok_or(Failure::MissingProperties)?.to_json()))
            }
        })
    })
}

/// The virtual machines directly in a resource pool, with requested properties and the name that was asked for.
pub(crate) fn pool_members<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let columns = Columns::of(task, unique([NAME].into_iter().chain(task.requested()))).await?;
        let (_, reached) = reach(task, &[], VM, &columns.reads).await?;
        let reached = Rows::from(reached);
        columns.refusal(task, &reached).map_or(Ok(()), Err)?;
        let with_pool = |row: &Row| {
            let mut fields = columns.fields(row);
            fields.insert("resourcePool.name".to_owned(), Json::from(task.name()));
            Json::Object(fields)
        };
        task.answer(reached.iter().filter(|row| is_shown(row)).map(|row| with_pool(&row)).collect())
    })
}

const VM: &str = "vm";

/// The object's own paths, and other paths of the objects that its property refers to.
async fn reach(task: &Task<'_>, own: &[&str], via: &str, paths: &[&str]) -> Result<(Row, Vec<Row>), Failure> {
    let Reached { row, references } = task.inventory.reach(task.object()?, own, via).await?;
    let row = row.ok_or_else(|| task.no_object())?;
    let unset = || row.required(via).err().map_or(Failure::MissingProperties, Failure::from);
    let references = references.ok_or_else(unset)?;
    let reached = if references.is_empty() { Vec::new() } else { task.inventory.read(&references, paths).await? };
    Ok((row, reached))
}
