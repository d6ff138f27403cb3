//! What could not be read, as replies say it.

use serde_json::{Map, Value as Json, json};
use vpoller_inventory::property::NAME;
use vpoller_inventory::{ReadError, Refusal};

use crate::failure::Failure;
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

/// Fields that are computed from properties, each of which may be refused.
#[derive(Default)]
pub(super) struct Computed {
    fields: Map<String, Json>,
    refused: Map<String, Json>,
    /// Why the first field without a value has none.
    error: Option<ReadError>,
}

impl Computed {
    /// A field with its value, or why it has none.
    pub(super) fn add(&mut self, field: &str, value: Result<Json, ReadError>) -> Result<(), Failure> {
        match value {
            Ok(value) => {
                self.fields.insert(field.to_owned(), value);
            }
            Err(error) => {
                let Some(refusal) = error.refusal() else { return Err(error.into()) };
                self.refused.insert(field.to_owned(), entry(refusal));
                self.error.get_or_insert(error);
            }
        }
        Ok(())
    }

    /// A field that is computed over many objects, some of which could not be read.
    pub(super) fn add_partial(&mut self, field: &str, value: Json, hidden: usize, error: &ReadError) {
        let Some(refusal) = error.refusal() else { return };
        let mut gap = entry(refusal);
        if let Some(gap) = gap.as_object_mut() {
            gap.insert("objects".to_owned(), Json::from(hidden));
        }
        self.fields.insert(field.to_owned(), value);
        self.refused.insert(field.to_owned(), gap);
    }

    /// The fields, with a note of those that have no value. An error when that is all of them, the name aside.
    pub(super) fn finish(mut self) -> Result<Map<String, Json>, Failure> {
        let is_told = self.fields.keys().any(|field| field != NAME);
        match self.error {
            Some(error) if !is_told => Err(error.into()),
            _ => {
                if !self.refused.is_empty() {
                    self.fields.insert(REFUSED.to_owned(), Json::Object(self.refused));
                }
                Ok(self.fields)
            }
        }
    }
}
