//! Running the importer, mostly with a configuration made for the test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::ZABBIX;

/// Path of the program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_zabbix-vsphere-import");

/// Runs it with this text as its configuration, which others cannot read.
#[track_caller]
pub(crate) fn import(configuration: &str, options: &[&str]) -> Finished {
    import_mode(configuration, options, 0o600)
}

/// Runs it with this text as its configuration.
#[track_caller]
pub(crate) fn import_mode(configuration: &str, options: &[&str], mode: u32) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zabbix-vsphere-import.yaml");
    fs::write(&file, configuration).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("-f").arg(&file).args(options);
    run_command(command)
}

/// Runs it with these arguments.
#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Finished {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    run_command(command)
}

/// Runs a command to its end, in an environment that does not depend on who runs the tests.
#[track_caller]
pub(crate) fn run_command(mut command: Command) -> Finished {
    command.env_remove("COLUMNS").env("RUST_BACKTRACE", "0").env("NO_PROXY", "127.0.0.1");
    process::run(command, ZABBIX)
}

/// The log lines, without the time in front of them; each must have one.
#[track_caller]
pub(crate) fn lines(finished: &Finished) -> Vec<&str> {
    let text = |line| {
        let (time, text) = str::split_once(line, "] - ").unwrap_or_else(|| panic!("no log line: {line:?}"));
        assert!(time.starts_with("[20") && time.len() == "[2014-09-06 10:33:28,420".len(), "{line:?}");
        text
    };
    finished.stderr.lines().map(text).collect()
}
