//! `vpoller-client`: sends one request and prints the reply.
//!
//! Exit codes: 0, whatever was answered, also when nobody answered (scripts rely on it); 1 for a wrong command line or a socket
//! that cannot be made. With `--exit-code`: 0 success, 1 the reply is a failure, 2 no reply.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgAction, Parser};
use vpoller_wire::client::ClientError;
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Outcome, Reply, Request, Secret, json, split_outcome, split_properties, text};

use crate::args;
use crate::ask::{self, Proxy};
use crate::log::{Form, Log};
use crate::{local, output};

/// Holds the guest password when no option gives it; unlike an option it does not show in the process list.
pub(crate) const PASSWORD_VARIABLE: &str = "VPOLLER_GUEST_PASSWORD";

/// Ask vPoller about a VMware vSphere environment
#[derive(Debug, Parser)]
#[command(name = "vpoller-client", version, infer_long_args = true, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct Args {
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
    /// Path of a guest disk, a part of a command line, a type of object, or which events
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
    /// Performance counter: GROUP.NAME.UNIT.ROLLUP, or its number
    #[arg(short, long, alias = "counter-id", allow_hyphen_values = true)]
    counter: Option<String>,
    /// Instance of the performance counter
    #[arg(short, long, allow_hyphen_values = true)]
    instance: Option<String>,
    /// Number of performance samples
    #[arg(short = 's', long, value_name = "NUMBER")]
    max_sample: Option<String>,
    /// Historical performance interval
    #[arg(short = 'T', long, value_name = "INTERVAL", allow_hyphen_values = true)]
    perf_interval: Option<String>,
    /// How the reply is to be printed, such as vpoller.helpers.csvhelper
    #[arg(short = 'H', long)]
    helper: Option<String>,
    /// The proxy's frontend
    #[arg(short, long, default_value = text::DEFAULT_FRONTEND)]
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
    /// Exit with 1 when the reply is a failure and with 2 when there is none, instead of 0
    #[arg(long)]
    exit_code: bool,
    /// Indent a JSON reply
    #[arg(long)]
    pretty: bool,
    /// Log what is sent
    #[arg(short, long)]
    debug: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: (),
}

const EXIT_CODES: &str = "\
Exit codes: 0 whatever the reply, even when there is none (but see --exit-code);
            1 wrong command line, or the request could not be sent";

/// Corrects what the documents' own examples get wrong: `-name` with one dash means `--name`.
pub fn tolerate(arguments: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    arguments.into_iter().map(|argument| match argument.to_str() {
        Some(text) if text == "-name" || text.starts_with("-name=") => format!("-{text}").into(),
        _ => argument,
    })
}

/// Runs the program.
pub fn run(args: Args) -> ExitCode {
    let (pretty, exit_code) = (args.pretty, args.exit_code);
    let (reply, code) = match args.answer() {
        Ok(Answer::Reply(reply)) if exit_code => judged(&reply),
        Ok(Answer::Reply(reply)) => (reply, 0),
        Ok(Answer::Silence) => (Reply::failure(text::NO_RESPONSE).to_bytes(json::Style::Line), 2),
        Err(error) => return output::fail(&error),
    };
    let reply = if pretty { ask::pretty(&reply) } else { reply };
    let written = output::bytes(&[&reply, b"\n"]);
    if exit_code && code != 0 { ExitCode::from(code) } else { written }
}

/// What came of a request that could be sent.
enum Answer {
    Reply(Vec<u8>),
    Silence,
}

/// The text of a reply to a request with outcome byte, and the exit code for it.
fn judged(reply: &[u8]) -> (Vec<u8>, u8) {
    let (text, outcome) = split_outcome(reply);
    let good = ask::success(text).unwrap_or(outcome == Outcome::Value);
    (text.to_vec(), u8::from(!good))
}

impl Args {
    fn answer(mut self) -> anyhow::Result<Answer> {
        let (timeout, local, debug) = (Duration::from_millis(self.timeout), self.local.take(), self.debug);
        let proxy = Proxy { endpoint: self.endpoint.clone(), attempts: self.retries, timeout };
        let request = self.request()?;
        if let Some(config) = local {
            return local::run(&request, config.as_deref(), timeout, debug).map(Answer::Reply);
        }
        match proxy.ask(request, &Log::stderr(Form::Client, debug)) {
            Ok(reply) => Ok(Answer::Reply(reply)),
            Err(error @ ClientError::NoReply { .. }) => {
                output::complain(&error.to_string());
                Ok(Answer::Silence)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn request(self) -> anyhow::Result<Request> {
        let password = match (&self.guest_password, &self.password_file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(file)) => Some(Secret::new(first_line(file)?)),
            (None, None) if self.guest_username.is_some() => std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new),
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
        // JSON tells by itself.
        request.outcome = self.exit_code && request.helper.is_some();
        Ok(request)
    }
}

fn first_line(file: &Path) -> anyhow::Result<String> {
    let read = |mut input: Box<dyn BufRead>| {
        let mut line = String::new();
        input.read_line(&mut line).map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
    };
    let line = match file.to_str() {
        Some("-") => read(Box::new(io::stdin().lock())),
        _ => File::open(file).and_then(|file| read(Box::new(BufReader::new(file)))),
    };
    line.with_context(|| format!("cannot read the guest password from {}", file.display()))
}
