//! A whole vPoller for one test: database, configuration, proxy and workers as real processes on ports of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Client;
use crate::process::{self, Process};
use crate::simulator::{PASSWORD, USER};
use crate::wait::SOON;
use crate::{ports, wait_until};

/// A vSphere host as `vconnector-cli` registers it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Name in requests, resolved for the connection: an address works without any name service.
    pub name: String,
    /// Port of its web service.
    pub port: u16,
    /// User to log in with.
    pub user: String,
    /// Password to log in with.
    pub password: String,
    /// Options of `vconnector-cli trust`; empty leaves the host as `add` made it.
    pub trust: Vec<String>,
}

impl Host {
    /// The simulator's user at an address, its certificate not checked.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self {
            name: address.ip().to_string(),
            port: address.port(),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            trust: vec!["--off".to_owned()],
        }
    }
}

/// A running vPoller. Workers can be added, stopped and killed; all ends on drop.
pub struct Stack {
    /// The proxy; none after it was taken out.
    pub proxy: Option<Process>,
    /// The workers, in the order of their start.
    pub workers: Vec<Worker>,
    folder: TempDir,
    ports: [u16; 3],
}

/// A worker of a [`Stack`].
pub struct Worker {
    /// The process, with its log as standard error.
    pub process: Process,
    management: u16,
}

impl Stack {
    /// Registers the hosts, starts the proxy and `workers` workers of one socket each, and waits until the proxy counts them all.
    ///
    /// # Panics
    /// When a program is missing or does not start.
    #[must_use]
    #[track_caller]
    pub fn start(hosts: &[Host], workers: usize) -> Self {
        let mut stack = Self::without_proxy(hosts);
        stack.start_proxy();
        for _ in 0..workers {
            stack.start_worker(&["--concurrency", "1"]);
        }
        stack.wait_for_workers(workers);
        stack
    }

    /// Registers the hosts and starts nothing.
    ///
    /// # Panics
    /// When `vconnector-cli` is missing or fails.
    #[must_use]
    #[track_caller]
    pub fn without_proxy(hosts: &[Host]) -> Self {
        let folder = tempfile::tempdir().expect("folder of a stack");
        let stack = Self { proxy: None, workers: Vec::new(), folder, ports: ports::free() };
        stack.connector(&["init"]);
        hosts.iter().for_each(|host| stack.register(host));
        let [frontend, backend, management] = stack.ports;
        let text = format!(
            "[proxy]\nfrontend = tcp://127.0.0.1:{frontend}\nbackend = tcp://127.0.0.1:{backend}\nmgmt = tcp://127.0.0.1:{management}\nhttp = tcp://127.0.0.1:*\n"
        );
        fs::write(stack.folder.path().join("proxy.conf"), text).expect("proxy.conf");
        stack
    }

    /// Registers and enables one more host.
    ///
    /// # Panics
    /// When `vconnector-cli` fails.
    #[track_caller]
    pub fn register(&self, host: &Host) {
        self.connector(&["-H", &host.name, "-U", &host.user, "-P", &host.password, "--port", &host.port.to_string(), "add"]);
        if !host.trust.is_empty() {
            let trust: Vec<&str> = ["-H", &host.name, "trust"].into_iter().chain(host.trust.iter().map(String::as_str)).collect();
            self.connector(&trust);
        }
        self.connector(&["-H", &host.name, "enable"]);
    }

    /// Starts the proxy, for the first time or again.
    #[track_caller]
    pub fn start_proxy(&mut self) {
        let mut proxy = Process::workspace("vpoller-proxy", ["start", "-f", &self.path("proxy.conf")]);
        proxy.wait_for_line("Proxy process is ready and running", SOON);
        self.proxy = Some(proxy);
    }

    /// Starts one more worker with these options and waits until it is ready; the proxy may not know it yet.
    #[track_caller]
    pub fn start_worker(&mut self, options: &[&str]) -> &mut Worker {
        self.start_worker_behind(&self.backend(), options)
    }

    /// As [`Stack::start_worker`], with one socket and more lines in its settings.
    #[track_caller]
    pub fn start_worker_with(&mut self, settings: &str) -> &mut Worker {
        let backend = self.backend();
        let worker = self.spawn_configured_worker(&backend, &["--concurrency", "1"], settings);
        worker.process.wait_for_line("Worker process is ready and running", SOON);
        worker
    }

    /// As [`Stack::start_worker`], connected to any other endpoint.
    #[track_caller]
    pub fn start_worker_behind(&mut self, backend: &str, options: &[&str]) -> &mut Worker {
        let worker = self.spawn_worker(backend, options);
        worker.process.wait_for_line("Worker process is ready and running", SOON);
        worker
    }

    /// Starts a worker that logs as usual, but to nowhere: a long load would fill the disk. Waits until it says that it runs.
    #[track_caller]
    pub fn start_worker_without_log(&mut self) -> &mut Worker {
        let backend = self.backend();
        let worker = self.spawn_worker(&backend, &["-o", "/dev/null"]);
        wait_until(SOON, "the worker", || worker.status()["result"]["status"] == json!("running"));
        worker
    }

    fn spawn_worker(&mut self, backend: &str, options: &[&str]) -> &mut Worker {
        self.spawn_configured_worker(backend, options, "")
    }

    fn spawn_configured_worker(&mut self, backend: &str, options: &[&str], settings: &str) -> &mut Worker {
        let [management] = ports::free();
        let name = format!("worker{}.conf", self.workers.len());
        let database = self.database().display().to_string();
        let text = format!(
            "[worker]\ndb = {database}\nproxy = {backend}\nmgmt = tcp://127.0.0.1:{management}\nhttp = tcp://127.0.0.1:*\n{settings}"
        );
        fs::write(self.folder.path().join(&name), text).expect("worker.conf");
        let path = self.path(&name);
        let process = Process::workspace("vpoller-worker", options.iter().copied().chain(["start", "-f", &path]));
        self.workers.push(Worker { process, management });
        self.workers.last_mut().expect("the worker just added")
    }

    /// Waits until the proxy counts `count` live workers (sockets).
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for_workers(&self, count: usize) {
        wait_until(SOON, &format!("{count} worker(s) in the proxy's status"), || self.live_workers() == count);
    }

    /// How many live worker sockets the proxy counts.
    #[must_use]
    #[track_caller]
    pub fn live_workers(&self) -> usize {
        let status = self.proxy_status();
        let workers = status["result"]["workers"].as_array().cloned().unwrap_or_default();
        workers.iter().filter(|worker| worker["leaving"] != json!(true)).count()
    }

    /// Where clients connect.
    #[must_use]
    pub fn frontend(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.ports[0])
    }

    /// Where workers connect.
    #[must_use]
    pub fn backend(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.ports[1])
    }

    /// Where the proxy is managed.
    #[must_use]
    pub fn management(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.ports[2])
    }

    /// A client of this stack.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.frontend())
    }

    /// Asks one question with a fresh client.
    ///
    /// # Panics
    /// When there is no JSON answer within [`SOON`].
    #[must_use]
    #[track_caller]
    pub fn ask(&self, message: &Value) -> Value {
        self.client().ask(message, SOON)
    }

    /// The proxy's status reply.
    #[must_use]
    #[track_caller]
    pub fn proxy_status(&self) -> Value {
        Client::new(self.management()).ask(&json!({"method": "status"}), SOON)
    }

    /// The agents' database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("vconnector.db")
    }

    /// Runs `vconnector-cli` on the stack's database and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn connector(&self, arguments: &[&str]) -> String {
        let database = self.database().display().to_string();
        let arguments = ["-d", &database].into_iter().chain(arguments.iter().copied());
        let done = process::run_workspace("vconnector-cli", arguments.clone(), SOON);
        assert_eq!(done.code, 0, "vconnector-cli {:?}:\n{}{}", arguments.collect::<Vec<_>>(), done.stdout, done.stderr);
        done.stdout
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Worker {
    /// Where the worker is managed.
    #[must_use]
    pub fn management(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.management)
    }

    /// The worker's status reply.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> Value {
        Client::new(self.management()).ask(&json!({"method": "status"}), SOON)
    }
}
