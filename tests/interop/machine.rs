//! The machine of the documents: its ports, its host names, its files.

use std::process::Command;
use std::{env, fs};

use serde_json::{Value, json};
use vpoller_testkit::certificates::{Authority, ServerCertificate};
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, Process, SimOptions, Simulator, wait_until, workspace};

/// In the environment of the test program when it runs inside.
const INSIDE: &str = "VPOLLER_TEST_MACHINE";

/// Runs the body of the test called `test` on a machine of its own: this program runs that one test again, inside
/// `tools/netns-run`.
#[track_caller]
pub(crate) fn on_own_machine(test: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.arg(env::current_exe().expect("path of the running test")).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let done = process::run(command, SLOW);
    // A wrong name would run no test, and that successfully.
    assert!(done.code == 0 && done.stdout.contains("1 passed"), "{}\n{}", done.stdout, done.stderr);
}

/// `vc01.example.org`, a proxy and a worker, everything where the documents have it.
pub(crate) struct Machine {
    /// The worker.
    pub worker: Process,
    _proxy: Process,
    _simulator: Simulator,
    authority: Authority,
    _certificate: ServerCertificate,
}

impl Machine {
    /// Starts everything; only inside [`on_own_machine`].
    #[track_caller]
    pub(crate) fn start() -> Self {
        let authority = Authority::new();
        let certificate = authority.server(&["vc01.example.org"]);
        let listen = "127.0.0.2:443".parse().expect("the address that tools/netns-run gives vc01.example.org");
        let simulator = Simulator::start(&SimOptions { listen, certificate: Some(&certificate), ..SimOptions::default() });
        fs::copy(workspace::root().join("contrib/vpoller.conf"), "/etc/vpoller/vpoller.conf").expect("vpoller.conf");
        let authority_file = authority.file().display().to_string();
        for arguments in [
            &["init"][..],
            &["-H", "vc01.example.org", "-U", "root", "-P", "p4ssw0rd", "add"],
            &["-H", "vc01.example.org", "trust", "--ca-file", &authority_file],
            &["-H", "vc01.example.org", "enable"],
        ] {
            let done = process::run_workspace("vconnector-cli", arguments, SOON);
            assert_eq!(done.code, 0, "vconnector-cli {arguments:?}: {}", done.stderr);
        }
        let proxy = Process::workspace("vpoller-proxy", ["start"]);
        let worker = Process::workspace("vpoller-worker", ["--concurrency", "1", "start"]);
        let mut machine = Self { worker, _proxy: proxy, _simulator: simulator, authority, _certificate: certificate };
        machine._proxy.wait_for_line("Proxy process is ready and running", SOON);
        machine.worker.wait_for_line("Worker process is ready and running", SOON);
        machine.wait_for_workers(1);
        machine
    }

    /// Waits until the proxy counts so many workers.
    #[track_caller]
    pub(crate) fn wait_for_workers(&self, count: usize) {
        wait_until(SOON, "the proxy's count of workers", || {
            let status = Client::new("tcp://localhost:9999").ask(&json!({"method": "status"}), SOON);
            status["result"]["workers"].as_array().is_some_and(|workers| workers.len() == count)
        });
    }

    /// Stops the worker, as an operator does.
    #[track_caller]
    pub(crate) fn stop_worker(&mut self) {
        self.worker.signal(libc::SIGTERM);
        self.worker.wait_exit(SOON);
        self.wait_for_workers(0);
    }

    /// Sends bytes to the proxy and returns the reply with the bytes 0 and 1 as `\0` and `\1`, as docs/protocol.md shows them.
    #[track_caller]
    pub(crate) fn exchange(&self, request: &str) -> String {
        let reply = Client::new("tcp://localhost:10123").exchange(request.as_bytes(), SOON);
        let reply = reply.unwrap_or_else(|| panic!("no reply to {request}"));
        String::from_utf8_lossy(&reply).replace('\0', "\\0").replace('\u{1}', "\\1")
    }

    /// Runs a program text on this machine and returns what it printed. vPoller's programs are on its path, and the
    /// machine trusts the vCenter's authority.
    #[track_caller]
    pub(crate) fn run(&self, interpreter: &str, text: &str) -> String {
        let mut command = Command::new(interpreter);
        command.args([if interpreter == RUBY { "-e" } else { "-c" }, text]);
        let path = env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", workspace::build_dir().display()));
        command.env("SSL_CERT_FILE", self.authority.file());
        let Finished { code, stdout, stderr } = process::run(with_package(command), SOON);
        assert_eq!(code, 0, "{text}\n{stdout}{stderr}");
        stdout
    }
}

/// Debian's interpreters, which find Debian's ZeroMQ packages.
pub(crate) const RUBY: &str = "/usr/bin/ruby";
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Lets Python find our package, and leave no compiled files in the source tree.
pub(crate) fn with_package(mut command: Command) -> Command {
    command.env("PYTHONPATH", workspace::root().join("contrib/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The last line of an output as JSON.
#[track_caller]
pub(crate) fn last_json(output: &str) -> Value {
    let line = output.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
