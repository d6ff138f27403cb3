//! `vpoller-bench`: how many requests a second an installation answers, how fast, and at what cost.
//!
//! A closed loop: each of N clients asks, waits for the reply and asks again, as Zabbix pollers do. With `--rate` it is an open
//! loop: requests are due at that rate whether others are answered or not, and the latency of a reply counts from the time it was
//! due. With `--echo` the same requests go through the same proxy to a worker that returns them unread: the ratio of the two
//! measurements shows the cost of the workers.
//!
//! Exit codes: 0 every request was answered with success; 1 wrong command line, or it could not run; 2 some requests failed.

mod echo;
mod load;
mod mix;
mod report;
mod template;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Parser};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text;

use crate::output;
use load::{ExpectedReply, Load, LoadLimit, Measurements};
use mix::RequestMix;
use report::{Report, Round};
use template::Template;
use usage::Processes;

/// Measure how many requests vPoller answers, and how fast
#[derive(Debug, Parser)]
#[command(name = "vpoller-bench", version, infer_long_args = true, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct BenchArgs {
    /// A request as JSON; inside its texts, {0-99} counts through that range, and {vm.discover} or
    /// {datastore.discover:info.url} through what that method lists. Given several times, they take turns
    #[arg(short, long, value_name = "JSON", required_unless_present_any = ["file", "echo"])]
    request: Vec<Template>,
    /// File with one such request a line, each with its weight before it if that is not 1
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// The proxy's frontend
    #[arg(short, long, default_value = text::DEFAULT_FRONTEND, value_parser = Endpoint::peer)]
    endpoint: Endpoint,
    /// Number of clients that ask at the same time
    #[arg(short = 'n', long, default_value = "8", value_parser = clap::value_parser!(u16).range(1..=1000))]
    clients: u16,
    /// Number of requests in all; 10000 unless --duration is given
    #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..=MOST_REQUESTS))]
    count: Option<u64>,
    /// End after this time instead
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    duration: Option<u32>,
    /// Requests a second of all clients together, whether others are answered or not; without, each client asks again
    /// when it has its reply
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    /// Number of requests before that, not measured
    #[arg(short, long, default_value = "100")]
    warmup: u64,
    /// How long a client waits for one reply, in milliseconds
    #[arg(short, long, value_name = "MS", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
    /// Also measure the proxy alone, with a worker of our own connected to its backend at this endpoint
    #[arg(long, value_name = "BACKEND", value_parser = Endpoint::peer)]
    echo: Option<Endpoint>,
    /// Measure so often, requests and echo in turns; ratios are medians then
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
    /// Report processor time and memory of the worker with this management endpoint; it must run on this machine
    #[arg(long, value_name = "MGMT", value_parser = Endpoint::peer)]
    worker: Vec<Endpoint>,
    /// The same for a process
    #[arg(long, value_name = "PID")]
    worker_pid: Vec<u32>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: (),
}

const EXIT_CODES: &str =
    "Exit codes: 0 every request succeeded, 1 wrong command line or nothing measured, 2 some requests failed";

/// Runs the program.
pub fn run(args: BenchArgs) -> ExitCode {
    match measure(&args) {
        Ok(report) => {
            let written = output::text(&if args.json { report.json() } else { report.text() });
            if report.failures() > 0 { ExitCode::from(2) } else { written }
        }
        Err(error) => output::fail(&error),
    }
}

fn measure(args: &BenchArgs) -> anyhow::Result<Report> {
    let mut mix = RequestMix::in_equal_shares(args.request.clone());
    if let Some(path) = &args.file {
        mix = mix.add_file(path)?;
    }
    mix.discover(&args.endpoint, args.timeout())?;
    let processes = Processes::find(&args.worker_pid, &args.worker)?;
    let context = zmq::Context::new();
    let echo = args.echo.as_ref().map(|backend| echo::EchoWorker::start(&context, backend)).transpose()?;
    let echo_mix = echo.as_ref().map(|worker| {
        let mix = if mix.is_empty() { RequestMix::in_equal_shares(vec![Template::about()]) } else { mix.clone() };
        mix.addressed_to(worker.host())
    });
    let bench = Bench { args, context: &context };
    let mut rounds = Vec::new();
    for number in 0..u64::from(args.rounds) {
        let mut round = Round::default();
        if !mix.is_empty() {
            bench.warm_up(number, &mix, ExpectedReply::Success)?;
            let before = processes.usage()?;
            round.requests = Some(bench.measure(number, &mix, ExpectedReply::Success)?);
            round.usage = if processes.is_empty() { None } else { Some((before, processes.usage()?)) };
        }
        if let Some(mix) = &echo_mix {
            bench.warm_up(number, mix, ExpectedReply::EchoLoop)?;
            round.echo = Some(bench.measure(number, mix, ExpectedReply::EchoLoop)?);
        }
        rounds.push(round);
    }
    Ok(Report { clients: args.clients, rate: args.rate, rounds, pids: processes.ids().to_vec() })
}

struct Bench<'a> {
    args: &'a BenchArgs,
    context: &'a zmq::Context,
}

impl Bench<'_> {
    /// Sends the requests that are not measured, before the first round only.
    fn warm_up(&self, round: u64, mix: &RequestMix, expected: ExpectedReply) -> anyhow::Result<()> {
        match round {
            0 => self.load(mix, expected, None).run(LoadLimit { count: self.args.warmup, time: None }, 0).map(drop),
            _ => Ok(()),
        }
    }

    fn measure(&self, round: u64, mix: &RequestMix, expected: ExpectedReply) -> anyhow::Result<Measurements> {
        let limit = self.args.limit();
        // Every round continues where the previous one ended.
        let first = if self.args.duration.is_some() { 0 } else { round * limit.count };
        self.load(mix, expected, self.args.rate).run(limit, first)
    }

    fn load<'a>(&'a self, mix: &'a RequestMix, expected: ExpectedReply, rate: Option<f64>) -> Load<'a> {
        let BenchArgs { endpoint, clients, .. } = self.args;
        Load { context: self.context, endpoint, mix, timeout: self.args.timeout(), expected, clients: *clients, rate }
    }
}

const MOST_REQUESTS: u64 = 100_000_000;
const REQUESTS: u64 = 10_000;

impl BenchArgs {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout)
    }

    fn limit(&self) -> LoadLimit {
        let time = self.duration.map(|seconds| Duration::from_secs(seconds.into()));
        LoadLimit { count: self.count.unwrap_or(if time.is_some() { MOST_REQUESTS } else { REQUESTS }), time }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("is no number of requests a second from 0.001 to 1000000".to_owned()),
    }
}
