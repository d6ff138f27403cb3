//! What a client of vSphere tells about itself: the session, and every call that was made.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use vpoller_vsphere::{Class, Client, ConnectionState, LATENCY_BOUNDS, MethodStats};

/// Session, calls, bytes, errors; each by SOAP method as well.
pub(crate) fn of(client: &Client) -> Map<String, Json> {
    let stats = client.stats();
    let by_method = stats.methods.iter().map(|(name, method)| (name.clone(), soap(method))).collect();
    let errors = Class::ALL.map(|class| (class.name(), stats.errors(class)));
    let members = [
        ("session", session_word(&client.state())),
        ("logins", json!(stats.logins)),
        ("calls", json!(stats.calls())),
        ("bytes_in", json!(stats.bytes_in())),
        ("bytes_out", json!(stats.bytes_out())),
        ("errors", those_that_occurred(errors)),
        ("soap_by_method", Json::Object(by_method)),
    ];
    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

fn soap(method: &MethodStats) -> Json {
    json!({
        "calls": method.calls,
        "bytes_in": method.bytes_in,
        "bytes_out": method.bytes_out,
        "errors": those_that_occurred(Class::ALL.map(|class| (class.name(), method.errors[class.index()]))),
        "latency_seconds": {"bounds": LATENCY_BOUNDS, "counts": method.latency, "sum": method.time.as_secs_f64()},
    })
}

fn those_that_occurred(errors: [(&str, u64); Class::ALL.len()]) -> Json {
    let occurred = errors.into_iter().filter(|(_, count)| *count > 0);
    Json::Object(occurred.map(|(class, count)| (class.to_owned(), json!(count))).collect())
}

/// One word and, while the client waits, for how long.
fn session_word(state: &ConnectionState) -> Json {
    let waiting = |word, next_try: &Duration| json!(format!("{word}, next attempt in {} s", next_try.as_secs()));
    match state {
        ConnectionState::Idle => json!("none"),
        ConnectionState::Connecting => json!("connecting"),
        ConnectionState::Connected { .. } => json!("open"),
        ConnectionState::AuthFailed { next_try, .. } => waiting("refused", next_try),
        ConnectionState::Unreachable { next_try, .. } => waiting("unreachable", next_try),
    }
}
