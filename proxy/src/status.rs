//! The status document of the proxy.

use serde_json::{Map, Value, json};
use vpoller_daemon::status::Identity;

use crate::broker::Report;

/// Where the proxy's sockets are, for people.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    pub frontend: String,
    pub backend: String,
    pub mgmt: String,
}

/// The `result` of a status reply. Without a report, the broker did not answer, and nothing is said to be running.
pub fn document(identity: &Identity, endpoints: &Endpoints, stopping: bool, report: Option<&Report>) -> Map<String, Value> {
    let status = match report {
        // Wrapper scripts look for the word "running" anywhere in the reply: keep it out of the others.
        None => "not responding",
        Some(_) if stopping => "stopping",
        Some(_) => "running",
    };
    let mut members = identity.members(status);
    for (name, endpoint) in [("mgmt", &endpoints.mgmt), ("frontend", &endpoints.frontend), ("backend", &endpoints.backend)] {
        members.insert(name.to_owned(), json!(endpoint));
    }
    if let Some(Ok(Value::Object(report))) = report.map(serde_json::to_value) {
        members.extend(report);
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Broker, Rules};
    use std::time::Instant;

    #[test]
    fn running_is_said_only_when_it_is_true() {
        let now = Instant::now();
        let report = Broker::new(Rules::default(), 1, now).report(now);
        let (identity, endpoints) = (Identity::now(), Endpoints { mgmt: "tcp://*:9999".into(), ..Endpoints::default() });
        let text = |stopping, report| Value::Object(document(&identity, &endpoints, stopping, report)).to_string();
        let running = text(false, Some(&report));
        assert!(running.contains(r#""status":"running""#) && running.contains(r#""mgmt":"tcp://*:9999""#), "{running}");
        assert!(running.contains(r#""counters":{"received":0"#), "{running}");
        for other in [text(true, Some(&report)), text(false, None)] {
            assert!(!other.contains("running"), "{other}");
        }
    }
}
