//! The program `vpoller-exporter`: an exporter alone, with sessions of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::Builder;
use tokio::sync::watch;
use vpoller_daemon::cli::{self, CommandLine, Options, PidFile};
use vpoller_daemon::config::{self, Checked, ConfigError, Settings as File};
use vpoller_daemon::doors::{DoorFiles, Doors, DoorsError, SchemeError};
use vpoller_daemon::listen::Listen;
use vpoller_daemon::log::{self, Log, Verbosity};
use vpoller_daemon::notify::{self, Pulse, Watchdog};
use vpoller_daemon::signal::{Signal, Signals};
use vpoller_daemon::status::VERSION;
use vpoller_daemon::{Program, critical};
use vpoller_inventory::{Broken, CacheSettings, Cached, Hosts, Inventory, ReadError};
use vpoller_store::{Store, TlsChoice};
use vpoller_vsphere::{Client, Config as ClientConfig, Tls};
use vpoller_web::{Limits, Server};

use crate::ceilometer_config::ConfigArguments;
use crate::exporter::Exporter;
use crate::probe;
use crate::settings::{Environment, EnvironmentError, FileSettings, MetricsPage, PageChoice, Settings};

/// Shows what VMware vSphere says to Prometheus and other readers over HTTP.
///
/// Without --file, the variables of the zROC Planner collector (VCENTER_HOST, VCENTER_USER, VCENTER_PASSWORD, ...) are all the
/// configuration that is needed.
#[derive(Debug, Parser)]
#[command(name = "vpoller-exporter", disable_version_flag = true, disable_help_subcommand = true, after_help = EXIT_CODES)]
struct Arguments {
    #[command(flatten)]
    options: Options,

    /// Where to listen, such as :9272 or 127.0.0.1:9272; may be repeated.
    #[arg(long = "web.listen-address", value_name = "ADDRESS")]
    listen: Vec<Listen>,

    /// File with certificates, users and tokens of the pages.
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<ExporterCommand>,
}

/// What it may do instead of serving.
#[derive(Clone, Debug, Subcommand)]
enum ExporterCommand {
    /// Ask an exporter with these settings whether it lives: exit code 0 or 1, and one line.
    Health {
        /// The page that has to answer with 200: /health asks whether vCenter was read lately, too.
        #[arg(value_name = "PAGE", default_value = probe::ALIVE, value_parser = page)]
        page: String,
    },
    /// Print the files that make a Ceilometer poll an exporter with these settings: its pollsters, polling.yaml, and a module that
    /// sends a token.
    CeilometerConfig(ConfigArguments),
}

/// A path that can stand in a request.
fn page(text: &str) -> Result<String, String> {
    let sound = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
    if sound { Ok(text.to_owned()) } else { Err("a page begins with / and holds no blanks, such as /health".to_owned()) }
}

impl CommandLine for Arguments {
    fn options(&self) -> &Options {
        &self.options
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

const EXIT_CODES: &str = "\
Exit codes: 0 done;
            1 wrong command line, or it could not start: the reason is on stderr; with health, no exporter answers;
            2 with --check-config: the configuration works, but something in it is ignored";

/// The command line, for manual page and completion.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Why the exporter does not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "no vCenter is configured: set VCENTER_HOST, VCENTER_USER and VCENTER_PASSWORD, or name a configuration file with --file"
    )]
    Nothing,
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    File(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] vpoller_store::Error),
    #[error("the address to listen at, HTTP_HOST and HTTP_PORT: {0}")]
    Listen(vpoller_daemon::listen::ListenError),
    #[error(transparent)]
    Doors(#[from] DoorsError),
    #[error(transparent)]
    Scheme(#[from] SchemeError),
    #[error(transparent)]
    Web(#[from] vpoller_web::Error),
    #[error(transparent)]
    PidFile(#[from] cli::PidFileError),
    #[error("cannot start threads: {0}")]
    Runtime(std::io::Error),
    #[error("the HTTP server ended by itself")]
    Ended,
}

/// Sections that other programs read.
const FOREIGN: &[&str] = &["proxy", "worker", "cache", "helper:"];

/// Where the vSphere hosts come from.
enum HostSource {
    /// The environment names the one.
    One(Box<ClientConfig>),
    Database(PathBuf),
}

/// What is configured.
struct ProgramConfig {
    settings: Settings,
    hosts: HostSource,
    listen: Vec<Listen>,
    doors: DoorFiles,
    verbosity: Verbosity,
    checked: Checked,
}

/// Runs the program with this command line.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match cli::parse::<Arguments>(arguments) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    // Before anything that could start a thread.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("cannot take signals: {error}")),
    };
    let config = match ProgramConfig::load(&arguments) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    if arguments.options.check_config {
        return check(config);
    }
    match &arguments.command {
        Some(ExporterCommand::Health { page }) => return health(&config, page),
        Some(ExporterCommand::CeilometerConfig(wanted)) => {
            let made = wanted.run(config.settings.ceilometer.as_ref(), &config.listen, &config.doors);
            return made.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS);
        }
        None => {}
    }
    let log = match log::init(config.verbosity, arguments.options.output.clone()) {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    config.checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    match run(&config, &arguments.options, &signals, &log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            critical!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what is in force, and what would end a start.
fn check(config: ProgramConfig) -> ExitCode {
    let mut checked = config.checked;
    let examined = |listen| Doors::examine::<StartError>(&config.doors, listen);
    // Every address has the same doors, and the same warnings.
    let of_doors: Result<Vec<_>, _> = config.listen.iter().map(examined).collect();
    let error = of_doors.map(|found| checked.warnings.extend(found.into_iter().next().unwrap_or_default())).err();
    let code = cli::print_checked(&checked);
    error.map_or(code, |error| fail(&error))
}

/// Asks the exporter that listens where this one would.
fn health(config: &ProgramConfig, page: &str) -> ExitCode {
    let Some(listen) = config.listen.first() else { return fail(&"no address to listen at is configured") };
    let doors = match Doors::load(&config.doors) {
        Ok(doors) => doors,
        Err(error) => return fail(&error),
    };
    match probe::ask(listen, doors.is_some_and(|doors| doors.is_tls()), page) {
        Ok(()) => {
            let _ = writeln!(std::io::stdout(), "healthy");
            ExitCode::SUCCESS
        }
        Err(error) => fail(&format!("the exporter at {listen} does not answer {page} with 200: {error}")),
    }
}

/// Reports an error that comes before there is a log.
fn fail(error: &impl std::fmt::Display) -> ExitCode {
    // When stderr cannot be written there is no other place to report it.
    let _ = writeln!(std::io::stderr(), "{error}");
    ExitCode::FAILURE
}

impl ProgramConfig {
    fn load(arguments: &Arguments) -> Result<Self, StartError> {
        let given = arguments.options.file.as_deref();
        let usual = Path::new(config::DEFAULT_FILE);
        let variables =
            || std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut config = match (given, Environment::read(variables())) {
            (Some(path), _) => Self::from_file(path)?,
            (None, Ok(Some(environment))) => Self::from_environment(environment)?,
            (None, Err(error)) => return Err(error.into()),
            (None, Ok(None)) if usual.exists() => Self::from_file(usual)?,
            (None, Ok(None)) => return Err(StartError::Nothing),
        };
        if given.is_none()
            && Environment::is_of_vmware(variables().map(|(name, _)| name))
            && config.settings.page == PageChoice::default()
        {
            config.settings.page = PageChoice::Auto { fallback: MetricsPage::Vmware };
        }
        let options = &arguments.options;
        if options.debug || options.warning {
            config.verbosity = options.verbosity();
        }
        if !arguments.listen.is_empty() {
            config.listen.clone_from(&arguments.listen);
        }
        if arguments.web_config.is_some() {
            config.doors.config.clone_from(&arguments.web_config);
        }
        Ok(config)
    }

    fn from_file(path: &Path) -> Result<Self, StartError> {
        let file = File::load(path, Program::Exporter)?;
        let FileSettings { settings, listen, db, doors } = FileSettings::read(&file)?;
        let of_worker = file.value("worker", "db", vpoller_store::DEFAULT_PATH, |path| Ok(PathBuf::from(path)))?;
        let db = db.unwrap_or(of_worker);
        let unknown = file.unknown(FOREIGN);
        let warnings = unknown.iter().map(ToString::to_string).collect();
        let checked = Checked { in_force: file.in_force(), warnings };
        Ok(Self { settings, hosts: HostSource::Database(db), listen: vec![listen], doors, verbosity: Verbosity::Info, checked })
    }

    fn from_environment(environment: Environment) -> Result<Self, StartError> {
        let Environment { settings, vcenter, listen, verbosity, warnings, in_force } = environment;
        let listen = vec![listen.parse().map_err(StartError::Listen)?];
        let checked = Checked { in_force, warnings };
        Ok(Self { settings, hosts: HostSource::One(Box::new(vcenter)), listen, doors: DoorFiles::default(), verbosity, checked })
    }
}

/// A vSphere host and what it is made of.
type Known = BTreeMap<String, ClientConfig>;

impl HostSource {
    /// Every vSphere host that is to be read, by its name.
    fn load(&self) -> Result<Known, vpoller_store::Error> {
        match self {
            Self::One(config) => Ok(Known::from([(config.host.clone(), (**config).clone())])),
            Self::Database(path) => {
                let hosts = Store::open(path)?.hosts()?;
                Ok(hosts.into_iter().filter(|host| host.enabled).map(|host| (host.host.clone(), client_config(&host))).collect())
            }
        }
    }
}

/// How to talk to a host of the database.
fn client_config(host: &vpoller_store::Host) -> ClientConfig {
    let mut config = ClientConfig::new(&host.host, &host.user, host.password.clone());
    config.port = host.port;
    config.tls = match &host.tls {
        TlsChoice::Unset | TlsChoice::Off => Tls::Off,
        TlsChoice::Verify => Tls::Verify,
        TlsChoice::CaFile(path) => Tls::CaFile(path.clone()),
        // A stored pin was checked when it was written; should it be damaged, the strictest check is right.
        TlsChoice::Pin(text) => text.parse().map_or(Tls::Verify, Tls::Pin),
    };
    config
}

fn inventory(name: &str, config: ClientConfig) -> (String, Arc<dyn Inventory>) {
    let inventory: Arc<dyn Inventory> = match Client::new(config) {
        Ok(client) => Arc::new(Cached::new(client, &CacheSettings::default())),
        Err(error) => {
            let error = ReadError::of(name, &error);
            tracing::error!("Cannot connect to {name}: {error}");
            Arc::new(Broken::new(error))
        }
    };
    (name.to_owned(), inventory)
}

/// How often it is looked whether the server still runs.
const GLANCE: Duration = Duration::from_secs(1);
/// How often the tasks show systemd's watchdog that they take turns.
const BEAT: Duration = Duration::from_millis(500);
/// What tasks that ignore their end may still take.
const RUNTIME_STOP: Duration = Duration::from_secs(1);

fn run(config: &ProgramConfig, options: &Options, signals: &Signals, log: &Log) -> Result<(), StartError> {
    tracing::info!("vPoller Exporter {VERSION}");
    let doors = Doors::load(&config.doors)?;
    let server = Server::bind(&config.listen, Limits::default(), doors)?;
    let known = config.hosts.load()?;
    if known.is_empty() {
        tracing::warn!("No registered or enabled vSphere hosts found");
    }
    let hosts = Arc::new(Hosts::new(known.into_iter().map(|(name, config)| inventory(&name, config))));
    let exporter = Exporter::new(Arc::clone(&hosts), config.settings.clone());
    let runtime = Builder::new_multi_thread().thread_name("VPollerExporter").enable_all().build().map_err(StartError::Runtime)?;
    let (stop, stopped) = watch::channel(false);
    let stopping = |mut stopped: watch::Receiver<bool>| async move {
        // The sender lives until the end.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    hosts.start(runtime.handle());
    for address in server.local_addresses() {
        tracing::info!("Metrics are at {address}");
    }
    let serving = runtime.spawn(server.serve(exporter.router(), stopping(stopped.clone())));
    let gathering = runtime.spawn(async move { exporter.run(stopping(stopped)).await });
    let pulse = Pulse::new("VPollerExporter");
    let mut watchdog = Watchdog::new(Instant::now(), vec![pulse.clone()]);
    runtime.spawn(async move {
        let mut turns = tokio::time::interval(BEAT);
        loop {
            turns.tick().await;
            pulse.beat();
        }
    });
    let _pid_file = options.pidfile.as_deref().map(PidFile::write).transpose()?;
    notify::ready();
    let ended = loop {
        watchdog.tend(Instant::now());
        match signals.wait(GLANCE) {
            Some(Signal::Stop) => break false,
            Some(Signal::Reload) => match log.reopen() {
                Ok(()) => tracing::info!("Log reopened"),
                Err(error) => tracing::error!("{error}"),
            },
            None if serving.is_finished() || gathering.is_finished() => break true,
            None => {}
        }
    };
    notify::stopping();
    tracing::info!("vPoller Exporter is shutting down");
    let _ = stop.send(true);
    let served = runtime.block_on(async {
        let served = serving.await;
        hosts.stop().await;
        served
    });
    runtime.shutdown_timeout(RUNTIME_STOP);
    match served {
        Ok(Err(error)) => Err(error.into()),
        _ if ended => Err(StartError::Ended),
        _ => Ok(()),
    }
}
