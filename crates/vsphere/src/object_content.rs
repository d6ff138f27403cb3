//! What the property collector read.

use std::sync::Arc;

use crate::value::structs;
use crate::{Fault, MoRef, Struct, Value, soap};

/// An object and what was read of it. Unset properties are in neither list.
#[derive(Clone, Debug)]
pub struct ObjectContent {
    /// The object that was read.
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

    /// Reads the `ObjectContent` of an answer; nothing without an object.
    pub(crate) fn read(mut content: Struct) -> Option<Self> {
        let Some(Value::Ref(obj)) = content.take("obj") else { return None };
        let props = structs(content.take("propSet")).filter_map(|mut property| {
            let Some(Value::String(name)) = property.take("name") else { return None };
            Some((name, property.take("val")?))
        });
        let props = props.collect();
        let missing = structs(content.take("missingSet")).filter_map(|mut missing| {
            let path = missing.take("path")?.as_str()?.to_owned();
            Some((path, soap::localized_fault(missing.take("fault").unwrap_or(Value::Null))))
        });
        let missing = missing.collect();
        Some(Self { obj: *obj, props, missing })
    }

    /// Whether nothing at all could be read for want of a session.
    fn unauthenticated(&self) -> bool {
        let refused = |fault: &Fault| fault.kind == "NotAuthenticated";
        self.props.is_empty() && !self.missing.is_empty() && self.missing.iter().all(|(_, fault)| refused(fault))
    }
}

/// Whether an answer looks like that of a server that has forgotten the session: it may say so in the missing sets only.
pub(crate) fn looks_lost(objects: &[ObjectContent]) -> bool {
    !objects.is_empty() && objects.iter().all(ObjectContent::unauthenticated)
}

/// Appends the objects of an answer in one piece.
pub(crate) fn read_objects(values: Vec<Value>, objects: &mut Vec<ObjectContent>) {
    objects.extend(values.into_iter().filter_map(Value::into_struct).filter_map(ObjectContent::read));
}

/// Appends the objects of one page of an answer. Returns the token for the next page, if there is one.
pub(crate) fn read_page(values: Vec<Value>, objects: &mut Vec<ObjectContent>) -> Option<String> {
    let mut result = values.into_iter().next()?.into_struct()?;
    objects.extend(structs(result.take("objects")).filter_map(ObjectContent::read));
    result.take("token").and_then(|token| token.as_str().map(str::to_owned)).filter(|token| !token.is_empty())
}
