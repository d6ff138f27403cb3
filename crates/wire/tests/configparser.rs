//! Configuration files mean to us what they mean to Python's own ConfigParser, set up as the original's was under Python 2.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use vpoller_wire::ini::Ini;

/// Reads a list of texts, prints what each one says: by section and key the value with every run of blanks as one, or null when it
/// is refused.
const PYTHON: &str = r"
import configparser, json, sys
def read(text):
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(';',), empty_lines_in_values=True,
                                          default_section='no such section')
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: {key: ' '.join(value.split()) for key, value in parser.items(name)} for name in parser.sections()}
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
";

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

fn ours(text: &str) -> Value {
    let Ok(ini) = Ini::parse(text, Path::new("test.conf")) else { return Value::Null };
    let mut sections = json!({});
    for name in ini.sections().map(|section| section.name.as_str()).filter(|name| !name.is_empty()) {
        sections[name] = json!({});
        for entry in ini.entries().filter(|entry| entry.section == name) {
            let value = entry.value.split_whitespace().collect::<Vec<_>>().join(" ");
            sections[name][&entry.key] = json!(value);
        }
    }
    sections
}

/// Lines of which configuration files are made, and a few of which they should not be.
fn line() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["proxy", "Worker", "cache", "frontend", "DB", "helper:a b", "größe", "x.y"]);
    let value = prop::sample::select(vec![
        "tcp://*:10123",
        "a, b",
        "100%",
        r"C:\temp\n",
        "\"quoted\"",
        "",
        "a ; b",
        "a;b",
        "a # b",
        "k = v",
        "p: q",
        "[x]",
    ]);
    let separator = prop::sample::select(vec![" = ", "=", ": ", ":", "  =  "]);
    let entry = (word.clone(), separator, value.clone()).prop_map(|(key, separator, value)| format!("{key}{separator}{value}"));
    prop_oneof![
        3 => word.prop_map(|name| format!("[{name}]")),
        6 => entry,
        1 => value.prop_map(|value| format!("    {value}")),
        1 => Just("# comment = 1".to_owned()),
        1 => Just("; comment".to_owned()),
        1 => Just(String::new()),
        1 => Just("[proxy] ; note".to_owned()),
    ]
}

#[test]
fn python_reads_the_same() {
    let mut runner = TestRunner::deterministic();
    let file = prop::collection::vec(line(), 0..8).prop_map(|lines| {
        let body = lines.join("\n");
        format!("[Default]\n{body}\n")
    });
    let texts: Vec<String> = (0..2000).map(|_| file.new_tree(&mut runner).unwrap().current()).collect();
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(python(&texts)) {
        // What Python refuses we may refuse or read; what it reads we must read alike.
        if !theirs.is_null() {
            assert_eq!(ours(text), theirs, "{text}");
            read += 1;
        }
    }
    assert!(read > 1000, "only {read} of {} files were read", texts.len());
}
