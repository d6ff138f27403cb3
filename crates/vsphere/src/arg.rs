//! Arguments of method calls.
//!
//! The server parses arguments as a sequence, so a call names its arguments in the order of the API definition; a list is
//! the same argument repeated.

use std::borrow::Cow;

use secrecy::SecretString;

use crate::{DateTime, MoRef};

/// One argument of a method, or one member of a structured argument.
#[derive(Clone, Debug)]
pub struct Arg {
    /// Element name, such as `entity`.
    pub name: Cow<'static, str>,
    /// What is sent.
    pub value: ArgValue,
}

/// The value of an [`Arg`].
#[derive(Clone, Debug)]
pub enum ArgValue {
    /// Plain text: strings, numbers, booleans, dates, enumerations.
    Text(String),
    /// Text that must not show up in logs; exposed only while the request is written.
    Secret(SecretString),
    /// A managed object reference.
    Ref(MoRef),
    /// A data object. `kind` is sent as `xsi:type` and is needed where the declared type is abstract or has subtypes.
    Struct {
        /// Type name of the data object, or nothing when the declared type is meant.
        kind: Option<Cow<'static, str>>,
        /// Members in the order of the API definition.
        fields: Vec<Arg>,
    },
}

impl Arg {
    /// An argument with a plain value, a reference or a secret.
    pub fn new(name: impl Into<Cow<'static, str>>, value: impl Into<ArgValue>) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// A data object of the declared type.
    pub fn object(name: impl Into<Cow<'static, str>>, fields: Vec<Arg>) -> Self {
        Self { name: name.into(), value: ArgValue::Struct { kind: None, fields } }
    }

    /// A data object whose type is named, for abstract or extended declared types.
    pub fn typed(name: impl Into<Cow<'static, str>>, kind: impl Into<Cow<'static, str>>, fields: Vec<Arg>) -> Self {
        Self { name: name.into(), value: ArgValue::Struct { kind: Some(kind.into()), fields } }
    }
}

impl From<&str> for ArgValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for ArgValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for ArgValue {
    fn from(flag: bool) -> Self {
        Self::Text(flag.to_string())
    }
}

impl From<i32> for ArgValue {
    fn from(number: i32) -> Self {
        Self::Text(number.to_string())
    }
}

impl From<i64> for ArgValue {
    fn from(number: i64) -> Self {
        Self::Text(number.to_string())
    }
}

impl From<DateTime> for ArgValue {
    fn from(moment: DateTime) -> Self {
        Self::Text(moment.to_xml())
    }
}

impl From<MoRef> for ArgValue {
    fn from(reference: MoRef) -> Self {
        Self::Ref(reference)
    }
}

impl From<&MoRef> for ArgValue {
    fn from(reference: &MoRef) -> Self {
        Self::Ref(reference.clone())
    }
}

impl From<&SecretString> for ArgValue {
    fn from(secret: &SecretString) -> Self {
        Self::Secret(secret.clone())
    }
}
