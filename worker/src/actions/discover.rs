//! Every object of a type.

use futures_util::future::BoxFuture;

use super::attributes::Columns;
use super::{Answer, Task, is_shown};
use crate::failure::Failure;

pub(super) fn discover<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let Some(kind) = task.method.object.kind() else { return Err(task.no_object()) };
        let columns = Columns::of(task, task.paths()).await?;
        let rows = task.inventory.rows(kind, &columns.reads).await?;
        columns.refusal(task, &rows).map_or(Ok(()), Err)?;
        task.list(columns.list(rows, Box::new(|columns, row| is_shown(row).then(|| columns.fields(row)))))
    })
}
