//! Programs that behave differently on a terminal: they ask, or show how far they are.

use std::process::Command;

/// A command that runs `program` on a terminal of its own. It types `answer` once `prompt` has appeared on the screen and the
/// terminal does not echo (`hidden`) or does. Its standard output is what the screen showed, its exit code that of the program.
#[must_use]
pub fn command(program: &str, arguments: &[&str], prompt: &str, answer: &str, hidden: bool) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, if hidden { "hidden" } else { "shown" }, prompt, answer, program]).args(arguments);
    command
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
