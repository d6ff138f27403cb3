//! Metrics for Prometheus, made from the status document.
//!
//! A metric's name is its place in the document: `agents[0].requests` of a worker becomes `vpoller_worker_agent_requests_total`
//! with a label for the agent's host. So whatever a part of the program adds to its status is a metric at once. The rules:
//!
//! * numbers and truth values are samples; texts are not, except those that [`Known`] lists as words;
//! * the identifying members of the elements of a list become labels;
//! * `objects_by_type: {"VirtualMachine": 7}` is the metric `objects` with a label `type`;
//! * `{"bounds": […], "counts": […], "sum": …}` is a histogram;
//! * a member `counters` adds nothing to names, and everything in it is a counter;
//! * times in `_ms` become `_seconds`, as Prometheus wants them.
//!
//! [`Known`] adds what a document cannot say: type, description, and a label for objects whose members are values of one.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is known of a metric beyond its place in the document.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name, without `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// Where its members are values of a label, or its text is one: that label. Empty otherwise.
    pub label: &'static str,
    /// Its description, for people.
    pub help: &'static str,
}

/// The types of metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A text: the sample is 1, the text is a label.
    Word,
    /// Latencies by bucket.
    Histogram,
}

/// Members that identify the elements of a list, as labels in this order.
pub(crate) const IDENTIFYING: [&str; 7] = ["host", "process", "socket", "number", "name", "type", "path"];
/// Longest value of a label, in characters. No path or name of an installation is longer; what is longer is cut.
const LONGEST_LABEL: usize = 200;

/// The metrics of a document in Prometheus's text format; `prefix` begins every name.
#[must_use]
pub fn text(prefix: &str, document: &Map<String, Value>, known: &'static [Known]) -> String {
    let mut families = Families { known, by_name: BTreeMap::new() };
    families.members(prefix, &Vec::new(), document, false);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(families));
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = prometheus_text::encode(&mut out, &registry);
    out
}

type Labels = Vec<(String, String)>;

#[derive(Debug)]
struct Families {
    known: &'static [Known],
    by_name: BTreeMap<String, Family>,
}

#[derive(Debug)]
struct Family {
    kind: MetricType,
    help: String,
    samples: BTreeMap<Labels, Sample>,
}

#[derive(Debug)]
enum Sample {
    Number(f64),
    Histogram { sum: f64, buckets: Vec<(f64, u64)> },
}

impl Families {
    fn members(&mut self, name: &str, labels: &Labels, members: &Map<String, Value>, counters: bool) {
        for (key, value) in members {
            match (key.as_str(), value, key.rsplit_once("_by_")) {
                ("counters", Value::Object(inner), _) => self.members(name, labels, inner, true),
                (_, Value::Object(inner), Some((what, label))) => {
                    self.labelled(&join(name, what), label, labels, inner, counters);
                }
                _ => self.value(&join(name, key), labels, value, counters),
            }
        }
    }

    fn value(&mut self, name: &str, labels: &Labels, value: &Value, counters: bool) {
        match value {
            Value::Null => {}
            Value::Bool(truth) => self.number(name, labels, f64::from(u8::from(*truth)), counters),
            Value::Number(number) => self.number(name, labels, number.as_f64().unwrap_or(f64::NAN), counters),
            Value::String(text) => {
                if let Some(known) = self.known(name).filter(|known| known.kind == Kind::Word) {
                    self.number(name, &with(labels, known.label, text), 1.0, false);
                }
            }
            Value::Array(elements) => self.elements(name, labels, elements, counters),
            Value::Object(members) => match (histogram(members), self.known(name)) {
                (Some(histogram), _) => self.add(name, labels, histogram, counters),
                (None, Some(known)) if !known.label.is_empty() => self.labelled(name, known.label, labels, members, counters),
                _ => self.members(name, labels, members, counters),
            },
        }
    }

    fn labelled(&mut self, name: &str, label: &str, labels: &Labels, values: &Map<String, Value>, counters: bool) {
        for (text, value) in values {
            self.value(name, &with(labels, label, text), value, counters);
        }
    }

    /// Lists of objects become metrics; other lists are for people.
    fn elements(&mut self, name: &str, labels: &Labels, elements: &[Value], counters: bool) {
        let singular =
            name.strip_suffix("sses").map(|stem| format!("{stem}ss")).or_else(|| name.strip_suffix('s').map(str::to_owned));
        let singular = singular.as_deref().unwrap_or(name);
        for element in elements.iter().filter_map(Value::as_object) {
            let mut own = labels.clone();
            for (key, text) in IDENTIFYING.iter().filter_map(|key| Some((*key, scalar(element.get(*key)?)?))) {
                own = with(&own, key, &text);
            }
            for (key, value) in element.iter().filter(|(key, _)| !IDENTIFYING.contains(&key.as_str())) {
                self.members(singular, &own, &Map::from_iter([(key.clone(), value.clone())]), counters);
            }
        }
    }

    fn number(&mut self, name: &str, labels: &Labels, number: f64, counter: bool) {
        match name.strip_suffix("_ms") {
            Some(stem) => self.add(&format!("{stem}_seconds"), labels, Sample::Number(number / 1000.0), counter),
            None => self.add(name, labels, Sample::Number(number), counter),
        }
    }

    fn add(&mut self, name: &str, labels: &Labels, sample: Sample, counter: bool) {
        let name = tidy(name);
        let known = self.known(&name);
        let kind = match (&sample, known.map(|known| known.kind)) {
            (Sample::Histogram { .. }, _) => MetricType::Histogram,
            (_, Some(Kind::Counter)) => MetricType::Counter,
            (_, Some(_)) => MetricType::Gauge,
            (_, None) if counter => MetricType::Counter,
            (_, None) => MetricType::Unknown,
        };
        let help =
            known.map_or_else(|| format!("{} in the status document", name.replace('_', " ")), |known| known.help.to_owned());
        let family = self.by_name.entry(name).or_insert(Family { kind, help, samples: BTreeMap::new() });
        match (family.samples.get_mut(labels), sample) {
            // Elements with the same labels are summed up.
            (Some(Sample::Number(sum)), Sample::Number(number)) => *sum += number,
            (Some(_), _) => {}
            (None, sample) => _ = family.samples.insert(labels.clone(), sample),
        }
    }

    fn known(&self, name: &str) -> Option<&'static Known> {
        self.known.iter().find(|known| known.name == name)
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &self.by_name {
            let mut metric = encoder.encode_descriptor(name, &family.help, None, family.kind)?;
            for (labels, sample) in &family.samples {
                match labels.is_empty() {
                    true => sample.encode(&mut metric, family.kind)?,
                    false => sample.encode(&mut metric.encode_family(labels)?, family.kind)?,
                }
            }
        }
        Ok(())
    }
}

type NoLabels = [(&'static str, &'static str); 0];

impl Sample {
    fn encode(&self, metric: &mut MetricEncoder<'_>, kind: MetricType) -> fmt::Result {
        match self {
            Self::Number(number) if kind == MetricType::Counter => {
                metric.encode_counter(number, None::<&Exemplar<NoLabels, f64>>)
            }
            Self::Number(number) => metric.encode_gauge(number),
            Self::Histogram { sum, buckets } => {
                let count = buckets.iter().map(|(_, count)| count).sum();
                metric.encode_histogram(*sum, count, buckets, None::<&HashMap<usize, Exemplar<NoLabels, f64>>>)
            }
        }
    }
}

/// A histogram as documents hold it: upper bounds, one count more than those, and the sum.
fn histogram(members: &Map<String, Value>) -> Option<Sample> {
    let list = |key: &str| members.get(key).and_then(Value::as_array);
    let bounds = list("bounds")?.iter().map(Value::as_f64).chain([Some(f64::INFINITY)]).collect::<Option<Vec<_>>>()?;
    let counts = list("counts")?.iter().map(Value::as_u64).collect::<Option<Vec<_>>>()?;
    let sum = members.get("sum")?.as_f64()?;
    (bounds.len() == counts.len()).then(|| Sample::Histogram { sum, buckets: bounds.into_iter().zip(counts).collect() })
}

fn join(name: &str, part: &str) -> String {
    format!("{name}_{part}")
}

fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut name = tidy(name);
    while labels.iter().any(|(taken, _)| *taken == name) {
        name.push('_');
    }
    let mut labels = labels.clone();
    labels.push((name, value.chars().take(LONGEST_LABEL).collect()));
    labels
}

/// A text with nothing in it that a name may not have.
fn tidy(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// A text or number as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const KNOWN: &[Known] = &[
        Known { name: "t_agent_state", kind: Kind::Word, label: "state", help: "State of an agent." },
        Known { name: "t_agent_requests", kind: Kind::Counter, label: "", help: "Requests." },
        Known { name: "t_refused", kind: Kind::Counter, label: "reason", help: "Refusals." },
    ];

    fn check(document: Value, expected: &[&str]) {
        let document = document.as_object().cloned().unwrap_or_default();
        let text = text("t", &document, KNOWN);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(lines, expected, "{text}");
    }

    #[test]
    fn a_place_in_the_document_is_a_name() {
        check(
            json!({"status": "running", "pid": 7, "fine": true, "none": null, "queue": {"age_ms": 1500}}),
            &[
                "# TYPE t_fine untyped",
                "t_fine 1.0",
                "# TYPE t_pid untyped",
                "t_pid 7.0",
                "# TYPE t_queue_age_seconds untyped",
                "t_queue_age_seconds 1.5",
            ],
        );
    }

    #[test]
    fn elements_and_members_become_labels() {
        let agents = json!([
            {"host": "vc\"01\"", "state": "up", "requests": 3, "objects_by_type": {"VirtualMachine": 2}},
            {"host": "vc02", "state": "down", "requests": 4},
        ]);
        check(
            json!({"agents": agents, "counters": {"lost": 1, "refused": {"full": 2}}, "hosts": ["a", "b"]}),
            &[
                "# TYPE t_agent_objects untyped",
                "t_agent_objects{host=\"vc\\\"01\\\"\",type=\"VirtualMachine\"} 2.0",
                "# TYPE t_agent_requests_total counter",
                "t_agent_requests_total{host=\"vc\\\"01\\\"\"} 3.0",
                "t_agent_requests_total{host=\"vc02\"} 4.0",
                "# TYPE t_agent_state gauge",
                "t_agent_state{host=\"vc\\\"01\\\"\",state=\"up\"} 1.0",
                "t_agent_state{host=\"vc02\",state=\"down\"} 1.0",
                "# TYPE t_lost_total counter",
                "t_lost_total 1.0",
                "# TYPE t_refused_total counter",
                "t_refused_total{reason=\"full\"} 2.0",
            ],
        );
    }

    #[test]
    fn latencies_become_histograms() {
        let latency = json!({"bounds": [0.1, 1.0], "counts": [3, 0, 2], "sum": 7.5});
        check(
            json!({"latency_seconds_by_method": {"x.get": latency}}),
            &[
                "# TYPE t_latency_seconds histogram",
                "t_latency_seconds_bucket{method=\"x.get\",le=\"0.1\"} 3",
                "t_latency_seconds_bucket{method=\"x.get\",le=\"1\"} 3",
                "t_latency_seconds_bucket{method=\"x.get\",le=\"+Inf\"} 5",
                "t_latency_seconds_sum{method=\"x.get\"} 7.5",
                "t_latency_seconds_count{method=\"x.get\"} 5",
            ],
        );
    }

    #[test]
    fn what_cannot_be_told_apart_is_summed_up() {
        check(
            json!({"workers": [{"process": "a", "free": 1}, {"process": "a", "free": 2}]}),
            &["# TYPE t_worker_free untyped", "t_worker_free{process=\"a\"} 3.0"],
        );
    }

    proptest! {
        /// Names from outside (hosts, paths) stay inside their label.
        #[test]
        fn any_host_is_one_line(host in ".*", number in any::<u32>()) {
            let document = json!({"agents": [{"host": host, "x y": number}]});
            let text = text("t", document.as_object().unwrap_or(&Map::new()), &[]);
            prop_assert_eq!(text.lines().count(), 3, "{}", text);
            let end = format!("\"}} {:?}", f64::from(number));
            prop_assert!(text.trim_end().ends_with(&end), "{}", text);
        }
    }
}
