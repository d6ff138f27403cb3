//! What could not be read, as replies say it.

use serde_json::{Map, Value as Json, json};
use vpoller_inventory::Refusal;

use crate::method::REFUSED;

/// Adds to an object of a result what could not be read of it: `{"snapshot": {"fault": "NoPermission", "privilege": "System.Read"}}`.
/// An object of which everything was read stays as it is.
pub(super) fn note<'r>(fields: &mut Map<String, Json>, refused: impl Iterator<Item = (&'r str, &'r Refusal)>) {
    let refused: Map<String, Json> = refused.map(|(path, refusal)| (path.to_owned(), entry(refusal))).collect();
    if !refused.is_empty() {
        fields.insert(REFUSED.to_owned(), Json::Object(refused));
    }
}

fn entry(refusal: &Refusal) -> Json {
    match refusal.privilege() {
        Some(privilege) => json!({"fault": refusal.fault(), "privilege": privilege}),
        None => json!({"fault": refusal.fault()}),
    }
}
