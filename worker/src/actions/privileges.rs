//! What the account of vPoller may not read.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use vpoller_inventory::MissingPrivilege;

use super::{Answer, Task};
use crate::failure::Failure;

/// What a reply says of a missing privilege.
pub(crate) const MISSING: &[&str] = &["privilege", "fault", "objects", "types", "paths"];

/// Every privilege that something was refused for, from memory.
pub(crate) fn missing<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let missing = task.inventory.missing_privileges().await?;
        task.answer(missing.iter().map(row).collect())
    })
}

fn row(missing: &MissingPrivilege) -> Json {
    let texts = |set: &BTreeSet<Arc<str>>| set.iter().map(|text| Json::from(&**text)).collect::<Json>();
    json!({
        "privilege": missing.refusal.privilege(),
        "fault": missing.refusal.fault(),
        "objects": missing.objects,
        "types": texts(&missing.types),
        "paths": texts(&missing.paths),
    })
}
