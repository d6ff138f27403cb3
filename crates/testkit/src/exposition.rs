//! Reads pages in Prometheus' text format as strictly as its strictest readers, and for what none of them notices.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of a page: for each name, labels sorted by their names, and the value as written.
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

impl Exposition {
    /// Reads a page.
    ///
    /// # Panics
    /// When it is against the format, a family does not stand together, has no help or no type, or a series comes twice.
    #[must_use]
    #[track_caller]
    pub fn read(page: &str) -> Self {
        assert!(page.is_empty() || page.ends_with('\n'), "no newline at the end");
        let mut read = Self::default();
        let (mut family, mut seen, mut closed) = (String::new(), BTreeSet::new(), BTreeSet::new());
        let mut helped = BTreeSet::new();
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
                    }
                    "TYPE" => {
                        assert_eq!(family, name, "TYPE without HELP: {line:?}");
                        let known = ["counter", "gauge", "histogram", "summary", "untyped"];
                        assert!(known.contains(&text), "no type of the text format: {line:?}");
                        assert!(read.types.insert(name.to_owned(), text.to_owned()).is_none(), "TYPE twice: {line:?}");
                    }
                    _ => panic!("no comment that is known: {line:?}"),
                }
                continue;
            }
            let sample = sample(line);
            let kind = read.types.get(&family).unwrap_or_else(|| panic!("no TYPE before {line:?}"));
            let suffix = sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("in family {family}: {line:?}"));
            let is_part = ["_bucket", "_sum", "_count"].contains(&suffix) && kind == "histogram";
            assert!(suffix.is_empty() || is_part, "in family {family}: {line:?}");
            assert!(kind != "counter" || family.ends_with("_total"), "a counter without _total: {family}");
            let mut labels = sample.labels.clone();
            labels.sort();
            assert!(labels.windows(2).all(|pair| pair[0].0 != pair[1].0), "a label twice: {line:?}");
            assert!(seen.insert((sample.name.clone(), labels)), "a series twice: {line:?}");
            read.samples.push(sample);
        }
        read
    }

    /// The samples of a name.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ExposedSample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }
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
}
