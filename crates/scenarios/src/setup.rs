//! What measurements run on: a simulator, vPoller in front of it, and the load program.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use vpoller_testkit::Client;
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, process, wait_until, workspace};

/// The longest that any load runs.
const LIMIT: Duration = Duration::from_secs(3600);
/// Limit for everything that should not take long.
const SOON: Duration = Duration::from_secs(120);
/// Passes over all checks after which a worker should have learned all properties.
const PASSES: usize = 12;
/// Passes in which it may still learn.
const FEW: usize = 3;
/// The method that waits for changes, which costs a vCenter nothing.
pub(crate) const LONG_POLL: &str = "WaitForUpdatesEx";
/// The vSphere host in the files of requests.
const DOCUMENTED: &str = "vc01.example.org";

/// A simulated vCenter with vPoller in front of it.
pub(crate) struct Setup {
    pub simulator: Simulator,
    pub stack: Stack,
    pub host: String,
    folder: TempDir,
}

/// What to simulate.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scene {
    pub vms: usize,
    pub hosts: usize,
    /// Also the named objects of the documents, for a scenario that needs an object that only it changes.
    pub documents: bool,
}

impl Scene {
    pub(crate) fn with_vms(vms: usize) -> Self {
        Self { vms, ..Self::default() }
    }

    pub(crate) fn simulator(self) -> Simulator {
        let hosts = self.hosts.to_string();
        let flags: &[&str] = if self.hosts > 0 { &["-host", &hosts] } else { &[] };
        Simulator::start(&SimOptions { fixtures: self.documents, vms: self.vms, flags, ..SimOptions::default() })
    }
}

impl Setup {
    /// Starts everything; the worker with its default number of sockets.
    pub(crate) fn start(scene: Scene) -> Self {
        let mut setup = Self::without_worker(scene);
        setup.start_worker();
        setup
    }

    pub(crate) fn without_worker(scene: Scene) -> Self {
        let simulator = scene.simulator();
        let host = Host::at(simulator.address());
        let mut stack = Stack::without_proxy(std::slice::from_ref(&host));
        stack.start_proxy();
        Self { simulator, stack, host: host.name, folder: tempfile::tempdir().expect("folder for requests") }
    }

    pub(crate) fn start_worker(&mut self) {
        self.stack.start_worker_without_log();
        let workers = || self.stack.live_workers() > 0;
        wait_until(SOON, "the worker at the proxy", workers);
    }

    /// The process id of the worker.
    pub(crate) fn pid(&self) -> u32 {
        self.stack.workers[0].process.id()
    }

    /// Resident memory of the worker in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("status of the worker");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS of the worker");
        line.trim().strip_suffix(" kB").and_then(|text| text.parse::<u64>().ok()).expect("kilobytes") * 1024
    }

    /// Writes a file of requests: the lines, with the name of this vSphere host.
    pub(crate) fn requests(&self, lines: &str) -> String {
        let name = format!("requests-{}", fs::read_dir(self.folder.path()).expect("own folder").count());
        let path = self.folder.path().join(name);
        fs::write(&path, lines.replace(DOCUMENTED, &self.host)).expect("file of requests");
        path.display().to_string()
    }

    /// The checks of the shipped templates.
    pub(crate) fn checks(&self) -> String {
        let path = workspace::root().join("contrib/bench-checks.txt");
        self.requests(&fs::read_to_string(path).expect("contrib/bench-checks.txt"))
    }

    /// Runs vpoller-bench on these requests and returns its report.
    pub(crate) fn load(&self, requests: &str, options: &[&str]) -> Value {
        load(&self.stack.frontend(), requests, options)
    }

    /// Sends `count` requests a pass until a whole pass costs vCenter no call but long polls, and returns whether that was reached.
    /// Gives up when a pass after the first few costs no fewer calls than the one before.
    pub(crate) fn warm(&self, requests: &str, count: usize) -> bool {
        let count = count.to_string();
        let mut before = u64::MAX;
        for pass in 0..PASSES {
            self.simulator.reset_calls();
            self.load(requests, &["-c", &count, "-n", "16", "-w", "0"]);
            match self.property_calls() {
                0 => return true,
                calls if pass >= FEW && calls >= before => return false,
                calls => before = calls,
            }
        }
        false
    }

    /// Calls since the last reset, without those that wait for changes.
    pub(crate) fn property_calls(&self) -> u64 {
        let calls = self.simulator.calls();
        calls.total - calls.methods.get(LONG_POLL).copied().unwrap_or(0)
    }

    /// Sends one request.
    pub(crate) fn ask(&self, client: &mut Client, mut message: Value) -> Value {
        message["hostname"] = json!(self.host);
        client.ask(&message, SOON)
    }

    /// Sets how the simulator changes its objects.
    pub(crate) fn churn(&self, pace: Value) {
        self.simulator.page("POST", "/churn", &pace.to_string());
    }

    /// The status of the worker's agent.
    pub(crate) fn agent(&self) -> Value {
        self.stack.workers[0].status()["result"]["agents"][0].take()
    }
}

/// Runs vpoller-bench against any frontend; failed requests are part of the report.
pub(crate) fn load(frontend: &str, requests: &str, options: &[&str]) -> Value {
    let common = ["--json", "-e", frontend, "-f", requests];
    let done = process::run_workspace("vpoller-bench", common.iter().chain(options), LIMIT);
    assert!(matches!(done.code, 0 | 2), "vpoller-bench: {}{}", done.stdout, done.stderr);
    serde_json::from_str(&done.stdout).expect("report of vpoller-bench")
}

/// Runs the reference program against a simulator and returns the milliseconds that it measured.
pub(crate) fn reference(simulator: &Simulator, word: &str, options: &[&str]) -> Vec<f64> {
    let program = workspace::artefact("reference").join("reference");
    assert!(program.is_file(), "{} is missing: run tests/reference/build.sh", program.display());
    let mut command = Command::new(program);
    command.args([word, "-url", &simulator.url()]).args(options);
    let done = process::run(command, LIMIT);
    assert_eq!(done.code, 0, "reference {word}: {}", done.stderr);
    let found: Value = serde_json::from_str(&done.stdout).expect("JSON of the reference program");
    found["ms"].as_array().expect("milliseconds").iter().filter_map(Value::as_f64).collect()
}

/// Requests that failed in a report.
pub(crate) fn failures(report: &Value) -> u64 {
    let count = |name: &str| report["requests"][name].as_u64().unwrap_or(0);
    count("no_reply") + count("refused")
}
