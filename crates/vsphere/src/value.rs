//! Dynamic values: what a property or a method result holds, whatever its type.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Number};

use crate::{DateTime, names, schema, session_key};

/// A managed object reference: which object, of which type. Unique within one vCenter instance.
///
/// `Display` and `Debug` give the printed name, `vim.VirtualMachine:vm-1`, without the key of a session.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MoRef {
    /// Type name on the wire, such as `VirtualMachine`.
    pub kind: Arc<str>,
    /// The object's identifier, such as `vm-1`.
    pub id: Arc<str>,
}

impl MoRef {
    /// A reference from its two parts.
    pub fn new(kind: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }

    /// Reads a reference as it is printed, `vim.VirtualMachine:vm-1`, or with the type's name on the wire, `VirtualMachine:vm-1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':')?;
        let wire = names::wire_type(kind);
        let named = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let sound = kind.split('.').all(named) && wire.starts_with(|first: char| first.is_ascii_uppercase()) && !id.is_empty();
        sound.then(|| Self::new(wire, id))
    }

    /// Its type as it is printed, such as `vim.VirtualMachine`.
    #[must_use]
    pub fn printed_type(&self) -> Cow<'static, str> {
        names::printed_type(&self.kind)
    }
}

impl fmt::Display for MoRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.printed_type(), session_key::hidden(&self.id))
    }
}

impl fmt::Debug for MoRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A value as vSphere sent it. Three words wide: what is kept of ten thousand machines is half a million of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `xsi:nil`.
    Null,
    /// `xsd:boolean`.
    Bool(bool),
    /// `xsd:byte`, `short`, `int`, `long`.
    Int(i64),
    /// `xsd:float`, `double`; may be infinite or not a number.
    Float(f64),
    /// Strings, enumerations, URIs, names; also numbers and dates of types that are not known here.
    String(Arc<str>),
    /// `xsd:dateTime`.
    DateTime(DateTime),
    /// `xsd:base64Binary`, still encoded, without white space.
    Binary(Box<str>),
    /// A managed object reference.
    Ref(Box<MoRef>),
    /// An array, possibly empty.
    List(Vec<Value>),
    /// A data object.
    Struct(Box<Struct>),
}

/// A data object: the members that are set, in the order of the API definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// The actual type, such as `VirtualDisk`; empty when the server sent a type that it did not name and we do not know.
    pub kind: Arc<str>,
    /// Members that are set.
    pub fields: Vec<(Arc<str>, Value)>,
}

impl From<MoRef> for Value {
    fn from(reference: MoRef) -> Self {
        Self::Ref(Box::new(reference))
    }
}

impl From<Struct> for Value {
    fn from(object: Struct) -> Self {
        Self::Struct(Box::new(object))
    }
}

impl Struct {
    /// The member, when it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(member, _)| &**member == name).map(|(_, value)| value)
    }

    /// Takes a member out, when it is set.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(member, _)| &**member == name)?;
        Some(self.fields.remove(at).1)
    }

    /// Whether the type defines the member, set or not. A member that is set counts as defined, whatever the table says
    /// (newer servers); of a type that is not known nothing else does.
    #[must_use]
    pub fn declares(&self, member: &str) -> bool {
        schema::member(&self.kind, member).is_some() || self.get(member).is_some()
    }
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// The text of a string or enumeration.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The number of an integer or a float.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a caller who asks for a float accepts its precision")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The flag of a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The moment of a date.
    #[must_use]
    pub fn as_datetime(&self) -> Option<DateTime> {
        match self {
            Self::DateTime(moment) => Some(*moment),
            _ => None,
        }
    }

    /// The managed object reference.
    #[must_use]
    pub fn as_moref(&self) -> Option<&MoRef> {
        match self {
            Self::Ref(reference) => Some(reference),
            _ => None,
        }
    }

    /// The elements of an array.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The data object.
    #[must_use]
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(object) => Some(object),
            _ => None,
        }
    }

    /// The data object itself.
    #[must_use]
    pub fn into_struct(self) -> Option<Struct> {
        match self {
            Self::Struct(object) => Some(*object),
            _ => None,
        }
    }

    /// The value as JSON, as vPoller's users know it: references and dates as Python prints them, binaries as base64, data
    /// objects with the members that are set, infinite and undefined numbers as null.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Int(number) => Json::Number((*number).into()),
            Self::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Self::String(text) => Json::String(text.to_string()),
            Self::DateTime(moment) => Json::String(moment.to_string()),
            Self::Binary(base64) => Json::String(base64.to_string()),
            // Data, as vSphere sent it.
            Self::Ref(reference) => Json::String(format!("{}:{}", reference.printed_type(), reference.id)),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Struct(object) => {
                Json::Object(object.fields.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect::<Map<_, _>>())
            }
        }
    }
}

/// The data objects of a member that is an array.
pub(crate) fn structs(member: Option<Value>) -> impl Iterator<Item = Struct> {
    let items = match member {
        Some(Value::List(items)) => items,
        Some(single) => vec![single],
        None => Vec::new(),
    };
    items.into_iter().filter_map(Value::into_struct)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(kind: &str, fields: &[(&str, Value)]) -> Value {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        Value::from(Struct { kind: kind.into(), fields })
    }

    #[test]
    fn a_value_is_three_words_wide() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn references_read_as_they_print() {
        for reference in [MoRef::new("HostSystem", "host-30"), MoRef::new("VirtualMachineSnapshot", "snapshot-1")] {
            assert_eq!(MoRef::parse(&reference.to_string()), Some(reference));
        }
        assert_eq!(MoRef::parse("Folder:group-d1"), Some(MoRef::new("Folder", "group-d1")));
        assert_eq!(MoRef::parse("ContainerView:session[52]1"), Some(MoRef::new("ContainerView", "session[52]1")));
        for text in ["", "Folder", "Folder:", ":x", "folder:x", "a b:c", "ds:///vmfs/volumes/1/", "moid:vm-1", "vim..Folder:x"] {
            assert_eq!(MoRef::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_reads_as_a_reference_prints_as_one(text in "(vim\\.)?[A-Za-z.]{0,12}:?.{0,8}") {
            if let Some(reference) = MoRef::parse(&text) {
                prop_assert_eq!(MoRef::parse(&reference.to_string()), Some(reference));
            }
        }
    }

    #[test]
    fn json_follows_the_printed_forms() {
        let value = object(
            "Made",
            &[
                ("none", Value::Null),
                ("flag", Value::Bool(true)),
                ("number", Value::Int(i64::MAX)),
                ("whole", Value::Float(3.0)),
                ("infinite", Value::Float(f64::INFINITY)),
                ("undefined", Value::Float(f64::NAN)),
                ("host", Value::from(MoRef::new("HostSystem", "host-30"))),
                ("snapshot", Value::from(MoRef::new("VirtualMachineSnapshot", "snapshot-1"))),
                ("binary", Value::Binary("AQI=".into())),
                ("list", Value::List(vec![Value::string("a"), object("Inner", &[])])),
            ],
        );
        assert_eq!(
            value.to_json().to_string(),
            json!({"none": null, "flag": true, "number": 9_223_372_036_854_775_807_i64, "whole": 3.0, "infinite": null,
                "undefined": null, "host": "vim.HostSystem:host-30", "snapshot": "vim.vm.Snapshot:snapshot-1",
                "binary": "AQI=", "list": ["a", {}]})
            .to_string()
        );
        assert!(value.to_json().to_string().contains("\"whole\":3.0,"));
    }

    #[test]
    fn a_type_declares_its_own_and_inherited_members() {
        let Value::Struct(disk) = object("VirtualDisk", &[("novelty", Value::Null)]) else { return };
        assert!(disk.declares("capacityInKB"));
        assert!(disk.declares("unitNumber"), "inherited from VirtualDevice");
        assert!(disk.declares("novelty"), "sent by a newer server");
        assert!(!disk.declares("nonsense"));
    }
}
