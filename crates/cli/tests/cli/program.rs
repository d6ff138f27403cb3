//! Running the programs of this package.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

pub use vpoller_testkit::process::Finished;

const LIMIT: Duration = Duration::from_secs(30);

/// Path of a program of this package.
pub fn path(program: &str) -> &'static str {
    match program {
        "vpoller-client" => env!("CARGO_BIN_EXE_vpoller-client"),
        "vpoller-cclient" => env!("CARGO_BIN_EXE_vpoller-cclient"),
        "vconnector-cli" => env!("CARGO_BIN_EXE_vconnector-cli"),
        "vpoller-bench" => env!("CARGO_BIN_EXE_vpoller-bench"),
        "zabbix-vsphere-import" => env!("CARGO_BIN_EXE_zabbix-vsphere-import"),
        _ => panic!("no program {program}"),
    }
}

/// Runs a program to its end, without input.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(path(program));
    command.args(arguments);
    run_command(command)
}

/// Runs any command to its end, in an environment that does not depend on who runs the tests.
#[track_caller]
pub fn run_command(mut command: Command) -> Finished {
    command.env_remove("COLUMNS").env_remove("VPOLLER_GUEST_PASSWORD").env("RUST_BACKTRACE", "0");
    vpoller_testkit::process::run(command, LIMIT)
}

/// Runs a shell line; `$PROGRAM` in it is the program.
#[track_caller]
pub fn shell(program: &str, line: &str) -> Finished {
    let mut command = Command::new("bash");
    command.args(["-c", line]).env("PROGRAM", path(program));
    run_command(command)
}

/// Runs a program on a terminal of its own and types `answer` when `prompt` has appeared and the terminal echoes or (`hidden`)
/// does not. Standard output has what the screen showed.
#[track_caller]
pub fn on_terminal(program: &str, arguments: &[&str], prompt: &str, answer: &str, hidden: bool) -> Finished {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, if hidden { "hidden" } else { "shown" }, prompt, answer, path(program)]).args(arguments);
    run_command(command)
}

/// Quotes a path for [`shell`].
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

const TERMINAL: &str = r"
import os, pty, select, sys, termios
hidden, prompt, answer, program = sys.argv[1] == 'hidden', *sys.argv[2:5]
child, screen = pty.fork()
if child == 0:
    os.execv(program, sys.argv[4:])
seen, typed = b'', False
while True:
    echo = bool(termios.tcgetattr(screen)[3] & termios.ECHO)
    if not typed and prompt.encode() in seen and echo != hidden:
        os.write(screen, answer.encode() + b'\n')
        typed = True
    if not select.select([screen], [], [], 0.01)[0]:
        continue
    try:
        chunk = os.read(screen, 4096)
    except OSError:
        break
    if not chunk:
        break
    seen += chunk
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";
