//! Running the programs of this package.

use std::path::Path;
use std::process::Command;

pub(crate) use vpoller_testkit::process::Finished;
use vpoller_testkit::terminal;
use vpoller_testkit::wait::SOON;

/// Path of a program of this package.
pub(crate) fn path(program: &str) -> &'static str {
    match program {
        "vpoller-client" => env!("CARGO_BIN_EXE_vpoller-client"),
        "vpoller-cclient" => env!("CARGO_BIN_EXE_vpoller-cclient"),
        "vconnector-cli" => env!("CARGO_BIN_EXE_vconnector-cli"),
        "vpoller-bench" => env!("CARGO_BIN_EXE_vpoller-bench"),
        _ => panic!("no program {program}"),
    }
}

/// Runs a program to its end, without input.
#[track_caller]
pub(crate) fn run(program: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(path(program));
    command.args(arguments);
    run_command(command)
}

/// Runs any command to its end, in an environment that does not depend on who runs the tests.
#[track_caller]
pub(crate) fn run_command(mut command: Command) -> Finished {
    command.env_remove("COLUMNS").env_remove("VPOLLER_GUEST_PASSWORD").env("RUST_BACKTRACE", "0");
    vpoller_testkit::process::run(command, SOON)
}

/// Runs a shell line; `$PROGRAM` in it is the program.
#[track_caller]
pub(crate) fn shell(program: &str, line: &str) -> Finished {
    let mut command = Command::new("bash");
    command.args(["-c", line]).env("PROGRAM", path(program));
    run_command(command)
}

/// Runs a program on a terminal of its own, see [`terminal::command`]. Standard output has what the screen showed.
#[track_caller]
pub(crate) fn on_terminal(program: &str, arguments: &[&str], prompt: &str, answer: &str, hidden: bool) -> Finished {
    run_command(terminal::command(path(program), arguments, prompt, answer, hidden))
}

/// Quotes a path for [`shell`].
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
