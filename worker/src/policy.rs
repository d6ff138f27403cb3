//! Session keys: a client that knows one is logged in. They are shown, as they always were, unless the configuration masks them.

use std::fmt::Write;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value as Json};
use vpoller_vsphere::{MoRef, Struct, Value};

use crate::failure::Failure;

/// What may be shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// Whether session keys are replaced by something that tells them apart and is of no other use.
    pub mask_session_keys: bool,
}

/// Bytes of the hash that are shown.
const SHOWN: usize = 8;

impl Policy {
    /// A session key as it may be shown.
    pub(crate) fn key(self, key: &str) -> String {
        if !self.mask_session_keys {
            return key.to_owned();
        }
        let mut masked = String::from("masked-");
        for byte in digest(&SHA256, key.as_bytes()).as_ref().iter().take(SHOWN) {
            // Writing into a string cannot fail.
            let _ = write!(masked, "{byte:02x}");
        }
        masked
    }

    /// Fails for the object whose properties are session keys.
    pub(crate) fn admit(self, object: &MoRef) -> Result<(), Failure> {
        let keys = self.mask_session_keys && &*object.kind == "SessionManager";
        if keys { Err(Failure::Masked(object.to_string())) } else { Ok(()) }
    }

    /// A property as it may be shown: events carry session keys.
    pub(crate) fn value(self, path: &str, value: &Value) -> Json {
        if !self.mask_session_keys {
            return value.to_json();
        }
        match value {
            Value::String(text) if path.rsplit('.').next() == Some(SESSION) => Json::from(self.key(text)),
            Value::List(items) => items.iter().map(|item| self.value("", item)).collect(),
            Value::Struct(object) => Json::Object(self.members(object)),
            other => other.to_json(),
        }
    }

    fn members(self, object: &Struct) -> Map<String, Json> {
        object.fields.iter().map(|(name, value)| (name.to_string(), self.value(name, value))).collect()
    }
}

const SESSION: &str = "sessionId";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "52b8a3c1-7e2d-4f6a-9c51-0d3b6a2e8f44";

    fn event() -> Value {
        let fields = vec![("sessionId".into(), Value::string(KEY)), ("ipAddress".into(), Value::string("10.0.0.9"))];
        Value::List(vec![Value::from(Struct { kind: "UserLoginSessionEvent".into(), fields })])
    }

    #[test]
    fn keys_are_shown_unless_they_are_masked() {
        let shown = Policy::default();
        assert_eq!(shown.key(KEY), KEY);
        assert_eq!(shown.value("latestPage", &event()), json!([{"sessionId": KEY, "ipAddress": "10.0.0.9"}]));
        let masked = Policy { mask_session_keys: true };
        let key = masked.key(KEY);
        assert!(key.starts_with("masked-") && key.len() == 23 && key != masked.key("52"), "{key}");
        assert_eq!(masked.value("latestPage", &event()), json!([{"sessionId": key, "ipAddress": "10.0.0.9"}]));
        assert_eq!(masked.value("latestEvent.sessionId", &Value::string(KEY)), json!(key));
        assert_eq!(masked.value("name", &Value::string(KEY)), json!(KEY));
    }

    #[test]
    fn the_session_manager_is_closed_while_keys_are_masked() {
        let manager = MoRef::new("SessionManager", "SessionManager");
        assert!(Policy::default().admit(&manager).is_ok());
        let masked = Policy { mask_session_keys: true };
        assert!(masked.admit(&manager).is_err() && masked.admit(&MoRef::new("Folder", "group-d1")).is_ok());
    }
}
