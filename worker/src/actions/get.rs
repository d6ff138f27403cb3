//! Properties of one object.

use futures_util::future::BoxFuture;

use super::attributes::Columns;
use super::{Answer, Task, one};
use crate::failure::Failure;

pub(super) fn get<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let columns = Columns::of(task, task.paths()).await?;
        let row = task.read(&columns.reads).await?;
        task.answer(one(columns.fields(&row)))
    })
}
