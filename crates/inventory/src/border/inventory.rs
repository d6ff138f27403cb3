//! The border between methods and vSphere: what a method may ask, and nothing about how it is answered.
//!
//! Methods see [`Inventory`] only. [`crate::Direct`] answers each question by calls to vSphere, [`crate::Cached`] from memory where it can; no
//! method notices the difference. Questions that are no property reads of inventory objects are those of [`Services`]: they
//! always go to vSphere, so a wrapper of an inventory forwards one method for all of them.

use std::convert::Infallible;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use vpoller_vsphere::{MoRef, Struct, Value};

use super::{Kind, MissingPrivilege, ObjectName, Performance, Pinned, ReadError, Row, Rows, Services, View};

/// What can be asked about one vSphere host.
pub trait Inventory: Send + Sync {
    /// The objects that a name means, the preferred one first: usually one, none when there is no such object.
    fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>>;

    /// These paths of every object of a type (subtypes included), in the server's order.
    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>>;

    /// As [`Inventory::list`], for readers that go through the rows one by one.
    fn rows<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Rows, ReadError>> {
        Box::pin(async move { self.list(kind, paths).await.map(Rows::from) })
    }

    /// These paths of these objects, in the order of the objects; those that no longer exist are left out.
    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>>;

    /// As [`Inventory::read`], for what its reader keeps and seldom asks for again: vSphere is asked, and that it was asked is no
    /// reason to watch these paths.
    fn read_once<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.read(objects, paths)
    }

    /// These paths of an object, and the objects that its property `via` refers to. No row when it no longer exists, no
    /// references when the property is unset.
    fn reach<'a>(&'a self, object: &'a MoRef, paths: &'a [&'a str], via: &'a str) -> BoxFuture<'a, Result<Reached, ReadError>> {
        Box::pin(async move {
            let mut rows = self.read(std::slice::from_ref(object), &[paths, &[via]].concat()).await?;
            Ok(Reached::of(rows.pop(), via))
        })
    }

    /// Everything that is known, as it is now, for readers that go through many objects. Nothing where answers do not come from
    /// memory, or what is remembered is not good enough to be given out.
    fn view(&self) -> Option<View> {
        None
    }

    /// Has these paths of a type watched as long as the guard lives, so that a [`View`] has them: at once, not when they have
    /// been asked for, and not dropped because they are not. After the guard they are dropped like others that are not asked for.
    ///
    /// A path that is never watched, because its values are huge or computed, is not watched by this either, nor is one that
    /// there is no room for: in a view they are unknown, and [`Inventory::read`] gives them.
    fn pin(&self, _kind: Kind, _paths: &[&str]) -> Pinned {
        Pinned::default()
    }

    /// What the account may not read of all that is remembered, by privilege. Never asks vSphere.
    ///
    /// # Errors
    /// Where answers do not come from memory, or what is remembered is not good enough to be given out: that nothing is missing
    /// cannot be said then.
    fn missing_privileges(&self) -> BoxFuture<'_, Result<Vec<MissingPrivilege>, ReadError>> {
        let text = "NotSupported: what may not be read is known only of an inventory that is followed, and the cache is off";
        Box::pin(std::future::ready(Err(ReadError::new(text))))
    }

    /// What the host says about itself.
    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>>;

    /// What else can be asked of the host.
    fn services(&self) -> &dyn Services;

    /// Its performance counters.
    fn performance(&self) -> &dyn Performance;

    /// Makes ready: logs in, where that is needed.
    fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { Ok(()) })
    }

    /// Follows vSphere's changes, where answers come from memory. Ends only when that fails; to go on, make ready again.
    fn follow(&self) -> BoxFuture<'_, Result<Infallible, ReadError>> {
        Box::pin(std::future::pending())
    }

    /// Lets go: logs out. The next question makes ready again.
    fn close(&self) -> BoxFuture<'_, ()> {
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
        Value::Ref(reference) => Some((**reference).clone()),
        Value::Struct(object) => object.get("key").and_then(Value::as_moref).cloned(),
        _ => None,
    };
    match value {
        Value::List(items) => items.iter().filter_map(one).collect(),
        other => one(other).into_iter().collect(),
    }
}
