//! `vconnector-cli trust`: decides how a host's certificate is checked.
//!
//! Fetching the certificate sends no credential. It asks questions on a terminal only, and changes nothing without a yes.

use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use vpoller_store::{Error, Host, Store, TlsChoice};
use vpoller_vsphere::{Certificate, check_ca_file, fetch_fingerprint};
use vpoller_wire::text::{Controls, one_line};

use super::{VconnectorArgs, open};
use crate::log::Log;
use crate::output;

/// How a certificate is to be checked; at most one.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
pub(super) struct TrustOptions {
    /// With trust: pin the certificate that the host presents without asking
    #[arg(long)]
    yes: bool,
    /// With trust: pin the certificate with this SHA-256 fingerprint
    #[arg(long, value_name = "SHA256", value_parser = TlsChoice::pin)]
    fingerprint: Option<TlsChoice>,
    /// With trust: accept certificates that an authority in this PEM file vouches for
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// With trust: accept certificates that the system's authorities vouch for
    #[arg(long)]
    verify: bool,
    /// With trust: accept any certificate; whoever sits in between can read the password
    #[arg(long)]
    off: bool,
}

impl TrustOptions {
    /// The choice that can be made without the certificate.
    fn choice(&self) -> anyhow::Result<Option<TlsChoice>> {
        if let Some(path) = &self.ca_file {
            let unreadable = || format!("cannot read CA file {}", path.display());
            std::fs::File::open(path).with_context(unreadable)?;
            check_ca_file(path)?;
            // Workers run in another folder than this tool.
            return Ok(Some(TlsChoice::CaFile(std::path::absolute(path).with_context(unreadable)?)));
        }
        let verify = self.verify.then_some(TlsChoice::Verify);
        Ok(self.fingerprint.clone().or(verify).or(self.off.then_some(TlsChoice::Off)))
    }
}

/// Runs the command.
pub(super) fn run(args: &VconnectorArgs, name: &str, log: &Log) -> anyhow::Result<ExitCode> {
    let store = open(args, log).context("Cannot read database")?;
    if let Some(choice) = args.trust.choice()? {
        return set(&store, name, &choice, log);
    }
    let host = find(&store, args, name).context("Cannot read database")?;
    let certificate = fetch(&host)?;
    output::text(&describe(&host, &certificate));
    if let Some(reason) = &certificate.unusable {
        bail!(
            "this certificate can never be used: {}; nothing was changed. Give the host another certificate, or accept any with \
             `vconnector-cli -H {name} trust --off`: whoever sits in between can then read the password",
            plain(reason)
        );
    }
    let pin = TlsChoice::Pin(certificate.sha256.to_string());
    if host.tls == pin {
        output::text("It is pinned already.\n");
        return Ok(ExitCode::SUCCESS);
    }
    if let TlsChoice::Pin(pinned) = &host.tls {
        log.warning(format_args!("{name} presents another certificate than the pinned one, {pinned}"));
    }
    if args.trust.yes || confirmed(name)? { set(&store, name, &pin, log) } else { bail!("nothing was changed") }
}

fn find(store: &Store, args: &VconnectorArgs, name: &str) -> Result<Host, Error> {
    let unknown = || Error::UnknownHost { path: args.database.clone(), host: name.to_owned() };
    store.hosts()?.into_iter().find(|host| host.host == name).ok_or_else(unknown)
}

fn set(store: &Store, name: &str, choice: &TlsChoice, log: &Log) -> anyhow::Result<ExitCode> {
    store.set_tls(name, choice).context("Cannot update database")?;
    log.info(format_args!("Certificate check of vSphere Agent {name}: {choice}"));
    Ok(ExitCode::SUCCESS)
}

fn fetch(host: &Host) -> anyhow::Result<Certificate> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let fetched = runtime.block_on(fetch_fingerprint(&host.host, host.port, PATIENCE));
    fetched.with_context(|| format!("cannot get the certificate of {}:{}", host.host, host.port))
}

fn describe(host: &Host, certificate: &Certificate) -> String {
    let moment = |moment: &Option<vpoller_vsphere::DateTime>| moment.map_or_else(|| "?".to_owned(), |moment| moment.to_string());
    format!(
        "Certificate of {}:{}\n  subject     {}\n  issuer      {}\n  names       {}\n  valid from  {}\n  valid to    {}\n  SHA-256     {}\n",
        host.host,
        host.port,
        plain(&certificate.subject),
        plain(&certificate.issuer),
        plain(&certificate.names.join(", ")),
        moment(&certificate.not_before),
        moment(&certificate.not_after),
        certificate.sha256
    )
}

/// Text of a server that is not trusted yet: without control characters, which could steer the terminal.
fn plain(text: &str) -> Cow<'_, str> {
    one_line(text, Controls::Replaced('?'))
}

fn confirmed(name: &str) -> anyhow::Result<bool> {
    let mut input = io::stdin().lock();
    if !input.is_terminal() {
        bail!(
            "nothing was changed: compare the fingerprint with the one that {name} itself shows, then run this again with --yes"
        );
    }
    let mut screen = io::stderr();
    write!(screen, "Is this the fingerprint that the host itself shows, and shall it be pinned? [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// How long a host may take to present its certificate.
const PATIENCE: Duration = Duration::from_secs(10);
