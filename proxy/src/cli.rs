//! The command line of `vpoller-proxy`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use vpoller_daemon::cli::{self, CommandLine, Options, PidFile, PidFileError};
use vpoller_daemon::signal::Signals;
use vpoller_daemon::{Program, config, critical, log, mgmt, notify};
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

    /// Management endpoint of the proxy to ask, for example tcp://localhost:9999 (stop and status).
    #[arg(short, long, value_name = "ENDPOINT", value_parser = Endpoint::peer)]
    endpoint: Option<Endpoint>,

    /// What to do.
    #[arg(value_name = "COMMAND")]
    command: Option<DaemonCommand>,
}

const USAGE: &str = "vpoller-proxy [OPTIONS] start
       vpoller-proxy [OPTIONS] --endpoint <ENDPOINT> stop|status
       vpoller-proxy [--file <FILE>] --check-config";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DaemonCommand {
    /// Run in the foreground and log to stderr.
    Start,
    /// Stop a running proxy.
    Stop,
    /// Ask a running proxy how it is.
    Status,
}

impl CommandLine for Arguments {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<(), String> {
        match (self.command, &self.endpoint) {
            (None, _) => Err("say start, stop or status".to_owned()),
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
    match (arguments.command, &arguments.endpoint) {
        _ if arguments.options.check_config => check(&arguments.options),
        (Some(DaemonCommand::Stop), Some(endpoint)) => ask(endpoint, mgmt::Command::Shutdown),
        (Some(DaemonCommand::Status), Some(endpoint)) => ask(endpoint, mgmt::Command::Status),
        _ => start(&arguments.options),
    }
}

fn ask(endpoint: &Endpoint, command: mgmt::Command) -> ExitCode {
    match mgmt::ask(endpoint, command) {
        Ok(reply) => {
            let mut out = io::stdout().lock();
            let written = out.write_all(&reply).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => fail(&error),
    }
}

fn check(options: &Options) -> ExitCode {
    match Config::load(&config::locate(Program::Proxy, options.file.as_deref())) {
        Ok((_, checked)) => cli::tell(&checked.in_force, &checked.warnings),
        Err(error) => fail(&error),
    }
}

fn start(options: &Options) -> ExitCode {
    match try_start(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Config(error)) => fail(&error),
        Err(StartError::Setup(error)) => fail(&error),
        Err(StartError::PidFile(error)) => log_end(&error),
        Err(StartError::Proxy(error)) => log_end(&error),
    }
}

/// What can end a start: the first two come before there is a log.
enum StartError {
    Config(config::ConfigError),
    Setup(String),
    PidFile(PidFileError),
    Proxy(ProxyError),
}

fn log_end(error: &impl std::fmt::Display) -> ExitCode {
    critical!("{error}");
    ExitCode::FAILURE
}

fn try_start(options: &Options) -> Result<(), StartError> {
    // Before anything that could start a thread.
    let signals = Signals::block().map_err(|error| StartError::Setup(format!("cannot take signals: {error}")))?;
    let path = config::locate(Program::Proxy, options.file.as_deref());
    let (mut config, checked) = Config::load(&path).map_err(StartError::Config)?;
    let log = log::init(options.verbosity(), options.output.clone()).map_err(|error| StartError::Setup(error.to_string()))?;
    config.rules.log_requests = options.verbosity() == log::Verbosity::Debug;
    checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let manager = Manager::start(&config).map_err(StartError::Proxy)?;
    // Not before the sockets are ours: a second start must leave the first one's file alone.
    let _pid_file = options.pidfile.as_deref().map(PidFile::write).transpose().map_err(StartError::PidFile)?;
    notify::ready();
    manager.run(Some(&signals), || log.reopen()).map_err(StartError::Proxy)
}

fn fail(error: &impl std::fmt::Display) -> ExitCode {
    // Nobody to tell when even that fails.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}
