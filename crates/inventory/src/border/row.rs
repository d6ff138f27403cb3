//! Objects with some of their values.

use std::sync::Arc;

use vpoller_vsphere::{MoRef, Value};

use super::{ReadError, Refusal};

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
    #[must_use]
    pub fn refusal(&self, is_meant: impl Fn(&str) -> bool) -> Option<ReadError> {
        let (path, refusal) = self.refused.iter().find(|(path, _)| is_meant(path))?;
        Some(refusal.error(path, &self.object))
    }

    /// The value of a path, when it is set.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| &**name == path).map(|(_, value)| value)
    }

    /// The references in the list of a path; none when it is unset.
    #[must_use]
    pub fn references(&self, path: &str) -> Vec<MoRef> {
        let list = self.get(path).and_then(Value::as_list).unwrap_or_default();
        list.iter().filter_map(Value::as_moref).cloned().collect()
    }

    /// The text of a path, when it is set and a text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }
}
