//! A request with places to fill in, so that a load is not the same object over and over.

use std::str::FromStr;

use anyhow::{Context, bail};
use serde_json::Value;
use vpoller_wire::{Request, json};

/// A JSON request; `{0-99}` inside one of its texts stands for the numbers of that range, one after the other.
#[derive(Clone, Debug)]
pub struct Template {
    request: Value,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Range { first: u64, count: u64 },
}

impl Template {
    /// The smallest request there is.
    pub fn about() -> Self {
        let request = serde_json::json!({"method": "about", "hostname": ""});
        Self { parts: split(&text(&request)), request }
    }

    /// The same request for another vSphere host.
    pub fn addressed_to(mut self, host: &str) -> Self {
        self.request["hostname"] = host.into();
        Self { parts: split(&text(&self.request)), request: self.request }
    }

    /// The bytes of the `turn`th request.
    pub fn fill(&self, turn: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Range { first, count } => out.extend_from_slice((first + turn % count).to_string().as_bytes()),
            }
        }
        out
    }
}

impl FromStr for Template {
    type Err = anyhow::Error;

    fn from_str(source: &str) -> anyhow::Result<Self> {
        let request: Value = serde_json::from_str(source).context("the request is no JSON")?;
        if !request.is_object() {
            bail!("the request is no JSON object");
        }
        let template = Self { parts: split(&text(&request)), request };
        let read = Request::parse(&template.fill(0)).context("the request is not usable")?;
        if read.method.is_empty() || read.hostname.is_empty() {
            bail!("the request lacks \"method\" or \"hostname\"");
        }
        Ok(template)
    }
}

fn text(request: &Value) -> String {
    String::from_utf8_lossy(&json::line(request)).into_owned()
}

/// Cuts at `{first-last}`. JSON's own braces are followed by a quote or a brace, never by a digit.
fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, candidate) = rest.split_at(at);
        plain.push_str(before);
        match range(candidate) {
            Some((range, after)) => {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(range);
                rest = after;
            }
            None => {
                plain.push('{');
                rest = candidate.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    parts.push(Part::Text(plain));
    parts
}

fn range(text: &str) -> Option<(Part, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (first, last) = inner.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let count = last.checked_sub(first)?.checked_add(1)?;
    Some((Part::Range { first, count }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_counted_through() {
        let template: Template =
            r#"{"method": "vm.get", "hostname": "vc01", "name": "vm{8-9}-{0-2}", "key": "{x} {-1}"}"#.parse().unwrap();
        let names: Vec<_> = (0..4).map(|turn| Request::parse(&template.fill(turn)).unwrap().name.unwrap()).collect();
        assert_eq!(names, ["vm8-0", "vm9-1", "vm8-2", "vm9-0"]);
        assert_eq!(Request::parse(&template.fill(0)).unwrap().key.as_deref(), Some("{x} {-1}"));
    }

    #[test]
    fn only_the_host_changes_for_the_echo() {
        let template: Template = r#"{"method": "vm.get", "hostname": "vc01", "name": "vm-{0-1}"}"#.parse().unwrap();
        let bytes = template.addressed_to("echo").fill(1);
        assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"method": "vm.get", "hostname": "echo", "name": "vm-1"}"#);
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        for (source, part) in [("x", "no JSON"), ("[]", "no JSON object"), ("{}", "lacks"), (r#"{"method": "about"}"#, "lacks")] {
            let error = source.parse::<Template>().unwrap_err().to_string();
            assert!(error.contains(part), "{source}: {error}");
        }
    }
}
