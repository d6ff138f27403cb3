//! The text formats of Prometheus. Everything of a family stands together, nothing optional is written, and a series comes once.

use std::fmt::{Display, Write};

/// The content type of the text format.
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The content type of `OpenMetrics`.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which of the two formats.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum ExpositionFormat {
    Text,
    OpenMetrics,
}

/// What a family measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FamilyKind {
    Gauge,
    /// Its name is without `_total`, which its samples have in both formats.
    Counter,
    /// Always 1, with labels. Its name is without `_info`, which its samples have in both formats.
    Info,
    Histogram,
}

impl FamilyKind {
    /// What samples have behind the name of their family.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Gauge | Self::Histogram => "",
            Self::Counter => "_total",
            Self::Info => "_info",
        }
    }
}

/// A page that is being written.
pub(crate) struct Exposition {
    text: String,
    format: ExpositionFormat,
    /// What the samples of the current family are called.
    sample: String,
}

impl Exposition {
    pub(crate) fn new(format: ExpositionFormat, capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), format, sample: String::new() }
    }

    /// Begins a family. Its samples follow, before the next begins. The help is not empty.
    pub(crate) fn family(&mut self, name: &str, kind: FamilyKind, help: &str) {
        self.family_of(name, kind, "", help);
    }

    /// The same of a family with a unit, in which its name ends; `OpenMetrics` names it.
    pub(crate) fn family_of(&mut self, name: &str, kind: FamilyKind, unit: &str, help: &str) {
        self.sample = format!("{name}{}", kind.suffix());
        let (family, word) = match (self.format, kind) {
            (ExpositionFormat::Text, FamilyKind::Counter) => (self.sample.as_str(), "counter"),
            (ExpositionFormat::Text, FamilyKind::Gauge | FamilyKind::Info) => (self.sample.as_str(), "gauge"),
            (_, FamilyKind::Histogram) => (name, "histogram"),
            (ExpositionFormat::OpenMetrics, FamilyKind::Gauge) => (name, "gauge"),
            (ExpositionFormat::OpenMetrics, FamilyKind::Counter) => (name, "counter"),
            (ExpositionFormat::OpenMetrics, FamilyKind::Info) => (name, "info"),
        };
        self.text.push_str("# HELP ");
        self.text.push_str(family);
        self.text.push(' ');
        escape_help(&mut self.text, help);
        self.text.push_str("\n# TYPE ");
        self.text.push_str(family);
        self.text.push(' ');
        self.text.push_str(word);
        self.text.push('\n');
        if self.format == ExpositionFormat::OpenMetrics && !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {family} {unit}");
        }
    }

    /// A sample of the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(&self.sample);
        write_labels(&mut self.text, labels);
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, " {value}");
    }

    /// The samples of a histogram: how many values are up to each bound and above the one before, the last count those above all.
    pub(crate) fn histogram(&mut self, above: &[(&str, &str)], bounds: &[f64], counts: &[u64], sum: f64) {
        let name = self.sample.clone();
        let mut total = 0;
        for (place, count) in counts.iter().enumerate() {
            total += count;
            // Readers write a bound with a fraction, and rules compare texts.
            let bound = bounds.get(place).map_or_else(|| "+Inf".to_owned(), |bound| format!("{bound:?}"));
            let pairs: Vec<(&str, &str)> = above.iter().copied().chain([("le", &*bound)]).collect();
            self.text.push_str(&name);
            self.text.push_str("_bucket");
            write_labels(&mut self.text, &pairs);
            let _ = writeln!(self.text, " {total}");
        }
        for (suffix, value) in [("_sum", sum.to_string()), ("_count", total.to_string())] {
            self.text.push_str(&name);
            self.text.push_str(suffix);
            write_labels(&mut self.text, above);
            let _ = writeln!(self.text, " {value}");
        }
    }

    /// A sample whose labels are written already, as [`labels`] does.
    pub(crate) fn sample_with(&mut self, labels: &str, value: impl Display) {
        self.text.push_str(&self.sample);
        self.text.push_str(labels);
        let _ = writeln!(self.text, " {value}");
    }

    /// A sample with labels behind others that are written already, without the brace at the end. What is no number is left out.
    pub(crate) fn sample_below(&mut self, above: &str, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        self.text.push_str(&self.sample);
        self.text.push_str(above);
        for (name, value) in labels {
            self.text.push(',');
            write_label(&mut self.text, name, value);
        }
        let _ = writeln!(self.text, "}} {value}");
    }

    /// The whole page.
    pub(crate) fn finish(mut self) -> String {
        if self.format == ExpositionFormat::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// Labels as they stand in a sample, braces included; nothing for none.
pub(crate) fn labels(labels: &[(&str, &str)]) -> String {
    let mut text = String::new();
    write_labels(&mut text, labels);
    text
}

fn write_labels(text: &mut String, labels: &[(&str, &str)]) {
    for (number, (name, value)) in labels.iter().enumerate() {
        text.push(if number == 0 { '{' } else { ',' });
        write_label(text, name, value);
    }
    if !labels.is_empty() {
        text.push('}');
    }
}

fn write_label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    escape_label(text, value);
    text.push('"');
}

pub(crate) fn escape_label(text: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        return text.push_str(value);
    }
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

fn escape_help(text: &mut String, help: &str) {
    for character in help.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(format: ExpositionFormat) -> String {
        let mut page = Exposition::new(format, 0);
        page.family("a_cycles", FamilyKind::Counter, "Cycles\\ of\nall.");
        page.sample(&[("vm", "a\"b\\c\nd")], 1.5);
        page.family("a_build", FamilyKind::Info, "Version.");
        page.sample(&[], 1);
        page.family("a_up", FamilyKind::Gauge, "Up.");
        page.sample_with(&labels(&[("x", "1"), ("y", "")]), format_args!("{:.4}", 0.5));
        page.finish()
    }

    #[test]
    fn both_formats_are_as_their_readers_want_them() {
        let samples = "a_cycles_total{vm=\"a\\\"b\\\\c\\nd\"} 1.5\n";
        let text = page(ExpositionFormat::Text);
        let expected = format!(
            "# HELP a_cycles_total Cycles\\\\ of\\nall.\n# TYPE a_cycles_total counter\n{samples}\
             # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info 1\n\
             # HELP a_up Up.\n# TYPE a_up gauge\na_up{{x=\"1\",y=\"\"}} 0.5000\n"
        );
        assert_eq!(text, expected);
        let open = page(ExpositionFormat::OpenMetrics);
        assert!(open.starts_with("# HELP a_cycles Cycles"), "{open}");
        assert!(open.contains(samples) && open.contains("# TYPE a_build info\na_build_info 1\n"), "{open}");
        assert!(open.ends_with("\n# EOF\n"), "{open}");
    }
}
