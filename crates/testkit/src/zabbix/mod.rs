//! The real Zabbix, unpacked by `make setup`: agent, lone proxy, and server with database and frontend, of each series and with
//! the module of this build loaded.

mod agent;
mod api;
mod database;
mod proxy;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub use agent::Agent;
pub use api::{ADMINISTRATOR, Api};
pub use proxy::{ActiveProxy, LoneProxy, Row};
pub use server::Server;

use crate::workspace;

/// A Zabbix series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Series {
    /// 6.0: no item timeout in a request.
    V6_0,
    /// 7.0: other log function, per-item timeouts.
    V7_0,
}

impl Series {
    /// Runs a check on every series. One that `make setup` could not get on this system (never so on Debian 12) is left out,
    /// which is printed.
    ///
    /// # Panics
    /// When `make setup` did not run, or there is no series at all.
    #[track_caller]
    pub fn each(check: impl Fn(Self)) {
        Self::there().into_iter().for_each(check);
    }

    /// As [`Series::each`], all series at the same time: for checks that mostly wait.
    ///
    /// # Panics
    /// As [`Series::each`], and when a check panics.
    pub fn together(check: impl Fn(Self) + Sync) {
        let check = &check;
        std::thread::scope(|scope| {
            for series in Self::there() {
                scope.spawn(move || check(series));
            }
        });
    }

    #[track_caller]
    fn there() -> Vec<Self> {
        let there: Vec<_> = [Self::V6_0, Self::V7_0].into_iter().filter(|series| series.is_there()).collect();
        assert!(!there.is_empty(), "no Zabbix on this system; `make setup` says why");
        there
    }

    /// A program or folder of this series, e.g. `sbin/zabbix_agentd`.
    ///
    /// # Panics
    /// When `make setup` did not run.
    #[must_use]
    #[track_caller]
    pub fn program(self, path: &str) -> PathBuf {
        let folder = workspace::artefact("zabbix").join(self.name());
        assert!(folder.join(".complete").exists(), "Zabbix is missing in {}: run `make setup`", folder.display());
        folder.join("usr").join(path)
    }

    fn is_there(self) -> bool {
        let reason = fs::read_to_string(workspace::artefact("zabbix").join(format!("{}.unavailable", self.name())));
        if let Ok(reason) = &reason {
            eprintln!("NOT RUN on Zabbix {}: {reason}", self.name());
        }
        reason.is_err()
    }

    /// As in the documents: `6.0`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V6_0 => "6.0",
            Self::V7_0 => "7.0",
        }
    }
}

/// Configuration and files of one daemon.
pub struct Setting {
    series: Series,
    folder: TempDir,
    module: PathBuf,
}

impl Setting {
    /// Files for one daemon. `module_conf` is the text of the module's configuration file.
    ///
    /// # Panics
    /// When the module was not built.
    #[must_use]
    #[track_caller]
    pub fn new(series: Series, module_conf: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder of a Zabbix daemon");
        let module = folder.path().join("vpoller.so");
        fs::copy(workspace::module(), &module).expect("copy of the module");
        fs::write(folder.path().join("module.conf"), module_conf).expect("module.conf");
        Self { series, folder, module }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.series.program(program));
        command.env("VPOLLER_MODULE_CONF", self.folder.path().join("module.conf"));
        command
    }

    fn common(&self, text: &str) -> String {
        let timeout = if text.contains("Timeout=") { "" } else { "Timeout=4\n" };
        format!("{text}{timeout}AllowRoot=1\nLoadModule={}\n", self.module.display())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("file of a Zabbix daemon");
        path
    }

    fn log(&self, name: &str) -> String {
        read(&self.folder.path().join(name))
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
