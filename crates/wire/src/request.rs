//! The request: parsed leniently, written strictly.
//!
//! Clients of a decade send `null`, `""`, `"null"` and `"(null)"` for "not given", numbers where text is expected, and several
//! properties in one element. All of that is settled here, once, so that behind this border a field is either there or not.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::json;

/// A text that must not show up in logs, errors or `Debug` output: guest passwords.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; only for the place that sends it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

macro_rules! fields {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// A field of a request that a method may demand.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum Field { $(#[doc = $doc] $variant,)* }

        impl Field {
            /// Every field, in the order clients write them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The member name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

fields! {
    Method "method" "What to do.",
    Hostname "hostname" "Which vSphere host.",
    Name "name" "Which managed object.",
    Username "username" "Guest user.",
    Password "password" "Guest password.",
    Key "key" "Disk path, a part of a command line, a type of managed object, or which events.",
    Properties "properties" "Property paths.",
    CounterName "counter-name" "Performance counter by name.",
    CounterId "counter-id" "Performance counter by number.",
    Instance "instance" "Instance of a counter.",
    MaxSample "max-sample" "Number of samples.",
    PerfInterval "perf-interval" "Historical interval.",
    Helper "helper" "How to print the reply.",
}

/// One request, with "not given" settled: a field is `None`/empty, or it holds a usable value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Method name, blanks around it removed.
    pub method: String,
    /// The vSphere host as registered, blanks around it removed.
    pub hostname: String,
    /// Name of the object; URL for datastores.
    pub name: Option<String>,
    /// Property paths: split at commas, blanks trimmed, absent ones dropped, order kept.
    pub properties: Vec<String>,
    /// What narrows the answer: a disk path, part of a command line, a type of managed object, or which events.
    pub key: Option<String>,
    /// Guest user.
    pub username: Option<String>,
    /// Guest password.
    pub password: Option<Secret>,
    /// Counter by name; several separated by commas where a method takes them.
    pub counter_name: Option<String>,
    /// Counter by number.
    pub counter_id: Option<String>,
    /// Counter instance; absent means the aggregate.
    pub instance: Option<String>,
    /// Number of samples, as the client wrote it.
    pub max_sample: Option<String>,
    /// Historical interval: name, key or period.
    pub perf_interval: Option<String>,
    /// Full name of the helper that prints the reply.
    pub helper: Option<String>,
    /// How long the client waits, in milliseconds.
    pub timeout: Option<u64>,
    /// Whether the client understands the outcome byte.
    pub outcome: bool,
    present: Vec<Field>,
    malformed: Option<Field>,
}

/// Why bytes are no request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON at all (or nested deeper than 128 levels).
    #[error("{}", crate::text::INVALID_MESSAGE)]
    NotJson,
    /// JSON, but no object; carries a word for what came.
    #[error("Expected a JSON message, received {0}")]
    NotObject(&'static str),
}

impl Request {
    /// A request for `method` on `hostname` with nothing else in it.
    pub fn new(method: impl Into<String>, hostname: impl Into<String>) -> Self {
        Self { method: method.into(), hostname: hostname.into(), ..Self::default() }
    }

    /// Reads a request from the bytes of a body.
    ///
    /// # Errors
    /// When the bytes are not JSON or not an object. Members of a wrong type do not fail here, see [`Request::malformed`].
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self::from_members(&members)),
            Ok(other) => Err(RequestError::NotObject(type_word(&other))),
            Err(_) => Err(RequestError::NotJson),
        }
    }

    fn from_members(members: &Map<String, Value>) -> Self {
        let mut reader = Reader { members, malformed: None };
        let mut request = Self {
            method: reader.raw(Field::Method).unwrap_or_default().trim().to_owned(),
            hostname: reader.raw(Field::Hostname).unwrap_or_default().trim().to_owned(),
            name: reader.text(Field::Name),
            properties: reader.properties(),
            key: reader.text(Field::Key),
            username: reader.text(Field::Username),
            password: reader.text(Field::Password).map(Secret),
            counter_name: reader.list(Field::CounterName),
            counter_id: reader.text(Field::CounterId),
            instance: reader.text(Field::Instance),
            max_sample: reader.text(Field::MaxSample),
            perf_interval: reader.text(Field::PerfInterval),
            helper: reader.text(Field::Helper),
            timeout: members.get("timeout").and_then(milliseconds),
            outcome: members.get("outcome") == Some(&Value::Bool(true)),
            present: Field::ALL.iter().copied().filter(|field| members.contains_key(field.name())).collect(),
            malformed: None,
        };
        request.malformed = reader.malformed;
        request
    }

    /// Whether the member was in the message at all; `null` counts, as it always did. A counter may also be given the way of
    /// older clients.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.present.contains(&field) || (field == Field::CounterName && self.present.contains(&Field::CounterId))
    }

    /// The first member whose JSON type makes no sense (an object as a name, for instance).
    #[must_use]
    pub fn malformed(&self) -> Option<Field> {
        self.malformed
    }

    /// The request as a client sends it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        json::line(&self.to_json())
    }

    /// The request as a worker has it that reads [`Request::to_bytes`]: fields that say nothing are absent, properties are split.
    #[must_use]
    pub fn as_received(&self) -> Self {
        match self.to_json() {
            Value::Object(members) => Self::from_members(&members),
            _ => Self::default(),
        }
    }

    /// The request as a JSON object: every field present, `null` for what was not given. The password is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let properties = (!self.properties.is_empty()).then_some(&self.properties);
        let mut message = json!({
            "method": self.method,
            "hostname": self.hostname,
            "name": self.name,
            "username": self.username,
            "password": self.password.as_ref().map(Secret::expose),
            "key": self.key,
            "properties": properties,
            "counter-name": self.counter_name,
            "instance": self.instance,
            "max-sample": self.max_sample,
            "perf-interval": self.perf_interval,
            "helper": self.helper,
        });
        if let Value::Object(members) = &mut message {
            let extra = [
                ("counter-id", self.counter_id.as_ref().map(|id| json!(id))),
                ("timeout", self.timeout.map(|ms| json!(ms))),
                ("outcome", self.outcome.then_some(Value::Bool(true))),
            ];
            members.extend(extra.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        message
    }
}

/// Splits a list of property paths at commas, but not inside `[...]` or double quotes, and trims blanks.
#[must_use]
pub fn split_properties(text: &str) -> Vec<String> {
    let (mut parts, mut current) = (Vec::new(), String::new());
    let (mut depth, mut quoted) = (0_usize, false);
    for character in text.chars() {
        match character {
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(std::mem::take(&mut current));
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    parts.push(current);
    parts.iter().map(|part| part.trim()).filter(|part| !is_absent(part)).map(str::to_owned).collect()
}

fn is_absent(text: &str) -> bool {
    matches!(text, "" | "null" | "(null)")
}

fn type_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

fn milliseconds(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

struct Reader<'a> {
    members: &'a Map<String, Value>,
    malformed: Option<Field>,
}

impl Reader<'_> {
    fn raw(&mut self, field: Field) -> Option<String> {
        match self.members.get(field.name())? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.malformed.get_or_insert(field);
                None
            }
        }
    }

    fn text(&mut self, field: Field) -> Option<String> {
        self.raw(field).filter(|text| !is_absent(text))
    }

    /// A text, or a list of texts and numbers, which becomes one text with commas.
    fn list(&mut self, field: Field) -> Option<String> {
        let Some(Value::Array(items)) = self.members.get(field.name()) else { return self.text(field) };
        let parts: Vec<String> = items.iter().flat_map(|item| self.elements(item, field)).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    fn properties(&mut self) -> Vec<String> {
        match self.members.get(Field::Properties.name()) {
            Some(Value::String(text)) => split_properties(text),
            Some(Value::Array(items)) => items.iter().flat_map(|item| self.elements(item, Field::Properties)).collect(),
            Some(Value::Null) | None => Vec::new(),
            Some(_) => {
                self.malformed.get_or_insert(Field::Properties);
                Vec::new()
            }
        }
    }

    /// What one element of a list names.
    fn elements(&mut self, item: &Value, field: Field) -> Vec<String> {
        match item {
            Value::String(text) => split_properties(text),
            Value::Null => Vec::new(),
            Value::Number(number) => vec![number.to_string()],
            _ => {
                self.malformed.get_or_insert(field);
                Vec::new()
            }
        }
    }
}

/// The few members of a request that the proxy reads; everything else passes it unseen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Route {
    /// Method name, trimmed; empty when missing.
    pub method: String,
    /// vSphere host, trimmed; empty when missing.
    pub hostname: String,
    /// How long the client waits, in milliseconds.
    pub timeout: Option<u64>,
    /// Whether the client understands the outcome byte: decides the form of an answer of the proxy itself.
    pub outcome: bool,
}

impl Route {
    /// Reads a body without building it up in memory; bytes that are no request give the empty route.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RouteVisitor)
    }
}

struct RouteVisitor;

impl<'de> Visitor<'de> for RouteVisitor {
    type Value = Route;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Route, A::Error> {
        let mut route = Route::default();
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match name.as_ref() {
                "method" => route.method = map.next_value::<Lenient>()?.text.trim().to_owned(),
                "hostname" => route.hostname = map.next_value::<Lenient>()?.text.trim().to_owned(),
                "timeout" => route.timeout = map.next_value::<Lenient>()?.text.trim().parse().ok(),
                "outcome" => route.outcome = map.next_value::<Lenient>()?.truth,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(route)
    }
}

/// A scalar as text (anything else is the empty text), and whether it is `true`.
#[derive(Default)]
struct Lenient {
    text: String,
    truth: bool,
}

impl Lenient {
    fn text(text: impl ToString) -> Self {
        Self { text: text.to_string(), truth: false }
    }
}

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Lenient;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Lenient, E> {
                Ok(Lenient::text(text))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Lenient, E> {
                Ok(Lenient::text(number))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Lenient, E> {
                Ok(Lenient::text(number))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Lenient, E> {
                Ok(Lenient::text(number))
            }
            fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Lenient, E> {
                Ok(Lenient { truth, ..Lenient::default() })
            }
            fn visit_unit<E: de::Error>(self) -> Result<Lenient, E> {
                Ok(Lenient::default())
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Lenient::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lenient, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Lenient::default())
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Request {
        Request::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_form_of_absent_is_absent() {
        for form in ["null", r#""""#, r#""null""#, r#""(null)""#] {
            let request = parse(&format!(r#"{{"method": "vm.get", "name": {form}, "properties": [{form}, "a"]}}"#));
            assert_eq!(request.name, None, "{form}");
            assert_eq!(request.properties, ["a"], "{form}");
            assert!(request.has(Field::Name));
            assert!(!request.has(Field::Key));
        }
    }

    #[test]
    fn properties_come_as_text_or_list_and_are_split() {
        assert_eq!(parse(r#"{"properties": "a, b ,,c"}"#).properties, ["a", "b", "c"]);
        assert_eq!(parse(r#"{"properties": ["a,b", "c"]}"#).properties, ["a", "b", "c"]);
        assert_eq!(parse(r#"{"properties": ["x[\"k,1\"].y,z"]}"#).properties, [r#"x["k,1"].y"#, "z"]);
    }

    #[test]
    fn a_request_as_received_is_what_a_worker_reads() {
        let mut request = Request::new(" vm.get", "vc01");
        (request.name, request.key) = (Some("null".to_owned()), Some("/var".to_owned()));
        request.properties = vec!["a,b".to_owned()];
        request.timeout = Some(2500);
        assert_eq!(request.as_received(), Request::parse(&request.to_bytes()).unwrap());
        assert!(request.as_received().has(Field::Name) && request.as_received().properties.len() == 2);
    }

    #[test]
    fn numbers_serve_as_text_and_text_as_numbers() {
        let request = parse(r#"{"max-sample": 3, "name": 12, "timeout": "2500", "method": " about "}"#);
        assert_eq!(request.max_sample.as_deref(), Some("3"));
        assert_eq!(request.name.as_deref(), Some("12"));
        assert_eq!(request.timeout, Some(2500));
        assert_eq!(request.method, "about");
    }

    #[test]
    fn counters_come_in_two_fields_and_as_lists() {
        let request = parse(r#"{"counter-id": 148}"#);
        assert_eq!((request.counter_id.as_deref(), request.counter_name.as_deref()), (Some("148"), None));
        assert!(request.has(Field::CounterName) && !request.has(Field::Instance));
        let named = |text: &str| parse(&format!(r#"{{"counter-name": {text}}}"#)).counter_name;
        assert_eq!(named(r#"["cpu.usage", 148, null, "a, b"]"#).as_deref(), Some("cpu.usage,148,a,b"));
        assert_eq!(named(r#""cpu.usage,148""#).as_deref(), Some("cpu.usage,148"));
        assert_eq!((named("[]"), named("148").as_deref()), (None, Some("148")));
        assert_eq!(parse(r#"{"counter-name": [{}]}"#).malformed(), Some(Field::CounterName));
    }

    #[test]
    fn wrong_types_are_noticed_not_guessed() {
        assert_eq!(parse(r#"{"name": {"a": 1}}"#).malformed(), Some(Field::Name));
        assert_eq!(parse(r#"{"properties": true}"#).malformed(), Some(Field::Properties));
        assert_eq!(Request::parse(b"[1]"), Err(RequestError::NotObject("list")));
        assert_eq!(Request::parse(b"nonsense"), Err(RequestError::NotJson));
        assert_eq!(Request::parse(&vec![b'['; 100_000]), Err(RequestError::NotJson));
    }

    #[test]
    fn passwords_do_not_show() {
        let request = parse(r#"{"method": "vm.process.get", "password": "p4ssw0rd"}"#);
        assert!(!format!("{request:?}").contains("p4ssw0rd"));
        assert!(String::from_utf8(request.to_bytes()).unwrap().contains("p4ssw0rd"));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&bytes);
            let _ = Route::read(&bytes);
        }

        #[test]
        fn what_a_client_writes_is_what_the_worker_reads(
            method in "[a-z.]{1,20}", name in ".{1,30}", password in ".{1,10}", timeout in any::<Option<u64>>(),
            outcome in any::<bool>(),
        ) {
            let request = Request {
                name: Some(name).filter(|text| !is_absent(text)),
                password: Some(Secret::new(password)).filter(|secret| !is_absent(secret.expose())),
                timeout,
                outcome,
                ..Request::new(method.trim(), "vc01")
            };
            let read = Request::parse(&request.to_bytes()).unwrap();
            prop_assert_eq!(&read.name, &request.name);
            prop_assert_eq!(&read.password, &request.password);
            let route = Route::read(&request.to_bytes());
            prop_assert_eq!((route.method, route.hostname, route.timeout), (read.method, read.hostname, timeout));
            prop_assert_eq!((route.outcome, read.outcome), (outcome, outcome));
        }
    }
}
