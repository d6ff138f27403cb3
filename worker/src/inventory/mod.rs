//! The border between methods and vSphere: what a method may ask, and nothing about how it is answered.
//!
//! Methods see [`Inventory`] only. [`Direct`] answers each question by calls to vSphere; whatever answers from memory later
//! implements the same trait, and no method will notice. Questions that are no property reads of inventory objects are those of
//! [`Services`]: they always go to vSphere, so whoever wraps an inventory forwards one method for all of them.

mod broken;
mod direct;
mod error;
mod health;
mod lookup;
mod path;
mod services;

use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value as Json;
use vpoller_vsphere::{MoRef, Struct, Value};

pub use broken::Broken;
pub use direct::Direct;
pub use error::ReadError;
pub use lookup::Wanted;
pub(crate) use lookup::find;
pub(crate) use path::Ancestors;
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

    /// What the host says about itself.
    fn about(&self) -> Reading<'_, Struct>;

    /// What else can be asked of the host.
    fn services(&self) -> &dyn Services;

    /// Makes ready: logs in, where that is needed.
    fn connect(&self) -> Reading<'_, ()> {
        Box::pin(async { Ok(()) })
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

/// One object and those of the asked paths that are set.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The object.
    pub object: MoRef,
    /// Path and value; paths that are unset or may not be read are absent.
    pub values: Vec<(Arc<str>, Value)>,
}

impl Row {
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
