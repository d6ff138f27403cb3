//! Objects with some of their values.

use std::sync::Arc;

use vpoller_vsphere::{MoRef, Value};

use super::{Property, ReadError, Refusal};

/// One object, and what is known of the paths that were asked for.
///
/// A path without a value is either unset or refused, and these are two answers: outside of this crate [`Row::property`] and
/// [`Row::required`] keep them apart, and [`Row::readable`] is for what is shown beside a note of [`Row::refused`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The object.
    pub object: MoRef,
    pub(crate) values: Vec<(Arc<str>, Value)>,
    pub(crate) refused: Vec<(Arc<str>, Arc<Refusal>)>,
}

impl Row {
    /// An object and its values. Of those of an answer, in the order in which the paths were asked for.
    #[must_use]
    pub const fn new(object: MoRef, values: Vec<(Arc<str>, Value)>) -> Self {
        Self { object, values, refused: Vec::new() }
    }

    /// The same with paths that vSphere does not tell, and why.
    #[must_use]
    pub fn with_refused(self, refused: Vec<(Arc<str>, Arc<Refusal>)>) -> Self {
        Self { refused, ..self }
    }

    /// The paths that are set, with their values.
    #[must_use]
    pub fn values(&self) -> &[(Arc<str>, Value)] {
        &self.values
    }

    /// The paths that vSphere does not tell, and why.
    #[must_use]
    pub fn refused(&self) -> &[(Arc<str>, Arc<Refusal>)] {
        &self.refused
    }

    /// What is known of a path that was asked for.
    #[must_use]
    pub fn property(&self, path: &str) -> Property<'_> {
        match (self.get(path), self.refusal(path)) {
            (Some(value), _) => Property::Set(value),
            (None, Some(refusal)) => Property::Refused(refusal),
            (None, None) => Property::Unset,
        }
    }

    /// The value of a path that something is computed from; nothing when it is unset.
    ///
    /// # Errors
    /// When it is refused: property, object and privilege.
    pub fn required(&self, path: &str) -> Result<Option<&Value>, ReadError> {
        match self.property(path) {
            Property::Set(value) => Ok(Some(value)),
            Property::Unset | Property::Unknown => Ok(None),
            Property::Refused(refusal) => Err(refusal.error(path, &self.object)),
        }
    }

    /// As [`Row::required`], when it is a text.
    ///
    /// # Errors
    /// When it is refused.
    pub fn required_text(&self, path: &str) -> Result<Option<&str>, ReadError> {
        Ok(self.required(path)?.and_then(Value::as_str))
    }

    /// The references in the list of a path; none when it is unset.
    ///
    /// # Errors
    /// When it is refused.
    pub fn references(&self, path: &str) -> Result<Vec<MoRef>, ReadError> {
        let list = self.required(path)?.and_then(Value::as_list).unwrap_or_default();
        Ok(list.iter().filter_map(Value::as_moref).cloned().collect())
    }

    /// The value of a path, when it is set. Whether it is refused then is for the caller to say.
    #[must_use]
    pub fn readable(&self, path: &str) -> Option<&Value> {
        self.get(path)
    }

    /// Why a path cannot be read, if it cannot.
    #[must_use]
    pub fn refusal(&self, path: &str) -> Option<&Refusal> {
        self.refused.iter().find(|(name, _)| **name == *path).map(|(_, refusal)| &**refusal)
    }

    /// Why those of the paths cannot be read that cannot.
    #[must_use]
    pub fn refusals(&self, is_meant: impl Fn(&str) -> bool) -> Option<ReadError> {
        let meant = self.refused.iter().filter(|(path, _)| is_meant(path));
        Refusal::errors(meant.map(|(path, refusal)| (&**path, &**refusal)), &self.object)
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        self.values.iter().find(|(name, _)| &**name == path).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_path_is_no_unset_one() {
        let refusal = Arc::new(Refusal::new("NoPermission", Some("System.Read")));
        let row = Row::new(MoRef::new("VirtualMachine", "vm-1"), vec![("name".into(), Value::string("vm01"))])
            .with_refused(vec![("vm".into(), Arc::clone(&refusal))]);
        assert_eq!(row.property("name"), Property::Set(&Value::string("vm01")));
        assert_eq!(row.property("snapshot"), Property::Unset);
        assert_eq!(row.property("vm"), Property::Refused(&refusal));
        assert_eq!((row.required_text("name"), row.required("snapshot")), (Ok(Some("vm01")), Ok(None)));
        let error = row.references("vm").expect_err("it is refused").to_string();
        assert!(
            error.starts_with("NoPermission (property vm) (object vim.VirtualMachine:vm-1) (privilege System.Read)"),
            "{error}"
        );
    }
}
