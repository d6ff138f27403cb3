//! `vpoller-bench`: how many requests a second an installation answers, and how fast.
//!
//! A closed loop: each of N clients asks, waits for the reply, asks again, until M requests are done. The rate is therefore that
//! of N patient clients, which is what Zabbix pollers are. With `--echo` the same requests go through the same proxy to a worker
//! that gives them back unread: the ratio of the two rates tells what the workers cost.
//!
//! Exit codes: 0 every request was answered with success; 1 wrong command line, or it could not run; 2 some requests failed.

mod echo;
mod load;
mod report;
mod template;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{ArgAction, Parser};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text;

use crate::output;
use load::{Expected, Load};
use template::Template;

/// Measure how many requests vPoller answers, and how fast
#[derive(Debug, Parser)]
#[command(name = "vpoller-bench", version, infer_long_args = true, disable_version_flag = true, after_help = EXIT_CODES)]
pub struct Args {
    /// A request as JSON; {0-99} inside a text counts through that range. Given several times, they take turns
    #[arg(short, long, value_name = "JSON", required_unless_present_any = ["file", "echo"])]
    request: Vec<Template>,
    /// File with one request a line
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// The proxy's frontend
    #[arg(short, long, default_value = text::DEFAULT_FRONTEND)]
    endpoint: Endpoint,
    /// Number of clients that ask at the same time
    #[arg(short = 'n', long, default_value = "8", value_parser = clap::value_parser!(u16).range(1..=1000))]
    clients: u16,
    /// Number of requests in all
    #[arg(short, long, default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    count: u64,
    /// Number of requests before that, not measured
    #[arg(short, long, default_value = "100")]
    warmup: u64,
    /// How long a client waits for one reply, in milliseconds
    #[arg(short, long, value_name = "MS", default_value = "10000", value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    timeout: u64,
    /// Also measure the proxy alone, with a worker of our own connected to its backend at this endpoint
    #[arg(long, value_name = "BACKEND")]
    echo: Option<Endpoint>,
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
pub fn run(args: Args) -> ExitCode {
    match measure(&args) {
        Ok(report) => {
            let written = output::text(&if args.json { report.json() } else { report.text() });
            if report.failures() > 0 { ExitCode::from(2) } else { written }
        }
        Err(error) => output::fail(&error),
    }
}

fn measure(args: &Args) -> anyhow::Result<report::Report> {
    let templates = args.templates()?;
    let context = zmq::Context::new();
    let measure = |templates: &[Template], expected: Expected| {
        let timeout = Duration::from_millis(args.timeout);
        let load = Load { context: &context, endpoint: &args.endpoint, templates, timeout, expected, clients: args.clients };
        load.run(args.warmup)?;
        load.run(args.count)
    };
    let requests = if templates.is_empty() { None } else { Some(measure(&templates, Expected::Success)?) };
    let echo = match &args.echo {
        Some(backend) => {
            let worker = echo::Worker::start(&context, backend)?;
            let templates = if templates.is_empty() { vec![Template::about()] } else { templates };
            let templates: Vec<_> = templates.into_iter().map(|template| template.addressed_to(worker.host())).collect();
            Some(measure(&templates, Expected::Echo)?)
        }
        None => None,
    };
    Ok(report::Report { clients: args.clients, requests, echo })
}

impl Args {
    fn templates(&self) -> anyhow::Result<Vec<Template>> {
        let mut templates = self.request.clone();
        if let Some(path) = &self.file {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let place = || format!("{} line {}", path.display(), number + 1);
                templates.push(line.parse().with_context(place)?);
            }
            anyhow::ensure!(!templates.is_empty(), "{} holds no request", path.display());
        }
        Ok(templates)
    }
}
