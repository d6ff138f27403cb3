//! What methods do: from a request and an [`vpoller_inventory::Inventory`] to the `result` of a reply.
//!
//! One file per family. An action neither knows where a value comes from nor how the reply is printed.

pub(crate) mod alarms;
mod attributes;
pub(crate) mod cpu;
mod discover;
pub(crate) mod events;
mod get;
pub(crate) mod guest;
pub(crate) mod object;
pub(crate) mod performance;
pub(crate) mod privileges;
mod refused;
pub(crate) mod related;
pub(crate) mod service;
pub(crate) mod snapshots;
pub(crate) mod totals;
pub(crate) mod vsan;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value as Json};
use vpoller_inventory::property::{NAME, PARENT};
use vpoller_inventory::{Property, ReadError, Row, is_within};
use vpoller_vsphere::{MoRef, Struct};

use crate::failure::Failure;
use crate::method::{Action, Answer, Task};
use crate::response::{Content, ObjectList};

/// Does what the method's row says.
pub(crate) fn perform<'a>(task: &'a Task<'a>, action: Action) -> BoxFuture<'a, Result<Answer, Failure>> {
    match action {
        Action::About => service::about(task),
        Action::Discover => discover::discover(task),
        Action::Get => get::get(task),
        Action::Related(relation) => related::related(task, relation),
        Action::Custom(perform) => perform(task),
    }
}

impl Task<'_> {
    /// The answer with the method's own text.
    fn answer(&self, result: Json) -> Result<Answer, Failure> {
        Ok(Answer { msg: self.method.success.into(), result: Content::Whole(result) })
    }

    /// The same with a list of objects that are made when they are written.
    fn list(&self, list: impl ObjectList + 'static) -> Result<Answer, Failure> {
        Ok(Answer { msg: self.method.success.into(), result: Content::List(Box::new(list)) })
    }

    fn object(&self) -> Result<&MoRef, Failure> {
        self.object.as_ref().ok_or_else(|| self.no_object())
    }

    fn no_object(&self) -> Failure {
        (self.method.not_found)(self.request.name.clone())
    }

    /// The name as requested.
    fn name(&self) -> String {
        self.request.name.clone().unwrap_or_default()
    }

    /// The method's own paths, then the requested ones, each once.
    fn paths(&self) -> Vec<&str> {
        unique(self.method.reads.iter().copied().chain(self.requested()))
    }

    /// The requested ones of the method's fields, all of them when none is requested.
    fn chosen(&self) -> Result<Vec<&str>, Failure> {
        let fields = self.method.reads;
        match self.requested().find(|path| !fields.contains(path)) {
            Some(path) => {
                let text = format!("InvalidProperty: {path} is none of {}", fields.join(", "));
                Err(ReadError::new(&text).into())
            }
            None if self.request.properties.is_empty() => Ok(fields.to_vec()),
            None => Ok(unique(self.requested())),
        }
    }

    fn requested(&self) -> impl Iterator<Item = &str> {
        self.request.properties.iter().map(String::as_str)
    }

    /// Paths of the one object, for methods that compute with them: they say of each path what it means that it is refused.
    async fn row(&self, paths: &[&str]) -> Result<Row, Failure> {
        let object = std::slice::from_ref(self.object()?);
        self.inventory.read(object, paths).await?.into_iter().next().ok_or_else(|| self.no_object())
    }

    /// Paths of the one object. When vSphere tells nothing of what was requested because it may not be read, that is an error:
    /// an account without rights must not look like properties that are not set.
    async fn read(&self, paths: &[&str]) -> Result<Row, Failure> {
        let row = self.row(paths).await?;
        if row.refused().is_empty() {
            return Ok(row);
        }
        let is_requested = |path: &str| self.requested().any(|requested| is_within(requested, path));
        // Whoever sees an object may know its name and place, without the right to read it.
        let is_meant = |path: &str| !SEEN.contains(&path) && (self.request.properties.is_empty() || is_requested(path));
        let refusal = row.refusals(is_meant).filter(|_| !row.values().iter().any(|(path, _)| is_meant(path)));
        refusal.map_or(Ok(row), |refusal| Err(refusal.into()))
    }
}

/// Whether an object is listed. One that has no name is none yet, or none any more. One whose name is refused is there: who takes it for
/// gone would delete what stands for it.
fn is_shown(row: &Row) -> bool {
    row.property(NAME) != Property::Unset
}

/// What the privilege to see an object is enough for.
const SEEN: [&str; 2] = [NAME, PARENT];

fn unique<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut kept = Vec::new();
    paths.for_each(|path| {
        if !kept.contains(&path) {
            kept.push(path);
        }
    });
    kept
}

/// The fields of a row that are set, in the order of the paths, and what could not be read.
fn fields(row: &Row, paths: &[&str]) -> Map<String, Json> {
    let set = paths.iter().filter_map(|path| Some(((*path).to_owned(), row.readable(path)?.to_json())));
    let mut fields: Map<String, Json> = set.collect();
    if !row.refused().is_empty() {
        refused::note(&mut fields, paths.iter().filter_map(|path| Some((*path, row.refusal(path)?))));
    }
    fields
}

/// Members of a data object: a member that its type does not define prints `(null)`, one that is merely unset is null.
fn members(object: &Struct, names: &[&str]) -> Map<String, Json> {
    let member = |name: &str| match object.get(name) {
        Some(value) => value.to_json(),
        None if object.declares(name) => Json::Null,
        None => Json::from("(null)"),
    };
    names.iter().map(|name| ((*name).to_owned(), member(name))).collect()
}

/// A list of one object: what most methods answer about one object.
fn one(object: Map<String, Json>) -> Json {
    Json::Array(vec![Json::Object(object)])
}
