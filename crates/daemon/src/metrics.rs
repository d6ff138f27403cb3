//! Metrics for Prometheus, made from the status document.
//!
//! A metric's name is its place in the document: `agents[0].requests` of a worker becomes `vpoller_worker_agent_requests_total`
//! with a label for the agent's host. So whatever a part of the program adds to its status is a metric at once. The rules:
//!
//! * numbers and truth values are samples; texts are not, except those that [`MetricDescriptor`] lists as words;
//! * the identifying members of the elements of a list become labels;
//! * `objects_by_type: {"VirtualMachine": 7}` is the metric `objects` with a label `type`;
//! * `{"bounds": […], "counts": […], "sum": …}` is a histogram;
//! * a member `counters` adds nothing to names, and everything in it is a counter;
//! * times in `_ms` become `_seconds`, as Prometheus wants them.
//!
//! [`MetricDescriptor`] adds what a document cannot say: type, description, and a label for objects whose members are values of one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Type and description of a metric, which its place in the document does not say.
#[derive(Clone, Copy, Debug)]
pub struct MetricDescriptor {
    /// Its name, without `_total`.
    pub name: &'static str,
    pub kind: MetricKind,
    /// Where its members are values of a label, or its text is one: that label. Empty otherwise.
    pub label: &'static str,
    /// Its description, for people.
    pub help: &'static str,
}

/// The types of metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A text: the sample is 1, the text is a label.
    Text,
    /// Latencies by bucket.
    Histogram,
}

/// Members that identify the elements of a list, as labels in this order.
pub(crate) const IDENTIFYING: [&str; 7] = ["host", "process", "socket", "number", "name", "type", "path"];
/// Longest value of a label, in characters. No path or name of an installation is longer; what is longer is cut.
const LONGEST_LABEL: usize = 200;

/// The metrics of a document in Prometheus's text format; `prefix` begins every name.
#[must_use]
pub fn text(prefix: &str, document: &Map<String, Value>, descriptors: &'static [MetricDescriptor]) -> String {
    let families = Families::of(prefix, document, descriptors);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(families));
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = prometheus_text::encode(&mut out, &registry);
    out
}

/// How a document and its descriptors disagree. A renamed member loses its type and description without an error, so tests ask.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Mismatches {
    /// Names of descriptors for which the document has no member.
    pub without_member: Vec<&'static str>,
    /// Metrics of the document whose type is not known.
    pub untyped: Vec<String>,
}

/// Compares a document with its descriptors.
#[must_use]
pub fn mismatches(prefix: &str, document: &Map<String, Value>, descriptors: &'static [MetricDescriptor]) -> Mismatches {
    let families = Families::of(prefix, document, descriptors);
    let missing = descriptors.iter().map(|descriptor| descriptor.name).filter(|name| !families.visited.contains(*name));
    let untyped = families.by_name.iter().filter(|(_, family)| family.kind == MetricType::Unknown);
    Mismatches { without_member: missing.collect(), untyped: untyped.map(|(name, _)| name.clone()).collect() }
}

type Labels = Vec<(String, String)>;

#[derive(Debug)]
struct Families {
    descriptors: &'static [MetricDescriptor],
    /// Names of all members that were passed, those without a sample included.
    visited: BTreeSet<String>,
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
    fn of(prefix: &str, document: &Map<String, Value>, descriptors: &'static [MetricDescriptor]) -> Self {
        let mut families = Self { descriptors, visited: BTreeSet::new(), by_name: BTreeMap::new() };
        families.members(prefix, &Vec::new(), document, false);
        families
    }

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
        self.visit(name);
        match value {
            Value::Null => {}
            Value::Bool(truth) => self.number(name, labels, f64::from(u8::from(*truth)), counters),
            Value::Number(number) => self.number(name, labels, number.as_f64().unwrap_or(f64::NAN), counters),
            Value::String(text) => {
                if let Some(descriptor) = self.descriptor(name).filter(|descriptor| descriptor.kind == MetricKind::Text) {
                    self.number(name, &with(labels, descriptor.label, text), 1.0, false);
                }
            }
            Value::Array(elements) => self.elements(name, labels, elements, counters),
            Value::Object(members) => match (histogram(members), self.descriptor(name)) {
                (Some(histogram), _) => self.add(name, labels, histogram, counters),
                (None, Some(descriptor)) if !descriptor.label.is_empty() => {
                    self.labelled(name, descriptor.label, labels, members, counters)
                }
                _ => self.members(name, labels, members, counters),
            },
        }
    }

    fn labelled(&mut self, name: &str, label: &str, labels: &Labels, values: &Map<String, Value>, counters: bool) {
        self.visit(name);
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

    fn visit(&mut self, name: &str) {
        let name = tidy(&in_seconds(name).unwrap_or_else(|| name.to_owned()));
        self.visited.insert(name);
    }

    fn number(&mut self, name: &str, labels: &Labels, number: f64, counter: bool) {
        match in_seconds(name) {
            Some(name) => self.add(&name, labels, Sample::Number(number / 1000.0), counter),
            None => self.add(name, labels, Sample::Number(number), counter),
        }
    }

    fn add(&mut self, name: &str, labels: &Labels, sample: Sample, counter: bool) {
        let name = tidy(name);
        let descriptor = self.descriptor(&name);
        let kind = match (&sample, descriptor.map(|descriptor| descriptor.kind)) {
            (Sample::Histogram { .. }, _) => MetricType::Histogram,
            (_, Some(MetricKind::Counter)) => MetricType::Counter,
            (_, Some(_)) => MetricType::Gauge,
            (_, None) if counter => MetricType::Counter,
            (_, None) => MetricType::Unknown,
        };
        let help = descriptor.map_or_else(
            || format!("{} in the status document", name.replace('_', " ")),
            |descriptor| descriptor.help.to_owned(),
        );
        let family = self.by_name.entry(name).or_insert(Family { kind, help, samples: BTreeMap::new() });
        match (family.samples.get_mut(labels), sample) {
            // Elements with the same labels are summed up.
            (Some(Sample::Number(sum)), Sample::Number(number)) => *sum += number,
            (Some(_), _) => {}
            (None, sample) => _ = family.samples.insert(labels.clone(), sample),
        }
    }

    fn descriptor(&self, name: &str) -> Option<&'static MetricDescriptor> {
        self.descriptors.iter().find(|descriptor| descriptor.name == name)
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

/// The name of a time in milliseconds as one in seconds.
fn in_seconds(name: &str) -> Option<String> {
    name.strip_suffix("_ms").map(|stem| format!("{stem}_seconds"))
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

    const DESCRIPTORS: &[MetricDescriptor] = &[
        MetricDescriptor { name: "t_agent_state", kind: MetricKind::Text, label: "state", help: "State of an agent." },
        MetricDescriptor { name: "t_agent_requests", kind: MetricKind::Counter, label: "", help: "Requests." },
        MetricDescriptor { name: "t_refused", kind: MetricKind::Counter, label: "reason", help: "Refusals." },
    ];

    fn check(document: Value, expected: &[&str]) {
        let document = document.as_object().cloned().unwrap_or_default();
        let text = text("t", &document, DESCRIPTORS);
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
    fn descriptors_without_member_and_metrics_without_type_are_found() {
        let document = json!({"agents": [{"host": "a", "state": null, "age_ms": 1}], "counters": {"refused": {}, "lost": 1}});
        let found = mismatches("t", document.as_object().unwrap_or(&Map::new()), DESCRIPTORS);
        assert_eq!(
            found,
            Mismatches { without_member: vec!["t_agent_requests"], untyped: vec!["t_agent_age_seconds".to_owned()] }
        );
    }

    #[test]
    fn elements_with_the_same_labels_are_summed_up() {
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
