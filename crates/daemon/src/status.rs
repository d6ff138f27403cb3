//! What both daemons say about themselves in their status document.

use std::fs;

use jiff::Zoned;
use serde_json::{Map, Value, json};

use crate::metrics::{IDENTIFYING, scalar};

/// The version all of vPoller carries.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The `status` of a daemon that does its work; the word appears nowhere in the document of one that does not.
pub(crate) const RUNNING: &str = "running";

/// A daemon's status document. Management, `/status` and `vpoller.status` show it, and metrics are made from it.
pub trait StatusDocument: Send + Sync {
    /// The document as of now. Any thread may ask.
    fn document(&self) -> Map<String, Value>;
}

/// Whether a daemon can answer requests.
pub trait Readiness: StatusDocument {
    /// Judges by a document that was just made; the text says how many connections there are.
    ///
    /// # Errors
    /// Why requests cannot be answered.
    fn readiness(&self, document: &Map<String, Value>) -> Result<String, String>;
}

/// Whether every part of the daemon works.
///
/// # Errors
/// What the document says in the place of `running`.
pub fn health(document: &Map<String, Value>) -> Result<String, String> {
    match document.get("status").and_then(Value::as_str) {
        Some(RUNNING) => Ok(RUNNING.to_owned()),
        other => Err(other.unwrap_or("no status").to_owned()),
    }
}

/// When this process started, and on which machine.
#[derive(Clone, Debug)]
pub struct Identity {
    running_since: String,
    hostname: String,
    uname: String,
}

impl Identity {
    /// Takes the present moment for the start.
    #[must_use]
    pub fn now() -> Self {
        let hostname = kernel("hostname");
        let uname =
            [kernel("ostype"), hostname.clone(), kernel("osrelease"), kernel("version"), std::env::consts::ARCH.to_owned()];
        Self { running_since: Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string(), hostname, uname: uname.join(" ") }
    }

    /// The machine's name.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The status members that both daemons have: `status` (`running` only while that is true), `hostname`, `running_since`
    /// (while it runs), `uname`, `version`, `pid`.
    #[must_use]
    pub fn members(&self, status: &str) -> Map<String, Value> {
        let running = status == RUNNING;
        let members = [
            ("status", Some(json!(status))),
            ("hostname", Some(json!(self.hostname))),
            // Wrapper scripts look for the word anywhere in the reply.
            ("running_since", running.then(|| json!(self.running_since))),
            ("uname", Some(json!(self.uname))),
            ("version", Some(json!(VERSION))),
            ("pid", Some(json!(std::process::id()))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The member of a document that a path names: member names joined by dots, where a name may hold dots itself. An element of a
/// list is named by what identifies it (`agents.vc01.example.org.state`), or by its place (`agents.0.state`). The empty path is
/// the whole.
#[must_use]
pub fn select<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(value);
    }
    let below = |name: &str, inner: &'a Value| {
        let rest = path.strip_prefix(name)?;
        if rest.is_empty() { Some(inner) } else { select(inner, rest.strip_prefix('.').filter(|rest| !rest.is_empty())?) }
    };
    match value {
        Value::Object(members) => members.iter().find_map(|(name, inner)| below(name, inner)),
        Value::Array(elements) => elements.iter().enumerate().find_map(|(place, element)| {
            let named = IDENTIFYING.iter().filter_map(|key| scalar(element.get(*key)?)).find_map(|name| below(&name, element));
            named.or_else(|| below(&place.to_string(), element))
        }),
        _ => None,
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

/// What the kernel says about itself; the word `unknown` where /proc is not mounted.
fn kernel(name: &str) -> String {
    match fs::read_to_string(format!("/proc/sys/kernel/{name}")) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_who_and_since_when() {
        let members = Identity::now().members("running");
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!(text("status"), "running");
        assert!(text("uname").starts_with(&format!("Linux {} ", text("hostname"))), "{}", text("uname"));
        // As Python's asctime: "Sat Sep  6 10:33:28 2014".
        assert_eq!(text("running_since").len(), 24, "{}", text("running_since"));
        assert_eq!(text("version"), VERSION);
    }

    #[test]
    fn paths_name_members_and_elements() {
        let document = json!({
            "agents": [{"host": "vc01", "state": "idle"}, {"host": "vc01.example.org", "state": "up", "x": {"a.b": 1, "a": 2}}],
            "queues": {"vc01.example.org": 3},
        });
        let check = |path: &str, expected: Option<Value>| assert_eq!(select(&document, path).cloned(), expected, "{path}");
        check("agents.vc01.example.org.state", Some(json!("up")));
        check("agents.vc01.state", Some(json!("idle")));
        check("agents.1.x.a.b", Some(json!(1)));
        check("agents.1.x.a", Some(json!(2)));
        check("queues.vc01.example.org", Some(json!(3)));
        check("", Some(document.clone()));
        for nothing in ["x", "agents.2", "agents.vc01.", "queues.", "queues.vc01", ".", "agents..state"] {
            check(nothing, None);
        }
    }

    #[test]
    fn members_are_selected_by_path() {
        let document = json!({"status": "running", "workers": 0}).as_object().cloned().unwrap_or_default();
        assert_eq!(selection(document.clone(), ["workers", "status"]), Ok(json!({"workers": 0, "status": "running"})));
        assert_eq!(selection(document.clone(), []), Ok(Value::Object(document.clone())));
        assert_eq!(selection(document, ["workers", "nobody"]), Err("nobody"));
    }
}
