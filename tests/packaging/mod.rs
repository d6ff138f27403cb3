//! What surrounds the programs: units, scripts, `make install` and the Debian package, with the tools of the system as judges.

mod containers;
mod debian;
mod install;
mod notify;
mod pages;
mod sandbox;
mod scripts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Host, Stack, ports, workspace};

/// The programs and the module of this build as a release folder has them, less what only debuggers read.
fn release() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let strip = |from: &Path, name: &str| output(Command::new("strip").arg("-o").arg(folder.path().join(name)).arg(from));
        for program in programs() {
            strip(&workspace::binary(&program), &program);
        }
        strip(&workspace::module(), "vpoller.so");
        folder
    });
    folder.path()
}

/// The names of all programs.
fn programs() -> Vec<String> {
    let entries = |folder: &str| fs::read_dir(workspace::root().join(folder)).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let sources = ["crates/cli/src/bin", "crates/importer/src/bin"].into_iter().flat_map(entries);
    let tools = sources.map(|entry| stem(entry.unwrap().path()));
    tools.chain(["vpoller-proxy", "vpoller-worker", "vpoller-exporter"].map(str::to_owned)).collect()
}

/// `make TARGET`, with variables.
fn make(target: &str, variables: &[(&str, &Path)]) {
    let mut command = Command::new("make");
    command.args(["--no-print-directory", target]).current_dir(workspace::root());
    command.args(variables.iter().map(|(name, value)| format!("{name}={}", value.display())));
    output(&mut command);
}

/// A configuration for proxy and worker with everything in one folder, on ports of its own.
struct Configured {
    folder: TempDir,
    frontend: String,
    /// Where the management of proxy and worker listens.
    management: [String; 2],
}

impl Configured {
    fn new(hosts: &[Host]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("vconnector.db");
        fs::copy(Stack::without_proxy(hosts).database(), &database).unwrap();
        let [frontend, backend, proxy, worker] = ports::free().map(|port: u16| format!("tcp://127.0.0.1:{port}"));
        let text = format!(
            "[proxy]\nfrontend = {frontend}\nbackend = {backend}\nmgmt = {proxy}\n\
             [worker]\nproxy = {backend}\nmgmt = {worker}\ndb = {}\n",
            database.display()
        );
        fs::write(folder.path().join("vpoller.conf"), text).unwrap();
        Self { folder, frontend, management: [proxy, worker] }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds what starts a daemon with this configuration.
    fn start(&self, command: &mut Command, program: &str) {
        command.arg(workspace::binary(program)).arg("start").arg("-f").arg(self.file("vpoller.conf"));
    }
}

/// Runs a command that must succeed, and returns what it prints.
#[track_caller]
fn output(command: &mut Command) -> String {
    let words = format!("{command:?}");
    let Finished { code, stdout, stderr } = process::run(std::mem::replace(command, Command::new("true")), SLOW);
    assert_eq!(code, 0, "{words}\n{stdout}{stderr}");
    stdout
}

/// All files below a folder, relative to it, sorted.
fn files(folder: &Path) -> Vec<String> {
    let text = output(Command::new("find").args([".", "-type", "f", "-printf", "%P\\n"]).current_dir(folder));
    let mut files: Vec<String> = text.lines().map(str::to_owned).collect();
    files.sort();
    files
}
