//! The doors of a listener for HTTP: whether it speaks TLS, who may ask, and how often.
//!
//! They are set by the web configuration file that Prometheus' exporters share, and by a file of bearer tokens. Both, and the
//! certificates that the first names, are read again when they change; what cannot be read leaves the doors as they were.
//! Nothing here waits for a client, and nothing needs an asynchronous runtime; what takes long is handed out ([`PasswordCheck`]).

mod rate;
mod tls;
mod tokens;
mod users;
mod web_config;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustls::ServerConfig;
use secrecy::SecretString;

pub use self::users::PasswordCheck;

use self::rate::Bucket;
use self::tls::TlsSettings;
use self::tokens::Tokens;
use self::users::{Known, Passwords};
use self::web_config::WebConfig;
use crate::config::{ConfigError, Settings};
use crate::listen::{Listen, ListenScheme};

/// The files are looked at this often at most.
const LOOK: Duration = Duration::from_secs(1);

/// The files that set the doors.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DoorFiles {
    /// The web configuration file.
    pub config: Option<PathBuf>,
    /// The file of bearer tokens.
    pub tokens: Option<PathBuf>,
}

impl DoorFiles {
    /// No files: everybody may ask.
    pub const NONE: Self = Self { config: None, tokens: None };

    /// The keys `http_config` and `http_tokens` of a section; `off` is no file.
    ///
    /// # Errors
    /// When a value names a key that is not there.
    pub fn read(settings: &Settings, section: &str) -> Result<Self, ConfigError> {
        let path = |key| {
            let text = settings.text(section, key)?.filter(|text| !text.is_empty() && text != "off");
            Ok::<_, ConfigError>(text.map(PathBuf::from))
        };
        Ok(Self { config: path("http_config")?, tokens: path("http_tokens")? })
    }
}

/// Why the doors cannot be set.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{kind} {}: {reason}", path.display())]
pub struct DoorsError {
    kind: &'static str,
    path: PathBuf,
    reason: String,
}

/// An address says another thing about TLS than the doors.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SchemeError {
    #[error("{0} asks for TLS, but no certificate is configured; the web configuration file needs a tls_server_config")]
    NoCertificate(Listen),
    #[error("{0} asks for no TLS, but the web configuration file has a tls_server_config; write https:// or leave http:// out")]
    NotPlain(Listen),
}

/// What guards a listener.
#[derive(Debug)]
pub struct Doors {
    files: DoorFiles,
    passwords: Arc<Passwords>,
    state: RwLock<Arc<DoorState>>,
    watch: Mutex<Watch>,
}

/// What the files say.
struct DoorState {
    tls: Option<Arc<ServerConfig>>,
    headers: Vec<(&'static str, String)>,
    users: BTreeMap<String, SecretString>,
    tokens: Option<Tokens>,
    bucket: Option<Bucket>,
    /// All files that it came from.
    sources: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl std::fmt::Debug for DoorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoorState").field("is_tls", &self.tls.is_some()).field("users", &self.users.len()).finish_non_exhaustive()
    }
}

/// When the files were looked at.
#[derive(Debug)]
struct Watch {
    next: Instant,
    stamps: Vec<Option<Stamp>>,
}

/// What tells one state of a file from another: device, inode, length, and the times of contents and attributes in nanoseconds.
type Stamp = [i128; 5];

/// Whether a request may be answered.
#[derive(Debug)]
pub enum Verdict {
    Allowed,
    Refused(Refusal),
    /// Only a slow check can say. Run it where that keeps no other client waiting; [`Doors::unauthorized`] is the answer if it fails.
    Unchecked(PasswordCheck),
}

/// Why a request is not answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub status: u16,
    /// One line.
    pub text: &'static str,
    /// The values of `WWW-Authenticate`.
    pub challenges: Vec<&'static str>,
}

impl Refusal {
    /// Too many passwords are being checked.
    pub(crate) const fn busy() -> Self {
        Self { status: 503, text: "too many passwords are being checked; ask again in a moment", challenges: Vec::new() }
    }
}

impl Doors {
    /// Reads the files; `None` where none is named.
    ///
    /// # Errors
    /// When one cannot be read, or what it says makes no sense. Secrets are not quoted.
    pub fn load(files: &DoorFiles) -> Result<Option<Self>, DoorsError> {
        if *files == DoorFiles::NONE {
            return Ok(None);
        }
        let state = DoorState::load(files)?;
        state.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let passwords = Passwords::new().map_err(|_| files.error("the system gives no random numbers".to_owned()))?;
        // A file that changes between being read and this look is read at the next change only, which is why all are looked at anew.
        let watch = Watch { next: Instant::now(), stamps: Vec::new() };
        Ok(Some(Self { files: files.clone(), passwords, state: RwLock::new(Arc::new(state)), watch: Mutex::new(watch) }))
    }

    /// Compares an address with the doors it will have.
    ///
    /// # Errors
    /// When they say different things about TLS.
    pub fn check_scheme(doors: Option<&Self>, listen: &Listen) -> Result<(), SchemeError> {
        agree(doors.is_some_and(Self::is_tls), listen)
    }

    /// Reads the files as a start at this address does; what of them is worth a warning.
    ///
    /// # Errors
    /// When they make no sense, or say another thing about TLS than the address.
    pub fn examine<E: From<DoorsError> + From<SchemeError>>(files: &DoorFiles, listen: &Listen) -> Result<Vec<String>, E> {
        let state = DoorState::load(files)?;
        agree(state.tls.is_some(), listen)?;
        Ok(state.warnings)
    }

    /// Whether clients speak TLS; does not change while the doors last.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.state().tls.is_some()
    }

    /// What TLS is set to for the next connection.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.current().tls.clone()
    }

    /// Headers for every response.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        self.state().headers.clone()
    }

    /// Judges a request by the value of its header `Authorization`; of a request that has several, none counts.
    #[must_use]
    pub fn check(&self, authorization: Option<&[u8]>) -> Verdict {
        let state = self.current();
        if state.bucket.as_ref().is_some_and(|bucket| !bucket.take(Instant::now())) {
            return Verdict::Refused(Refusal { status: 429, text: "too many requests", challenges: Vec::new() });
        }
        if state.users.is_empty() && state.tokens.is_none() {
            return Verdict::Allowed;
        }
        let refused = || Verdict::Refused(state.unauthorized());
        let Some((scheme, credentials)) = authorization.and_then(split) else { return refused() };
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return if state.tokens.as_ref().is_some_and(|tokens| tokens.has(credentials)) {
                Verdict::Allowed
            } else {
                refused()
            };
        }
        if !scheme.eq_ignore_ascii_case(b"basic") {
            return refused();
        }
        let Some((user, password)) = basic(credentials) else { return refused() };
        match self.passwords.judge(&state.users, &user, &password) {
            Known::Right => Verdict::Allowed,
            Known::Wrong => refused(),
            Known::Busy => Verdict::Refused(Refusal::busy()),
            Known::Unchecked(check) => Verdict::Unchecked(check),
        }
    }

    /// The answer to who may not ask.
    #[must_use]
    pub fn unauthorized(&self) -> Refusal {
        self.state().unauthorized()
    }

    fn state(&self) -> Arc<DoorState> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the files say now.
    fn current(&self) -> Arc<DoorState> {
        let state = self.state();
        // Whoever comes while another one looks takes what was there.
        let Ok(mut watch) = self.watch.try_lock() else { return state };
        let now = Instant::now();
        if now < watch.next {
            return state;
        }
        watch.next = now + LOOK;
        let stamps: Vec<_> = state.sources.iter().map(|path| stamp(path)).collect();
        if std::mem::replace(&mut watch.stamps, stamps.clone()) == stamps {
            return state;
        }
        let read = DoorState::load(&self.files);
        match read {
            Ok(new) if new.tls.is_some() != state.tls.is_some() => {
                tracing::error!("TLS is not switched on or off while it runs; users, tokens and certificates stay as they were");
                state
            }
            Ok(new) => {
                let new = Arc::new(new);
                new.warnings.iter().filter(|text| !state.warnings.contains(text)).for_each(|text| tracing::warn!("{text}"));
                watch.stamps = new.sources.iter().map(|path| stamp(path)).collect();
                *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
                new
            }
            Err(error) => {
                tracing::error!("{error}; users, tokens and certificates stay as they were");
                state
            }
        }
    }
}

impl DoorFiles {
    /// An error of the first file that there is.
    fn error(&self, reason: String) -> DoorsError {
        let path = self.config.iter().chain(&self.tokens).next().cloned().unwrap_or_default();
        DoorsError { kind: "web configuration file", path, reason }
    }
}

impl DoorState {
    fn load(files: &DoorFiles) -> Result<Self, DoorsError> {
        let mut state = Self {
            tls: None,
            headers: Vec::new(),
            users: BTreeMap::new(),
            tokens: None,
            bucket: None,
            sources: Vec::new(),
            warnings: Vec::new(),
        };
        if let Some(path) = &files.config {
            state.take_config(path).map_err(|reason| DoorsError {
                kind: "web configuration file",
                path: path.clone(),
                reason,
            })?;
        }
        if let Some(path) = &files.tokens {
            state.take_tokens(path).map_err(|reason| DoorsError { kind: "token file", path: path.clone(), reason })?;
        }
        Ok(state)
    }

    fn take_config(&mut self, path: &PathBuf) -> Result<(), String> {
        self.sources.push(path.clone());
        let text = String::from_utf8(tls::read_file(path)?).map_err(|_| "is no text in UTF-8".to_owned())?;
        let config = WebConfig::parse(&text, path.parent().unwrap_or(Path::new("")))?;
        if let Some(section) = &config.tls {
            self.sources.extend(section.files().map(Path::to_owned));
            let TlsSettings { config, warnings } = section.settings()?;
            self.tls = Some(config);
            self.warnings.extend(warnings.iter().map(|warning| format!("web configuration file {}: {warning}", path.display())));
        }
        self.headers = config.headers;
        self.users = config.users;
        let has_secrets = !self.users.is_empty() || config.tls.is_some_and(|section| section.has_inline_key());
        if has_secrets && tls::is_readable_by_others(path) {
            // Other exporters take such a file, so that it may well be there.
            let path = path.display();
            self.warnings.push(format!(
                "web configuration file {path}: every user of this machine can read its secrets; run \"chmod o-r {path}\""
            ));
        }
        self.bucket = config.rate.map(Bucket::new);
        Ok(())
    }

    fn take_tokens(&mut self, path: &PathBuf) -> Result<(), String> {
        self.sources.push(path.clone());
        let text = String::from_utf8(tls::read_file(path)?).map_err(|_| "is no text in UTF-8".to_owned())?;
        self.tokens = Some(Tokens::parse(&text)?);
        // Tokens stand there as they are sent, and the format is ours: no other program needs such a file to be accepted.
        if tls::is_readable_by_others(path) {
            return Err(format!("every user of this machine can read the tokens; run \"chmod o-r {}\"", path.display()));
        }
        Ok(())
    }

    fn unauthorized(&self) -> Refusal {
        let mut challenges = Vec::new();
        if !self.users.is_empty() {
            challenges.push("Basic realm=\"vPoller\", charset=\"UTF-8\"");
        }
        if self.tokens.is_some() {
            challenges.push("Bearer realm=\"vPoller\"");
        }
        Refusal { status: 401, text: "a right name and password, or token, is needed", challenges }
    }
}

/// Whether an address says the same about TLS as the doors.
fn agree(is_tls: bool, listen: &Listen) -> Result<(), SchemeError> {
    match listen.scheme() {
        Some(ListenScheme::Tls) if !is_tls => Err(SchemeError::NoCertificate(listen.clone())),
        Some(ListenScheme::Plain) if is_tls => Err(SchemeError::NotPlain(listen.clone())),
        _ => Ok(()),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    let time = |seconds: i64, nanoseconds: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    Some([
        found.dev().into(),
        found.ino().into(),
        found.len().into(),
        time(found.mtime(), found.mtime_nsec()),
        time(found.ctime(), found.ctime_nsec()),
    ])
}

/// Scheme and credentials of a header's value.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let value = value.trim_ascii();
    let blank = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, credentials) = value.split_at(blank);
    Some((scheme, credentials.trim_ascii()))
}

/// User and password of what stands behind `Basic`.
fn basic(credentials: &[u8]) -> Option<(String, Vec<u8>)> {
    const ENGINE: GeneralPurpose =
        GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));
    let decoded = ENGINE.decode(credentials).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at(colon);
    Some((String::from_utf8_lossy(user).into_owned(), password.get(1..)?.to_vec()))
}

#[cfg(test)]
mod tests;
