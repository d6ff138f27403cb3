//! Helpers: what turns a reply into the text that a particular client wants.
//!
//! A helper is chosen per request by its full name. It gets the method's table row and never names a method itself. Rendering
//! cannot fail: where there is nothing to print, the helper prints an error text and says so in the outcome.

mod cclient;
mod csv;
mod discovery;
pub mod external;
mod zabbix;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use vpoller_inventory::{ReadError, Refusal};
use vpoller_wire::json::Style;
use vpoller_wire::{Outcome, Reply, Request};

use crate::failure::Failure;
use crate::method::{Method, REFUSED};
use crate::sets;

/// One way to print replies.
pub trait Helper: Sync {
    /// The full name on the wire.
    fn name(&self) -> &'static str;

    /// Prints a reply. `method` is `None` when the request named none that exists; the reply is a failure then.
    fn render(&self, method: Option<&Method>, request: &Request, reply: &Reply) -> Rendered;
}

/// What a helper printed, and whether that is an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rendered {
    /// The bytes for the client.
    pub bytes: Vec<u8>,
    /// Value or failure; goes to clients that ask for the outcome byte.
    pub outcome: Outcome,
}

/// Every helper that is built in. All of them are always active; [`external`] has those of the configuration.
pub const HELPERS: &[&dyn Helper] = &[
    &zabbix::Zabbix(zabbix::Mode::Quoted),
    &zabbix::CZabbix,
    &csv::Csv,
    &cclient::CClient,
    &zabbix::Zabbix(zabbix::Mode::Raw),
    &zabbix::Zabbix(zabbix::Mode::Json),
];

/// Finds a helper by its full name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Helper> {
    HELPERS.iter().copied().find(|helper| helper.name() == name)
}

/// The plain reply: what clients get that name no helper, or one that does not exist.
#[must_use]
pub fn plain(reply: &Reply) -> Rendered {
    Rendered { bytes: reply.to_bytes(Style::Line), outcome: outcome(reply) }
}

impl Rendered {
    fn value(bytes: Vec<u8>) -> Self {
        Self { bytes, outcome: Outcome::Value }
    }

    fn failure(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), outcome: Outcome::Failure }
    }
}

fn outcome(reply: &Reply) -> Outcome {
    if reply.is_success() { Outcome::Value } else { Outcome::Failure }
}

/// The rows of a result: the elements of a list, or the one object that it is.
fn rows(result: &Json) -> &[Json] {
    match result {
        Json::Array(rows) => rows,
        other => std::slice::from_ref(other),
    }
}

/// Whether a field says what could not be read of its row. Tables, discovery objects and single values have no place for that.
fn is_refused(field: &str, value: &Json) -> bool {
    field == REFUSED && value.is_object()
}

/// The text of a failure that names the paths that do not exist. A table or a discovery object has no place to say so, and would look
/// as if they were unset. Paths of sets do not count: a server that is older than a set has not all of them.
fn invalid(method: &Method, request: &Request, rows: &[Json]) -> Option<String> {
    let refused = rows.iter().filter_map(|row| row.get(REFUSED)?.as_object()).flatten();
    let is_invalid = |path: &str, entry: &Json| {
        let refusal = entry.get("fault").and_then(Json::as_str).map(|fault| Refusal::new(fault, None));
        refusal.is_some_and(|refusal| refusal.is_invalid()) && !sets::contain(method.object.kind(), path)
    };
    let invalid: BTreeSet<&str> =
        refused.filter(|(path, entry)| is_invalid(path, entry)).map(|(path, _)| path.as_str()).collect();
    let subject = request.name.clone().or_else(|| Some(method.object.kind()?.printed()));
    let subject = subject.unwrap_or_else(|| request.key.clone().unwrap_or_default());
    let invalid: Vec<&str> = invalid.into_iter().collect();
    (!invalid.is_empty()).then(|| Failure::from(ReadError::invalid_properties(&invalid, &subject)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_helper_is_found_by_its_name() {
        for helper in HELPERS {
            assert!(find(helper.name()).is_some_and(|found| found.name() == helper.name()));
        }
        assert!(find("vpoller.helpers.nonsense").is_none());
    }
}
