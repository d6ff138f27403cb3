//! A real `vpoller-worker` process for one test, with its database, configuration and management socket in a folder of its own.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;
use vpoller_store::{Store, TlsChoice};
use vpoller_testkit::process::{Finished, run};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, Process};

/// The program under test.
pub(crate) fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vpoller-worker"))
}

/// A folder with a database and a configuration.
pub(crate) struct Home {
    pub folder: TempDir,
    store: Store,
}

impl Home {
    pub(crate) fn new(backend: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path().join("vconnector.db")).unwrap();
        let home = Self { folder, store };
        home.configure(backend, "");
        home
    }

    /// Writes the configuration, `more` below the usual lines of `[worker]`.
    pub(crate) fn configure(&self, backend: &str, more: &str) {
        let db = self.path("vconnector.db");
        let text = format!("[worker]\ndb = {db}\nproxy = {backend}\nmgmt = {}\nhttp = tcp://127.0.0.1:*\n{more}\n", self.mgmt());
        fs::write(self.folder.path().join("vpoller.conf"), text).unwrap();
    }

    /// Registers and enables a simulator, or what stands in its place, under its address; returns the name for requests.
    pub(crate) fn register(&self, address: SocketAddr) -> String {
        let name = address.ip().to_string();
        self.store.add(&name, "root", &"p4ssw0rd".into()).unwrap();
        self.store.set_port(&name, address.port()).unwrap();
        self.store.set_tls(&name, &TlsChoice::Off).unwrap();
        self.store.enable(&name).unwrap();
        name
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub(crate) fn mgmt(&self) -> String {
        format!("ipc://{}", self.path("mgmt"))
    }

    /// Starts the worker and waits until every thread is ready.
    pub(crate) fn start(&self, concurrency: usize) -> Process {
        let mut command = program();
        command.args(["start", "-d", "-c", &concurrency.to_string(), "-f", &self.path("vpoller.conf")]);
        let mut process = Process::spawn(command);
        process.wait_for_lines("Worker process is ready and running", concurrency, SOON);
        process.wait_for_line("Worker Manager is ready and running", SOON);
        process
    }

    /// Runs the program with the management endpoint, to its end.
    pub(crate) fn ask(&self, word: &str) -> Finished {
        let mut command = program();
        command.args(["--endpoint", &self.mgmt(), word]);
        run(command, SOON)
    }

    /// The `result` of a status reply.
    pub(crate) fn status(&self) -> Json {
        let reply = Client::new(self.mgmt()).ask(&serde_json::json!({"method": "status"}), SOON);
        assert_eq!((&reply["success"], &reply["msg"]), (&Json::from(0), &Json::from("vPoller Worker status")));
        reply["result"].clone()
    }
}
