//! What the HTTP listener shows: the status document, metrics made from it, and whether the daemon is well.

use serde_json::{Map, Value};
use vpoller_wire::json;

use crate::metrics::{self, Known};
use crate::status::{RUNNING, select};

/// A daemon that can tell about itself at any time, from any thread.
pub trait Overview: Send + Sync {
    /// The status document.
    fn document(&self) -> Map<String, Value>;

    /// Whether requests can be answered, judged by the document.
    ///
    /// # Errors
    /// Why not.
    fn readiness(&self, document: &Map<String, Value>) -> Result<String, String>;

    /// What begins the name of every metric.
    fn prefix(&self) -> &'static str;

    /// What is known of the metrics.
    fn known(&self) -> &'static [Known];
}

/// One answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
}

impl Page {
    /// A line of text.
    #[must_use]
    pub fn line(status: u16, text: &str) -> Self {
        Self { status, kind: PLAIN, body: format!("{text}\n").into_bytes() }
    }
}

/// The page at a path.
#[must_use]
pub fn page(path: &str, overview: &dyn Overview) -> Page {
    let verdict = |verdict: Result<String, String>| match verdict {
        Ok(text) => Page::line(200, &text),
        Err(text) => Page::line(503, &text),
    };
    match path {
        "/" => Page::line(200, "/metrics for Prometheus, /status as JSON, /readyz, /healthz"),
        "/metrics" => {
            let text = metrics::text(overview.prefix(), &overview.document(), overview.known());
            Page { status: 200, kind: metrics::CONTENT_TYPE, body: text.into_bytes() }
        }
        "/status" => {
            let mut body = json::line(&Value::Object(overview.document()));
            body.push(b'\n');
            Page { status: 200, kind: "application/json", body }
        }
        "/readyz" => verdict(overview.readiness(&overview.document())),
        "/healthz" => verdict(health(&overview.document())),
        _ => Page::line(404, "no such page; there are /metrics, /status, /readyz and /healthz"),
    }
}

/// Whether every part of the daemon works.
///
/// # Errors
/// What the status says instead.
pub fn health(document: &Map<String, Value>) -> Result<String, String> {
    match document.get("status").and_then(Value::as_str) {
        Some(RUNNING) => Ok(RUNNING.to_owned()),
        other => Err(other.unwrap_or("no status").to_owned()),
    }
}

/// The members of a document that paths name, by path; the whole document when there is no path.
///
/// # Errors
/// The path that names nothing.
pub fn selection<'a>(document: Map<String, Value>, paths: impl IntoIterator<Item = &'a str>) -> Result<Value, &'a str> {
    let whole = Value::Object(document);
    let mut found = Map::new();
    for path in paths {
        found.insert(path.to_owned(), select(&whole, path).cloned().ok_or(path)?);
    }
    Ok(if found.is_empty() { whole } else { Value::Object(found) })
}

const PLAIN: &str = "text/plain; charset=utf-8";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    /// A daemon with one number to tell.
    pub struct Daemon(pub &'static str);

    impl Overview for Daemon {
        fn document(&self) -> Map<String, Value> {
            json!({"status": self.0, "workers": 0}).as_object().cloned().unwrap()
        }

        fn readiness(&self, document: &Map<String, Value>) -> Result<String, String> {
            if document["workers"] == 0 { Err("no worker".to_owned()) } else { Ok("ready".to_owned()) }
        }

        fn prefix(&self) -> &'static str {
            "vpoller_test"
        }

        fn known(&self) -> &'static [Known] {
            &[]
        }
    }

    fn check(path: &str, daemon: &Daemon, status: u16, part: &str) {
        let page = page(path, daemon);
        let body = String::from_utf8(page.body).unwrap();
        assert!(page.status == status && body.contains(part), "{path}: {} {body}", page.status);
    }

    #[test]
    fn pages_show_the_document() {
        let daemon = Daemon("running");
        check("/", &daemon, 200, "/metrics");
        check("/metrics", &daemon, 200, "\nvpoller_test_workers 0.0\n");
        check("/status", &daemon, 200, r#"{"status": "running", "workers": 0}"#);
        check("/healthz", &daemon, 200, "running");
        check("/readyz", &daemon, 503, "no worker");
        check("/nonsense", &daemon, 404, "no such page");
        check("/healthz", &Daemon("degraded"), 503, "degraded");
    }

    #[test]
    fn members_are_selected_by_path() {
        let document = Daemon("running").document();
        assert_eq!(selection(document.clone(), ["workers", "status"]), Ok(json!({"workers": 0, "status": "running"})));
        assert_eq!(selection(document.clone(), []), Ok(Value::Object(document.clone())));
        assert_eq!(selection(document, ["workers", "nobody"]), Err("nobody"));
    }
}
