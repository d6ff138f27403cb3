//! `vpoller-proxy` as users start it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use vpoller_testkit::process::{Finished, Process, run};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, wait_until};

use crate::harness::{Worker, request};

/// A folder with a configuration of free ports, and the management endpoint in it.
struct Installation {
    folder: TempDir,
}

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let installation = Self { folder };
        let text = format!(
            "[proxy]\nfrontend = tcp://127.0.0.1:*\nbackend = tcp://127.0.0.1:*\nmgmt = {}\nhttp = off\n[worker]\nmgmt = tcp://*:1\n",
            installation.mgmt()
        );
        fs::write(installation.config(), text).unwrap();
        installation
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("vpoller.conf")
    }

    fn mgmt(&self) -> String {
        format!("ipc://{}", self.folder.path().join("mgmt").display())
    }

    fn start(&self, options: &[&str]) -> Process {
        let mut process = Process::spawn(proxy(&[&["-f", self.config().to_str().unwrap(), "start"], options].concat()));
        process.wait_for_line("Proxy Manager is ready and running", SOON);
        process
    }

    fn ask(&self, word: &str) -> Finished {
        run(proxy(&["--endpoint", &self.mgmt(), word]), SOON)
    }

    fn status(&self) -> Value {
        serde_json::from_str::<Value>(&self.ask("status").stdout).unwrap()["result"].take()
    }
}

fn proxy(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vpoller-proxy"));
    command.args(arguments);
    command
}

/// The texts of the log, by process.
fn texts<'a>(log: &'a str, process: &str) -> Vec<&'a str> {
    let mark = format!("/{process}] ");
    log.lines().filter_map(|line| line.split_once(&mark).map(|(_, text)| text)).collect()
}

#[test]
fn starts_tells_and_stops_as_documented() {
    let installation = Installation::new();
    let mut process = installation.start(&[]);
    let status = installation.ask("status");
    assert_eq!((status.code, status.stdout.lines().count()), (0, 1));
    assert!(status.stdout.starts_with(r#"{"success": 0, "msg": "vPoller Proxy status", "result": {"status": "running""#));
    let stop = installation.ask("stop");
    assert_eq!((stop.code, stop.stdout.as_str()), (0, "{\"success\": 0, \"msg\": \"Shutdown time has arrived\"}\n"));
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    let log = process.stderr();
    let wanted = |process: &str, wanted: &[&str]| {
        let found: Vec<_> = texts(&log, process).into_iter().filter(|text| wanted.contains(text)).collect();
        assert_eq!(found, wanted, "{log}");
    };
    wanted(
        "MainProcess",
        &[
            "Starting Proxy Manager",
            "Creating Proxy Manager sockets",
            "Starting Proxy process",
            "Proxy Manager is ready and running",
            "Received shutdown signal",
            "Proxy Manager is shutting down",
            "Stopping Proxy process",
            "Closing Proxy Manager sockets",
        ],
    );
    wanted(
        "VPollerProxy-1",
        &[
            "Proxy process is starting",
            "Creating Proxy process sockets",
            "Proxy process is ready and running",
            "Proxy process is shutting down",
            "Closing Proxy process sockets",
        ],
    );
    assert!(log.contains("No CURVE keys are configured"), "{log}");
    let silent = installation.ask("status");
    let text = "{\"success\": 1, \"msg\": \"Did not receive response, aborting...\"}\n";
    assert_eq!((silent.code, silent.stdout.as_str()), (0, text));
}

#[test]
fn signals_end_it_in_good_order() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let installation = Installation::new();
        let pid_file = installation.folder.path().join("pid");
        let mut process = installation.start(&["-p", pid_file.to_str().unwrap()]);
        assert_eq!(fs::read_to_string(&pid_file).unwrap().trim(), process.id().to_string());
        process.signal(signal);
        assert_eq!(process.wait_exit(SOON).code(), Some(0));
        assert!(!pid_file.exists());
    }
}

#[test]
fn a_hangup_opens_the_log_file_again() {
    let installation = Installation::new();
    let log = installation.folder.path().join("proxy.log");
    let mut process =
        Process::spawn(proxy(&["start", "-f", installation.config().to_str().unwrap(), "-D", "-o", log.to_str().unwrap()]));
    let has = |text: &str| fs::read_to_string(&log).is_ok_and(|lines| lines.contains(text));
    wait_until(SOON, "the log", || has("is ready and running"));
    fs::rename(&log, installation.folder.path().join("old")).unwrap();
    process.signal(libc::SIGHUP);
    wait_until(SOON, "a new file", || log.exists());
    process.signal(libc::SIGTERM);
    assert_eq!(process.wait_exit(SOON).code(), Some(0));
    assert!(has("Received shutdown signal"));
}

#[test]
fn a_proxy_that_was_stopped_for_a_while_keeps_its_workers() {
    let installation = Installation::new();
    let mut process = installation.start(&[]);
    let status = installation.status();
    let endpoint = |name: &str| status[name].as_str().unwrap().to_owned();
    let _serving = Worker::join(&endpoint("backend"), "w", &["vc01"]).serve();
    let mut client = Client::new(endpoint("frontend"));
    assert!(client.exchange(&request("vc01"), SOON).is_some());
    process.signal(libc::SIGSTOP);
    let stat = format!("/proc/{}/stat", process.id());
    wait_until(SOON, "a stopped proxy", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    let asked = std::thread::spawn(move || client.exchange(&request("vc01"), SOON));
    // Longer than a worker may be silent.
    let blocked = std::thread::spawn({
        let mut other = Client::new(endpoint("frontend"));
        move || other.exchange(&request("vc01"), Duration::from_millis(1500))
    });
    assert_eq!(blocked.join().unwrap(), None);
    process.signal(libc::SIGCONT);
    assert!(asked.join().unwrap().unwrap().ends_with(b" by w"));
    assert_eq!(installation.status()["counters"]["workers_lost"], 0);
}

#[test]
fn mistakes_are_told_with_exit_code_one() {
    let installation = Installation::new();
    let config = installation.config();
    let config = config.to_str().unwrap();
    for (arguments, text) in [
        (&["start", "-f", "/nowhere/vpoller.conf"][..], "Configuration file /nowhere/vpoller.conf does not exist\n"),
        (&[], "Usage: vpoller-proxy"),
        (&["status"], "Usage: vpoller-proxy"),
        (&["dance"], "Usage: vpoller-proxy"),
        (&["start", "--wrong"], "Usage: vpoller-proxy"),
        (&["status", "-e", "localhost:9999"], "has no transport"),
    ] {
        let finished = run(proxy(arguments), SOON);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(finished.stderr.contains(text), "{arguments:?}: {}", finished.stderr);
    }
    fs::write(config, "[proxy]\nfrontend = here\n").unwrap();
    let finished = run(proxy(&["start", "-f", config]), SOON);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("line 2: [proxy] frontend = \"here\""), "{}", finished.stderr);
}

#[test]
fn the_configuration_can_be_checked() {
    let installation = Installation::new();
    let check = |words: &[&str]| run(proxy(&[words, &["-f", installation.config().to_str().unwrap()]].concat()), SOON);
    let fine = check(&["--check-config"]);
    assert_eq!((fine.code, fine.stderr.as_str()), (0, ""));
    let frontend = format!("{:<47} ; line 2", "frontend = tcp://127.0.0.1:*");
    for line in [&frontend, "request_ttl = 10", "[proxy]"] {
        assert!(fine.stdout.lines().any(|found| found == line), "{line}\n{}", fine.stdout);
    }
    assert!(!fine.stdout.contains("[worker]"), "that is the worker's");
    fs::write(installation.config(), "[proxy]\nfrontent = x\n[other]\nkey = y\n").unwrap();
    let complaints = check(&["start", "--check"]);
    let expected =
        ["line 2: unknown key \"frontent\" in [proxy]", "line 4: \"key\" is ignored, [other] is no section of vPoller"];
    assert_eq!((complaints.code, complaints.stderr.lines().count()), (2, 2));
    for (line, part) in complaints.stderr.lines().zip(expected) {
        assert!(line.contains(part), "{line}");
    }
    fs::write(installation.config(), "[proxy]\naffinity = many\n").unwrap();
    let wrong = check(&["--check-config"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (1, ""));
    assert!(wrong.stderr.contains("line 2: [proxy] affinity = \"many\" is no number from 1 to 64"), "{}", wrong.stderr);
}

#[test]
fn a_configuration_that_asks_for_encryption_is_refused() {
    let installation = Installation::new();
    let file = installation.config();
    let file = file.to_str().unwrap();
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, format!("[curve]\nserver_secret = s3cret\n{text}")).unwrap();
    for command in ["start", "--check-config"] {
        let finished = run(proxy(&[command, "-f", file]), SOON);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{command}");
        let expected = format!("configuration file {file}: line 1: [curve] asks for encryption, which is not supported yet");
        assert!(finished.stderr.starts_with(&expected) && !finished.stderr.contains("s3cret"), "{}", finished.stderr);
    }
}

#[test]
fn a_taken_port_ends_the_start() {
    let first = Installation::new();
    let _process = first.start(&[]);
    let second = Installation::new();
    let frontend = first.status()["frontend"].as_str().unwrap().to_owned();
    fs::write(
        second.config(),
        format!("[proxy]\nfrontend = {frontend}\nbackend = tcp://127.0.0.1:*\nmgmt = {}\n", second.mgmt()),
    )
    .unwrap();
    let finished = run(proxy(&["start", "-f", second.config().to_str().unwrap()]), SOON);
    assert_eq!(finished.code, 1);
    let expected = format!("CRITICAL/MainProcess] cannot bind the frontend socket to {frontend}");
    assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
}

#[test]
fn help_and_version_go_to_stdout() {
    for (option, start) in [("-v", "1."), ("--version", "1."), ("-h", "The broker"), ("--help", "The broker")] {
        let finished = run(proxy(&[option]), SOON);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        assert!(finished.stdout.starts_with(start), "{}", finished.stdout);
    }
}
