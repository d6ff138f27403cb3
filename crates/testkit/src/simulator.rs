//! The simulated vCenter or ESXi host: `tests/vcsim` started on a port the system chose, and its own pages for tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::certificates::ServerCertificate;
use crate::{Process, http, workspace};

/// Starting 10,000 virtual machines takes half a minute on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(180);

/// User that the simulator accepts by default.
pub const USER: &str = "root";
/// Password of [`USER`], also of `root` inside the guests.
pub const PASSWORD: &str = "p4ssw0rd";

/// Which build of the simulator.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bed {
    /// On the govmomi that the distribution packages: big and fast. Always there after `make test`.
    #[default]
    Packaged,
    /// On a current govmomi release: pages, truncated updates. Only where a Go module proxy answered when it was to be built.
    Current,
}

impl Bed {
    /// Both builds, for scenarios that hold on either.
    pub const ALL: [Self; 2] = [Self::Packaged, Self::Current];

    /// The simulator's program; none when this bed was not built.
    #[must_use]
    pub fn program(self) -> Option<PathBuf> {
        let path = workspace::artefact("vcsim").join(match self {
            Self::Packaged => "vcsim-packaged",
            Self::Current => "vcsim-current",
        });
        path.is_file().then_some(path)
    }
}

/// What to simulate. `SimOptions::default()` is the vCenter of the documents.
#[derive(Debug)]
pub struct SimOptions<'a> {
    /// Which build.
    pub bed: Bed,
    /// The named objects of the documents (`vc01.example.org`); without, only what the counts below say.
    pub fixtures: bool,
    /// A standalone ESXi host instead of a vCenter.
    pub esx: bool,
    /// Virtual machines beside the named ones.
    pub vms: usize,
    /// Property changes a second, made by the simulator itself.
    pub churn: u32,
    /// Pause before every answer.
    pub delay: Duration,
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Accepted user.
    pub username: &'a str,
    /// Accepted password.
    pub password: &'a str,
    /// What the server presents; without, the simulator's built-in certificate.
    pub certificate: Option<&'a ServerCertificate>,
    /// More flags, as they are.
    pub flags: &'a [&'a str],
}

impl Default for SimOptions<'_> {
    fn default() -> Self {
        Self {
            bed: Bed::Packaged,
            fixtures: true,
            esx: false,
            vms: 0,
            churn: 0,
            delay: Duration::ZERO,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            username: USER,
            password: PASSWORD,
            certificate: None,
            flags: &[],
        }
    }
}

/// SOAP calls a simulator has counted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Calls {
    /// All of them.
    pub total: u64,
    /// By method name.
    pub methods: BTreeMap<String, u64>,
    /// Bytes of all request bodies.
    pub bytes_in: u64,
    /// Bytes of all answer bodies.
    pub bytes_out: u64,
}

/// A running simulator, ended on drop.
#[derive(Debug)]
pub struct Simulator {
    process: Process,
    address: SocketAddr,
}

impl Simulator {
    /// Starts a simulator and waits until it serves.
    ///
    /// # Panics
    /// When the bed was not built (the message says how to) or does not start.
    #[must_use]
    #[track_caller]
    pub fn start(options: &SimOptions<'_>) -> Self {
        let program = options.bed.program().unwrap_or_else(|| {
            panic!(
                "the simulator ({:?}) is missing below {}: run `make test`, or tests/vcsim/build.sh",
                options.bed,
                workspace::artefact("vcsim").display()
            )
        });
        let mut command = Command::new(program);
        command.args(flags(options));
        let mut process = Process::spawn(command);
        let line = process.wait_for_line("\"address\"", START_LIMIT);
        let announced: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = announced["address"].as_str().and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in the simulator's line {line:?}"));
        Self { process, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of its web service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/sdk", self.address)
    }

    /// What was asked since the start or the last [`Simulator::reset_calls`].
    #[track_caller]
    pub fn calls(&self) -> Calls {
        let page = self.page("GET", "/calls", "");
        let number = |name: &str| page[name].as_u64().unwrap_or(0);
        let methods = page["methods"].as_object().cloned().unwrap_or_default();
        Calls {
            total: number("total"),
            methods: methods.into_iter().map(|(name, count)| (name, count.as_u64().unwrap_or(0))).collect(),
            bytes_in: number("bytes_in"),
            bytes_out: number("bytes_out"),
        }
    }

    /// Calls of one SOAP method, as [`Simulator::calls`].
    #[track_caller]
    pub fn calls_of(&self, method: &str) -> u64 {
        self.calls().methods.get(method).copied().unwrap_or(0)
    }

    /// Sets all call counters to zero.
    #[track_caller]
    pub fn reset_calls(&self) {
        self.page("POST", "/calls/reset", "");
    }

    /// The sessions that are logged in now: objects with `key`, `user`, `agent`, `ip`, `login`, `calls`.
    #[track_caller]
    pub fn sessions(&self) -> Vec<Value> {
        self.page("GET", "/sessions", "").as_array().cloned().unwrap_or_default()
    }

    /// Ends all sessions, as a restart of vCenter does.
    #[track_caller]
    pub fn drop_sessions(&self) {
        self.page("POST", "/sessions/drop", "");
    }

    /// Changes one property of every object of a type and name, e.g. `("VirtualMachine", "vm01.example.org",
    /// "runtime.powerState", &json!("poweredOff"))`.
    #[track_caller]
    pub fn set(&self, kind: &str, name: &str, path: &str, value: &Value) {
        let body = json!({"type": kind, "name": name, "path": path, "value": value});
        self.page("POST", "/set", &body.to_string());
    }

    /// Withholds a property of all objects of a type for want of this privilege, everything but name and parent when the path is
    /// empty. Without a privilege it may be read again. Clients that wait for changes do not learn of it.
    #[track_caller]
    pub fn deny(&self, kind: &str, path: &str, privilege: Option<&str>) {
        let body = json!({"type": kind, "path": path, "privilege": privilege.unwrap_or_default()});
        self.page("POST", "/deny", &body.to_string());
    }

    /// Any page of the simulator that answers in JSON.
    ///
    /// # Panics
    /// When it does not answer, or not with status 200 and JSON (an empty body is null).
    #[track_caller]
    pub fn page(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, text) =
            http::request(self.address, method, path, body).unwrap_or_else(|error| panic!("simulator's {path}: {error}"));
        assert!(status < 300, "simulator's {path}: status {status}: {text}");
        if text.trim().is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("simulator's {path} is no JSON ({error}): {text}"))
    }

    /// The process, for signals: SIGSTOP makes a vCenter that accepts and never answers.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

fn flags(options: &SimOptions<'_>) -> Vec<String> {
    let mut flags = vec![
        "-l".to_owned(),
        options.listen.to_string(),
        "-username".to_owned(),
        options.username.to_owned(),
        "-password".to_owned(),
        options.password.to_owned(),
    ];
    let mut add = |name: &str, value: String| flags.extend([name.to_owned(), value]);
    add("-fixtures", if options.fixtures { "documents" } else { "none" }.to_owned());
    if options.vms > 0 {
        add("-vm", options.vms.to_string());
    }
    if options.churn > 0 {
        add("-churn", options.churn.to_string());
    }
    if !options.delay.is_zero() {
        add("-delay", options.delay.as_millis().to_string());
    }
    if let Some(certificate) = options.certificate {
        add("-tlscert", certificate.file().display().to_string());
        add("-tlskey", certificate.key_file().display().to_string());
    }
    if options.esx {
        flags.push("-esx".to_owned());
    }
    flags.extend(options.flags.iter().map(|flag| (*flag).to_owned()));
    flags
}
