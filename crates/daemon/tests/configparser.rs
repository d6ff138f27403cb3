//! Configuration files mean to us what they mean to Python's own ConfigParser: to that of Python 3 but for a list of differences, each
//! of which is a rule of Python 2.7; and what 2.7 makes of a file stands in a table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test reports")]

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use vpoller_daemon::Program;
use vpoller_daemon::config::Settings;

/// Reads a list of texts, prints what each one says: by section and key the value with every run of blanks as one, or null when it
/// is refused; null for a file that is refused.
const PYTHON: &str = r"
import configparser, json, sys
def value(parser, section, key):
    try:
        return ' '.join(parser.get(section, key).split())
    except configparser.Error:
        return None
def read(text):
    parser = configparser.ConfigParser(strict=False, empty_lines_in_values=True)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: {key: value(parser, name, key) for key in parser.options(name)} for name in parser.sections()}
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
";

/// A rule of Python 2.7 that Python 3 lacks.
struct Difference {
    name: &'static str,
    /// The line that means to Python 3 what this one means to 2.7. It gets the line, key and separator, and the value; of other lines only
    /// the line.
    translate: fn(&str, Option<(&str, &str)>) -> String,
}

/// In the order in which 2.7 applies them.
const DIFFERENCES: [Difference; 5] = [
    Difference {
        name: "lines that begin with rem are comments",
        translate: |line, _| {
            let is_rem = line.starts_with(['r', 'R'])
                && line.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("rem"));
            if is_rem { format!("# {line}") } else { line.to_owned() }
        },
    },
    Difference {
        name: "the first ; of a value begins a comment when a blank stands before it",
        translate: |line, entry| match entry.and_then(|(key, value)| Some((key, value, value.find(';')?))) {
            Some((key, value, at)) if value[..at].trim_end() != &value[..at] => format!("{key}{}", &value[..at]),
            _ => line.to_owned(),
        },
    },
    Difference {
        name: "two quotes are no value",
        translate: |line, entry| match entry {
            Some((key, value)) if value.trim() == "\"\"" => key.to_owned(),
            _ => line.to_owned(),
        },
    },
    Difference {
        name: "a value that names no other keeps its percent signs",
        translate: |line, entry| match entry {
            Some((key, value)) if !value.contains("%(") => format!("{key}{}", value.replace('%', "%%")),
            _ => line.to_owned(),
        },
    },
    Difference {
        name: "a single percent sign beside a name stays (2.7 refuses it, too)",
        translate: |line, entry| match entry {
            Some((key, value)) if value.contains("%(") => {
                // Put aside what means something, so that what is left is single.
                let aside = value.replace("%%", "\u{1}").replace("%(", "\u{2}").replace('%', "%%");
                format!("{key}{}", aside.replace('\u{1}', "%%").replace('\u{2}', "%("))
            }
            _ => line.to_owned(),
        },
    },
];

impl Difference {
    fn translate(&self, text: &str) -> String {
        text.lines().fold(String::new(), |mut made, line| {
            let continues = line.starts_with(char::is_whitespace) || line.starts_with(['#', ';', '[']);
            let entry = line.find(['=', ':']).filter(|_| !continues).map(|at| {
                let blanks = line[at + 1..].len() - line[at + 1..].trim_start().len();
                line.split_at(at + 1 + blanks)
            });
            writeln!(made, "{}", (self.translate)(line, entry)).unwrap();
            made
        })
    }
}

fn python(texts: &[String]) -> Vec<Value> {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    child.stdin.take().unwrap().write_all(json!(texts).to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    serde_json::from_slice(&done.stdout).unwrap()
}

fn settings(text: &str) -> Result<Settings, String> {
    Settings::parse(text, Path::new("test.conf"), Program::Worker).map_err(|error| error.to_string())
}

/// What we have of the values that Python has.
fn ours(text: &str, theirs: &Value) -> Value {
    let Ok(settings) = settings(text) else { return Value::Null };
    let mut sections = theirs.clone();
    for (section, keys) in sections.as_object_mut().unwrap() {
        for (key, value) in keys.as_object_mut().unwrap() {
            let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
            // Python has the empty text for what is no value to us.
            *value = settings.text(section, key).map_or(Value::Null, |text| json!(words(text.unwrap_or_default())));
        }
    }
    sections
}

/// Lines of which configuration files are made, and a few of which they should not be.
fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "proxy",
        "worker",
        "cache",
        "DEFAULT",
        "frontend",
        "DB",
        "helper:a b",
        "größe",
        "x.y",
        "rem x",
    ]);
    let value = prop::sample::select(vec![
        "tcp://*:10123",
        "a, b",
        "100%",
        "%%",
        r"C:\temp\n",
        r"/srv/dir\",
        r"a \",
        "\\",
        "\"quoted\"",
        "\"\"",
        "",
        "a ; b",
        "a;b",
        "a;b ;c",
        "a ;b ;c",
        ";lead",
        "; lead ;",
        "a # b",
        "k = v",
        "p: q",
        "[x]",
        "%(db)s/x",
        "%(DB)s%(frontend)s ; both",
        "5% of %(db)s",
        "5%% of %(x.y)s",
        "%%(db)s",
        "%(nowhere)s",
        "%(db)",
    ]);
    let continuation = prop::sample::select(vec!["a", "b ; c", ";d", "k = v", "[x]", r"e\", "# f"]);
    let separator = prop::sample::select(vec![" = ", "=", ": ", ":", "  =  "]);
    let entry = (word.clone(), separator, value).prop_map(|(key, separator, value)| format!("{key}{separator}{value}"));
    prop_oneof![
        3 => word.prop_map(|name| format!("[{name}]")),
        9 => entry,
        1 => continuation.prop_map(|value| format!("    {value}")),
        1 => Just("# comment = 1".to_owned()),
        1 => Just("; comment".to_owned()),
        1 => Just("Rem comment".to_owned()),
        1 => Just(String::new()),
        1 => Just("[proxy] ; note".to_owned()),
    ]
}

#[test]
fn python_3_reads_the_same_but_for_the_listed_differences() {
    let mut runner = TestRunner::deterministic();
    let file = prop::collection::vec(line(), 0..10).prop_map(|lines| format!("[worker]\n{}\n", lines.join("\n")));
    let written: Vec<String> = (0..1000).map(|_| file.new_tree(&mut runner).unwrap().current()).collect();
    let mut texts = written.clone();
    for difference in &DIFFERENCES {
        let translated: Vec<String> = texts.iter().map(|text| difference.translate(text)).collect();
        let (before, after) = (python(&texts), python(&translated));
        let differ = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(differ > 0, "no file shows that {}", difference.name);
        texts = translated;
    }
    let mut read = 0;
    let mut values = 0;
    for (text, theirs) in written.iter().zip(python(&texts)) {
        // What Python refuses we may refuse or read; what it reads we must read alike.
        if !theirs.is_null() {
            assert_eq!(ours(text, &theirs), theirs, "{text}");
            values += theirs.as_object().unwrap().values().map(|keys| keys.as_object().unwrap().len()).sum::<usize>();
            read += 1;
        }
    }
    assert!(read >= 500 && values >= 1500, "only {read} of {} files with {values} values were read", texts.len());
}

#[test]
fn python_2_7_reads_as_its_table_says() {
    let table = include_str!("configparser-2.7.txt");
    let (_, cases) = table.split_once("\n== ").unwrap();
    let mut checked = 0;
    for case in cases.split("\n== ") {
        let (name, rest) = case.split_once('\n').unwrap();
        let (file, expected) = rest.split_once("\n-- ").unwrap();
        for expectation in expected.split("\n-- ") {
            checked += 1;
            let settings = settings(file);
            if let Some(line) = expectation.strip_prefix("error ") {
                let error = settings.and_then(|settings| settings.text("worker", "a").map_err(|error| error.to_string()));
                let place = format!("test.conf: line {}: ", line.trim());
                assert!(error.as_ref().is_err_and(|error| error.contains(&place)), "{name}: {error:?}");
                continue;
            }
            let (place, value) = expectation.trim().split_once('\n').unwrap();
            let (section, key) = place.trim_start_matches('[').split_once("] ").unwrap();
            let got = settings.expect(name).text(section, key).expect(name).unwrap_or_default();
            assert_eq!(format!("<{got}>"), value, "{name}: {place}");
        }
    }
    assert!(checked >= 39, "{checked}");
}
