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

use serde_json::{Map, Value as Json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{ReadError, Refusal};
use vpoller_wire::json::Style;
use vpoller_wire::{Outcome, Request};

use crate::failure::Failure;
use crate::method::{Method, REFUSED};
use crate::response::{ObjectRows, Response};
use crate::sets;

/// One way to print replies.
pub trait Helper: Sync {
    /// The full name on the wire.
    fn name(&self) -> &'static str;

    /// Prints a reply. `method` is `None` when the request named none that exists; the reply is a failure then.
    fn render(&self, method: Option<&Method>, request: &Request, response: &Response) -> Rendered;
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
pub fn plain(response: &Response) -> Rendered {
    Rendered { bytes: response.to_bytes(Style::Line), outcome: outcome(response) }
}

impl Rendered {
    fn value(bytes: Vec<u8>) -> Self {
        Self { bytes, outcome: Outcome::Value }
    }

    fn failure(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), outcome: Outcome::Failure }
    }
}

fn outcome(response: &Response) -> Outcome {
    if response.is_success() { Outcome::Value } else { Outcome::Failure }
}

/// The rows of a result: the elements of a list, or the one object that it is.
fn rows(result: &Json) -> &[Json] {
    match result {
        Json::Array(rows) => rows,
        other => std::slice::from_ref(other),
    }
}

/// What could not be read of a row, by field.
fn refused(row: &Map<String, Json>) -> Option<&Map<String, Json>> {
    row.get(REFUSED)?.as_object()
}

/// The fields of a row that tables and discovery objects show. They have no place for what could not be read, and so none for a number
/// that is not whole because of that.
fn shown(row: &Map<String, Json>) -> impl Iterator<Item = (&String, &Json)> + Clone {
    let refused = refused(row);
    let is_hidden = move |name: &str, value: &Json| {
        refused.is_some_and(|refused| name == REFUSED || (!value.is_null() && refused.contains_key(name)))
    };
    row.iter().filter(move |(name, value)| !is_hidden(name, value))
}

/// Why a field has no value, or none that is whole, when that is because vSphere does not tell it.
fn refusal(row: &Map<String, Json>, field: &str, object: &str) -> Option<String> {
    let entry = refused(row)?.get(field)?;
    let text = |member: &str| entry.get(member).and_then(Json::as_str);
    let refusal = Refusal::new(text("fault")?, text("privilege"));
    let failure = Failure::from(refusal.error(field, &object)).to_string();
    match (entry.get("objects"), row.get(field)) {
        (Some(hidden), Some(value)) => Some(format!("{failure}; {hidden} objects could not be read, without them it is {value}")),
        _ => Some(failure),
    }
}

/// The text of a failure where a table or a discovery object would say something wrong, because it has no place for what could not be
/// read.
fn misleading(method: &Method, request: &Request, rows: ObjectRows<'_>) -> Option<String> {
    if !rows.may_have_refused() {
        return None;
    }
    let subject = request.name.clone().or_else(|| Some(method.object.kind()?.printed()));
    let subject = subject.unwrap_or_else(|| request.key.clone().unwrap_or_default());
    invalid(method, rows, &subject).or_else(|| nameless(rows, &subject))
}

/// Names the paths that do not exist: they would look as if they were unset. Paths of sets do not count: a server that is older than a
/// set has not all of them.
fn invalid(method: &Method, rows: ObjectRows<'_>, subject: &str) -> Option<String> {
    let is_invalid = |path: &str, entry: &Json| {
        let refusal = entry.get("fault").and_then(Json::as_str).map(|fault| Refusal::new(fault, None));
        refusal.is_some_and(|refusal| refusal.is_invalid()) && !sets::contain(method.object.kind(), path)
    };
    let mut invalid: BTreeSet<String> = BTreeSet::new();
    for row in rows.objects() {
        let refused = refused(&row).into_iter().flatten();
        invalid.extend(refused.filter(|(path, entry)| is_invalid(path, entry)).map(|(path, _)| path.clone()));
    }
    let invalid: Vec<&str> = invalid.iter().map(String::as_str).collect();
    (!invalid.is_empty()).then(|| Failure::from(ReadError::invalid_properties(&invalid, subject)).to_string())
}

/// Says that there are objects, and the name of none of them may be read: nothing would say that there are none.
fn nameless(rows: ObjectRows<'_>, subject: &str) -> Option<String> {
    let first = rows.objects().next().filter(|row| is_nameless(row)).and_then(|row| refusal(&row, NAME, subject))?;
    rows.objects().all(|row| is_nameless(&row)).then_some(first)
}

/// Whether a row is about an object whose name may not be read.
fn is_nameless(row: &Map<String, Json>) -> bool {
    !row.contains_key(NAME) && refused(row).is_some_and(|refused| refused.contains_key(NAME))
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
