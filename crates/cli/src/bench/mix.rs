//! A mix of requests, each with its weight.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use vpoller_wire::Request;
use vpoller_wire::client::VPollerClient;
use vpoller_wire::endpoint::Endpoint;

use super::template::{ListSource, Template, inside_quotes};

/// Requests that take turns.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestMix {
    templates: Vec<Template>,
    weights: Vec<u64>,
    /// One round, in which each template has as many turns as its weight, evenly spread. A turn is the index of its template, and
    /// the index of this turn among those of the template.
    turns: Vec<(usize, u64)>,
}

/// Limits the length of a round.
const LARGEST_WEIGHT: u64 = 1000;

impl RequestMix {
    /// A mix of these templates in equal shares.
    pub(super) fn in_equal_shares(templates: Vec<Template>) -> Self {
        let weights = vec![1; templates.len()];
        Self::weighted(templates, weights)
    }

    fn weighted(templates: Vec<Template>, weights: Vec<u64>) -> Self {
        // Each turn goes to the template that is furthest behind its share.
        let total: u64 = weights.iter().sum();
        let mut given = vec![0_u64; weights.len()];
        let mut turns = Vec::new();
        for turn in 1..=total {
            let behind = |kind: &usize| (weights[*kind] * turn).saturating_sub(given[*kind] * total);
            let Some(kind) = (0..weights.len()).rev().max_by_key(behind) else { break };
            turns.push((kind, given[kind]));
            given[kind] += 1;
        }
        Self { templates, weights, turns }
    }

    /// Adds the requests of a file: one on each line, after its weight if it has one. `#` begins a comment line.
    ///
    /// # Errors
    /// When the file cannot be read, holds none, or a line is no request.
    pub(super) fn add_file(self, path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut templates = self.templates;
        let mut weights = self.weights;
        let before = templates.len();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let position = || format!("{} line {}", path.display(), number + 1);
            let (weight, request) = weighted_line(line.trim()).with_context(position)?;
            templates.push(request.parse().with_context(position)?);
            weights.push(weight);
        }
        ensure!(templates.len() > before, "{} holds no request", path.display());
        Ok(Self::weighted(templates, weights))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    /// The bytes of the `turn`th request.
    pub(super) fn fill(&self, turn: u64) -> Vec<u8> {
        let round = self.turns.len().max(1) as u64;
        let at = usize::try_from(turn % round).unwrap_or_default();
        let Some((template, (kind, index))) = self.turns.get(at).and_then(|turn| Some((self.templates.get(turn.0)?, *turn)))
        else {
            return Vec::new();
        };
        template.fill(turn / round * self.weights[kind] + index)
    }

    /// The same requests for another vSphere host.
    pub(super) fn addressed_to(self, host: &str) -> Self {
        let templates = self.templates.into_iter().map(|template| template.addressed_to(host)).collect();
        Self { templates, ..self }
    }

    /// Asks vPoller for the names that the requests are to be filled with.
    ///
    /// # Errors
    /// When there is no answer, or nothing is found.
    pub(super) fn discover(&mut self, endpoint: &Endpoint, timeout: Duration) -> anyhow::Result<()> {
        let mut known: HashMap<ListSource, Arc<[String]>> = HashMap::new();
        for template in &mut self.templates {
            template.resolve(|source| {
                if !known.contains_key(source) {
                    known.insert(source.clone(), discover(endpoint, timeout, source)?.into());
                }
                Ok(known.get(source).cloned().unwrap_or_default())
            })?;
        }
        Ok(())
    }
}

fn weighted_line(line: &str) -> anyhow::Result<(u64, &str)> {
    match line.split_once(char::is_whitespace) {
        Some((weight, request)) if weight.bytes().all(|byte| byte.is_ascii_digit()) => match weight.parse() {
            Ok(weight @ 1..=LARGEST_WEIGHT) => Ok((weight, request)),
            _ => bail!("the weight {weight} is no number from 1 to {LARGEST_WEIGHT}"),
        },
        _ => Ok((1, line)),
    }
}

fn discover(endpoint: &Endpoint, timeout: Duration, source: &ListSource) -> anyhow::Result<Vec<String>> {
    let what = || format!("{} on {}", source.method, source.hostname);
    let mut request = Request::new(source.method.as_str(), source.hostname.as_str());
    request.properties = vec![source.property.clone()];
    request.timeout = u64::try_from(timeout.as_millis()).ok();
    let reply = VPollerClient::new(endpoint.clone()).retries(1).timeout(timeout).ask(&request.to_bytes(), |_| ())?;
    let reply: Value = serde_json::from_slice(&reply).with_context(|| format!("the reply to {} is no JSON", what()))?;
    if reply.get("success") != Some(&Value::from(0)) {
        let msg = reply.get("msg").and_then(Value::as_str).unwrap_or("no reason given");
        return Err(anyhow::anyhow!("{} failed: {msg}", what()));
    }
    let rows = reply.get("result").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let found: Vec<_> = rows.iter().filter_map(|row| row.get(&source.property)?.as_str()).map(inside_quotes).collect();
    ensure!(!found.is_empty(), "{} found nothing with a text as its {}", what(), source.property);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods(mix: &RequestMix, count: u64) -> String {
        let method = |turn| Request::parse(&mix.fill(turn)).unwrap().method;
        (0..count).map(method).collect::<Vec<_>>().join(" ")
    }

    fn file(text: &str) -> anyhow::Result<RequestMix> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        RequestMix::default().add_file(file.path())
    }

    #[test]
    fn shares_are_spread_evenly() {
        let line = |weight: &str, method: &str| format!("{weight}{{\"method\": \"{method}\", \"hostname\": \"h{{0-9}}\"}}\n");
        let mix = file(&(line("3 ", "a") + "# comment\n\n" + &line("", "b") + &line("2\t", "c"))).unwrap();
        assert_eq!(methods(&mix, 12), "a c a b c a a c a b c a");
        let hosts: Vec<_> = (0..12).map(|turn| Request::parse(&mix.fill(turn)).unwrap()).collect();
        let of =
            |method: &str| hosts.iter().filter(|r| r.method == method).map(|r| r.hostname.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!((of("a"), of("b"), of("c")), ("h0 h1 h2 h3 h4 h5".into(), "h0 h1".into(), "h0 h1 h2 h3".into()));
    }

    #[test]
    fn mistakes_in_a_file_are_named() {
        for (text, part) in [
            ("", "holds no request"),
            ("\n5 nonsense\n", "line 2"),
            ("0 {\"method\": \"a\", \"hostname\": \"b\"}", "from 1 to 1000"),
            ("99999999999999999999 {}", "from 1 to 1000"),
        ] {
            let error = format!("{:#}", file(text).unwrap_err());
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
