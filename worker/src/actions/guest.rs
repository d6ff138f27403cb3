//! What VMware Tools report from inside a guest.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json, json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{GuestAccount, Row};
use vpoller_vsphere::{SecretString, Struct, Value};

use super::{Answer, Task, members, one};
use crate::failure::Failure;
use crate::method::DISCOVERED;
use crate::response::Content;

const DISKS: &str = "guest.disk";
const ADAPTERS: &str = "guest.net";
const TOOLS: &str = "guest.toolsRunningStatus";

/// Every disk of the guest.
pub(crate) fn disks<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let row = task.row(&[NAME, DISKS]).await?;
        task.answer(all_disks(task, &row)?)
    })
}

/// The disk whose path is the request's key; every disk when there is no key.
pub(crate) fn disk<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let row = task.row(&[NAME, DISKS]).await?;
        let Some(key) = task.request.key.as_deref() else {
            return Ok(Answer { msg: DISCOVERED.into(), result: Content::Whole(all_disks(task, &row)?) });
        };
        let found = structs(&row, DISKS)?.find(|disk| disk.get("diskPath").and_then(Value::as_str) == Some(key));
        let disk = found.ok_or_else(|| Failure::NoGuestDisk(key.to_owned()))?;
        let fields =
            [(NAME.to_owned(), Json::from(task.name())), ("disk".to_owned(), Json::Object(members(disk, &task.paths())))];
        task.answer(one(Map::from_iter(fields)))
    })
}

/// Every network adapter of the guest.
pub(crate) fn adapters<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let row = task.row(&[NAME, ADAPTERS]).await?;
        task.answer(json!({ NAME: name(task, &row), "net": each(task, structs(&row, ADAPTERS)?) }))
    })
}

/// The processes in the guest.
pub(crate) fn processes<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let row = task.row(&[TOOLS]).await?;
        if row.required_text(TOOLS)? != Some("guestToolsRunning") {
            return Err(Failure::NoTools(task.name()));
        }
        let (Some(user), Some(password)) = (task.request.username.as_deref(), task.request.password.as_ref()) else {
            return Err(Failure::NoGuestAccount(task.name()));
        };
        let password = SecretString::from(password.expose());
        let account = GuestAccount { user, password: &password };
        let list = task.inventory.services().processes(task.object()?, account).await.map_err(Failure::GuestProcesses)?;
        task.answer(each(task, list.iter().filter_map(Value::as_struct)))
    })
}

fn all_disks(task: &Task<'_>, row: &Row) -> Result<Json, Failure> {
    Ok(json!([{ NAME: name(task, row), "disk": each(task, structs(row, DISKS)?) }]))
}

/// The asked members of each of the structs.
fn each<'s>(task: &Task<'_>, structs: impl Iterator<Item = &'s Struct>) -> Json {
    let names = task.paths();
    structs.map(|object| Json::Object(members(object, &names))).collect()
}

/// The data objects in a list property; none when it is unset, as it is without VMware Tools. An error when it is refused.
fn structs<'r>(row: &'r Row, path: &str) -> Result<impl Iterator<Item = &'r Struct> + use<'r>, Failure> {
    let list = row.required(path)?.and_then(Value::as_list).unwrap_or_default();
    Ok(list.iter().filter_map(Value::as_struct))
}

fn name(task: &Task<'_>, row: &Row) -> Json {
    row.readable(NAME).map_or_else(|| Json::from(task.name()), Value::to_json)
}
