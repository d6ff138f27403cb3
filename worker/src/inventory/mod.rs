//! The border between methods and vSphere: what a method may ask, and nothing about how it is answered.
//!
//! Methods see [`Inventory`] only. [`Direct`] answers each question by calls to vSphere, [`Cached`] from memory where it can; no
//! method notices the difference. Questions that are no property reads of inventory objects are those of [`Services`]: they
//! always go to vSphere, so whoever wraps an inventory forwards one method for all of them.

mod broken;
mod cached;
mod direct;
mod error;
mod health;
mod lookup;
mod path;
mod performance;
mod property_path;
mod refusal;
mod retrieve;
mod services;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value as Json;
use vpoller_vsphere::{MoRef, Struct, Value};

pub use broken::Broken;
pub use cached::Cached;
pub use direct::Direct;
pub use error::ReadError;
pub use lookup::Wanted;
pub(crate) use lookup::{Index, comparable, find, indexed};
pub(crate) use path::{Ancestors, upward};
pub use performance::{Found, Performance, SampleQuery, Window};
pub(crate) use property_path::is_within;
pub use refusal::Refusal;
pub(crate) use refusal::Refusals;
pub(crate) use retrieve::{Retriever, subject};
pub use services::{Event, EventFilter, GuestAccount, Services, Severity};

use crate::kind::Kind;

/// A question under way.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send + 'a>>;

/// What can be asked about one vSphere host.
pub trait Inventory: Send + Sync {
    /// The objects that a name means, the preferred one first: usually one, none when there is no such object.
    fn find<'a>(&'a self, kind: Kind, wanted: &'a Wanted) -> Reading<'a, Vec<MoRef>>;

    /// These paths of every object of a type (subtypes included), in the server's order.
    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> Reading<'a, Vec<Row>>;

    /// These paths of these objects, in the order of the objects; those that no longer exist are left out.
    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> Reading<'a, Vec<Row>>;

    /// These paths of an object, and the objects that its property `via` refers to. No row when it no longer exists, no
    /// references when the property is unset.
    fn reach<'a>(&'a self, object: &'a MoRef, paths: &'a [&'a str], via: &'a str) -> Reading<'a, Reached> {
        Box::pin(async move {
            let mut rows = self.read(std::slice::from_ref(object), &[paths, &[via]].concat()).await?;
            Ok(Reached::of(rows.pop(), via))
        })
    }

    /// What the host says about itself.
    fn about(&self) -> Reading<'_, Struct>;

    /// What else can be asked of the host.
    fn services(&self) -> &dyn Services;

    /// Its performance counters.
    fn performance(&self) -> &dyn Performance;

    /// Makes ready: logs in, where that is needed.
    fn connect(&self) -> Reading<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Follows vSphere's changes, where answers come from memory. Ends only when that fails; to go on, make ready again.
    fn follow(&self) -> Reading<'_, Infallible> {
        Box::pin(std::future::pending())
    }

    /// Lets go: logs out. The next question makes ready again.
    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }

    /// Calls, bytes and the session, for the status page.
    fn health(&self) -> Json {
        Json::Null
    }
}

/// An object and what it refers to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reached {
    /// The object's row.
    pub row: Option<Row>,
    /// What it refers to.
    pub references: Option<Vec<MoRef>>,
}

impl Reached {
    /// An object's row, and what the property in it refers to.
    #[must_use]
    pub fn of(row: Option<Row>, via: &str) -> Self {
        let references = row.as_ref().and_then(|row| row.get(via)).map(references);
        Self { row, references }
    }
}

/// A reference, the references of a list, or those that structs in a list have as their key (the mounts of a datastore).
fn references(value: &Value) -> Vec<MoRef> {
    let one = |value: &Value| match value {
        Value::Ref(reference) => Some(reference.clone()),
        Value::Struct(object) => object.get("key").and_then(Value::as_moref).cloned(),
        _ => None,
    };
    match value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}

/// One object and those of the asked paths that are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The object.
    pub object: MoRef,
    /// Path and value, in the order in which the paths were asked for; those that are unset or may not be read are absent.
    pub values: Vec<(Arc<str>, Value)>,
    /// Those that vSphere does not tell, and why.
    pub refused: Vec<(Arc<str>, Arc<Refusal>)>,
}

impl Row {
    /// An object and its values.
    #[must_use]
    pub const fn new(object: MoRef, values: Vec<(Arc<str>, Value)>) -> Self {
        Self { object, values, refused: Vec::new() }
    }

    /// Why the first refused one of these paths cannot be read.
    pub(crate) fn refusal(&self, is_meant: impl Fn(&str) -> bool) -> Option<ReadError> {
        let (path, refusal) = self.refused.iter().find(|(path, _)| is_meant(path))?;
        Some(refusal.error(path, &self.object))
    }

    /// The value of a path, when it is set.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| &**name == path).map(|(_, value)| value)
    }

    /// The references in the list of a path; none when it is unset.
    pub(crate) fn references(&self, path: &str) -> Vec<MoRef> {
        let list = self.get(path).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_moref).cloned().collect()
    }

    /// The text of a path, when it is set and a text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }
}
