//! Every object of a type.

use serde_json::Value as Json;

use super::{Performing, Task, properties};

pub(super) fn discover<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let Some(kind) = task.method.object.kind() else { return Err(task.no_object()) };
        let paths = task.paths();
        let rows = task.inventory.list(kind, &properties(&paths)).await?;
        task.answer(rows.iter().map(|row| Json::Object(task.fields(row, &paths))).collect())
    })
}
