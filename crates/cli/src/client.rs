//! `vpoller-client`: sends one request and prints the reply.
//!
//! Exit codes: 0 whatever the reply, also without one (scripts rely on it); 1 for a wrong command line or a socket that cannot be
//! made. With `--exit-code`: 0 success, 1 the reply is a failure, 2 no reply. With `--watch` it runs until its output is closed,
//! or with `--exit-code` until a reply is no success.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{ArgAction, Parser};
use vpoller_wire::client::ClientError;
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text::{self, Controls};
use vpoller_wire::{Outcome, Reply, Request, Secret, json, password, split_outcome, split_properties};

use crate::args;
use crate::ask::{self, ProxyClient};
use crate::log::{Log, LogFormat};
use crate::{local, output};

/// Ask vPoller about a VMware vSphere environment
#[derive(Debug, Parser)]
#[command(name = "vpoller-client", version, infer_long_args = true, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct ClientArgs {
    /// What to do, such as vm.get or datastore.discover
    #[arg(short, long, allow_hyphen_values = true)]
    method: String,
    /// The vSphere host to ask, as registered with vconnector-cli
    #[arg(short = 'V', long, value_name = "HOST", allow_hyphen_values = true)]
    vsphere_host: String,
    /// Name of the object; for a datastore its URL
    #[arg(short, long, allow_hyphen_values = true)]
    name: Option<String>,
    /// Property names, separated by commas
    #[arg(short, long, allow_hyphen_values = true)]
    properties: Option<String>,
    /// Guest disk, part of a command line, type of object, or events
    #[arg(short, long, allow_hyphen_values = true)]
    key: Option<String>,
    /// User in the guest system
    #[arg(short = 'U', long, value_name = "USER", allow_hyphen_values = true)]
    guest_username: Option<String>,
    /// Password in the guest system; other users can see it in the process list
    #[arg(short = 'P', long, value_name = "PASSWORD", allow_hyphen_values = true, value_parser = args::secret)]
    guest_password: Option<Secret>,
    /// File whose first line is the guest password, - for stdin [without: $VPOLLER_GUEST_PASSWORD]
    #[arg(long, value_name = "FILE", conflicts_with = "guest_password")]
    password_file: Option<PathBuf>,
    /// Performance counter: GROUP.NAME.UNIT.ROLLUP, or its number; several for perf.get, separated by commas
    #[arg(short, long, alias = "counter-id", allow_hyphen_values = true)]
    counter: Option<String>,
    /// Instance of the performance counter
    #[arg(short, long, allow_hyphen_values = true)]
    instance: Option<String>,
    /// Number of performance samples
    #[arg(short = 's', long, value_name = "NUMBER", allow_hyphen_values = true)]
    max_sample: Option<String>,
    /// Historical performance interval
    #[arg(short = 'T', long, value_name = "INTERVAL", allow_hyphen_values = true)]
    perf_interval: Option<String>,
    /// How the reply is to be printed, such as vpoller.helpers.csvhelper
    #[arg(short = 'H', long)]
    helper: Option<String>,
    /// The proxy's frontend
    #[arg(short, long, default_value = text::DEFAULT_FRONTEND, value_parser = Endpoint::peer)]
    endpoint: Endpoint,
    /// How often the request is sent before giving up
    #[arg(short, long, value_name = "NUMBER", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    retries: u32,
    /// How long each attempt waits, in milliseconds
    #[arg(short, long, value_name = "MS", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
    /// Ask the vSphere host from here, without proxy and workers: runs vpoller-worker, with its usual configuration or the one given
    #[arg(long, value_name = "CONFIG", num_args = 0..=1, require_equals = true, conflicts_with = "endpoint")]
    local: Option<Option<PathBuf>>,
    /// Ask again every so many seconds, until interrupted; with --exit-code until there is no good reply
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = interval)]
    watch: Option<Duration>,
    /// Exit with 1 when the reply is a failure and with 2 when there is none, instead of 0
    #[arg(long)]
    exit_code: bool,
    /// Indent a JSON reply
    #[arg(long)]
    pretty: bool,
    /// Log what is sent
    #[arg(short, long, short_alias = 'D')]
    debug: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: (),
}

const EXIT_CODES: &str = "\
Exit codes: 0 whatever the reply, even when there is none (but see --exit-code);
            1 wrong command line, or the request could not be sent";

/// Accepts `-name` with one dash for `--name`, as the examples of the original documents have it.
pub fn tolerate(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.into_iter().map(|argument| match argument.to_str() {
        Some(text) if text == "-name" || text.starts_with("-name=") => format!("-{text}").into(),
        _ => argument,
    })
}

/// Runs the program.
pub fn run(mut args: ClientArgs) -> ExitCode {
    let view = ReplyView { pretty: args.pretty, exit_code: args.exit_code, every: args.watch };
    let local = args.local.take();
    let debug = args.debug;
    let timeout = Duration::from_millis(args.timeout);
    let transport = match local {
        Some(config) => Transport::Local { config, timeout, debug },
        None => Transport::Proxy(
            ProxyClient::new(args.endpoint.clone(), args.retries, timeout),
            Log::stderr(LogFormat::Client, debug),
        ),
    };
    match args.request() {
        Ok(request) => view.show(&request, transport),
        Err(error) => output::fail(&error),
    }
}

/// The way of a request to vSphere.
enum Transport {
    Proxy(ProxyClient, Log),
    Local { config: Option<PathBuf>, timeout: Duration, debug: bool },
}

impl Transport {
    /// The reply. `None` without one; then a line on stderr says so.
    fn ask(&mut self, request: &Request) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Local { config, timeout, debug } => local::run(request, config.as_deref(), *timeout, *debug).map(Some),
            Self::Proxy(proxy, log) => match proxy.ask(request, log) {
                Ok(reply) => Ok(Some(reply)),
                Err(error @ ClientError::NoReply { .. }) => {
                    output::complain(&error.to_string());
                    Ok(None)
                }
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// How replies are printed, and which exit code they give.
struct ReplyView {
    pretty: bool,
    exit_code: bool,
    every: Option<Duration>,
}

impl ReplyView {
    fn show(&self, request: &Request, mut transport: Transport) -> ExitCode {
        let watched = self.every.filter(|_| io::stdout().is_terminal());
        loop {
            let asked = Instant::now();
            let (reply, code) = match transport.ask(request) {
                Ok(reply) => self.print(reply),
                Err(error) if error.is::<local::AlreadyReported>() => return ExitCode::FAILURE,
                Err(error) => return output::fail(&error),
            };
            let head = watched.map_or_else(String::new, |every| headline(request, every));
            let written = output::write(&[head.as_bytes(), &reply, b"\n"]);
            if code != 0 {
                return ExitCode::from(code);
            }
            if let Err(error) = written {
                return output::lost(&error);
            }
            let Some(every) = self.every else { return ExitCode::SUCCESS };
            std::thread::sleep((asked + every).saturating_duration_since(Instant::now()));
        }
    }

    /// The text to print for a reply, and the exit code for it.
    fn print(&self, reply: Option<Vec<u8>>) -> (Vec<u8>, u8) {
        let (reply, code) = match reply {
            Some(reply) if self.exit_code => judged(&reply),
            Some(reply) => (reply, 0),
            None => (Reply::failure(text::NO_RESPONSE).to_bytes(json::Style::Line), if self.exit_code { 2 } else { 0 }),
        };
        (if self.pretty { ask::pretty(&reply) } else { reply }, code)
    }
}

/// Clears the terminal and prints what is watched.
fn headline(request: &Request, every: Duration) -> String {
    let Request { method, hostname, name, .. } = request;
    let what = format!("{method} {hostname} {}", name.as_deref().unwrap_or_default());
    let what = text::one_line(&what, Controls::Replaced('?'));
    let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S");
    format!("\x1b[H\x1b[2JEvery {} s: {}  {now}\n\n", every.as_secs_f64(), what.trim_end())
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or("write seconds, from 0 to 86400, like 2 or 0.5")
}

/// The text of a reply to a request with outcome byte, and the exit code for it.
fn judged(reply: &[u8]) -> (Vec<u8>, u8) {
    let (text, outcome) = split_outcome(reply);
    let good = ask::success(text).unwrap_or(outcome == Outcome::Value);
    (text.to_vec(), u8::from(!good))
}

impl ClientArgs {
    fn request(self) -> anyhow::Result<Request> {
        let password = match (&self.guest_password, &self.password_file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(file)) => Some(Secret::new(first_line(file)?)),
            (None, None) if self.guest_username.is_some() => {
                std::env::var(password::GUEST_PASSWORD_VARIABLE).ok().map(Secret::new)
            }
            (None, None) => None,
        };
        let mut request = Request::new(self.method, self.vsphere_host);
        request.name = self.name;
        request.properties = self.properties.as_deref().map(split_properties).unwrap_or_default();
        request.key = self.key;
        request.username = self.guest_username;
        request.password = password;
        request.counter_name = self.counter;
        request.instance = self.instance;
        request.max_sample = self.max_sample;
        request.perf_interval = self.perf_interval;
        request.helper = self.helper;
        // A reply in JSON says by itself whether it is a failure.
        request.outcome = self.exit_code && request.helper.is_some();
        Ok(request)
    }
}

fn first_line(file: &Path) -> anyhow::Result<String> {
    let line = match file.to_str() {
        Some("-") => password::first_line(io::stdin().lock()),
        _ => File::open(file).and_then(|file| password::first_line(BufReader::new(file))),
    };
    line.with_context(|| format!("cannot read the guest password from {}", file.display()))
}
