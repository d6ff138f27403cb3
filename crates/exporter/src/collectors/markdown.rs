//! The table of metrics, for its page in the documentation and for what is generated from it.

use std::fmt::Write;

use super::COLLECTORS;
use super::metric::{MetricDefinition, ValueSource};
use super::subjects::SUBJECTS;
use crate::exposition::FamilyKind;
use crate::parts::usual_names;

/// One family of our own page, as others see it.
#[derive(Clone, Debug)]
pub struct MetricRow {
    /// The part of the page that it belongs to.
    pub part: &'static str,
    /// Whether that part is shown when nothing is set.
    pub is_usual: bool,
    /// What its samples are called.
    pub name: String,
    /// `gauge`, `counter`, `info` or `histogram`.
    pub kind: &'static str,
    /// The base unit; empty for a plain number.
    pub unit: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// All of its labels.
    pub labels: Vec<&'static str>,
    /// From what it is made.
    pub source: String,
}

/// Every family of our own page.
#[must_use]
pub fn metric_rows() -> Vec<MetricRow> {
    let usual: Vec<&str> = usual_names().collect();
    let of_collectors = COLLECTORS.iter().flat_map(|collector| {
        let is_usual = usual.contains(&collector.name);
        collector.figures.iter().map(move |figure| row(collector.name, is_usual, &[], &figure.definition))
    });
    let of_subjects = SUBJECTS.iter().flat_map(|subject| {
        let is_usual = usual.contains(&subject.name);
        subject.metrics.iter().map(move |metric| row(subject.name, is_usual, &["vcenter", "moid"], metric))
    });
    of_collectors.chain(of_subjects).collect()
}

fn row(part: &'static str, is_usual: bool, common: &[&'static str], metric: &MetricDefinition) -> MetricRow {
    MetricRow {
        part,
        is_usual,
        name: metric.sample(),
        kind: match metric.kind {
            FamilyKind::Gauge => "gauge",
            FamilyKind::Counter => "counter",
            FamilyKind::Info => "info",
            FamilyKind::Histogram => "histogram",
        },
        unit: metric.unit,
        help: metric.help,
        labels: common.iter().chain(metric.labels).copied().collect(),
        source: source(&metric.source),
    }
}

fn source(source: &ValueSource) -> String {
    let times = |name: &str, factor: f64| {
        if (factor - 1.0).abs() < f64::EPSILON { format!("`{name}`") } else { format!("`{name}` × {factor}") }
    };
    match source {
        ValueSource::Number(path, factor) => times(path, *factor),
        ValueSource::Flag(path) | ValueSource::Moment(path) | ValueSource::State(path, _) => format!("`{path}`"),
        ValueSource::Made(path, _) | ValueSource::Several(path, _) => format!("`{path}`"),
        ValueSource::Counter(name, factor) => format!("counter {}", times(name, *factor)),
        ValueSource::Instances(name, factor) => format!("counter {}, each instance", times(name, *factor)),
        ValueSource::ProcessorTime(name) => format!("counter `{name}` / 20000 / processors"),
        ValueSource::Described(paths) => format!("`{}`", paths.replace(", ", "`, `")),
        ValueSource::Own(what) => (*what).to_owned(),
    }
}

const HEAD: &str = "# Metrics

What [our own page](prometheus.md) shows, `/metrics/vsphere`. This page is made from the table in `crates/exporter/src/collectors`.

Every series of an object of vSphere has the labels `vcenter` and `moid`. Names are on the `…_info` metrics, to be joined:

```promql
vsphere_vm_cpu_ready_ratio * on (vcenter, moid) group_left (name, host) vsphere_vm_info
```

A state has a series for each of its words, 1 for the one that holds and 0 for the others. Samples of counters are means since the last
cycle. What the account may not read is missing, and so is what vSphere does not know.

";

/// The page about all metrics.
#[must_use]
pub fn metrics_markdown() -> String {
    let mut text = HEAD.to_owned();
    let rows = metric_rows();
    let about = |part: &str| {
        let subject = SUBJECTS.iter().find(|subject| subject.name == part);
        subject.map_or("vPoller itself", |subject| subject.about)
    };
    let mut part = "";
    for row in &rows {
        if row.part != part {
            part = row.part;
            let when = if row.is_usual { "Usually shown" } else { "Shown when `vsphere_parts` names it" };
            // Writing into a string cannot fail.
            let _ = write!(
                text,
                "{}## `{part}`: {}\n\n{when}.\n\n| Name | Kind | Labels | What | From |\n| --- | --- | --- | --- | --- |\n",
                if text.ends_with("|\n") { "\n" } else { "" },
                about(part)
            );
        }
        let labels = row.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(text, "| `{}` | {} | {labels} | {} | {} |", row.name, row.kind, row.help, row.source);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_stands_on_the_page() {
        let (page, rows) = (metrics_markdown(), metric_rows());
        assert!(rows.len() > 60, "{}", rows.len());
        for row in rows {
            assert!(page.contains(&format!("| `{}` | {} |", row.name, row.kind)), "{}", row.name);
        }
    }
}
