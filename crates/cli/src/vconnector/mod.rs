//! `vconnector-cli`: registers vSphere hosts in the workers' database.
//!
//! Exit codes: 0 done (also when the host to change does not exist: a warning says so); 1 a wrong command line, or it could not
//! be done, with one line on stderr that says why and what to do.

mod table;
mod trust;

use std::fmt;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use vpoller_store::{Error, Host, Store};
use vpoller_wire::password;

use crate::args;
use crate::log::{Log, LogFormat};
use crate::output;

/// Register the VMware vSphere hosts that vPoller workers ask
#[derive(Debug, Parser)]
#[command(name = "vconnector-cli", version, infer_long_args = true, disable_version_flag = true, after_help = COMMANDS)]
pub struct VconnectorArgs {
    /// What to do, see below
    #[arg(hide_possible_values = true)]
    command: Command,
    /// The database
    #[arg(short, long, value_name = "FILE", default_value = vpoller_store::DEFAULT_PATH)]
    database: PathBuf,
    /// The vSphere host, as requests will name it
    #[arg(short = 'H', long, allow_hyphen_values = true)]
    host: Option<String>,
    /// User on that host
    #[arg(short = 'U', long, allow_hyphen_values = true)]
    user: Option<String>,
    /// The user's password; other users can see it in the process list
    #[arg(short = 'P', long, value_name = "PASSWORD", allow_hyphen_values = true)]
    pwd: Option<SecretString>,
    /// Read the password from the first line of stdin; on a terminal, and without -P, it is asked for
    #[arg(long, conflicts_with = "pwd")]
    pwd_stdin: bool,
    /// Port of the host's API, with add and update [default: 443]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Print no passwords, with get
    #[arg(long)]
    hide: bool,
    /// Print ports and certificate checks too, with get
    #[arg(long)]
    wide: bool,
    #[command(flatten)]
    trust: trust::TrustOptions,
    /// Append log lines to a file instead of printing them on stderr
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Log more
    #[arg(short = 'D', long)]
    debug: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: (),
}

/// The commands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Command {
    Init,
    Add,
    Update,
    Enable,
    Disable,
    Remove,
    Get,
    Trust,
}

const COMMANDS: &str = "\
Commands:
  init     Make the database
  add      Register a host (-H -U -P); it is disabled until enabled
  update   Change a host's user and password (-H -U -P), or its port (-H --port)
  enable   Let workers ask a host (-H)
  disable  Keep workers from asking a host (-H)
  remove   Forget a host (-H)
  get      Print all hosts
  trust    Show a host's certificate and pin it (-H), or say how else to check it

Exit codes: 0 done, 1 not done, for the reason on stderr";

/// Runs the program.
pub fn run(args: VconnectorArgs) -> ExitCode {
    match execute(&args) {
        Ok(code) => code,
        Err(error) => match error.downcast_ref() {
            Some(UsageError(reason)) => {
                args::complain::<VconnectorArgs>(&VconnectorArgs::command().error(ErrorKind::MissingRequiredArgument, reason));
                ExitCode::from(args::USAGE)
            }
            None => output::fail(&error),
        },
    }
}

fn execute(args: &VconnectorArgs) -> anyhow::Result<ExitCode> {
    let mut log = Log::stderr(LogFormat::Connector, args.debug);
    if let Some(path) = args.output.as_deref().filter(|path| path.as_os_str() != "-") {
        log = log.into_file(path)?;
    }
    match args.command {
        Command::Init => {
            log.info(format_args!("Initializing vConnector database at {}", args.database.display()));
            Store::create(&args.database).context("Cannot initialize database")?;
        }
        Command::Get => return get(args, &log).context("Cannot read database"),
        Command::Trust => return trust::run(args, args.host()?, &log),
        change => update(args, change, &log)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn get(args: &VconnectorArgs, log: &Log) -> Result<ExitCode, Error> {
    let hosts = open(args, log)?.hosts()?;
    log.debug(format_args!("{} hosts in {}", hosts.len(), args.database.display()));
    let cells = |host: &Host| {
        let password = if args.hide { "********" } else { host.password.expose_secret() };
        let [password, enabled] = [password.to_owned(), u8::from(host.enabled).to_string()];
        [host.host.clone(), host.user.clone(), password, enabled, host.port.to_string(), host.tls.to_string()]
    };
    let rows: Vec<_> = hosts.iter().map(cells).collect();
    let columns = if args.wide { HEADER.len() } else { ORIGINAL_COLUMNS };
    Ok(output::text(&table::grid(&HEADER[..columns], &rows)))
}

const HEADER: [&str; 6] = ["Hostname", "Username", "Password", "Enabled", "Port", "Certificate"];
const ORIGINAL_COLUMNS: usize = 4;

fn update(args: &VconnectorArgs, command: Command, log: &Log) -> anyhow::Result<()> {
    // A wrong command line is reported before the database is opened.
    let host = args.host()?;
    if command == Command::Add {
        vpoller_vsphere::check_host_name(host)?;
    }
    let credentials = match command {
        Command::Update if args.port.is_some() && args.user.is_none() && args.pwd.is_none() && !args.pwd_stdin => None,
        Command::Add | Command::Update => Some((args.user()?, args.password()?)),
        _ => None,
    };
    change(args, command, host, credentials, log).context("Cannot update database")
}

fn change(
    args: &VconnectorArgs,
    command: Command,
    host: &str,
    credentials: Option<(&str, SecretString)>,
    log: &Log,
) -> Result<(), Error> {
    let store = open(args, log)?;
    let known = match command {
        Command::Enable => {
            log.info(format_args!("Enabling vSphere Agent {host}"));
            store.enable(host)?
        }
        Command::Disable => {
            log.info(format_args!("Disabling vSphere Agent {host}"));
            store.disable(host)?
        }
        Command::Remove => {
            log.info(format_args!("Removing vSphere Agent {host} from database"));
            store.remove(host)?
        }
        _ => {
            log.info(format_args!("Adding/updating vSphere Agent {host} in database"));
            if let Some((user, password)) = credentials {
                let change = if command == Command::Add { Store::add } else { Store::update };
                change(&store, host, user, &password)?;
            }
            if let Some(port) = args.port {
                store.set_port(host, port)?;
            }
            true
        }
    };
    if !known {
        log.warning(format_args!("There is no vSphere Agent {host} in {}: nothing was changed", args.database.display()));
    }
    Ok(())
}

/// Opens the database for administration. Workers refuse a file that all users can read, so this warns about it.
fn open(args: &VconnectorArgs, log: &Log) -> Result<Store, Error> {
    let store = Store::open_exposed(&args.database)?;
    if store.exposed()? {
        log.warning(format_args!("{}; workers will not use it", Error::Exposed(args.database.clone())));
    }
    Ok(store)
}

impl VconnectorArgs {
    fn host(&self) -> anyhow::Result<&str> {
        self.host.as_deref().with_context(|| UsageError("the host is missing: -H <host>"))
    }

    fn user(&self) -> anyhow::Result<&str> {
        self.user.as_deref().with_context(|| UsageError("the user is missing: -U <user>"))
    }

    fn password(&self) -> anyhow::Result<SecretString> {
        if let Some(password) = &self.pwd {
            return Ok(password.clone());
        }
        let input = io::stdin().lock();
        if input.is_terminal() {
            let password = rpassword::prompt_password("Password: ").context("cannot ask for the password")?;
            return Ok(password.into());
        }
        if !self.pwd_stdin {
            bail!(UsageError("the password is missing: --pwd-stdin with the password on stdin, or -P <password>"));
        }
        let line = password::first_line(input).context("cannot read the password from stdin")?;
        match line.as_str() {
            "" => bail!("no password came on stdin; nothing was changed"),
            password => Ok(password.into()),
        }
    }
}

/// An option is missing that is needed for this command only, which clap does not know.
#[derive(Debug)]
struct UsageError(&'static str);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for UsageError {}
