//! Reads pages in Prometheus' text formats as strictly as their strictest readers, and for what none of them notices.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page, in its order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exposition {
    /// By the sample's name, in the order of the page.
    pub samples: Vec<ExposedSample>,
    /// The type of each family.
    pub types: BTreeMap<String, String>,
}

/// One sample.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExposedSample {
    /// Name of the metric.
    pub name: String,
    /// Names and values, in the order of the page, unescaped.
    pub labels: Vec<(String, String)>,
    /// As written.
    pub value: String,
}

impl ExposedSample {
    /// The value of a label; empty where there is none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// What the two formats do otherwise.
struct Dialect {
    types: &'static [&'static str],
    /// What the names of samples have behind that of their family, by its type.
    suffixes: fn(&str) -> &'static [&'static str],
    has_units: bool,
}

const OF_HISTOGRAM: &[&str] = &["", "_bucket", "_sum", "_count"];

const TEXT: Dialect = Dialect {
    types: &["counter", "gauge", "histogram", "summary", "untyped"],
    suffixes: |kind| if kind == "histogram" { OF_HISTOGRAM } else { &[""] },
    has_units: false,
};

const OPEN_METRICS: Dialect = Dialect {
    types: &["counter", "gauge", "histogram", "info", "stateset", "summary", "unknown"],
    suffixes: |kind| match kind {
        "histogram" => OF_HISTOGRAM,
        "counter" => &["_total", "_created"],
        "info" => &["_info"],
        _ => &[""],
    },
    has_units: true,
};

/// The content types of the two formats.
const TEXT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads the body of an answer when its head says that these are metrics, and their names that they are ours.
///
/// # Panics
/// As [`Exposition::read`].
#[track_caller]
pub fn check(head: &str, body: &str) {
    let kind = head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let is_ours =
        ["vpoller_", "vcenter_", "vmware_", "vsphere_"].iter().any(|prefix| body.starts_with(&format!("# HELP {prefix}")));
    match kind.map(|(_, value)| value.trim()) {
        Some(TEXT_TYPE) if is_ours => drop(Exposition::read(body)),
        Some(OPEN_METRICS_TYPE) if is_ours => drop(Exposition::read_open_metrics(body)),
        _ => {}
    }
}

impl Exposition {
    /// Reads a page in the text format.
    ///
    /// # Panics
    /// When it is against the format, a family does not stand together, has no help or no type, or a series comes twice.
    #[must_use]
    #[track_caller]
    pub fn read(page: &str) -> Self {
        let read = read(page, &TEXT);
        for (family, _) in read.types.iter().filter(|(_, kind)| *kind == "counter") {
            assert!(family.ends_with("_total"), "a counter without _total: {family}");
        }
        read
    }

    /// Reads a page in `OpenMetrics`.
    ///
    /// # Panics
    /// As [`Exposition::read`].
    #[must_use]
    #[track_caller]
    pub fn read_open_metrics(page: &str) -> Self {
        let body = page.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("# EOF is not the end"));
        let read = read(body, &OPEN_METRICS);
        for (family, kind) in &read.types {
            let clashing = [("counter", "_total"), ("info", "_info")];
            assert!(!clashing.iter().any(|(of, suffix)| of == kind && family.ends_with(suffix)), "{family} has its suffix twice");
        }
        read
    }

    /// The samples of a name.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ExposedSample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }
}

#[track_caller]
fn read(page: &str, dialect: &Dialect) -> Exposition {
    assert!(page.is_empty() || page.ends_with('\n'), "no newline at the end");
    let mut read = Exposition::default();
    let (mut family, mut seen, mut closed) = (String::new(), BTreeSet::new(), BTreeSet::new());
    let mut helped = BTreeSet::new();
    // Of the current family: it has samples, or a unit.
    let (mut has_samples, mut has_unit) = (false, false);
    for line in page.split_terminator('\n') {
        assert!(!line.is_empty() && !line.starts_with([' ', '\t']) && !line.ends_with(' '), "blanks: {line:?}");
        assert!(!line.contains('\r'), "carriage return: {line:?}");
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').unwrap_or_else(|| panic!("no comment that is known: {line:?}"));
            let (name, text) = rest.split_once(' ').unwrap_or_else(|| panic!("nothing said: {line:?}"));
            assert!(!text.is_empty(), "nothing said: {line:?}");
            match word {
                "HELP" => {
                    assert!(helped.insert(name.to_owned()), "HELP twice: {line:?}");
                    closed.insert(std::mem::replace(&mut family, name.to_owned()));
                    assert!(!closed.contains(name), "the family {name} does not stand together");
                    (has_samples, has_unit) = (false, false);
                }
                "TYPE" => {
                    assert_eq!(family, name, "TYPE without HELP: {line:?}");
                    assert!(dialect.types.contains(&text), "no type of the format: {line:?}");
                    assert!(read.types.insert(name.to_owned(), text.to_owned()).is_none(), "TYPE twice: {line:?}");
                }
                "UNIT" if dialect.has_units => {
                    assert!(family == name && !has_samples && !has_unit, "a unit in the wrong place: {line:?}");
                    assert!(name.ends_with(&format!("_{text}")), "a unit that is not in the name: {line:?}");
                    has_unit = true;
                }
                _ => panic!("no comment that is known: {line:?}"),
            }
            continue;
        }
        let sample = sample(line);
        let kind = read.types.get(&family).unwrap_or_else(|| panic!("no TYPE before {line:?}"));
        let suffix = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("in family {family}: {line:?}"));
        assert!((dialect.suffixes)(kind).contains(&suffix), "in family {family}: {line:?}");
        has_samples = true;
        let mut labels = sample.labels.clone();
        labels.sort();
        assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0), "a label twice: {line:?}");
        assert!(seen.insert((sample.name.clone(), labels)), "a series twice: {line:?}");
        read.samples.push(sample);
    }
    read
}

#[track_caller]
fn sample(line: &str) -> ExposedSample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line:?}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name, true), "no name of a metric: {line:?}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line:?}"));
            assert!(is_name(label, false) && !label.starts_with("__"), "no name of a label: {line:?}");
            let (value, after) = quoted(after).unwrap_or_else(|| panic!("an open value: {line:?}"));
            labels.push((label.to_owned(), value));
            match (after.strip_prefix(','), after.strip_prefix('}')) {
                (Some(more), _) => rest = more,
                (_, Some(end)) => {
                    rest = end;
                    break;
                }
                _ => panic!("neither comma nor brace: {line:?}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank before the value: {line:?}"));
    let is_number = value.parse::<f64>().is_ok() && !value.contains(char::is_whitespace);
    assert!(is_number, "no number, or a timestamp: {line:?}");
    ExposedSample { name: name.to_owned(), labels, value: value.to_owned() }
}

/// The text up to the closing quote, unescaped, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped @ ('\\' | '"') => value.push(escaped),
                _ => return None,
            },
            other => value.push(other),
        }
    }
    None
}

fn is_name(text: &str, is_metric: bool) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || (is_metric && c == ':');
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# HELP a_total A.\n# TYPE a_total counter\n";

    #[test]
    fn a_good_page_is_read() {
        let page = format!("{HEAD}a_total{{x=\"q\\\"\\\\\\n\",y=\"\"}} 1\na_total 2.5\n# HELP b B.\n# TYPE b gauge\nb 0.0000\n");
        let read = Exposition::read(&page);
        assert_eq!(read.of("a_total").next().map(|sample| sample.label("x")), Some("q\"\\\n"));
        assert_eq!((read.samples.len(), read.of("b").count()), (3, 1));
    }

    #[test]
    fn what_readers_refuse_or_overlook_is_found() {
        for wrong in [
            format!("{HEAD}a_total{{x=\"1\",y=\"2\"}} 1\na_total{{y=\"2\",x=\"1\"}} 1\n"),
            format!("{HEAD}a_total 1\n# HELP b B.\n# TYPE b gauge\nb 1\na_total{{x=\"1\"}} 1\n"),
            format!("{HEAD}a_total 1 1796034663\n"),
            format!("{HEAD}a_total{{x=\"1\", y=\"2\"}} 1\n"),
            format!("{HEAD}a_total{{x=\"1}} 1\n"),
            format!("{HEAD}a_total 1"),
            format!("{HEAD}\na_total 1\n"),
            "a 1\n".to_owned(),
            "# HELP a A.\n# TYPE a info\na 1\n".to_owned(),
            "# HELP a A.\n# TYPE a counter\na 1\n".to_owned(),
        ] {
            assert!(std::panic::catch_unwind(|| Exposition::read(&wrong)).is_err(), "{wrong}");
        }
    }

    const OPEN_HEAD: &str = "# HELP a_seconds A.\n# TYPE a_seconds counter\n";

    #[test]
    fn open_metrics_are_told_from_text() {
        let page = format!(
            "{OPEN_HEAD}# UNIT a_seconds seconds\na_seconds_total{{x=\"1\"}} 1\n# HELP b B.\n# TYPE b info\nb_info 1\n# EOF\n"
        );
        assert_eq!(Exposition::read_open_metrics(&page).samples.len(), 2);
        let head = |kind: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n");
        check(&head("application/json"), "# HELP vpoller_x");
        check(&head(TEXT_TYPE), "# HELP python_info");
        for wrong in [
            format!("{OPEN_HEAD}a_seconds_total 1\n"),
            format!("{OPEN_HEAD}a_seconds_total 1\n# EOF"),
            format!("{OPEN_HEAD}a_seconds_total 1\n# EOF\n\n"),
            format!("{OPEN_HEAD}a_seconds 1\n# EOF\n"),
            format!("{OPEN_HEAD}# UNIT a_seconds bytes\na_seconds_total 1\n# EOF\n"),
            format!("{OPEN_HEAD}a_seconds_total 1\n# UNIT a_seconds seconds\n# EOF\n"),
            format!("{OPEN_HEAD}a_seconds_total 1\na_seconds_total 2\n# EOF\n"),
            "# HELP a_total A.\n# TYPE a_total counter\na_total_total 1\n# EOF\n".to_owned(),
            "# HELP a A.\n# TYPE a untyped\na 1\n# EOF\n".to_owned(),
        ] {
            assert!(std::panic::catch_unwind(|| Exposition::read_open_metrics(&wrong)).is_err(), "{wrong}");
        }
        for (kind, wrong) in [(TEXT_TYPE, "# HELP vpoller_x X.\nvpoller_x 1\n"), (OPEN_METRICS_TYPE, "# HELP vpoller_x X.\n")] {
            assert!(std::panic::catch_unwind(|| check(&head(kind), wrong)).is_err(), "{wrong}");
        }
    }
}
