//! The command `ceilometer-config`: prints or writes the files that make a Ceilometer poll this exporter.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use vpoller_daemon::doors::DoorFiles;
use vpoller_daemon::listen::{Listen, ListenScheme};

use crate::ceilometer::{CeilometerPlan, MARK, PlanError, PlanFile, SMALLEST_PAGE, Token};
use crate::settings::CeilometerSettings;

/// What the command line says about the files.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArguments {
    /// Where Ceilometer reaches the exporter [default: where it listens, as this machine reaches it].
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// File in which Ceilometer finds its token, read for every poll.
    #[arg(long, value_name = "FILE")]
    token_file: Option<String>,

    /// Ask for all meters of devices that have one unit at once: fewer requests, but on Ceilometer's own page for Prometheus devices
    /// that are gone stay.
    #[arg(long)]
    lists: bool,

    /// Have Ceilometer ask for pages of this many entries, 1000 at least.
    #[arg(long, value_name = "ENTRIES", value_parser = clap::value_parser!(u32).range(SMALLEST_PAGE as i64..))]
    page: Option<u32>,

    /// Write the files below this folder, such as /etc/ceilometer, instead of printing them.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Why there are no files.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    #[error("nothing is gathered for Ceilometer: set ceilometer = yes in the section [exporter], then start the exporter again")]
    SwitchedOff,
    #[error(
        "under which address Ceilometer reaches {0} cannot be told: {1}; say it with --url, such as --url http://127.0.0.1:9272"
    )]
    NoUrl(String, String),
    #[error("the exporter asks for a token (http_tokens): name the file in which Ceilometer finds one with --token-file")]
    NoToken,
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{} is there already and was not made by this command: move it away, or add what is printed without --folder to it", .0.display())]
    Foreign(PathBuf),
    #[error("cannot write {}: {}", .0.display(), .1)]
    Write(PathBuf, io::Error),
    #[error("cannot print the files: {0}")]
    Print(io::Error),
}

impl ConfigArguments {
    /// Prints the files, or writes them and prints their names.
    pub(crate) fn run(
        &self,
        settings: Option<&CeilometerSettings>,
        listen: &[Listen],
        doors: &DoorFiles,
    ) -> Result<(), FilesError> {
        let files = self.plan(settings, listen, doors)?.files()?;
        let mut out = io::stdout().lock();
        let Some(folder) = &self.folder else {
            let print = |file: &PlanFile| writeln!(out, "# ---- {}\n{}", file.path, file.text);
            return files.iter().try_for_each(print).map_err(FilesError::Print);
        };
        // All or none.
        files.iter().try_for_each(|file| check(&folder.join(file.path)))?;
        for file in &files {
            let path = folder.join(file.path);
            replace(&path, &file.text).map_err(|error| FilesError::Write(path.clone(), error))?;
            writeln!(out, "{}", path.display()).map_err(FilesError::Print)?;
        }
        Ok(())
    }

    fn plan(
        &self,
        settings: Option<&CeilometerSettings>,
        listen: &[Listen],
        doors: &DoorFiles,
    ) -> Result<CeilometerPlan, FilesError> {
        let settings = settings.ok_or(FilesError::SwitchedOff)?;
        let token = match &self.token_file {
            Some(path) => Token::File(path.clone()),
            None if doors.tokens.is_some() => return Err(FilesError::NoToken),
            None => Token::None,
        };
        let url = self.url.clone().map_or_else(|| url(listen, doors), Ok)?;
        // Ceilometer takes whole seconds only. A poll that comes too late skips no sample, one that comes too early has the last again.
        let seconds = settings.interval.as_secs() + u64::from(settings.interval.subsec_nanos() > 0);
        let interval = u32::try_from(seconds).unwrap_or(u32::MAX);
        let page = self.page.map(|page| usize::try_from(page).unwrap_or(usize::MAX));
        Ok(CeilometerPlan { url, interval, token, lists: self.lists, page })
    }
}

/// How this machine reaches what listens there.
fn url(listen: &[Listen], doors: &DoorFiles) -> Result<String, FilesError> {
    let first = listen.first();
    let unknown = |reason: &str| FilesError::NoUrl(first.map_or_else(String::new, ToString::to_string), reason.to_owned());
    let listen = first.ok_or_else(|| unknown("it listens nowhere"))?;
    let may_be_tls = listen.scheme() == Some(ListenScheme::Tls) || (doors.config.is_some() && listen.scheme().is_none());
    if may_be_tls {
        return Err(unknown("with TLS it is the name in its certificate"));
    }
    let addresses = listen.local().map_err(|error| unknown(&error.to_string()))?;
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    match address {
        Some(address) if address.port() != 0 => Ok(format!("http://{address}")),
        _ => Err(unknown("its port is another one at every start")),
    }
}

/// Whether we may write there: other sources and pollsters of an agent are not ours to throw away.
fn check(path: &Path) -> Result<(), FilesError> {
    match fs::read(path) {
        Ok(text) if String::from_utf8_lossy(&text).contains(MARK) => Ok(()),
        Ok(_) => Err(FilesError::Foreign(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FilesError::Write(path.to_owned(), error)),
    }
}

/// Puts a file in place of the old one, whole at any moment: an agent that starts now reads the old one or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Ceilometer reads files that end in .yaml, so it does not read this one.
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}
