//! The proxy's status: over management, over HTTP, and to clients that ask for the host
//! [`PROXY_ITSELF`](vpoller_wire::text::PROXY_ITSELF).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use vpoller_daemon::metrics::{MetricDescriptor, MetricKind};
use vpoller_daemon::status::{self, Identity, Readiness, StatusDocument};
use vpoller_wire::json::Style;
use vpoller_wire::{Outcome, Reply, Request, append_outcome, json};

use crate::broker::Report;
use crate::thread_command::{Commander, ThreadCommand};

/// The broker's thread takes commands at every turn of its loop. One that needs longer than this does not work.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// Where the proxy's sockets are, for people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub frontend: String,
    pub backend: String,
    pub mgmt: String,
}

/// The proxy's status document, for every thread that shows it.
pub(crate) struct ProxyStatus {
    identity: Identity,
    pub endpoints: OnceLock<Endpoints>,
    /// Where the pages are.
    pub http: OnceLock<String>,
    pub stopping: AtomicBool,
    /// Reaches the broker's thread.
    pub commander: Commander,
}

impl ProxyStatus {
    pub(crate) fn new(commander: Commander) -> Self {
        Self {
            identity: Identity::now(),
            endpoints: OnceLock::new(),
            http: OnceLock::new(),
            stopping: AtomicBool::new(false),
            commander,
        }
    }

    /// The status document with the broker's report. Without one the broker's thread did not answer, and is not said to be running.
    fn with(&self, report: Option<&Report>) -> Map<String, Value> {
        let status = match report {
            // Wrapper scripts look for the word "running" anywhere in the reply: keep it out of the others.
            None => "not responding",
            Some(_) if self.stopping.load(Ordering::Relaxed) => "stopping",
            Some(_) => "running",
        };
        let mut members = self.identity.members(status);
        let endpoints = self.endpoints.get().cloned().unwrap_or_default();
        for (name, endpoint) in [("mgmt", endpoints.mgmt), ("frontend", endpoints.frontend), ("backend", endpoints.backend)] {
            members.insert(name.to_owned(), json!(endpoint));
        }
        members.insert("http".to_owned(), json!(self.http.get()));
        if let Some(Ok(Value::Object(report))) = report.map(serde_json::to_value) {
            members.extend(report);
        }
        members
    }

    /// The reply to a client that asks the proxy about itself, whatever it calls the method: the members that its properties
    /// name. A client that takes the outcome byte gets the bare value of the first one.
    pub(crate) fn answer(&self, body: &[u8], report: &Report) -> Vec<u8> {
        let request = match Request::parse(body) {
            Ok(request) => request,
            Err(error) => return Reply::failure(error.to_string()).to_bytes(Style::Line),
        };
        let reply = match status::selection(self.with(Some(report)), request.properties.iter().map(String::as_str)) {
            Ok(result) => Reply::success("vPoller Proxy status", result),
            Err(path) => Reply::failure(format!("The status of the proxy has no member {path}")),
        };
        if request.outcome { bare(&request, &reply) } else { reply.to_bytes(Style::Line) }
    }
}

fn bare(request: &Request, reply: &Reply) -> Vec<u8> {
    let (mut bytes, outcome) = match reply {
        Reply::Failure { msg, .. } => (msg.clone().into_bytes(), Outcome::Failure),
        Reply::Success { result, .. } => {
            let value = request.properties.first().map_or(Some(result), |path| result.get(path));
            (value.map(json::bare).unwrap_or_default(), Outcome::Value)
        }
    };
    append_outcome(&mut bytes, outcome);
    bytes
}

impl StatusDocument for ProxyStatus {
    fn document(&self) -> Map<String, Value> {
        let (answer, answered) = mpsc::channel();
        self.commander.send(ThreadCommand::Report(answer));
        self.with(answered.recv_timeout(ANSWER_LIMIT).ok().as_ref())
    }
}

impl Readiness for ProxyStatus {
    fn readiness(&self, document: &Map<String, Value>) -> Result<String, String> {
        status::health(document)?;
        let workers = document.get("workers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        match workers.iter().filter(|worker| worker.get("leaving") == Some(&Value::Bool(false))).count() {
            0 => Err("no worker is connected".to_owned()),
            count => Ok(format!("{count} worker connections")),
        }
    }
}

/// What begins the name of every metric of the proxy.
pub(crate) const METRIC_PREFIX: &str = "vpoller_proxy";

const fn metric(name: &'static str, kind: MetricKind, label: &'static str, help: &'static str) -> MetricDescriptor {
    MetricDescriptor { name, kind, label, help }
}

/// Types and descriptions of the proxy's metrics.
pub const DESCRIPTORS: &[MetricDescriptor] = &[
    metric("vpoller_proxy_status", MetricKind::Text, "status", "What the proxy says of itself."),
    metric("vpoller_proxy_version", MetricKind::Text, "version", "Release of the proxy."),
    metric("vpoller_proxy_pid", MetricKind::Gauge, "", "Process id."),
    metric("vpoller_proxy_pending", MetricKind::Gauge, "", "Requests not answered yet."),
    metric("vpoller_proxy_waiting", MetricKind::Gauge, "", "Requests that wait for a worker."),
    metric("vpoller_proxy_bytes", MetricKind::Gauge, "", "Memory of all requests not answered yet."),
    metric("vpoller_proxy_queues", MetricKind::Gauge, "host", "Requests that wait for a worker, by vSphere host."),
    metric("vpoller_proxy_received", MetricKind::Counter, "", "Requests from clients."),
    metric("vpoller_proxy_answered", MetricKind::Counter, "", "Replies of workers handed to clients."),
    metric("vpoller_proxy_introduced", MetricKind::Counter, "", "Questions about the proxy itself."),
    metric("vpoller_proxy_redispatched", MetricKind::Counter, "", "Requests given to a further worker because theirs was lost."),
    metric("vpoller_proxy_workers_lost", MetricKind::Counter, "", "Workers that fell silent or whose connection broke."),
    metric("vpoller_proxy_refused", MetricKind::Counter, "reason", "Errors that the proxy answered with."),
    metric(
        "vpoller_proxy_expired",
        MetricKind::Counter,
        "place",
        "Requests whose client gave up: still waiting, or at a worker.",
    ),
    metric("vpoller_proxy_dropped", MetricKind::Counter, "kind", "Messages that led to nothing."),
    metric("vpoller_proxy_worker_version", MetricKind::Text, "version", "Release of a worker."),
    metric("vpoller_proxy_worker_capacity", MetricKind::Gauge, "", "Requests a worker's connection takes at once."),
    metric("vpoller_proxy_worker_in_flight", MetricKind::Gauge, "", "Requests a worker's connection has."),
    metric("vpoller_proxy_worker_answered", MetricKind::Counter, "", "Requests a worker's connection answered."),
    metric("vpoller_proxy_worker_last_heard_seconds", MetricKind::Gauge, "", "Time since a worker was last heard."),
    metric("vpoller_proxy_worker_leaving", MetricKind::Gauge, "", "Whether a worker takes nothing more."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Broker, Rules};
    use crate::thread_command;
    use std::time::Instant;
    use vpoller_daemon::wake::Wake;
    use vpoller_wire::split_outcome;

    fn status() -> (ProxyStatus, Report) {
        let now = Instant::now();
        let (commander, _) = thread_command::channel(Wake::new().unwrap());
        let status = ProxyStatus::new(commander);
        let endpoints = Endpoints { mgmt: "tcp://*:9999".into(), ..Endpoints::default() };
        status.endpoints.set(endpoints).unwrap();
        (status, Broker::new(Rules::default(), 1, now).report(now))
    }

    #[test]
    fn running_is_said_only_when_it_is_true() {
        let (status, report) = status();
        let text = |report| Value::Object(status.with(report)).to_string();
        let running = text(Some(&report));
        assert!(running.contains(r#""status":"running""#) && running.contains(r#""mgmt":"tcp://*:9999""#), "{running}");
        assert!(running.contains(r#""counters":{"received":0"#), "{running}");
        let silent = text(None);
        status.stopping.store(true, Ordering::Relaxed);
        for other in [text(Some(&report)), silent] {
            assert!(!other.contains("running"), "{other}");
        }
        assert_eq!(status.readiness(&status.with(Some(&report))), Err("stopping".to_owned()));
    }

    #[test]
    fn clients_get_the_document_or_a_member_of_it() {
        let (status, report) = status();
        let answer = |body: &str| status.answer(body.as_bytes(), &report);
        let text = |body: &str| String::from_utf8(answer(body)).unwrap();
        let whole: Value = serde_json::from_str(&text(r#"{"method": "x", "hostname": "@proxy"}"#)).unwrap();
        assert_eq!((&whole["success"], &whole["result"]["status"]), (&json!(0), &json!("running")));
        assert_eq!(
            text(r#"{"properties": ["pending,mgmt"]}"#),
            r#"{"success": 0, "msg": "vPoller Proxy status", "result": {"pending": 0, "mgmt": "tcp://*:9999"}}"#
        );
        for (path, expected, outcome) in [
            ("mgmt", "tcp://*:9999", Outcome::Value),
            ("counters.expired", r#"{"waiting": 0, "in_flight": 0}"#, Outcome::Value),
            ("http", "", Outcome::Value),
            ("nobody", "The status of the proxy has no member nobody", Outcome::Failure),
        ] {
            let reply = answer(&format!(r#"{{"properties": ["{path}"], "outcome": true}}"#));
            assert_eq!(split_outcome(&reply), (expected.as_bytes(), outcome), "{path}");
        }
    }
}
