//! Helpers of the users' own: a command that reads request and reply as JSON and prints what the client gets.
//!
//! No shell is involved, and the guest account of the request stays here. Time, output and the number at a time are bounded. Whatever
//! goes wrong, the client gets a text that says so.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use vpoller_daemon::config::{ConfigError, Settings};
use vpoller_wire::json::{self, Style};
use vpoller_wire::{Field, Reply, Request};

use super::{Rendered, outcome};
use crate::log_limits::{LogOnce, shorten};
use crate::response::Response;

/// What the configuration says about one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spec {
    /// The name that requests use.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// How many bytes it may print.
    pub max_output: usize,
    /// How many may run at the same time.
    pub at_once: usize,
}

const KIB: usize = 1024;
const ARGUMENTS: &str =
    "is no command: write the absolute path of a program, then its arguments; quotes hold together what has blanks";

impl Spec {
    /// Reads the section of a helper.
    pub(crate) fn read(settings: &Settings, section: &str, name: &str) -> Result<Self, ConfigError> {
        let times = Duration::from_millis(10)..=Duration::from_secs(600);
        Ok(Self {
            name: name.to_owned(),
            command: settings.value(section, "command", "", |text| words(text).ok_or_else(|| ARGUMENTS.to_owned()))?,
            timeout: settings.duration(section, "timeout", Duration::from_secs(5), times)?,
            max_output: settings.number(section, "max_output", 16 * KIB, 1..=KIB * KIB)?.saturating_mul(KIB),
            at_once: settings.number(section, "at_once", 4, 1..=256)?,
        })
    }

    /// What will keep it from working, as far as one can tell.
    pub(crate) fn complaint(&self) -> Option<String> {
        let program = self.command.first()?;
        let trouble = match std::fs::metadata(program) {
            Err(error) => error.to_string(),
            Ok(file) if !file.is_file() => "it is no file".to_owned(),
            Ok(file) if file.permissions().mode() & 0o111 == 0 => "it is not executable".to_owned(),
            Ok(_) => return None,
        };
        Some(format!("Helper {} cannot be used: {program}: {trouble}", self.name))
    }
}

/// The words of a command line, quoted as in a shell but with nothing in them replaced.
fn words(text: &str) -> Option<Vec<String>> {
    shlex::split(text).filter(|words| words.first().is_some_and(|program| program.starts_with('/')))
}

/// All of them, by name.
#[derive(Default)]
pub struct Externals(BTreeMap<String, Arc<External>>);

impl Externals {
    /// These, and no others.
    #[must_use]
    pub fn new(specs: &[Spec]) -> Self {
        Self(specs.iter().map(|spec| (spec.name.clone(), Arc::new(External::new(spec.clone())))).collect())
    }

    /// The one with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Arc<External>> {
        self.0.get(name).cloned()
    }

    /// What the status page says, one element for each.
    #[must_use]
    pub fn status(&self) -> Json {
        self.0.values().map(|external| external.status()).collect()
    }
}

/// One of them.
pub struct External {
    spec: Spec,
    places: Semaphore,
    runs: AtomicU64,
    failures: AtomicU64,
    /// Failures that were logged.
    logged: LogOnce,
}

/// Why there is no output. Continues `helper <name> `.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("had no time left, with {0} of its kind running already")]
    Crowded(usize),
    #[error("cannot be run: {0}")]
    Start(io::Error),
    #[error("did not end within {} s and was stopped", .0.as_secs_f64())]
    Slow(Duration),
    #[error("printed more than {0} bytes and was stopped")]
    Long(usize),
    #[error("cannot be talked to: {0}")]
    Pipe(io::Error),
    #[error("failed ({status}){}{said}", if said.is_empty() { "" } else { ": " })]
    Failed { status: ExitStatus, said: String },
}

impl External {
    fn new(spec: Spec) -> Self {
        Self {
            places: Semaphore::new(spec.at_once),
            spec,
            runs: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            logged: LogOnce::default(),
        }
    }

    /// Has the command print a reply, before `deadline`.
    pub async fn render(&self, request: &Request, response: &Response, deadline: Instant) -> Rendered {
        self.runs.fetch_add(1, Ordering::Relaxed);
        match self.run(input(request, response), deadline).await {
            Ok(bytes) => Rendered { bytes, outcome: outcome(response) },
            Err(trouble) => self.failed(response, &trouble.to_string()),
        }
    }

    /// The reason why there is no result goes before the reason why it cannot be printed.
    fn failed(&self, response: &Response, trouble: &str) -> Rendered {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let text = format!("helper {} {trouble}", self.spec.name);
        if self.logged.first_time(&text) {
            tracing::warn!("{text}");
        }
        if response.is_success() {
            super::plain(&Reply::failure(format!("Cannot send result: {text}")).into())
        } else {
            super::plain(response)
        }
    }

    async fn run(&self, input: Vec<u8>, deadline: Instant) -> Result<Vec<u8>, Trouble> {
        let crowded = |_| Trouble::Crowded(self.spec.at_once);
        let Ok(_place) = timeout_at(deadline, self.places.acquire()).await.map_err(crowded)? else {
            return Err(Trouble::Crowded(0)); // the semaphore is never closed
        };
        let start = Instant::now();
        let limit = self.spec.timeout.min(deadline.saturating_duration_since(start));
        let mut running = Running::start(&self.spec)?;
        timeout_at(start + limit, running.converse(&input, self.spec.max_output)).await.map_err(|_| Trouble::Slow(limit))?
    }

    fn status(&self) -> Json {
        json!({
            "name": self.spec.name,
            "running": self.spec.at_once.saturating_sub(self.places.available_permits()),
            "runs": self.runs.load(Ordering::Relaxed),
            "failures": self.failures.load(Ordering::Relaxed),
        })
    }
}

/// What the command reads: one line of JSON.
fn input(request: &Request, response: &Response) -> Vec<u8> {
    let mut request = request.to_json();
    if let Json::Object(members) = &mut request {
        let account = [Field::Username.name(), Field::Password.name()];
        members.retain(|name, value| !value.is_null() && !account.contains(&name.as_str()));
    }
    let parts = [&b"{\"request\": "[..], &json::line(&request), b", \"reply\": ", &response.to_bytes(Style::Line), b"}\n"];
    parts.concat()
}

/// A started command. When it is dropped before it ended, it and what it started are killed.
struct Running {
    child: Child,
    ended: bool,
}

impl Running {
    fn start(spec: &Spec) -> Result<Self, Trouble> {
        let (program, arguments) = spec.command.split_first().ok_or_else(|| Trouble::Start(io::ErrorKind::NotFound.into()))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").env("VPOLLER_HELPER", &spec.name);
        // A group of its own, so that all of it can be ended.
        command.current_dir("/").process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self { child: command.spawn().map_err(Trouble::Start)?, ended: false })
    }

    async fn converse(&mut self, input: &[u8], max_output: usize) -> Result<Vec<u8>, Trouble> {
        let (stdin, stdout, stderr) = (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A command need not read all of it.
                let _ = stdin.write_all(input).await;
            }
            Ok(())
        };
        let ((), mut output, said) = tokio::try_join!(write, whole(stdout, max_output), last_line(stderr))?;
        let status = self.child.wait().await.map_err(Trouble::Pipe)?;
        self.ended = true;
        if !status.success() {
            return Err(Trouble::Failed { status, said });
        }
        if output.ends_with(b"\n") && !output.ends_with(b"\r\n") {
            output.pop();
        }
        Ok(output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Until it is waited for, the system gives its number to no other process.
        let id = self.child.id().filter(|_| !self.ended).and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // All of it may have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

async fn whole(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        from.take(bound).read_to_end(&mut bytes).await.map_err(Trouble::Pipe)?;
    }
    if bytes.len() > most { Err(Trouble::Long(most)) } else { Ok(bytes) }
}

/// The last line that is not blank, of however much.
async fn last_line(from: Option<impl AsyncRead + Unpin>) -> Result<String, Trouble> {
    let (mut tail, mut chunk) = (Vec::new(), [0; KIB]);
    let Some(mut from) = from else { return Ok(String::new()) };
    loop {
        match from.read(&mut chunk).await.map_err(Trouble::Pipe)? {
            0 => break,
            length => tail.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
        let surplus = tail.len().saturating_sub(LONGEST_LINE);
        tail.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&tail);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    Ok(shorten(line, LONGEST_LINE / 4).into_owned())
}

const LONGEST_LINE: usize = 2 * KIB;

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vpoller_daemon::Program;
    use vpoller_wire::{Outcome, Secret};

    fn spec(command: &[&str]) -> Spec {
        Spec {
            name: "mine".to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            timeout: Duration::from_secs(20),
            max_output: 100,
            at_once: 1,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn reply() -> Response {
        Reply::success("ok", json!([{"name": "Größe"}])).into()
    }

    async fn rendered(spec: Spec, response: &Response) -> (String, Outcome) {
        let mut request = Request::new("vm.get", "vc01");
        (request.username, request.password) = (Some("root".to_owned()), Some(Secret::new("p4ssw0rd")));
        request.properties = vec!["name".to_owned()];
        let Rendered { bytes, outcome } = External::new(spec).render(&request, response, soon()).await;
        (String::from_utf8(bytes).expect("UTF-8"), outcome)
    }

    async fn check(command: &[&str], expected: &str) {
        let (text, outcome) = rendered(spec(command), &reply()).await;
        let failed = text.starts_with(r#"{"success": 1"#);
        assert_eq!((text.as_str(), outcome == Outcome::Failure), (expected, failed), "{command:?}");
    }

    #[tokio::test]
    async fn the_command_gets_all_but_the_guest_account() {
        let line = r#"{"request": {"method": "vm.get", "hostname": "vc01", "properties": ["name"]}, "reply": {"success": 0, "msg": "ok", "result": [{"name": "Größe"}]}}"#;
        let mut long = spec(&["/bin/cat"]);
        long.max_output = 1000;
        assert_eq!(rendered(long, &reply()).await, (line.to_owned(), Outcome::Value));
        check(&["/usr/bin/env"], &format!("LANG=C.UTF-8\nPATH={PATH}\nVPOLLER_HELPER=mine")).await;
    }

    #[tokio::test]
    async fn its_words_are_no_shells() {
        check(&["/bin/echo", "-n", "$(id); `id` | *"], "$(id); `id` | *").await;
        // Nothing is read, and one line break goes.
        check(&["/bin/printf", r"a\n\n"], "a\n").await;
        check(&["/bin/printf", r"a\r\n"], "a\r\n").await;
        check(&["/bin/true"], "").await;
    }

    #[tokio::test]
    async fn what_goes_wrong_is_said() {
        let failure = |text: &str| format!(r#"{{"success": 1, "msg": "Cannot send result: helper mine {text}"}}"#);
        check(&["/bin/false"], &failure("failed (exit status: 1)")).await;
        let script = "echo lost; echo; echo ' bad value ' >&2; echo >&2; exit 3";
        check(&["/bin/sh", "-c", script], &failure("failed (exit status: 3): bad value")).await;
        check(&["/bin/sh", "-c", "kill -9 $$"], &failure("failed (signal: 9 (SIGKILL))")).await;
        check(&["/nonexistent"], &failure("cannot be run: No such file or directory (os error 2)")).await;
        check(&["/usr/bin/yes"], &failure("printed more than 100 bytes and was stopped")).await;
        let slow = Spec { timeout: Duration::from_millis(50), ..spec(&["/bin/sleep", "1000"]) };
        let expected = failure("did not end within 0.05 s and was stopped");
        assert_eq!(rendered(slow, &reply()).await, (expected, Outcome::Failure));
    }

    #[tokio::test]
    async fn a_failed_request_is_printed_too_and_tells_its_own_reason_first() {
        let failed = Response::from(Reply::failure("Cannot find object vm01"));
        assert_eq!(rendered(spec(&["/bin/echo", "none"]), &failed).await, ("none".to_owned(), Outcome::Failure));
        let text = r#"{"success": 1, "msg": "Cannot find object vm01"}"#.to_owned();
        assert_eq!(rendered(spec(&["/bin/false"]), &failed).await, (text, Outcome::Failure));
    }

    /// Whether a process of this group is left that is not dead.
    fn group_lives(group: &str) -> bool {
        let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).ok();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(stat);
        let fields = processes.filter_map(|stat| Some(stat.rsplit_once(") ")?.1.to_owned()));
        fields.map(|rest| rest.split(' ').map(str::to_owned).collect::<Vec<_>>()).any(|rest| rest[2] == group && rest[0] != "Z")
    }

    #[tokio::test]
    async fn what_is_stopped_leaves_no_process() {
        let folder = tempfile::tempdir().expect("folder");
        let group = folder.path().join("group");
        let script = format!("echo $$ >{}; sleep 1000 & sleep 1000", group.display());
        let external = External::new(spec(&["/bin/sh", "-c", &script]));
        let (request, reply) = (Request::new("about", "vc01"), reply());
        let written = || std::fs::read_to_string(&group).ok().filter(|text| text.ends_with('\n'));
        tokio::select! {
            _ = external.render(&request, &reply, soon()) => panic!("it sleeps"),
            () = async { while written().is_none() { tokio::task::yield_now().await } } => {}
        }
        let group = written().expect("written").trim().to_owned();
        vpoller_testkit::wait_until(Duration::from_secs(20), "the end of all", || !group_lives(&group));
        assert_eq!(external.status()["running"], 0);
    }

    #[tokio::test]
    async fn only_so_many_run_at_a_time() {
        let external = External::new(spec(&["/bin/cat"]));
        let taken = external.places.acquire().await.expect("a place");
        let (request, reply) = (Request::new("about", "vc01"), reply());
        let late = external.render(&request, &reply, Instant::now()).await;
        assert!(String::from_utf8_lossy(&late.bytes).contains("had no time left, with 1 of its kind running already"));
        assert_eq!(external.status(), json!({"name": "mine", "running": 1, "runs": 1, "failures": 1}));
        drop(taken);
        assert_eq!(external.render(&request, &reply, soon()).await.outcome, Outcome::Failure, "more than 100 bytes");
    }

    fn read(text: &str) -> Result<Spec, String> {
        let settings = Settings::parse(text, Path::new("/w.conf"), Program::Worker).expect("syntax");
        Spec::read(&settings, "helper:mine", "mine").map_err(|error| error.to_string())
    }

    #[test]
    fn sections_are_read_strictly() {
        let full = "[helper:mine]\ncommand = /bin/a 'b c' \"d\" e\\ f $x\ntimeout = 0.5\nmax_output = 1\nat_once = 2\n";
        let expected = Spec {
            name: "mine".to_owned(),
            command: ["/bin/a", "b c", "d", "e f", "$x"].map(str::to_owned).to_vec(),
            timeout: Duration::from_millis(500),
            max_output: 1024,
            at_once: 2,
        };
        assert_eq!(read(full), Ok(expected));
        for wrong in ["", "command =", "command = cat", "command = /bin/cat 'a", "command = ''"] {
            let error = read(&format!("[helper:mine]\n{wrong}\n")).expect_err(wrong);
            assert!(error.contains("[helper:mine] command = ") && error.contains("is no command: write"), "{error}");
        }
        assert!(read("[helper:mine]\ncommand = /bin/cat\nat_once = 0\n").is_err());
    }

    #[test]
    fn a_program_that_is_none_is_complained_about() {
        let complaint = |program: &str| spec(&[program]).complaint().unwrap_or_default();
        assert_eq!(complaint("/bin/cat"), "");
        assert!(complaint("/nonexistent").ends_with("/nonexistent: No such file or directory (os error 2)"));
        assert!(complaint("/bin").ends_with("/bin: it is no file"));
        assert!(complaint("/etc/passwd").ends_with("/etc/passwd: it is not executable"));
    }
}
