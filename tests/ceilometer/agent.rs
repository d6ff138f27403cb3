//! A real Ceilometer, its agent and its page, and the exporter that it polls.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process::{self, Process};
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{Stack, http, ports, workspace};

/// Makes the agent poll.
const SIGUSR1: i32 = 10;

/// Python with Ceilometer, which `make setup` installs.
pub(crate) fn python() -> Option<PathBuf> {
    let folder = workspace::artefact("ceilometer");
    if let Ok(reason) = fs::read_to_string(folder.join("unavailable")) {
        eprintln!("NOT RUN: {reason}");
        return None;
    }
    assert!(folder.join(".complete").exists(), "Ceilometer is missing in {}: run `make setup`", folder.display());
    Some(folder.join("bin/python3"))
}

/// `vpoller-exporter` alone, with the hosts of a stack, and a folder for what belongs to it.
pub(crate) struct ExporterAlone {
    pub url: String,
    pub folder: TempDir,
    _process: Process,
}

impl ExporterAlone {
    /// Starts it with these lines in its section and waits until it can answer.
    #[track_caller]
    pub(crate) fn start(stack: &Stack, lines: &str) -> Self {
        let [port] = ports::free();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vpoller.conf");
        let database = stack.database().display().to_string();
        let section = format!("[exporter]\nhttp = 127.0.0.1:{port}\ndb = {database}\nzroc = no\nceilometer = yes\n{lines}");
        fs::write(&file, section).unwrap();
        let mut process = Process::workspace("vpoller-exporter", ["--file", file.to_str().unwrap()]);
        process.wait_for_line("Metrics are at", SLOW);
        Self { url: format!("http://127.0.0.1:{port}"), folder, _process: process }
    }

    /// What `ceilometer-config` writes with these options; the folder of it.
    #[track_caller]
    pub(crate) fn configure(&self, options: &[&str]) -> PathBuf {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let (file, folder) = (path("vpoller.conf"), path("etc"));
        let arguments = ["--file", &file, "ceilometer-config", "--folder", &folder];
        let done = process::run_workspace("vpoller-exporter", arguments.iter().chain(options), SOON);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
        PathBuf::from(folder)
    }

    /// Whether it has anything to say.
    #[track_caller]
    pub(crate) fn is_ready(&self) -> bool {
        let (status, text) = http::get(&format!("{}/v1/ceilometer/samples?meter=cpu_util", self.url));
        assert!([200, 503].contains(&status), "{text}");
        status == 200
    }

    /// The entries of a meter as it is called there, by their ids.
    #[track_caller]
    pub(crate) fn entries(&self, meter: &str) -> BTreeMap<String, Value> {
        let (status, text) = http::get(&format!("{}/v1/ceilometer/samples?meter={meter}", self.url));
        assert_eq!(status, 200, "{meter}: {text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let entries = answer["samples"].as_array().unwrap();
        let by_id: BTreeMap<_, _> =
            entries.iter().map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())).collect();
        assert_eq!(by_id.len(), entries.len(), "{meter}: a resource twice");
        by_id
    }
}

/// What a poll brought.
pub(crate) struct Poll {
    /// The samples, by meter and resource.
    pub samples: BTreeMap<(String, String), Value>,
    /// What the agent logged as warning or error.
    pub complaints: Vec<String>,
}

/// The agent of Ceilometer, which polls when it is told to.
pub(crate) struct Agent {
    process: Process,
    folder: TempDir,
    page: String,
    polls: usize,
    /// The names of the pollsters that were loaded and selected.
    pub pollsters: Vec<String>,
}

impl Agent {
    /// Starts it with the files in this folder.
    #[track_caller]
    pub(crate) fn start(python: &Path, files: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port] = ports::free();
        let config = folder.path().join("ceilometer.conf");
        let text = format!(
            "[DEFAULT]\ntransport_url = fake://\nlog_file = {log}\npollsters_definitions_dirs = {files}/pollsters.d\n[polling]\n\
             cfg_file = {files}/polling.yaml\nenable_prometheus_exporter = true\nprometheus_listen_addresses = 127.0.0.1:{port}\n\
             [publisher_notifier]\ntelemetry_driver = test\n",
            log = folder.path().join("agent.log").display(),
            files = files.display(),
        );
        fs::write(&config, text).unwrap();
        let mut command = Command::new(python);
        command.arg(workspace::root().join("tests/ceilometer/poll.py")).arg(folder.path());
        command.arg("--config-file").arg(&config).args(["--polling-namespaces", "central"]).env("PYTHONPATH", files);
        let mut process = Process::spawn(command);
        process.wait_for_line("0.json", SLOW);
        let started = read(&folder.path().join("0.json"));
        let pollsters = started["pollsters"].as_array().unwrap().iter().map(text_of).collect();
        let page = format!("http://127.0.0.1:{port}/metrics");
        Self { process, folder, page, polls: 0, pollsters }
    }

    /// Polls once.
    #[track_caller]
    pub(crate) fn poll(&mut self) -> Poll {
        self.polls += 1;
        let name = format!("{}.json", self.polls);
        self.process.signal(SIGUSR1);
        self.process.wait_for_line(&name, SLOW);
        let brought = read(&self.folder.path().join(name));
        let list = |name: &str| brought[name].as_array().cloned().unwrap();
        let mut samples = BTreeMap::new();
        for sample in list("samples") {
            let key = (text_of(&sample["counter_name"]), text_of(&sample["resource_id"]));
            assert!(samples.insert(key.clone(), sample).is_none(), "a sample twice: {key:?}");
        }
        Poll { samples, complaints: list("complaints").iter().map(text_of).collect() }
    }

    /// The agent's own page for Prometheus.
    #[track_caller]
    pub(crate) fn page(&self) -> Exposition {
        read_page(&self.page)
    }
}

/// Reads a page of Ceilometer.
#[track_caller]
fn read_page(url: &str) -> Exposition {
    let (status, page) = http::get(url);
    assert_eq!(status, 200, "{page}");
    Exposition::read(&with_help(&page))
}

/// A page of Ceilometer, whose lines of help say nothing, as the strict reader takes it.
pub(crate) fn with_help(page: &str) -> String {
    page.lines().map(|line| if line.starts_with("# HELP ") { format!("{line}-\n") } else { format!("{line}\n") }).collect()
}

/// A text of JSON.
#[track_caller]
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}
