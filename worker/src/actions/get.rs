//! Properties of one object.

use super::attributes::Columns;
use super::{Performing, Task, one};

pub(super) fn get<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let columns = Columns::of(task, task.paths()).await?;
        let row = task.read(&columns.reads).await?;
        task.answer(one(columns.fields(&row)))
    })
}
