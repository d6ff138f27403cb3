//! Virtual SAN, as an ESXi host sees it.

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};
use vpoller_inventory::property::{CONNECTION_STATE, NAME, POWER_STATE};
use vpoller_vsphere::Value;

use super::{Answer, Task};
use crate::failure::Failure;

const SYSTEM: &str = "configManager.vsanSystem";

/// Whether the host's part of the cluster is well. A host that is off or lost would be waited for in vain.
pub(crate) fn health<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let host = task.row(&[NAME, POWER_STATE, CONNECTION_STATE, SYSTEM]).await?;
        if host.required_text(POWER_STATE)? != Some("poweredOn") {
            return Err(Failure::VsanHostOff);
        }
        if host.required_text(CONNECTION_STATE)? != Some("connected") {
            return Err(Failure::VsanHostLost);
        }
        let system = host.required(SYSTEM)?.and_then(Value::as_moref).ok_or(Failure::MissingProperties)?;
        let status = task.inventory.services().vsan_status(system).await?;
        let member = |name: &str| status.get(name).map_or(Json::Null, Value::to_json);
        let name = host.readable(NAME).map_or(Json::Null, Value::to_json);
        task.answer(json!([{
            NAME: name, "uuid": member("uuid"), "nodeUuid": member("nodeUuid"), "health": member("health"),
        }]))
    })
}
