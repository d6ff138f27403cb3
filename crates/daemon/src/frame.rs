//! The frame of both daemons: what the command line asks for, from the configuration to the exit code, and the main thread's loop.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use vpoller_wire::client::{poll_timeout, uninterrupted};
use vpoller_wire::endpoint::Endpoint;

use crate::cli::{self, Options, PidFile, PidFileError};
use crate::config::{self, Checked, ConfigError, Loaded};
use crate::log::{self, Log, LogError, Verbosity};
use crate::mgmt::{self, Management};
use crate::notify::{self, Watchdog};
use crate::signal::{Signal, Signals};
use crate::wake::Wake;
use crate::{Program, critical};

/// What makes a daemon one of the two.
pub trait Daemon {
    type Config;
    type Error: fmt::Display;
    const PROGRAM: Program;

    /// Reads the configuration file.
    ///
    /// # Errors
    /// When there is none, or a value in it makes no sense.
    fn load(&self, path: &Path) -> Result<Loaded<Self::Config>, ConfigError>;

    /// Where management listens.
    fn management(config: &Self::Config) -> &Endpoint;

    /// What `--check-config` prints beyond the configuration itself, and the error that would end a start.
    fn check(&self, loaded: Loaded<Self::Config>) -> (Checked, Option<Self::Error>) {
        (loaded.checked, None)
    }

    /// Runs until a signal or management asks for a stop. Calls [`Frame::ready`] once the sockets are its own.
    ///
    /// # Errors
    /// Why it cannot start, or ended by itself.
    fn run(&self, config: Self::Config, frame: &Frame) -> Result<(), Self::Error>;
}

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Task {
    /// `--check-config`.
    Check,
    Start,
    /// Send a command to a running daemon and print its reply.
    Ask(Endpoint, mgmt::Command),
    /// Judge by the status of a running daemon: the one at this endpoint, or else the one with this configuration.
    Health(Option<Endpoint>),
}

/// Does what the command line asks for and gives the exit code.
#[must_use]
pub fn main<D: Daemon>(daemon: &D, options: &Options, task: &Task) -> ExitCode {
    match task {
        Task::Check => check(daemon, options),
        Task::Start => start(daemon, options),
        Task::Ask(endpoint, command) => ask(endpoint, *command),
        Task::Health(endpoint) => health(daemon, options, endpoint.as_ref()),
    }
}

fn load<D: Daemon>(daemon: &D, options: &Options) -> Result<Loaded<D::Config>, ConfigError> {
    daemon.load(&config::locate(D::PROGRAM, options.file.as_deref()))
}

fn check<D: Daemon>(daemon: &D, options: &Options) -> ExitCode {
    let loaded = match load(daemon, options) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error),
    };
    let (checked, error) = daemon.check(loaded);
    let code = cli::print_checked(&checked);
    error.map_or(code, |error| fail(&error))
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

/// Unlike the command status, whose exit code says nothing, this one's does.
fn health<D: Daemon>(daemon: &D, options: &Options, endpoint: Option<&Endpoint>) -> ExitCode {
    let endpoint = match endpoint {
        Some(endpoint) => endpoint.clone(),
        None => match configured_management(daemon, options) {
            Ok(endpoint) => endpoint,
            Err(reason) => return fail(&reason),
        },
    };
    match mgmt::health(&endpoint) {
        Ok(word) => {
            let _ = writeln!(io::stdout(), "{word}");
            ExitCode::SUCCESS
        }
        Err(reason) => fail(&format!("the {} at {endpoint}: {reason}", D::PROGRAM.section())),
    }
}

fn configured_management<D: Daemon>(daemon: &D, options: &Options) -> Result<Endpoint, String> {
    let loaded = load(daemon, options).map_err(|error| error.to_string())?;
    let listens = D::management(&loaded.config);
    listens.local().map_err(|error| format!("[{}] mgmt: {error}; name the endpoint with --endpoint", D::PROGRAM.section()))
}

fn start<D: Daemon>(daemon: &D, options: &Options) -> ExitCode {
    // Before anything that could start a thread: all threads leave signals to the main loop.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot take signals: {error}")),
    };
    let Loaded { config, checked } = match load(daemon, options) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error),
    };
    let log = match log::init(options.verbosity(), options.output.clone()) {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let frame = Frame { signals, log, verbosity: options.verbosity(), pidfile: options.pidfile.clone() };
    match daemon.run(config, &frame) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // From here on there is a log, perhaps in a file.
            critical!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Reports an error that comes before there is a log.
pub fn fail(error: &impl fmt::Display) -> ExitCode {
    // When stderr cannot be written there is no other place to report it.
    let _ = writeln!(io::stderr(), "{error}");
    ExitCode::FAILURE
}

/// What a running daemon needs of its process: signals, the log, the pid file.
#[derive(Debug)]
pub struct Frame {
    signals: Signals,
    log: Log,
    verbosity: Verbosity,
    pidfile: Option<PathBuf>,
}

impl Frame {
    /// How much is logged.
    #[must_use]
    pub const fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Writes the file with the process id and notifies systemd. Not before the sockets are the daemon's own: a second start must
    /// leave the first one's file alone. The file goes when the returned value is dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn ready(&self) -> Result<Option<PidFile>, PidFileError> {
        let file = self.pidfile.as_deref().map(PidFile::write).transpose()?;
        notify::ready();
        Ok(file)
    }

    /// Opens the log file again, after it was rotated.
    ///
    /// # Errors
    /// When it cannot be opened; the log then goes on in the old one.
    pub fn reopen_log(&self) -> Result<(), LogError> {
        self.log.reopen()
    }
}

/// The main thread's loop: management, signals, wake-ups by other threads, systemd's watchdog.
pub struct MainLoop<'f> {
    management: Management,
    /// Other threads have something for the main thread.
    wake: Wake,
    watchdog: Watchdog,
    /// `None` in tests, which leave signals alone.
    frame: Option<&'f Frame>,
}

/// What happened in one turn of the loop.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Turn {
    /// A signal or management asked for a stop.
    pub stop: bool,
    /// A signal asked for a reload.
    pub reload: bool,
    /// Another thread woke this one.
    pub woken: bool,
}

impl<'f> MainLoop<'f> {
    #[must_use]
    pub const fn new(management: Management, wake: Wake, watchdog: Watchdog, frame: Option<&'f Frame>) -> Self {
        Self { management, wake, watchdog, frame }
    }

    /// Waits until something happens, at most for `limit`, and answers management with the document.
    ///
    /// # Errors
    /// When the management socket fails.
    pub fn turn(&mut self, limit: Option<Duration>, document: impl FnMut() -> Map<String, Value>) -> zmq::Result<Turn> {
        let mut items = vec![self.management.poll_item(), zmq::PollItem::from_fd(self.wake.fd(), zmq::POLLIN)];
        items.extend(self.frame.map(|frame| zmq::PollItem::from_fd(frame.signals.fd(), zmq::POLLIN)));
        let wait = limit.into_iter().chain(self.watchdog.wait(Instant::now())).min();
        uninterrupted(|| zmq::poll(&mut items, wait.map_or(-1, poll_timeout)))?;
        self.watchdog.tend(Instant::now());
        let mut turn = Turn { woken: self.wake.drain(), ..Turn::default() };
        while let Some(signal) = self.frame.and_then(|frame| frame.signals.next()) {
            match signal {
                Signal::Stop => turn.stop = true,
                Signal::Reload => turn.reload = true,
            }
        }
        turn.stop |= self.management.serve(document)?;
        Ok(turn)
    }
}
