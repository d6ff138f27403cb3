//! Every object of a type.

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use vpoller_inventory::Property;
use vpoller_inventory::property::NAME;

use super::attributes::Columns;
use super::{Answer, Task};
use crate::failure::Failure;

pub(super) fn discover<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let Some(kind) = task.method.object.kind() else { return Err(task.no_object()) };
        let columns = Columns::of(task, task.paths()).await?;
        let rows = task.inventory.list(kind, &columns.reads).await?;
        columns.refusal(task, &rows).map_or(Ok(()), Err)?;
        // An object that has no name is none yet, or none any more. One whose name is refused is there: who takes it for gone would
        // delete what stands for it.
        let named = rows.iter().filter(|row| !matches!(row.property(NAME), Property::Unset));
        task.answer(named.map(|row| Json::Object(columns.fields(row))).collect())
    })
}
