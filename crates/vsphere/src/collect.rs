//! One-time reads through the property collector.

use std::sync::Arc;

use crate::{Fault, MoRef, Value};

/// What to read: properties by type, starting from objects (a `PropertyFilterSpec`).
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    /// What to read of objects of a type.
    pub properties: Vec<PropertySpec>,
    /// Where to start.
    pub objects: Vec<ObjectSpec>,
}

/// Which properties to read of objects of one type and its subtypes.
#[derive(Clone, Debug)]
pub struct PropertySpec {
    /// Managed type, such as `VirtualMachine`.
    pub kind: String,
    /// Dotted property paths; none = the references only.
    pub paths: Vec<String>,
}

/// An object to start from.
#[derive(Clone, Debug)]
pub struct ObjectSpec {
    /// The object.
    pub obj: MoRef,
    /// Whether the object itself is left out of the answer.
    pub skip: bool,
    /// Where to go from it; nothing = the object only.
    pub traversals: Vec<Traversal>,
}

/// A step from objects of one type along one of their properties.
#[derive(Clone, Debug)]
pub struct Traversal {
    /// Name by which other steps refer to this one; may be empty.
    pub name: String,
    /// Managed type the step starts from.
    pub kind: String,
    /// The property with the references to follow.
    pub path: String,
    /// Names of the steps to take from the objects reached; may contain this step's own name (recursion).
    pub then: Vec<String>,
}

/// An object and what was read of it. Unset properties are in neither list.
#[derive(Clone, Debug)]
pub struct ObjectContent {
    /// The object.
    pub obj: MoRef,
    /// Property paths, as they were asked, with their values.
    pub props: Vec<(Arc<str>, Value)>,
    /// Properties that the account may not read, or that the server could not deliver.
    pub missing: Vec<(String, Fault)>,
}

impl ObjectContent {
    /// The value of a property, when it is set.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.props.iter().find(|(name, _)| &**name == path).map(|(_, value)| value)
    }
}
