//! What the daemons tell about themselves, read by Prometheus itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};
use vpoller_testkit::process::{self, Process};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, http, ports, wait_for, workspace};

use crate::interop::page::programs;

const VM: &str = "vm01.example.org";

/// A program of Prometheus; `None`, and a line that says why, where `make setup` could not get it (never so on Debian 12).
/// `VPOLLER_PROMETHEUS` names another folder, of `make test-prometheus3` for instance.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let folder = env::var_os("VPOLLER_PROMETHEUS").map_or_else(|| workspace::artefact("prometheus"), PathBuf::from);
    if let Ok(reason) = fs::read_to_string(folder.join("unavailable")) {
        eprintln!("NOT RUN: {reason}");
        return None;
    }
    assert!(folder.join(".complete").exists(), "Prometheus is missing in {}: run `make setup`", folder.display());
    Some(folder.join("usr/bin").join(name))
}

/// A proxy and a worker that have answered one request and refused another; the addresses of their pages.
struct Daemons {
    _simulator: Simulator,
    stack: Stack,
    host: String,
    pages: [String; 2],
}

impl Daemons {
    fn start() -> Self {
        let simulator = Simulator::start(&SimOptions::default());
        let host = Host::at(simulator.address());
        let stack = Stack::start(std::slice::from_ref(&host), 1);
        let ask = |name: &str| {
            stack.ask(&json!({"method": "vm.get", "hostname": host.name, "name": name, "properties": ["runtime.powerState"]}))
        };
        assert_eq!(ask(VM)["success"], 0);
        assert_eq!(ask("no-such-vm")["success"], 1);
        let url = |status: &Value| status["result"]["http"].as_str().expect("address of the pages").to_owned();
        let pages = [url(&stack.proxy_status()), url(&stack.workers[0].status())];
        Self { _simulator: simulator, host: host.name, stack, pages }
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let Some(promtool) = program("promtool") else { return };
    let daemons = Daemons::start();
    let folder = tempfile::tempdir().unwrap();
    for page in &daemons.pages {
        let (status, text) = http::get(&format!("{page}/metrics"));
        assert_eq!(status, 200);
        let file = folder.path().join("metrics");
        fs::write(&file, &text).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" check metrics <\"$1\""]).arg(&promtool).arg(&file);
        let done = process::run(command, SLOW);
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "", ""), "{text}");
    }
}

/// Runs promtool on a file.
#[track_caller]
pub(crate) fn promtool(arguments: &[&str], file: &Path) -> bool {
    let Some(promtool) = program("promtool") else { return false };
    let mut command = Command::new(promtool);
    command.args(arguments).arg(file);
    let done = process::run(command, SLOW);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    true
}

#[test]
fn alerts_are_rules_about_metrics_that_exist() {
    let path = workspace::root().join("contrib/prometheus/vpoller.yml");
    if !promtool(&["check", "rules"], &path) {
        return;
    }
    let daemons = Daemons::start();
    let shown: Vec<String> = daemons.pages.iter().map(|page| http::get(&format!("{page}/metrics")).1).collect();
    let rules = fs::read_to_string(path).unwrap();
    let names: BTreeSet<&str> = rules
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("vpoller_") && !word.ends_with('_'))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        // Nothing has been refused yet, and nobody has reasons to show.
        let known = shown.iter().any(|text| text.contains(&format!("\n{name}"))) || name == "vpoller_proxy_refused_total";
        assert!(known, "{name} is no metric");
    }
}

#[test]
fn the_configuration_on_the_page_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let example = programs("docs/operations.md", "yaml").remove(0);
    let file = folder.path().join("prometheus.yml");
    fs::write(&file, example).unwrap();
    fs::copy(workspace::root().join("contrib/prometheus/vpoller.yml"), folder.path().join("vpoller.yml")).unwrap();
    promtool(&["check", "config"], &file);
}

#[test]
fn prometheus_scrapes_both_daemons() {
    let Some(prometheus) = program("prometheus") else { return };
    let daemons = Daemons::start();
    let folder = tempfile::tempdir().unwrap();
    let [port] = ports::free();
    let targets = daemons.pages.each_ref().map(|page| page.trim_start_matches("http://").to_owned());
    let config = json!({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "vpoller", "static_configs": [{"targets": targets}]}],
    });
    // JSON is YAML too.
    fs::write(folder.path().join("prometheus.yml"), config.to_string()).unwrap();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let mut server = Process::spawn(command);
    server.wait_for_line("Server is ready to receive web requests", SLOW);
    let value = |query: &str| {
        let (_, text) = http::get(&format!("http://127.0.0.1:{port}/api/v1/query?query={}", escaped(query)));
        // Chunks of HTTP/1.1 cannot come to a client of 1.0.
        let answer: Value = serde_json::from_str(&text).ok()?;
        answer["data"]["result"].get(0)?["value"][1].as_str().map(str::to_owned)
    };
    let host = &daemons.host;
    for (query, wanted) in [
        ("sum(up)".to_owned(), "2"),
        ("vpoller_proxy_received_total".to_owned(), "2"),
        (format!("vpoller_worker_agent_state{{host=\"{host}\",state=\"connected\"}}"), "1"),
        (format!("vpoller_worker_agent_latency_seconds_count{{host=\"{host}\",method=\"vm.get\"}}"), "2"),
        (format!("vpoller_worker_agent_failures_total{{host=\"{host}\",method=\"vm.get\"}}"), "1"),
        (format!("vpoller_worker_agent_vsphere_soap_calls_total{{host=\"{host}\",method=\"Login\"}}"), "1"),
        (format!("sum(vpoller_worker_agent_vsphere_soap_bytes_in_total{{host=\"{host}\"}}) > bool 1000"), "1"),
    ] {
        wait_for(SLOW, &query, || value(&query).filter(|found| found == wanted));
    }
}

#[test]
fn readiness_follows_the_agents() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let url = stack.workers[0].status()["result"]["http"].as_str().unwrap().to_owned();
    let question = json!({"method": "vm.get", "hostname": host.name, "name": VM, "properties": ["name"]});
    let ready = |wanted: u16, text: &str| {
        wait_for(SLOW, text, || {
            // Whatever it answers; an agent notices by the questions at the latest.
            let _ = stack.ask(&question);
            let (status, found) = http::get(&format!("{url}/readyz"));
            (status == wanted && found.contains(text)).then_some(())
        });
    };
    ready(200, "1 of 1 agents connected");
    drop(simulator);
    ready(503, "no agent is connected");
    assert_eq!(http::get(&format!("{url}/healthz")).0, 200, "the worker itself is well");
}

#[test]
fn no_page_tells_a_secret() {
    let daemons = Daemons::start();
    let guest = json!({
        "method": "vm.process.get", "hostname": daemons.host, "name": VM, "username": "root", "password": "gu3st-s3cret",
        "properties": ["cmdLine"],
    });
    assert_eq!(daemons.stack.ask(&guest)["success"], 1, "the password is wrong");
    for page in &daemons.pages {
        for path in ["status", "metrics", "readyz", "healthz"] {
            let (_, text) = http::get(&format!("{page}/{path}"));
            for secret in ["p4ssw0rd", "gu3st-s3cret", "vmware_soap_session"] {
                assert!(!text.contains(secret), "{page}/{path}");
            }
        }
    }
}

pub(crate) fn escaped(query: &str) -> String {
    query
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
