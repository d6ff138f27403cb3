//! What the HTTP listener answers: a list of routes, each a path, a content type and a function. Every daemon serves the routes of
//! its status document ([`of_status`]); a part of the program that has more to show adds routes of its own.

use std::sync::Arc;

use serde_json::Value;
use vpoller_text::json;

use crate::metrics::{self, MetricDescriptor};
use crate::status::{Readiness, health};

/// What a route answers: HTTP status and body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    #[must_use]
    pub const fn ok(body: Vec<u8>) -> Self {
        Self { status: 200, body }
    }

    /// One line of text.
    #[must_use]
    pub fn line(status: u16, text: &str) -> Self {
        Self { status, body: format!("{text}\n").into_bytes() }
    }

    /// 200 with the text of success, 503 with that of failure.
    fn verdict(verdict: Result<String, String>) -> Self {
        match verdict {
            Ok(text) => Self::line(200, &text),
            Err(text) => Self::line(503, &text),
        }
    }
}

/// Makes an answer. Runs on a thread of the listener, and may be called by several at once.
pub type Handler = Box<dyn Fn() -> Answer + Send + Sync>;

/// One path and what is answered there.
pub struct Route {
    path: &'static str,
    /// Stands behind the path in the list at `/`, such as `for Prometheus`; may be empty.
    remark: &'static str,
    content_type: &'static str,
    handler: Handler,
}

impl Route {
    pub fn new(
        path: &'static str,
        remark: &'static str,
        content_type: &'static str,
        handler: impl Fn() -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self { path, remark, content_type, handler: Box::new(handler) }
    }
}

/// An answer and its content type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    pub content_type: &'static str,
    pub answer: Answer,
}

impl Response {
    /// One line of text.
    #[must_use]
    pub fn line(status: u16, text: &str) -> Self {
        Self { content_type: PLAIN, answer: Answer::line(status, text) }
    }
}

/// Answers a path. `/` lists the routes, and so does the error for a path that is none.
#[must_use]
pub fn respond(routes: &[Route], path: &str) -> Response {
    if let Some(route) = routes.iter().find(|route| route.path == path) {
        return Response { content_type: route.content_type, answer: (route.handler)() };
    }
    if path == "/" {
        let lines: Vec<_> = routes.iter().map(|route| format!("{} {}", route.path, route.remark).trim_end().to_owned()).collect();
        return Response::line(200, &lines.join(", "));
    }
    let paths: Vec<_> = routes.iter().map(|route| route.path).collect();
    let list = match paths.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    };
    Response::line(404, &format!("no such page; there are {list}"))
}

/// The routes of a status document: metrics made from it, whose names begin with `prefix`, the document itself, and whether the
/// daemon is ready and healthy.
#[must_use]
pub fn of_status<S: Readiness + 'static>(
    status: &Arc<S>,
    prefix: &'static str,
    descriptors: &'static [MetricDescriptor],
) -> Vec<Route> {
    let [for_metrics, for_document, for_readiness, for_health] = [(); 4].map(|()| Arc::clone(status));
    vec![
        Route::new("/metrics", "for Prometheus", metrics::CONTENT_TYPE, move || {
            Answer::ok(metrics::text(prefix, &for_metrics.document(), descriptors).into_bytes())
        }),
        Route::new("/status", "as JSON", "application/json", move || {
            let mut body = json::line(&Value::Object(for_document.document()));
            body.push(b'\n');
            Answer::ok(body)
        }),
        Route::new("/readyz", "", PLAIN, move || Answer::verdict(for_readiness.readiness(&for_readiness.document()))),
        Route::new("/healthz", "", PLAIN, move || Answer::verdict(health(&for_health.document()))),
    ]
}

const PLAIN: &str = "text/plain; charset=utf-8";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::status::StatusDocument;
    use serde_json::{Map, json};

    /// A daemon with one number to show.
    struct TestDaemon(&'static str);

    impl StatusDocument for TestDaemon {
        fn document(&self) -> Map<String, Value> {
            json!({"status": self.0, "workers": 0}).as_object().cloned().unwrap()
        }
    }

    impl Readiness for TestDaemon {
        fn readiness(&self, document: &Map<String, Value>) -> Result<String, String> {
            if document["workers"] == 0 { Err("no worker".to_owned()) } else { Ok("ready".to_owned()) }
        }
    }

    /// The routes of a daemon with this status.
    pub(crate) fn routes(status: &'static str) -> Vec<Route> {
        of_status(&Arc::new(TestDaemon(status)), "vpoller_test", &[])
    }

    fn check(routes: &[Route], path: &str, status: u16, content_type: &str, part: &str) {
        let response = respond(routes, path);
        let body = String::from_utf8(response.answer.body).unwrap();
        assert_eq!((response.answer.status, response.content_type), (status, content_type), "{path}: {body}");
        assert!(body.contains(part), "{path}: {body}");
    }

    #[test]
    fn routes_show_the_document() {
        let running = routes("running");
        check(&running, "/", 200, PLAIN, "/metrics for Prometheus, /status as JSON, /readyz, /healthz\n");
        check(&running, "/metrics", 200, metrics::CONTENT_TYPE, "\nvpoller_test_workers 0.0\n");
        check(&running, "/status", 200, "application/json", r#"{"status": "running", "workers": 0}"#);
        check(&running, "/healthz", 200, PLAIN, "running");
        check(&running, "/readyz", 503, PLAIN, "no worker");
        check(&running, "/nonsense", 404, PLAIN, "no such page; there are /metrics, /status, /readyz and /healthz\n");
        check(&routes("degraded"), "/healthz", 503, PLAIN, "degraded");
    }

    #[test]
    fn a_part_of_the_program_adds_a_route() {
        let mut routes = routes("running");
        routes.push(Route::new("/more", "of it", "text/csv", || Answer::ok(b"a,b".to_vec())));
        check(&routes, "/more", 200, "text/csv", "a,b");
        check(&routes, "/", 200, PLAIN, ", /healthz, /more of it\n");
    }
}
