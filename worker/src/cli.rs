//! The command line of `vpoller-worker`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, ValueEnum};
use vpoller_daemon::cli::{self, CommandLine, Options};
use vpoller_daemon::config::{self as daemon_config, Checked, ConfigError, Loaded};
use vpoller_daemon::frame::{self, Daemon, Frame, Task};
use vpoller_daemon::mgmt::Command;
use vpoller_daemon::{Program, log};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::{Request, Secret, password};

use crate::config::Config;
use crate::exporter::MountedExporter;
use crate::helpers::external::Externals;
use crate::local::Local;
use crate::manager::WorkerError;
use crate::{catalogue, host_files, manager};

/// Answers vPoller requests from VMware vSphere.
#[derive(Debug, Parser)]
#[command(
    name = "vpoller-worker",
    infer_long_args = true,
    disable_version_flag = true,
    override_usage = USAGE,
    after_help = cli::EXIT_CODES
)]
struct Arguments {
    #[command(flatten)]
    options: Options,

    /// What to do.
    #[arg(value_enum)]
    command: Option<DaemonCommand>,

    /// Number of threads with a socket; as many as processors when not given, or not above 0.
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    concurrency: Option<i64>,

    /// Management endpoint for stop, status and health, such as tcp://localhost:10000.
    #[arg(short, long, value_name = "ENDPOINT", value_parser = Endpoint::peer)]
    endpoint: Option<Endpoint>,

    /// Print the table of methods.
    #[arg(long, hide = true)]
    list_methods: bool,

    /// Print the page about methods in the documentation.
    #[arg(long, hide = true)]
    methods_markdown: bool,
}

const USAGE: &str = "vpoller-worker [OPTIONS] start
       vpoller-worker [OPTIONS] --endpoint <ENDPOINT> stop|status
       vpoller-worker [--endpoint <ENDPOINT>] [--file <FILE>] health
       vpoller-worker [--file <FILE>] --check-config
       vpoller-worker run --method <METHOD> --vsphere-host <HOST>   (see vpoller-worker run --help)";

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum DaemonCommand {
    /// Serve, in the foreground.
    Start,
    /// Stop a running worker.
    Stop,
    /// Ask a running worker how it is.
    Status,
    /// Ask a running worker, by default that of the configuration file, whether it does its work: exit code 0 or 1, and one line.
    Health,
}

impl CommandLine for Arguments {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<(), String> {
        match (self.command, &self.endpoint) {
            _ if self.list_methods || self.methods_markdown => Ok(()),
            (None, _) => Err("a command is missing: start, stop, status, health or run".to_owned()),
            (Some(DaemonCommand::Stop | DaemonCommand::Status), None) => Err("stop and status need --endpoint".to_owned()),
            _ => Ok(()),
        }
    }
}

/// The command line with `run` as what it looks like, for manual page and completion.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command().subcommand(Run::command().name("run").disable_version_flag(true))
}

/// The whole program: reads the command line, does what it says, gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|word| word == "run") {
        return run_one(arguments);
    }
    let arguments: Arguments = match cli::parse(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let task = match (arguments.command, &arguments.endpoint) {
        _ if arguments.list_methods => return print(&catalogue::list()),
        _ if arguments.methods_markdown => return print(&catalogue::markdown()),
        _ if arguments.options.check_config => Task::Check,
        (Some(DaemonCommand::Stop), Some(endpoint)) => Task::Ask(endpoint.clone(), Command::Shutdown),
        (Some(DaemonCommand::Status), Some(endpoint)) => Task::Ask(endpoint.clone(), Command::Status),
        (Some(DaemonCommand::Health), endpoint) => Task::Health(endpoint.clone()),
        _ => Task::Start,
    };
    let worker = WorkerDaemon { concurrency: manager::concurrency(arguments.concurrency) };
    frame::main(&worker, &arguments.options, &task)
}

struct WorkerDaemon {
    /// Threads with a socket.
    concurrency: usize,
}

impl Daemon for WorkerDaemon {
    type Config = Config;
    type Error = WorkerError;
    const PROGRAM: Program = Program::Worker;

    fn load(&self, path: &Path) -> Result<Loaded<Config>, ConfigError> {
        Config::load(path)
    }

    fn management(config: &Config) -> &Endpoint {
        &config.mgmt
    }

    /// Adds the vSphere hosts.
    fn check(&self, loaded: Loaded<Config>) -> (Checked, Option<WorkerError>) {
        let Loaded { config, checked } = loaded;
        let found = match host_files::load(&config) {
            Ok(found) => found,
            Err(error) => return (checked, Some(error.into())),
        };
        let hosts: String = found.hosts.iter().map(|host| format!("# {}\n", host.describe())).collect();
        let in_force = format!("{}\n# {} vSphere hosts in force\n{hosts}", checked.in_force, found.hosts.len());
        let mut warnings = [checked.warnings, found.complaints()].concat();
        let of_doors = config.http.check().map_err(WorkerError::from).and_then(|of_status| {
            let of_exporter = config.exporter.as_ref().map(MountedExporter::check).transpose()?;
            Ok([of_status, of_exporter.unwrap_or_default()].concat())
        });
        let error = of_doors.map(|found| warnings.extend(found)).err();
        (Checked { in_force, warnings }, error)
    }

    fn run(&self, config: Config, frame: &Frame) -> Result<(), WorkerError> {
        manager::run(&config, self.concurrency, frame)
    }
}

/// Executes one request in this process and prints the reply.
#[derive(Debug, Parser)]
#[command(name = "vpoller-worker run", infer_long_args = true, disable_version_flag = true, after_help = PASSWORD_HELP)]
struct Run {
    /// Method to perform.
    #[arg(short, long)]
    method: String,
    /// vSphere host, as registered.
    #[arg(short = 'V', long, value_name = "HOST")]
    vsphere_host: String,
    /// Name of the object; URL or name of a datastore.
    #[arg(short, long)]
    name: Option<String>,
    /// Properties, separated by commas.
    #[arg(short, long, value_name = "PATHS")]
    properties: Option<String>,
    /// Disk path, or part of a command line.
    #[arg(short, long)]
    key: Option<String>,
    /// Guest user.
    #[arg(short = 'U', long, value_name = "USER")]
    guest_username: Option<String>,
    /// Guest password; "-" reads it from standard input.
    #[arg(short = 'P', long, value_name = "PASSWORD")]
    guest_password: Option<String>,
    /// Helper that prints the reply.
    #[arg(short = 'H', long)]
    helper: Option<String>,
    /// Performance counter.
    #[arg(short, long, value_name = "COUNTER")]
    counter: Option<String>,
    /// Instance of the counter.
    #[arg(short, long)]
    instance: Option<String>,
    /// Number of samples.
    #[arg(short = 's', long, value_name = "N", allow_hyphen_values = true)]
    max_sample: Option<String>,
    /// Historical interval.
    #[arg(short = 'T', long, value_name = "INTERVAL")]
    perf_interval: Option<String>,
    /// How long to wait, in milliseconds.
    #[arg(short, long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// Configuration file that names the database.
    #[arg(short, long, visible_alias = "config", value_name = "FILE")]
    file: Option<PathBuf>,
    /// Log everything on standard error.
    #[arg(short, long)]
    debug: bool,
}

const PASSWORD_HELP: &str = "The guest password is better given in the environment variable VPOLLER_GUEST_PASSWORD, or with \"-P -\" on \
     standard input: other users can see command lines.";

fn run_one(arguments: Vec<OsString>) -> ExitCode {
    let program = arguments.into_iter().enumerate().filter(|(place, _)| *place != 1).map(|(_, argument)| argument);
    let run = match Run::try_parse_from(program) {
        Ok(run) => run,
        Err(error) => return cli::explain::<Run>(&error),
    };
    match run.execute() {
        Ok(reply) => print(&String::from_utf8_lossy(&reply)),
        Err(error) => frame::fail(&error),
    }
}

impl Run {
    fn execute(self) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let verbosity = if self.debug { log::Verbosity::Debug } else { log::Verbosity::Warning };
        log::init(verbosity, None)?;
        let config = Config::load(&daemon_config::locate(Program::Worker, self.file.as_deref()))?.config;
        let request = self.request()?;
        let found = host_files::load(&config)?;
        found.complaints().iter().for_each(|complaint| tracing::warn!("{complaint}"));
        let wanted = found.hosts.into_iter().filter(|host| host.name == request.hostname);
        let local = Local::of(wanted).with_policy(config.policy).with_helpers(Externals::new(&config.externals));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(async {
            let reply = local.run(&request).await;
            local.close().await;
            reply
        }))
    }

    fn request(self) -> Result<Request, String> {
        let mut request = Request::new(self.method, self.vsphere_host);
        request.password = guest_password(self.guest_password)?;
        request.name = self.name;
        request.properties = self.properties.into_iter().collect(); // the dispatcher splits them
        request.key = self.key;
        request.username = self.guest_username;
        request.helper = self.helper;
        request.counter_name = self.counter;
        request.instance = self.instance;
        request.max_sample = self.max_sample;
        request.perf_interval = self.perf_interval;
        request.timeout = Some(self.timeout);
        Ok(request)
    }
}

fn guest_password(option: Option<String>) -> Result<Option<Secret>, String> {
    let password = match option {
        None => std::env::var(password::GUEST_PASSWORD_VARIABLE).ok(),
        Some(option) if option == "-" => {
            let line = password::first_line(io::stdin().lock());
            Some(line.map_err(|error| format!("cannot read the guest password from -: {error}"))?)
        }
        given => given,
    };
    Ok(password.map(Secret::new))
}

fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{}", text.trim_end_matches(['\0', '\n'])) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has gone, and with it the place to report that.
        Err(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, ExitCode> {
        cli::parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn options_of_every_age_are_taken() {
        for (line, concurrency) in [
            ("vpoller-worker --concurrency 4 start", Some(4)),
            ("vpoller-worker start -c -1", Some(-1)),
            ("vpoller-worker -d start -p /x -o - --daemon -W", None),
            ("vpoller-worker --conc=2 start -D --config /x", Some(2)),
        ] {
            let arguments = parsed(line).unwrap_or_else(|_| panic!("{line}"));
            assert_eq!((arguments.command, arguments.concurrency), (Some(DaemonCommand::Start), concurrency), "{line}");
        }
        let status = parsed("vpoller-worker --endpoint tcp://localhost:10000 status").expect("seed's command line");
        assert_eq!(status.command, Some(DaemonCommand::Status));
    }

    #[test]
    fn mistakes_are_refused() {
        for line in ["vpoller-worker", "vpoller-worker stop", "vpoller-worker begin", "vpoller-worker -e x status"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn both_command_lines_are_sound() {
        Arguments::command().debug_assert();
        Run::command().debug_assert();
    }
}
