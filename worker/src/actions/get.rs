//! Properties of one object.

use super::{Performing, Task, one};

pub(super) fn get<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let paths = task.paths();
        let row = task.read(&paths).await?;
        task.answer(one(task.fields(&row, &paths)))
    })
}
