//! Child processes that end with the test, and whose output can be waited for.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use std::{io, thread};

use tempfile::TempDir;

use crate::wait::poll;
use crate::workspace;

/// A running child in a process group of its own. Dropping it kills the group; should the test itself be killed, the kernel
/// kills the child.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    /// Holds the files `stdout` and `stderr`.
    output: TempDir,
}

impl Process {
    /// Starts `command`. Its output goes to files, read with [`Process::stdout`] and [`Process::stderr`]; its input is empty.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    #[track_caller]
    pub fn spawn(command: Command) -> Self {
        Self::spawn_ended_by(libc::SIGKILL, command)
    }

    /// As [`Process::spawn`]; should the test itself be killed, the kernel sends this signal instead of SIGKILL: for programs
    /// whose own children would stay behind.
    #[must_use]
    #[track_caller]
    pub fn spawn_ended_by(last_signal: i32, mut command: Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = tempfile::tempdir().expect("temporary folder for a child's output");
        let file = |part: &str| fs::File::create(output.path().join(part)).expect("file for a child's output");
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = spawn_bound_to_test(command, last_signal).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        Self { name, child, status: None, output }
    }

    /// Starts a program of the workspace with arguments.
    ///
    /// # Panics
    /// When it was not built or cannot be started.
    #[must_use]
    #[track_caller]
    pub fn workspace<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(program: &str, arguments: I) -> Self {
        let mut command = Command::new(workspace::binary(program));
        command.args(arguments);
        Self::spawn(command)
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the child has written to its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What the child has written to its standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Waits for a line that contains `needle` in either output and returns it.
    ///
    /// # Panics
    /// When there is none within `limit`, or the child ends without writing it; with the child's output.
    #[track_caller]
    pub fn wait_for_line(&mut self, needle: &str, limit: Duration) -> String {
        self.wait_for_lines(needle, 1, limit).remove(0)
    }

    /// Waits for `count` lines that contain `needle` and returns all there are.
    ///
    /// # Panics
    /// As [`Process::wait_for_line`].
    #[track_caller]
    pub fn wait_for_lines(&mut self, needle: &str, count: usize, limit: Duration) -> Vec<String> {
        let found = poll(limit, || {
            let ended = !self.is_running();
            let text = self.both();
            let lines: Vec<String> = complete_lines(&text).filter(|line| line.contains(needle)).map(str::to_owned).collect();
            (lines.len() >= count || ended).then_some(lines)
        });
        let lines = found.unwrap_or_default();
        let state = if self.is_running() { "still runs" } else { "has ended" };
        assert!(
            lines.len() >= count,
            "no {count} line(s) with {needle:?} from {} within {limit:?}; it {state} and wrote:\n{}",
            self.name,
            self.both()
        );
        lines
    }

    /// Whether the child is still there (it may be stopped by SIGSTOP).
    pub fn is_running(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("state of a child");
        }
        self.status.is_none()
    }

    /// Sends a signal such as [`libc::SIGTERM`] to the child (not to its group). A child that has ended gets none.
    pub fn signal(&mut self, number: i32) {
        if self.is_running() {
            send(i32::try_from(self.id()).expect("process id"), number);
        }
    }

    /// Waits until the child has ended by itself.
    ///
    /// # Panics
    /// When it is still there after `limit`; with the child's output.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let status = poll(limit, || (!self.is_running()).then_some(self.status).flatten());
        status.unwrap_or_else(|| panic!("{} still runs after {limit:?}; it wrote:\n{}", self.name, self.both()))
    }

    /// Kills the child and everything in its process group at once.
    pub fn kill(&mut self) {
        send(-i32::try_from(self.id()).expect("process id"), libc::SIGKILL);
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    /// Seconds of processor time that the child and its own children have used so far, those that ended included.
    ///
    /// # Panics
    /// When the child is gone.
    #[must_use]
    #[track_caller]
    pub fn processor_seconds(&self) -> f64 {
        let own = self.id().to_string();
        let ticks = |pid: &str| processor_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
        let (_, mut sum) = ticks(&own).unwrap_or_else(|| panic!("no {} among the processes", self.name));
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid.bytes().all(|byte| byte.is_ascii_digit())
                && let Some((parent, more)) = ticks(&pid)
                && parent == own
            {
                sum += more;
            }
        }
        sum as f64 / TICKS_PER_SECOND
    }

    fn both(&self) -> String {
        let mut text = self.stderr();
        text.push_str(&self.stdout());
        text
    }

    fn read(&self, part: &str) -> String {
        let bytes = fs::read(self.output.path().join(part)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("--- {} wrote to standard error:\n{}", self.name, tail(&self.stderr(), 60));
        }
    }
}

/// What a command that ran to its end left behind.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started or is still there after `limit`.
#[must_use]
#[track_caller]
pub fn run(command: Command, limit: Duration) -> Finished {
    let mut process = Process::spawn(command);
    let status = process.wait_exit(limit);
    Finished { code: status.code().unwrap_or(-1), stdout: process.stdout(), stderr: process.stderr() }
}

/// Runs a program of the workspace with arguments to its end, as [`run`].
#[must_use]
#[track_caller]
pub fn run_workspace<I: IntoIterator<Item: AsRef<std::ffi::OsStr>>>(program: &str, arguments: I, limit: Duration) -> Finished {
    let mut command = Command::new(workspace::binary(program));
    command.args(arguments);
    run(command, limit)
}

/// Sends a signal to any process or (negative number) group; one that is gone is no error.
pub fn send(target: i32, signal: i32) {
    // SAFETY: kill takes plain numbers and touches no memory of ours.
    unsafe { libc::kill(target, signal) };
}

type SpawnOrder = (Command, Sender<io::Result<Child>>);

/// Starts the child from one thread that lives as long as the test process: the kernel kills the child when the *thread* that
/// made it ends, and a test's own thread ends before statics that other tests still use.
fn spawn_bound_to_test(mut command: Command, last_signal: i32) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<Sender<SpawnOrder>>> = OnceLock::new();
    command.process_group(0);
    // SAFETY: between fork and exec only prctl is called, which is safe there.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, last_signal);
            Ok(())
        });
    }
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<SpawnOrder>();
        thread::Builder::new()
            .name("testkit-spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in inbox {
                    // The caller waits for it.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("thread that starts children");
        Mutex::new(orders)
    });
    let (answer, child) = channel();
    spawner.lock().expect("spawner").send((command, answer)).expect("the spawner lives");
    child.recv().expect("the spawner answers")
}

/// What the kernel counts processor time in, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// The parent in a `stat` file, and the ticks of the process and of its children that ended. The name before them may hold anything.
fn processor_ticks(stat: &str) -> Option<(String, u64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(((*fields.get(1)?).to_owned(), ticks))
}

/// Lines that have been written up to their end.
fn complete_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(str::trim_end)
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::wait::SOON;
    use crate::wait_until;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn processor_time_is_that_of_children_too() {
        let busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let mut alone = Process::spawn(shell(&format!("{busy}; echo done; exec sleep 60")));
        alone.wait_for_line("done", SOON);
        let mut parent = Process::spawn(shell(&format!("({busy}; echo done; exec sleep 60) & wait")));
        parent.wait_for_line("done", SOON);
        assert!(alone.processor_seconds() > 0.0 && parent.processor_seconds() > 0.0);
        assert_eq!(processor_ticks("7 (a) b) S 5 7 7 0 -1 0 0 0 0 0 1 2 30 400 20 0"), Some(("5".to_owned(), 433)));
        assert_eq!(processor_ticks("7 (cut) S 5"), None);
    }

    #[test]
    fn captures_output_and_exit_code() {
        let done = run(shell("echo out; echo err >&2; exit 3"), SOON);
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (3, "out\n", "err\n"));
    }

    #[test]
    fn waits_for_a_line_and_ends_by_signal() {
        let mut process = Process::spawn(shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"));
        assert_eq!(process.wait_for_line("rea", SOON), "ready");
        process.signal(libc::SIGTERM);
        assert_eq!(process.wait_exit(SOON).code(), Some(7));
        assert!(process.stdout().ends_with("bye\n"));
    }

    #[test]
    #[should_panic(expected = "has ended and wrote:\nsomething else")]
    fn a_missing_line_shows_what_there_was() {
        Process::spawn(shell("echo something else")).wait_for_line("ready", SOON);
    }

    #[test]
    fn dropping_kills_the_whole_group() {
        let mut process = Process::spawn(shell("sleep 1000 & echo $!; wait"));
        let grandchild = process.wait_for_line("", SOON);
        drop(process);
        let path = PathBuf::from("/proc").join(grandchild);
        let gone = || fs::read_to_string(path.join("stat")).map_or(true, |stat| stat.contains(") Z "));
        wait_until(SOON, "the end of the grandchild", gone);
    }

    #[test]
    fn children_outlive_the_thread_that_asked_for_them() {
        let mut process = thread::spawn(|| Process::spawn(shell("echo up; sleep 1000"))).join().unwrap();
        process.wait_for_line("up", SOON);
        assert!(process.is_running());
    }
}
