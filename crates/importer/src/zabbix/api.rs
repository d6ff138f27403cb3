//! Zabbix's API: JSON-RPC, login and logout, and how answers are read.

use std::time::Instant;

use serde_json::{Value, json};
use vpoller_wire::Secret;

use super::dialect::Dialect;
use super::transport::{Transport, excerpt};
use crate::config::{Credentials, ZabbixAccess};
use crate::console::Console;

/// Why a call has no result.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ApiError {
    /// Zabbix answered with an error.
    #[error("{reason}")]
    Refused {
        /// Zabbix's text.
        reason: String,
    },
    /// There is no usable answer: Zabbix may have executed the call or not.
    #[error("{method}: {cause}")]
    Lost { method: String, cause: String },
}

/// Calls methods of the API; a fake one in tests.
pub(crate) trait ApiClient {
    /// Calls a method and returns its result.
    ///
    /// # Errors
    /// See [`ApiError`].
    fn call(&mut self, method: &str, params: Value) -> Result<Value, ApiError>;

    /// The version of the API.
    fn dialect(&self) -> Dialect;
}

/// A session with a Zabbix frontend.
pub(crate) struct ApiSession<'c> {
    transport: Transport,
    dialect: Dialect,
    token: Option<Secret>,
    /// Whether the token belongs to a session that has to be ended.
    logged_in: bool,
    console: &'c Console,
    calls: u64,
}

impl<'c> ApiSession<'c> {
    /// Asks for the version and logs in.
    ///
    /// # Errors
    /// When the frontend cannot be reached, is too old, or refuses the login.
    pub(crate) fn connect(access: &ZabbixAccess, console: &'c Console) -> Result<Self, String> {
        let transport = Transport::new(access)?;
        // Any version will do for the question after the version, the first call.
        let dialect = Dialect::new("6.0")?;
        let mut api = Self { transport, dialect, token: None, logged_in: false, console, calls: 0 };
        let version = api.call("apiinfo.version", json!([])).map_err(|error| error.to_string())?;
        api.dialect = Dialect::new(version.as_str().unwrap_or_default())?;
        if api.dialect.is_newer_than_known() {
            console.warning(format_args!(
                "Zabbix {} is newer than the versions that this program knows; it is asked in the way of the newest known one",
                api.dialect
            ));
        }
        match &access.login {
            Credentials::Token(token) => api.token = Some(Secret::new(token.expose())),
            Credentials::Password { username, password } => {
                let params = json!({"username": username, "password": password.expose()});
                let session = api.call("user.login", params).map_err(|error| format!("cannot log in as {username}: {error}"))?;
                let session = session.as_str().ok_or("user.login answers no session")?;
                api.token = Some(Secret::new(session));
                api.logged_in = true;
            }
        }
        Ok(api)
    }

    /// Ends the session and returns the number of calls; an API token stays valid.
    pub(crate) fn log_out(mut self) -> u64 {
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
        parse_answer(answer).unwrap_or_else(|| Err(lost(format!("neither result nor error in the answer: {}", excerpt(&body)))))
    }
}

impl ApiClient for ApiSession<'_> {
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

/// The result or the error in an answer, if there is one.
fn parse_answer(mut answer: Value) -> Option<Result<Value, ApiError>> {
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
        assert_eq!(parse_answer(json!({"jsonrpc": "2.0", "result": [], "id": 1})), Some(Ok(json!([]))));
        assert_eq!(parse_answer(json!({"error": {"code": -32602, "message": "Invalid params.", "data": "why"}})), refused("why"));
        assert_eq!(parse_answer(json!({"error": {"message": "Invalid params.", "data": ""}})), refused("Invalid params."));
        assert_eq!(parse_answer(json!({"error": "x"})), refused("no reason given"));
        for nothing in [json!({}), json!([]), json!("x"), json!(null)] {
            assert_eq!(parse_answer(nothing), None);
        }
    }
}
