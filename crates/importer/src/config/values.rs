//! Types of values in the file. Each refuses what it cannot be, so that the error has the position in the file.

use std::fmt;

use regex::Regex;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use vpoller_wire::Secret;
use vpoller_wire::endpoint::Endpoint;

/// What existing hosts take over on every run, a value of `sync`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Follow {
    /// The group of the object's present cluster.
    Cluster,
    /// Groups of the configuration that they lack.
    Groups,
    /// Templates of the configuration that they lack.
    Templates,
    /// Macros of the configuration with their values.
    Macros,
    /// The proxy or proxy group of the configuration.
    Proxy,
}

/// What happens to hosts that stand for an object but were not made by this program.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Adopt {
    /// They are kept up to date and never deleted.
    #[default]
    Keep,
    /// They are treated as if this program had made them.
    Own,
}

/// A regular expression that matches at the beginning of a name.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(Regex);

impl Pattern {
    pub(crate) fn begins(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let anchored = Regex::new(&format!("^(?:{text})"));
        anchored.map(Self).map_err(|_| match Regex::new(&text) {
            Ok(_) => format!("{text:?} is no regular expression"),
            // The library draws an arrow below the mistake, over several lines; the last line says what is wrong.
            Err(error) => {
                let reason = error.to_string().lines().last().unwrap_or_default().replace("error: ", "");
                format!("{text:?} is no regular expression: {reason}")
            }
        })
    }
}

/// The name of a user macro, written with or without `{$…}`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct MacroName(pub String);

impl TryFrom<String> for MacroName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bare = text.strip_prefix("{$").and_then(|text| text.strip_suffix('}')).unwrap_or(&text);
        let name = bare.split(':').next().unwrap_or_default();
        let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(legal) {
            return Err(format!("{text:?} is no macro name: upper case letters, digits, _ and . only"));
        }
        let full = format!("{{${bare}}}");
        if full == crate::labels::NAME_MACRO {
            return Err(format!("{full} is set by this program"));
        }
        Ok(Self(full))
    }
}

/// The value of a user macro.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum MacroValue {
    /// Readable for all users who may see the host.
    Plain(String),
    /// Never shown by Zabbix.
    Secret(Secret),
}

impl MacroValue {
    pub(crate) fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Secret(_) => None,
        }
    }
}

/// Text that must not appear in any output.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(from = "String")]
pub(super) struct HiddenText(pub Secret);

impl From<String> for HiddenText {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// The endpoint of vPoller's frontend.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct FrontendEndpoint(pub Endpoint);

impl TryFrom<String> for FrontendEndpoint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Endpoint::peer(&text).map(Self).map_err(|error| error.to_string())
    }
}

/// A list, or one element without the list around it.
#[derive(Clone, Debug)]
pub(super) struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(std::marker::PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Elements<T> {
            type Value = Vec<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_unit<E>(self) -> Result<Vec<T>, E> {
                Ok(Vec::new())
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(text)).map(|element| vec![element])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq))
            }
        }
        deserializer.deserialize_any(Elements(std::marker::PhantomData)).map(OneOrMany)
    }
}
