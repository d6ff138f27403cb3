//! Properties of one object.

use super::{Performing, Task, fields, one};

pub(super) fn get<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let paths = task.paths();
        let row = task.read(&paths).await?;
        task.answer(one(fields(&row, &paths)))
    })
}
