//! The reply to a request, before a helper turns it into something else.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::json::{self, Style};

/// What a method answered. Written as one JSON object: `success`, `msg`, then `result` or `traceback`.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// `success` is 0.
    Success {
        /// The method's success text, part of the contract.
        msg: String,
        /// A list of objects for nearly all methods, a bare object for the relations of networks and guest adapters.
        result: Value,
    },
    /// `success` is 1.
    Failure {
        /// What went wrong, for people; some texts are part of the contract.
        msg: String,
        /// A short cause in one line, free of secrets; goes out as `traceback`.
        cause: Option<String>,
    },
}

impl Reply {
    /// A successful reply.
    pub fn success(msg: impl Into<String>, result: Value) -> Self {
        Self::Success { msg: msg.into(), result }
    }

    /// A failed reply without a further cause.
    pub fn failure(msg: impl Into<String>) -> Self {
        Self::Failure { msg: msg.into(), cause: None }
    }

    /// The text of `msg`.
    #[must_use]
    pub fn msg(&self) -> &str {
        match self {
            Self::Success { msg, .. } | Self::Failure { msg, .. } => msg,
        }
    }

    /// Whether `success` is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success { .. })
    }

    /// The reply as JSON text in the given style.
    #[must_use]
    pub fn to_bytes(&self, style: Style) -> Vec<u8> {
        // Strings and JSON values always serialize.
        json::to_vec(self, style).unwrap_or_default()
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Success { msg, result } => {
                map.serialize_entry("success", &0)?;
                map.serialize_entry("msg", msg)?;
                map.serialize_entry("result", result)?;
            }
            Self::Failure { msg, cause } => {
                map.serialize_entry("success", &1)?;
                map.serialize_entry("msg", msg)?;
                if let Some(cause) = cause {
                    map.serialize_entry("traceback", cause)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_come_in_the_documented_order() {
        let reply = Reply::success("Successfully retrieved event", json!([{"event": null}]));
        assert_eq!(
            reply.to_bytes(Style::Line),
            br#"{"success": 0, "msg": "Successfully retrieved event", "result": [{"event": null}]}"#
        );
        assert_eq!(Reply::failure("no").to_bytes(Style::Line), br#"{"success": 1, "msg": "no"}"#);
    }
}
