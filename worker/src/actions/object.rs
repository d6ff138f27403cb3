//! Objects of any type, named in the request's `key`.

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{Kind, Row};
use vpoller_vsphere::MoRef;
use vpoller_wire::Request;

use super::attributes::Columns;
use super::{Answer, Task, one, unique};
use crate::failure::Failure;
use crate::policy::Policy;

/// What a request for an object of any type names.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Target<'r> {
    /// An object of the inventory, by any form of its name.
    Named(Kind, &'r str),
    /// Any managed object, by its reference.
    Reference(MoRef),
    /// The manager of a type.
    Manager(String),
}

const REFERENCE: &str = "ref";

impl<'r> Target<'r> {
    /// Reads type and name: `Folder` and `vm`, `Alarm` and `moid:alarm-1`, `LicenseManager` alone, or a reference
    /// (`vim.alarm.Alarm:alarm-1`) alone.
    pub(crate) fn of(request: &'r Request) -> Result<Self, Failure> {
        let name = request.name.as_deref();
        let Some(key) = request.key.as_deref() else {
            return name.and_then(MoRef::parse).map(Self::Reference).ok_or_else(|| Failure::Key(NO_TYPE.to_owned()));
        };
        // Read like the type of a reference, which knows both ways to write it.
        let kind = MoRef::parse(&format!("{key}:x")).ok_or_else(|| Failure::Key(format!("{key} is no type; {NO_TYPE}")))?.kind;
        match (Kind::parse(&kind), name) {
            (Some(kind), Some(name)) => Ok(Self::Named(kind, name)),
            (Some(_), None) => Err(Failure::NoObject(None)),
            (None, None) => Ok(Self::Manager((*kind).to_owned())),
            (None, Some(name)) => match name.strip_prefix("moid:") {
                Some(id) => Ok(Self::Reference(MoRef::new(kind, id.trim()))),
                None => MoRef::parse(name).map(Self::Reference).ok_or_else(|| Failure::Key(no_name(&kind))),
            },
        }
    }
}

const NO_TYPE: &str =
    "key must be a type of managed object, such as Folder, unless name is a reference, such as vim.Folder:group-v3";

fn no_name(kind: &str) -> String {
    format!("objects of type {kind} have no names to be found by; write moid: and the managed object id in name")
}

/// Properties of the one object.
pub(crate) fn get<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let object = task.object()?;
        task.policy.admit(object)?;
        // Alarms and managers have no property `name`, or none that names them.
        let own = Kind::parse(&object.kind).map(|_| NAME);
        let columns = Columns::of(task, unique(own.into_iter().chain(task.requested()))).await?;
        let row = task.read(&columns.reads).await?;
        task.answer(one(fields(task.policy, &columns, &row)))
    })
}

/// Properties of every object of the type.
pub(crate) fn discover<'a>(task: &'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>> {
    Box::pin(async move {
        let key = task.request.key.as_deref().unwrap_or_default();
        let kind = Kind::parse(key).ok_or_else(|| Failure::Key(no_list(key)))?;
        let columns = Columns::of(task, unique([NAME].into_iter().chain(task.requested()))).await?;
        let rows = task.inventory.rows(kind, &columns.reads).await?;
        columns.refusal(task, &rows).map_or(Ok(()), Err)?;
        let policy = task.policy;
        task.list(columns.list(rows, Box::new(move |columns, row| Some(fields(policy, columns, row)))))
    })
}

fn no_list(key: &str) -> String {
    let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.wire()).collect();
    format!("key must be a type that can be listed, not \"{key}\": {}", kinds.join(", "))
}

fn fields(policy: Policy, columns: &Columns<'_>, row: &Row) -> Map<String, Json> {
    let mut fields = Map::from_iter([(REFERENCE.to_owned(), Json::from(row.object.to_string()))]);
    fields.extend(columns.fields_with(row, |path, value| policy.value(path, value)));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(key: Option<&str>, name: Option<&str>) -> Result<String, String> {
        let mut request = Request::new("object", "vc01");
        (request.key, request.name) = (key.map(str::to_owned), name.map(str::to_owned));
        Target::of(&request).map(|target| format!("{target:?}")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn type_and_name_say_what_is_meant() {
        let reference = |kind: &str, id: &str| Ok(format!("{:?}", Target::Reference(MoRef::new(kind, id))));
        assert_eq!(target(Some("Folder"), Some("vm")), Ok("Named(Folder, \"vm\")".to_owned()));
        assert_eq!(
            target(Some("vim.dvs.DistributedVirtualPortgroup"), Some("moid:x")),
            Ok("Named(DistributedVirtualPortgroup, \"moid:x\")".to_owned())
        );
        assert_eq!(target(None, Some("vim.alarm.Alarm:alarm-1")), reference("Alarm", "alarm-1"));
        assert_eq!(target(Some("Alarm"), Some("moid:alarm-1")), reference("Alarm", "alarm-1"));
        assert_eq!(target(Some("vim.vm.Snapshot"), Some("moid:snapshot-1")), reference("VirtualMachineSnapshot", "snapshot-1"));
        assert_eq!(target(Some("Alarm"), Some("vim.alarm.Alarm:alarm-1")), reference("Alarm", "alarm-1"));
        assert_eq!(target(Some("LicenseManager"), None), Ok("Manager(\"LicenseManager\")".to_owned()));
    }

    #[test]
    fn what_is_missing_is_said() {
        let fails = |key, name, text: &str| {
            let failure = target(key, name).expect_err("a failure");
            assert!(failure.contains(text), "{failure}");
        };
        fails(None, None, "Invalid task request: key must be a type of managed object");
        fails(None, Some("vm01"), "key must be a type of managed object");
        fails(Some("folder"), Some("vm"), "folder is no type");
        fails(Some("Folder"), None, "Cannot find object None");
        fails(Some("Alarm"), Some("Host CPU usage"), "objects of type Alarm have no names");
    }
}
