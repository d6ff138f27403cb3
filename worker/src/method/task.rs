//! One request on its way through its method's row.

use std::borrow::Cow;

use futures_util::future::BoxFuture;
use vpoller_inventory::Inventory;
use vpoller_vsphere::MoRef;
use vpoller_wire::{Reply, Request};

use super::Method;
use crate::failure::Failure;
use crate::policy::Policy;
use crate::response::{Content, Response};

/// One request on its way, after validation and lookup.
pub struct Task<'a> {
    /// The method's row.
    pub method: &'static Method,
    /// What was asked.
    pub request: &'a Request,
    /// Where values come from.
    pub inventory: &'a dyn Inventory,
    /// The object that the request names, where the method is about one.
    pub object: Option<MoRef>,
    /// What may be shown.
    pub policy: Policy,
}

/// What a method answered.
pub struct Answer {
    /// The text of `msg`.
    pub msg: Cow<'static, str>,
    /// The `result`.
    pub result: Content,
}

impl From<Result<Answer, Failure>> for Response {
    fn from(outcome: Result<Answer, Failure>) -> Self {
        match outcome {
            Ok(Answer { msg, result: Content::Whole(result) }) => Self::Whole(Reply::success(msg, result)),
            Ok(Answer { msg, result: Content::List(list) }) => Self::List(msg, list),
            Err(failure) => failure.into(),
        }
    }
}

/// The function behind a method that shares its work with no other.
pub type Perform = for<'a> fn(&'a Task<'a>) -> BoxFuture<'a, Result<Answer, Failure>>;
