//! Builds `host.c` for each generation of Zabbix and runs it with the module.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::workspace;

/// Every generation, see `host.c`; all but X load the module.
pub(super) const PROFILES: [char; 8] = ['A', 'B', 'O', 'C', 'P', 'D', 'N', 'E'];

/// One run of the host, put together step by step.
pub(super) struct Host {
    folder: TempDir,
    profile: char,
    program: &'static str,
    library: PathBuf,
    environment: HashMap<&'static str, String>,
    wrapper: Vec<String>,
}

impl Host {
    /// A host of that generation, with the module of this build and no configuration file of the machine.
    pub(super) fn new(profile: char) -> Self {
        let host = Self {
            folder: TempDir::new().unwrap(),
            profile,
            program: "zabbix_agentd",
            library: workspace::module(),
            environment: HashMap::new(),
            wrapper: Vec::new(),
        };
        host.config("")
    }

    /// The lines of the module's configuration file.
    pub(super) fn config(self, text: &str) -> Self {
        let path = self.folder.path().join("module.conf");
        fs::write(&path, text).unwrap();
        self.variable("VPOLLER_MODULE_CONF", path.to_string_lossy())
    }

    /// The address of a proxy (or a list) as the only line of the configuration file.
    pub(super) fn proxy(self, endpoints: &str) -> Self {
        self.config(&format!("vPollerProxy={endpoints}\n"))
    }

    /// The name of the host's program.
    pub(super) fn program(self, name: &'static str) -> Self {
        Self { program: name, ..self }
    }

    /// Another file to load.
    pub(super) fn library(self, path: &Path) -> Self {
        Self { library: path.to_owned(), ..self }
    }

    /// `Timeout` of the host, in seconds.
    pub(super) fn timeout(self, seconds: u32) -> Self {
        self.variable("HOST_TIMEOUT", seconds.to_string())
    }

    /// `DebugLevel` of the host.
    pub(super) fn log_level(self, level: u32) -> Self {
        self.variable("HOST_LEVEL", level.to_string())
    }

    /// A variable of the host's environment.
    pub(super) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.insert(name, value.into());
        self
    }

    /// A command that runs the host, with its options.
    pub(super) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(ToString::to_string).collect();
        self
    }

    /// Runs the commands and returns what the host printed, whatever became of it.
    pub(super) fn finish(&self, commands: &[&str]) -> Finished {
        // A copy, so that the module sees the program under its name.
        let program = self.folder.path().join(self.program);
        fs::copy(compiled(self.profile), &program).unwrap();
        let mut words = self.wrapper.iter().map(PathBuf::from).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg(&self.library).args(commands);
        command.env_remove("VPOLLER_ZABBIX_ABI").envs(&self.environment);
        process::run(command, SLOW)
    }

    /// As [`Host::finish`] for a run that must end well; the lines after `loaded`, log lines left out.
    pub(super) fn run(&self, commands: &[&str]) -> Vec<String> {
        self.run_with_log(commands).into_iter().filter(|line| !line.starts_with("log ")).collect()
    }

    /// As [`Host::run`] with the log lines.
    pub(super) fn run_with_log(&self, commands: &[&str]) -> Vec<String> {
        let finished = self.finish(commands);
        assert_eq!(finished.code, 0, "profile {}: {}\n{}", self.profile, finished.stdout, finished.stderr);
        let lines = finished.stdout.lines().map(str::to_owned);
        lines.skip_while(|line| line != "loaded").skip(1).collect()
    }

    /// The one line that one item gives.
    pub(super) fn item(&self, item: &str) -> String {
        let mut lines = self.run(&[&format!("item:{item}")]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }
}

/// The host's program for a generation, compiled once for all tests.
fn compiled(profile: char) -> PathBuf {
    static PROGRAMS: LazyLock<(TempDir, Mutex<HashMap<char, PathBuf>>)> =
        LazyLock::new(|| (TempDir::new().unwrap(), Mutex::default()));
    let (folder, programs) = &*PROGRAMS;
    let mut programs = programs.lock().unwrap();
    programs.entry(profile).or_insert_with(|| compile(profile, &folder.path().join(profile.to_string()))).clone()
}

fn compile(profile: char, program: &Path) -> PathBuf {
    let tree = workspace::root();
    let mut command = Command::new("cc");
    // Warnings are errors but for the one about Zabbix's own way to write a function pointer.
    command.args(["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Wno-strict-prototypes", "-g", "-rdynamic"]);
    command.arg(format!("-DPROFILE='{profile}'")).arg("-I").arg(tree.join("include")).arg("-o").arg(program);
    let finished = process::run(
        {
            command.arg(tree.join("tests/host.c"));
            command
        },
        SLOW,
    );
    assert_eq!(finished.code, 0, "cc (is it installed? `make setup` does it): {}", finished.stderr);
    program.to_owned()
}
