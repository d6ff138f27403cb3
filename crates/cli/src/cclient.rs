//! `vpoller-cclient`: the client under the name, with the options, texts and exit codes of the original's C program.
//!
//! Exit codes: 0 whatever the reply; 64 wrong command line; 69 no reply; 76 a socket cannot be made.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use vpoller_wire::client::ClientError;
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Request, Secret, split_outcome, text};

use crate::args;
use crate::ask::ProxyClient;
use crate::log::{Log, LogFormat};
use crate::output;

/// Exit code of a wrong command line.
pub const USAGE: u8 = 64;
const NO_REPLY: u8 = 69;
const NO_SOCKET: u8 = 76;

/// Ask vPoller about a VMware vSphere environment, with the options of the original's C program
// Short options only, as with getopt: the last of two counts, any text is a value, and there is no -h and no -v.
#[derive(Debug, Parser)]
#[command(
    name = "vpoller-cclient",
    args_override_self = true,
    disable_help_flag = true,
    disable_version_flag = true,
    override_usage = USAGE_TEXT,
    after_help = EXIT_CODES
)]
pub struct CclientArgs {
    /// What to do, such as vm.get or datastore.discover
    #[arg(short, allow_hyphen_values = true)]
    method: String,
    /// The vSphere host to ask, as registered with vconnector-cli
    #[arg(short = 'V', allow_hyphen_values = true)]
    host: String,
    /// Name of the object; for a datastore its URL
    #[arg(short, allow_hyphen_values = true)]
    name: Option<String>,
    /// Property names, separated by commas
    #[arg(short, allow_hyphen_values = true)]
    properties: Option<String>,
    /// How often the request is sent before giving up
    #[arg(short, default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    retries: u32,
    /// How long each attempt waits, in milliseconds
    #[arg(short, default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
    /// The proxy's frontend
    #[arg(short, default_value = text::DEFAULT_FRONTEND, value_parser = Endpoint::peer)]
    endpoint: Endpoint,
    /// Path of a guest disk, or a part of a command line
    #[arg(short, allow_hyphen_values = true)]
    key: Option<String>,
    /// Performance counter: GROUP.NAME.UNIT.ROLLUP, or its number
    #[arg(short, allow_hyphen_values = true)]
    counter: Option<String>,
    /// Number of performance samples
    #[arg(short = 's', allow_hyphen_values = true)]
    max_sample: Option<String>,
    /// Instance of the performance counter
    #[arg(short, allow_hyphen_values = true)]
    instance: Option<String>,
    /// Historical performance interval
    #[arg(short = 'T', allow_hyphen_values = true)]
    perf_interval: Option<String>,
    /// User in the guest system
    #[arg(short = 'U', allow_hyphen_values = true)]
    username: Option<String>,
    /// Password in the guest system; other users can see it in the process list
    #[arg(short = 'P', allow_hyphen_values = true, value_parser = args::secret)]
    password: Option<Secret>,
    /// How the reply is to be printed
    #[arg(short = 'H', default_value = "vpoller.helpers.cclient")]
    helper: String,
}

const EXIT_CODES: &str = "\
Exit codes: 0 whatever the reply, 64 wrong command line, 69 no reply,
            76 the request could not be sent";

const USAGE_TEXT: &str = "vpoller-cclient [-r <retries>] [-t <timeout>] [-e <endpoint>] [-n <name>] [-p <properties>] [-k <key>]
                       [-c <counter>] [-s <samples>] [-i <instance>] [-T <interval>] [-U <user>] [-P <password>]
                       [-H <helper>] -m <method> -V <host>";

/// Runs the program.
pub fn run(args: CclientArgs) -> ExitCode {
    let mut proxy = ProxyClient::new(args.endpoint.clone(), args.retries, Duration::from_millis(args.timeout));
    match proxy.ask(&args.request(), &Log::stderr(LogFormat::Client, false)) {
        // The helper ends its text with NUL, and the original C program printed the text up to there.
        Ok(reply) => output::bytes(&[split_outcome(&reply).0, b"\n"]),
        Err(error @ ClientError::NoReply { .. }) => {
            output::complain(&error.to_string());
            output::text(&format!("{{ \"success\": 1, \"msg\": \"{}\" }}\n", text::NO_REPLY_FROM_SERVER));
            ExitCode::from(NO_REPLY)
        }
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(NO_SOCKET)
        }
    }
}

impl CclientArgs {
    fn request(self) -> Request {
        // The option once took a counter's number only. Workers expect numbers and names in different members.
        let numeric = |text: &String| text.bytes().all(|byte| byte.is_ascii_digit());
        let (counter_id, counter_name) =
            if self.counter.as_ref().is_some_and(numeric) { (self.counter, None) } else { (None, self.counter) };
        let mut request = Request::new(self.method, self.host);
        request.name = self.name;
        // One element: the worker splits it.
        request.properties = self.properties.into_iter().collect();
        request.key = self.key;
        request.username = self.username;
        request.password = self.password;
        request.counter_name = counter_name;
        request.counter_id = counter_id;
        request.instance = self.instance;
        request.max_sample = self.max_sample;
        request.perf_interval = self.perf_interval;
        request.helper = Some(self.helper);
        request
    }
}
