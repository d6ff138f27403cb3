//! What a vSphere host says about itself.

use super::{Performing, Task, members, one};

/// The requested members of the About information; the method's own ones only when none is requested.
pub(super) fn about<'a>(task: &'a Task<'a>) -> Performing<'a> {
    Box::pin(async move {
        let about = task.inventory.about().await?;
        let requested: Vec<&str> = task.requested().collect();
        let names = if requested.is_empty() { task.method.reads } else { requested.as_slice() };
        task.answer(one(members(&about, names)))
    })
}
