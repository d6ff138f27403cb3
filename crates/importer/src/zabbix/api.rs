//! The API: JSON-RPC, login and logout, and how answers are judged.

use std::time::Instant;

use serde_json::{Value, json};
use vpoller_wire::Secret;

use super::dialect::Dialect;
use super::transport::{Transport, excerpt};
use crate::config::{Access, Login};
use crate::console::Console;

/// Why a call brought nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// Zabbix understood and refused.
    #[error("{reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// Nobody knows whether Zabbix did it.
    #[error("{method}: {cause}")]
    Lost {
        /// What was called.
        method: String,
        /// What went wrong on the way.
        cause: String,
    },
}

/// A way to call methods.
pub trait Call {
    /// Calls a method and returns its result.
    ///
    /// # Errors
    /// See [`ApiError`].
    fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError>;

    /// The version that answers.
    fn dialect(&self) -> Dialect;
}

/// A session with a Zabbix frontend.
pub struct Api<'c> {
    transport: Transport,
    dialect: Dialect,
    token: Option<Secret>,
    /// Whether the token is of a login that has to be ended.
    logged_in: bool,
    console: &'c Console,
    calls: u64,
}

impl<'c> Api<'c> {
    /// Finds out the version and logs in.
    ///
    /// # Errors
    /// When the frontend cannot be reached, is too old, or refuses us.
    pub fn connect(access: &Access, console: &'c Console) -> Result<Self, String> {
        let transport = Transport::new(access)?;
        // Until the version is known nothing is sent but the question for it.
        let dialect = Dialect::new("6.0")?;
        let mut api = Self { transport, dialect, token: None, logged_in: false, console, calls: 0 };
        let version = api.call("apiinfo.version", json!([])).map_err(|error| error.to_string())?;
        api.dialect = Dialect::new(version.as_str().unwrap_or_default())?;
        match &access.login {
            Login::Token(token) => api.token = Some(Secret::new(token.expose())),
            Login::Password { username, password } => {
                let params = json!({"username": username, "password": password.expose()});
                let session = api.call("user.login", params).map_err(|error| format!("cannot log in as {username}: {error}"))?;
                let session = session.as_str().ok_or("user.login answers no session")?;
                api.token = Some(Secret::new(session));
                api.logged_in = true;
            }
        }
        Ok(api)
    }

    /// Ends the session; a token stays valid.
    pub fn leave(mut self) -> u64 {
        if self.logged_in
            && let Err(error) = self.call("user.logout", json!([]))
        {
            self.console.debug(format_args!("cannot log out: {error}"));
        }
        self.calls
    }

    fn exchange(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
        let lost = |cause: String| ApiError::Lost { method: method.to_owned(), cause };
        self.calls += 1;
        let by_header = self.dialect.authorizes_by_header();
        let token = self.token.as_ref().map(Secret::expose);
        let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": self.calls});
        if let (Some(token), false) = (token, by_header) {
            message["auth"] = json!(token);
        }
        let body = self.transport.exchange(message.to_string(), token.filter(|_| by_header)).map_err(lost)?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|error| lost(format!("the answer is no JSON ({error}): {}", excerpt(&body))))?;
        judge(answer).unwrap_or_else(|| Err(lost(format!("neither result nor error in the answer: {}", excerpt(&body)))))
    }
}

impl Call for Api<'_> {
    fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError> {
        let start = Instant::now();
        let outcome = self.exchange(method, params);
        let word = if outcome.is_ok() { "answered" } else { "failed" };
        self.console.debug(format_args!("Zabbix API call {}, {method}: {word} after {:?}", self.calls, start.elapsed()));
        outcome
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

/// The result or the refusal in an answer, if there is one.
fn judge(mut answer: Value) -> Option<Result<Value, ApiError>> {
    if let Some(error) = answer.get("error") {
        let text = |name: &str| error[name].as_str().filter(|text| !text.is_empty());
        let reason = text("data").or_else(|| text("message")).unwrap_or("no reason given").to_owned();
        return Some(Err(ApiError::Refused { reason }));
    }
    answer.as_object_mut()?.remove("result").map(Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_results_refusals_or_nothing() {
        let refused = |reason: &str| Some(Err(ApiError::Refused { reason: reason.to_owned() }));
        assert_eq!(judge(json!({"jsonrpc": "2.0", "result": [], "id": 1})), Some(Ok(json!([]))));
        assert_eq!(judge(json!({"error": {"code": -32602, "message": "Invalid params.", "data": "why"}})), refused("why"));
        assert_eq!(judge(json!({"error": {"message": "Invalid params.", "data": ""}})), refused("Invalid params."));
        assert_eq!(judge(json!({"error": "x"})), refused("no reason given"));
        for nothing in [json!({}), json!([]), json!("x"), json!(null)] {
            assert_eq!(judge(nothing), None);
        }
    }
}
