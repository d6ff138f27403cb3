//! The command line of `vpoller-proxy`.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use vpoller_daemon::cli::{self, CommandLine, Options};
use vpoller_daemon::config::{Checked, ConfigError, Loaded};
use vpoller_daemon::frame::{self, Daemon, Frame, Task};
use vpoller_daemon::log::Verbosity;
use vpoller_daemon::{Program, mgmt};
use vpoller_wire::endpoint::Endpoint;

use crate::{Config, Manager, ProxyError};

/// The broker between clients and workers of vPoller.
#[derive(Debug, Parser)]
#[command(
    name = "vpoller-proxy",
    infer_long_args = true,
    disable_version_flag = true,
    override_usage = USAGE,
    after_help = cli::EXIT_CODES
)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Management endpoint of the proxy to ask, for example tcp://localhost:9999 (stop, status and health).
    #[arg(short, long, value_name = "ENDPOINT", value_parser = Endpoint::peer)]
    endpoint: Option<Endpoint>,

    /// What to do.
    #[arg(value_name = "COMMAND")]
    command: Option<DaemonCommand>,
}

const USAGE: &str = "vpoller-proxy [OPTIONS] start
       vpoller-proxy [OPTIONS] --endpoint <ENDPOINT> stop|status
       vpoller-proxy [--endpoint <ENDPOINT>] [--file <FILE>] health
       vpoller-proxy [--file <FILE>] --check-config";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DaemonCommand {
    /// Run in the foreground and log to stderr.
    Start,
    /// Stop a running proxy.
    Stop,
    /// Ask a running proxy how it is.
    Status,
    /// Ask a running proxy, by default that of the configuration file, whether it does its work: exit code 0 or 1, and one line.
    Health,
}

impl CommandLine for Arguments {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<(), String> {
        match (self.command, &self.endpoint) {
            (None, _) => Err("say start, stop, status or health".to_owned()),
            (Some(DaemonCommand::Stop | DaemonCommand::Status), None) => {
                Err("stop and status need --endpoint, for example --endpoint tcp://localhost:9999".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Does what the arguments say.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    frame::main(&ProxyDaemon, &arguments.options, &arguments.task())
}

impl Arguments {
    fn task(&self) -> Task {
        match (self.command, &self.endpoint) {
            _ if self.options.check_config => Task::Check,
            (Some(DaemonCommand::Stop), Some(endpoint)) => Task::Ask(endpoint.clone(), mgmt::Command::Shutdown),
            (Some(DaemonCommand::Status), Some(endpoint)) => Task::Ask(endpoint.clone(), mgmt::Command::Status),
            (Some(DaemonCommand::Health), endpoint) => Task::Health(endpoint.clone()),
            _ => Task::Start,
        }
    }
}

struct ProxyDaemon;

impl Daemon for ProxyDaemon {
    type Config = Config;
    type Error = ProxyError;
    const PROGRAM: Program = Program::Proxy;

    fn load(&self, path: &Path) -> Result<Loaded<Config>, ConfigError> {
        Config::load(path)
    }

    fn management(config: &Config) -> &Endpoint {
        &config.mgmt
    }

    fn check(&self, loaded: Loaded<Config>) -> (Checked, Option<ProxyError>) {
        let Loaded { config, mut checked } = loaded;
        match config.http.check() {
            Ok(warnings) => {
                checked.warnings.extend(warnings);
                (checked, None)
            }
            Err(error) => (checked, Some(error.into())),
        }
    }

    fn run(&self, mut config: Config, frame: &Frame) -> Result<(), ProxyError> {
        config.rules.log_requests = frame.verbosity() == Verbosity::Debug;
        let manager = Manager::start(&config)?;
        let _pid_file = frame.ready()?;
        manager.run(Some(frame))
    }
}
