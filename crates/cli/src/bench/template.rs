//! A request with placeholders, so that a load asks for many objects.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;
use vpoller_wire::{Request, json};

/// A JSON request. In its texts, `{0-99}` stands for the numbers of that range and `{vm.discover}` for the names that this method
/// lists, one after the other; `{datastore.discover:info.url}` takes another property than the name.
#[derive(Clone, Debug)]
pub(super) struct Template {
    request: Value,
    parts: Vec<TemplatePart>,
    lists: Lists,
}

/// The texts for each list.
type Lists = HashMap<ListSource, Arc<[String]>>;

#[derive(Clone, Debug, PartialEq)]
enum TemplatePart {
    Text(String),
    Range {
        first: u64,
        count: u64,
    },
    /// Empty until it is looked up.
    List(ListSource, Arc<[String]>),
}

/// Where the texts of a list come from.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct ListSource {
    pub hostname: String,
    pub method: String,
    pub property: String,
}

impl Template {
    /// The smallest request there is.
    pub(super) fn about() -> Self {
        Self::with_lists(serde_json::json!({"method": "about", "hostname": ""}), Lists::new())
    }

    fn with_lists(request: Value, lists: Lists) -> Self {
        let hostname = request.get("hostname").and_then(Value::as_str).unwrap_or_default();
        Self { parts: split(&text(&request), hostname, &lists), request, lists }
    }

    /// The same request for another vSphere host, with the same objects in it.
    pub(super) fn addressed_to(mut self, host: &str) -> Self {
        let moved = |(source, list): (ListSource, _)| (ListSource { hostname: host.to_owned(), ..source }, list);
        let lists = self.lists.into_iter().map(moved).collect();
        self.request["hostname"] = host.into();
        Self::with_lists(self.request, lists)
    }

    /// Looks up every list.
    ///
    /// # Errors
    /// Those of `look_up`.
    pub(super) fn resolve(
        &mut self,
        mut look_up: impl FnMut(&ListSource) -> anyhow::Result<Arc<[String]>>,
    ) -> anyhow::Result<()> {
        for part in &mut self.parts {
            if let TemplatePart::List(source, list) = part {
                *list = look_up(source)?;
                self.lists.insert(source.clone(), Arc::clone(list));
            }
        }
        Ok(())
    }

    /// The bytes of the `turn`th request.
    pub(super) fn fill(&self, turn: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for part in &self.parts {
            match part {
                TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
                TemplatePart::Range { first, count } => out.extend_from_slice((first + turn % count).to_string().as_bytes()),
                TemplatePart::List(_, list) => {
                    let at = usize::try_from(turn % (list.len().max(1) as u64)).unwrap_or_default();
                    out.extend_from_slice(list.get(at).map_or("", String::as_str).as_bytes());
                }
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
        let template = Self::with_lists(request, Lists::new());
        let read = Request::parse(&template.fill(0)).context("the request is not usable")?;
        if read.method.is_empty() || read.hostname.is_empty() {
            bail!("the request lacks \"method\" or \"hostname\"");
        }
        Ok(template)
    }
}

/// A text as it is inside the quotes of JSON.
pub(super) fn inside_quotes(text: &str) -> String {
    let quoted = String::from_utf8(json::line(&Value::from(text))).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

fn text(request: &Value) -> String {
    String::from_utf8_lossy(&json::line(request)).into_owned()
}

/// Splits at `{first-last}` and `{method}`. JSON's own braces are followed by a quote or a brace, never by a digit or a letter.
fn split(text: &str, hostname: &str, lists: &Lists) -> Vec<TemplatePart> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, candidate) = rest.split_at(at);
        plain.push_str(before);
        match range(candidate).or_else(|| list(candidate, hostname, lists)) {
            Some((part, after)) => {
                parts.push(TemplatePart::Text(std::mem::take(&mut plain)));
                parts.push(part);
                rest = after;
            }
            None => {
                plain.push('{');
                rest = candidate.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    parts.push(TemplatePart::Text(plain));
    parts
}

fn range(text: &str) -> Option<(TemplatePart, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (first, last) = inner.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let count = last.checked_sub(first)?.checked_add(1)?;
    Some((TemplatePart::Range { first, count }, after))
}

fn list<'a>(text: &'a str, hostname: &str, lists: &Lists) -> Option<(TemplatePart, &'a str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (method, property) = inner.split_once(':').unwrap_or((inner, "name"));
    let is_method = method.contains('.') && method.chars().all(|c| c.is_ascii_lowercase() || c == '.');
    let is_property = !property.is_empty() && !property.contains(['"', ' ', '{']);
    (is_method && is_property).then(|| {
        let source = ListSource { hostname: hostname.to_owned(), method: method.to_owned(), property: property.to_owned() };
        let found = lists.get(&source).cloned().unwrap_or_default();
        (TemplatePart::List(source, found), after)
    })
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
    fn lists_are_looked_up_once_and_kept_for_the_echo() {
        let source =
            r#"{"method": "vm.get", "hostname": "vc01", "name": "{vm.discover}", "key": "{datastore.discover:info.url}"}"#;
        let mut template: Template = source.parse().unwrap();
        let mut asked = Vec::new();
        let names = ["vm 1", "vm \"2\" {x}"].map(inside_quotes);
        template
            .resolve(|source| {
                asked.push(format!("{} {} {}", source.hostname, source.method, source.property));
                Ok(names.to_vec().into())
            })
            .unwrap();
        assert_eq!(asked, ["vc01 vm.discover name", "vc01 datastore.discover info.url"]);
        for template in [template.clone(), template.addressed_to("echo")] {
            let read = |turn| Request::parse(&template.fill(turn)).unwrap();
            assert_eq!((read(1).name.as_deref(), read(1).key.as_deref()), (Some("vm \"2\" {x}"), Some("vm \"2\" {x}")));
            assert_eq!(read(2).name.as_deref(), Some("vm 1"));
        }
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
