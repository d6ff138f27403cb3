//! Every object of a type.

use serde_json::Value as Json;

use super::attributes::Columns;
use super::{Performing, Task};

pub(super) fn discover<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let Some(kind) = task.method.object.kind() else { return Err(task.no_object()) };
        let columns = Columns::of(task, task.paths()).await?;
        let rows = task.inventory.list(kind, &columns.reads).await?;
        task.answer(rows.iter().map(|row| Json::Object(columns.fields(row))).collect())
    })
}
