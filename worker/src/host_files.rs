//! Where the vSphere hosts come from: the database, and one file per host as in the first releases.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use vpoller_daemon::Program;
use vpoller_daemon::config::{ConfigError, Settings};
use vpoller_inventory::{Broken, CacheSettings, Cached, Direct, Inventory, ReadError};
use vpoller_store::{DEFAULT_PORT, Host, Store, TlsChoice, readable_by_others};
use vpoller_vsphere::{Client, Config as ClientConfig, Tls};
use vpoller_wire::text::{Controls, one_line};

use crate::config::Config;

/// Why the vSphere hosts are not known.
#[derive(Debug, thiserror::Error)]
pub enum HostsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] vpoller_store::Error),
    /// The folder is none.
    #[error("{} does not exists or is not a directory", .0.display())]
    NoFolder(PathBuf),
    /// The folder is empty, and there is no database either.
    #[error("No vSphere config files found in {}", .0.display())]
    EmptyFolder(PathBuf),
    /// A file in it does not read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// Nobody could read.
    #[error("cannot read the vSphere hosts: {0}")]
    Reader(io::Error),
    /// A file in it lacks something.
    #[error("configuration file {}: [Default] {key} is missing", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
}

/// The vSphere hosts that are registered and enabled, and what was noticed on the way.
#[derive(Debug, Default)]
pub struct Found {
    /// Each name once.
    pub hosts: Vec<Registered>,
    /// What is worth a warning, a line each.
    pub warnings: Vec<String>,
    /// Files that make no host, and why.
    pub broken: Vec<(PathBuf, HostsError)>,
}

/// One vSphere host and how to talk to it.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The name that requests use.
    pub name: String,
    /// The client's settings.
    pub config: ClientConfig,
    /// Nobody has decided how its certificate is checked: it is not, and that is worth a warning.
    pub undecided: bool,
    /// How long what was learned of it is remembered, where it says so itself.
    pub cache_ttl: Option<Duration>,
    /// The file it comes from; those of the database have none.
    pub file: Option<PathBuf>,
    /// What it was made from, where that can change while the worker runs.
    origin: Option<(Host, Duration)>,
}

const FOLDER_SECTION: &str = "Default";

/// Every enabled vSphere host.
///
/// # Errors
/// When the database or the folder cannot be read, or every file in it is broken and there is no database.
pub(crate) fn load(config: &Config) -> Result<Found, HostsError> {
    // The first releases had no database; it is read along when there is one.
    let database = config.db_given || config.db.exists();
    let mut found = match &config.hosts_dir {
        Some(folder) => match from_folder(folder) {
            // Whoever moved to the database may leave the folder empty.
            Err(HostsError::EmptyFolder(_)) if database => Found::default(),
            files => keep_readable(files?, database)?,
        },
        None => Found::default(),
    };
    if database || config.hosts_dir.is_none() {
        for row in Store::open(&config.db)?.hosts()?.into_iter().filter(|host| host.enabled) {
            found.add(registered(row, None));
        }
    }
    Ok(found)
}

impl Found {
    /// Everything worth a warning, for a caller that had no hosts before.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let broken = self.broken.iter().map(|(_, error)| format!("{error}; its vSphere host is not served"));
        self.warnings.iter().cloned().chain(broken).collect()
    }

    /// Of two with one name the later one counts: that of the database.
    fn add(&mut self, host: Registered) {
        if let Some(double) = self.hosts.iter().position(|known| known.name == host.name) {
            let Registered { name, file, .. } = self.hosts.remove(double);
            let file = file.unwrap_or_default();
            self.warnings.push(format!("{name} is registered elsewhere too; {} is not used", file.display()));
        }
        self.hosts.push(host);
    }
}

impl Registered {
    /// A host with settings of the caller's own.
    #[must_use]
    pub fn new(name: impl Into<String>, config: ClientConfig) -> Self {
        Self { name: name.into(), config, undecided: false, cache_ttl: None, file: None, origin: None }
    }

    /// Whether nothing that matters differs.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.origin.is_some() && (&self.origin, self.cache_ttl) == (&other.origin, other.cache_ttl)
    }

    /// One line about it, without its password.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, config, file, origin, .. } = self;
        let certificate = origin.as_ref().map_or(&TlsChoice::Unset, |(host, _)| &host.tls);
        let place = file.as_ref().map_or_else(|| "the database".to_owned(), |file| file.display().to_string());
        let text = format!(
            "{name}: port {}, user {}, password ********, certificate {certificate}, from {place}",
            config.port, config.user
        );
        // Names are whatever the database holds.
        one_line(&text, Controls::Replaced('?')).into_owned()
    }

    /// What answers for this host: from memory if the cache is enabled and its agent runs, else from vSphere itself. Settings
    /// that cannot be used answer each request with what is wrong with them.
    #[must_use]
    pub fn inventory(&self, cache: &CacheSettings) -> Arc<dyn Inventory> {
        if self.undecided {
            let name = &self.name;
            tracing::warn!(
                "[{name}] The certificate is not verified, anybody in between can read the password; \
                 \"vconnector-cli -H {name} trust\" shows and pins it"
            );
        }
        match Client::new(self.config.clone()) {
            Ok(client) if cache.enabled => {
                Arc::new(Cached::new(client, &CacheSettings { ttl: self.cache_ttl.unwrap_or(cache.ttl), ..*cache }))
            }
            Ok(client) => Arc::new(Direct::new(client).forgetful()),
            Err(error) => {
                let error = ReadError::of(&self.name, &error);
                tracing::error!("Cannot connect to {}: {error}", self.name);
                Arc::new(Broken::new(error))
            }
        }
    }
}

fn registered(host: Host, timeout: Option<Duration>) -> Registered {
    let mut config = ClientConfig::new(&host.host, &host.user, host.password.clone());
    config.port = host.port;
    config.tls = match &host.tls {
        TlsChoice::Unset | TlsChoice::Off => Tls::Off,
        TlsChoice::Verify => Tls::Verify,
        TlsChoice::CaFile(path) => Tls::CaFile(path.clone()),
        // A stored pin was checked when it was written; should it be damaged, the strictest check is right.
        TlsChoice::Pin(text) => text.parse().map_or(Tls::Verify, Tls::Pin),
    };
    if let Some(timeout) = timeout {
        (config.connect_timeout, config.request_timeout) = (timeout, timeout);
    }
    let undecided = host.tls == TlsChoice::Unset;
    let origin = Some((host.clone(), config.request_timeout));
    Registered { name: host.host, undecided, cache_ttl: None, file: None, origin, config }
}

/// What a file in the folder says, and what is worth a warning about it.
type FromFile = Result<(Registered, Vec<String>), HostsError>;

/// One broken file costs its own host. When nothing is left to serve, the first mistake is the error.
fn keep_readable(files: Vec<(PathBuf, FromFile)>, database: bool) -> Result<Found, HostsError> {
    let mut found = Found::default();
    for (path, file) in files {
        match file {
            Ok((host, warnings)) => {
                found.warnings.extend(warnings);
                found.add(host);
            }
            Err(error) => found.broken.push((path, error)),
        }
    }
    if found.hosts.is_empty() && !database && !found.broken.is_empty() {
        return Err(found.broken.remove(0).1);
    }
    Ok(found)
}

/// One result for each file, in the order of their names.
fn from_folder(folder: &Path) -> Result<Vec<(PathBuf, FromFile)>, HostsError> {
    let files = files(folder).map_err(|_| HostsError::NoFolder(folder.to_owned()))?;
    if files.is_empty() {
        return Err(HostsError::EmptyFolder(folder.to_owned()));
    }
    Ok(files.into_iter().map(|path| (path.clone(), from_file(&path))).collect())
}

/// The files of the folder that describe a host each.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    Ok(files)
}

fn from_file(path: &Path) -> FromFile {
    let settings = Settings::load(path, Program::Worker)?;
    let missing = |key| HostsError::Key { path: path.to_owned(), key };
    let needed = |key| settings.text(FOLDER_SECTION, key)?.ok_or_else(|| missing(key));
    let time = |key, longest| {
        let given = settings.has(FOLDER_SECTION, key);
        given.then(|| settings.duration(FOLDER_SECTION, key, Duration::ZERO, SHORTEST..=longest)).transpose()
    };
    let host = Host {
        host: needed("hostname")?,
        user: needed("username")?,
        password: SecretString::from(settings.secret(FOLDER_SECTION, "password")?.ok_or_else(|| missing("password"))?),
        enabled: true,
        port: DEFAULT_PORT,
        tls: TlsChoice::Unset,
    };
    let (timeout, cache_ttl) = (time("timeout", LONGEST_TIMEOUT)?, time("cachettl", LONGEST_TTL)?);
    let mut warnings: Vec<String> = settings.unknown(&[]).iter().map(ToString::to_string).collect();
    if fs::metadata(path).is_ok_and(|file| readable_by_others(&file)) {
        let path = path.display();
        warnings.push(format!("{path} holds a password and every user can read it; run \"chmod 600 {path}\""));
    }
    Ok((Registered { cache_ttl, file: Some(path.to_owned()), ..registered(host, timeout) }, warnings))
}

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(3600);
const LONGEST_TTL: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn config(folder: Option<&Path>, db: PathBuf, db_given: bool) -> Config {
        let path = folder.map_or_else(String::new, |folder| format!("vsphere_hosts_dir = {}\n", folder.display()));
        let db = if db_given { format!("db = {}\n", db.display()) } else { String::new() };
        let file = tempfile::NamedTempFile::new().expect("file");
        fs::write(file.path(), format!("[worker]\n{path}{db}")).expect("written");
        Config::load(file.path()).expect("configuration").config
    }

    #[test]
    fn enabled_rows_are_served_and_undecided_ones_unverified() {
        let folder = tempfile::tempdir().expect("folder");
        let db = folder.path().join("vconnector.db");
        let store = Store::create(&db).expect("database");
        store.add("vc01", "root", &"p4ssw0rd".into()).expect("added");
        store.add("vc02", "root", &"p4ssw0rd".into()).expect("added");
        store.enable("vc01").expect("enabled");
        let hosts = load(&config(None, db, true)).expect("hosts").hosts;
        assert_eq!(hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["vc01"]);
        let host = hosts.first().expect("one");
        assert!(!host.undecided && matches!(host.config.tls, Tls::Verify));
        let old = Host { tls: TlsChoice::Unset, ..store.hosts().expect("hosts").remove(0) };
        let old = registered(old, None);
        assert!(old.undecided && matches!(old.config.tls, Tls::Off));
    }

    #[test]
    fn one_file_per_host_as_in_the_first_releases() {
        let folder = tempfile::tempdir().expect("folder");
        let text =
            "[Default]\nhostname = vc01-test.example.org\nusername = root\npassword = myp4ssw0rd\ntimeout  = 3\ncachettl: 60\n";
        fs::write(folder.path().join("my-vc0.conf"), text).expect("written");
        fs::write(folder.path().join("notes.txt"), "nothing").expect("written");
        let found = load(&config(Some(folder.path()), PathBuf::new(), false)).expect("hosts");
        let host = found.hosts.first().expect("one");
        assert_eq!((found.hosts.len(), host.name.as_str(), host.undecided), (1, "vc01-test.example.org", true));
        assert_eq!((host.config.connect_timeout, host.cache_ttl), (Duration::from_secs(3), Some(Duration::from_secs(60))));
    }

    #[test]
    fn a_password_is_what_python_reads() {
        use secrecy::ExposeSecret;
        let folder = tempfile::tempdir().expect("folder");
        for (written, expected) in
            [("abc\\", "abc\\"), (";lead", ";lead"), ("a;b ;c", "a;b ;c"), ("50%", "50%"), ("%(hostname)s!", "vc!")]
        {
            let file = folder.path().join("vc.conf");
            fs::write(&file, format!("[Default]\nhostname = vc\npassword = {written}\nusername = root\n")).expect("written");
            let (registered, _) = from_file(&file).expect(written);
            assert_eq!(registered.config.password.expose_secret(), expected, "{written}");
            assert_eq!(registered.config.user, "root", "{written}");
        }
        fs::write(folder.path().join("vc.conf"), "[Default]\nhostname = vc\nusername = root\npassword = x%(hidden)s\n")
            .expect("written");
        let error = from_file(&folder.path().join("vc.conf")).expect_err("no such key").to_string();
        assert!(error.contains("line 4: [Default] password = \"********\" names a key") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn what_a_file_says_in_vain_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        let db = folder.path().join("vconnector.db");
        let store = Store::create(&db).expect("database");
        store.add("a", "root", &"p4ssw0rd".into()).expect("added");
        store.enable("a").expect("enabled");
        let file = folder.path().join("a.conf");
        let host = "[Default]\nhostname = a\nusername = root\npassword = p4ssw0rd\n";
        fs::write(&file, format!("{host}port = 8443\n")).expect("written");
        fs::write(folder.path().join("b.conf"), format!("{host}timeout = soon\n")).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("mode");
        let found = load(&config(Some(folder.path()), db, true)).expect("hosts");
        let expected = [
            "line 5: unknown key \"port\" in [Default] is ignored",
            "holds a password and every user can read it; run \"chmod 600 ",
            "a is registered elsewhere too; ",
            "line 5: [Default] timeout = \"soon\" is no time from 1ms to 3600s; write seconds, like 10 or 0.5; its vSphere host is not served",
        ];
        let complaints = found.complaints();
        assert_eq!(complaints.len(), expected.len(), "{complaints:?}");
        for (complaint, expected) in complaints.iter().zip(expected) {
            assert!(complaint.contains(expected) && !complaint.contains("p4ssw0rd"), "{complaint}");
        }
        assert_eq!(found.hosts.iter().map(|host| host.file.clone()).collect::<Vec<_>>(), [None], "the database's counts");
    }

    #[test]
    fn what_is_missing_is_named() {
        let fails = |folder: &Path| load(&config(Some(folder), PathBuf::new(), false)).expect_err("must fail").to_string();
        let folder = tempfile::tempdir().expect("folder");
        assert!(fails(folder.path()).starts_with("No vSphere config files found in "));
        assert!(fails(&folder.path().join("gone")).ends_with("does not exists or is not a directory"));
        fs::write(folder.path().join("a.conf"), "[Default]\nhostname = a\n").expect("written");
        assert!(fails(folder.path()).ends_with("[Default] username is missing"));
    }

    #[test]
    fn an_empty_folder_or_a_broken_file_costs_no_other_host() {
        let folder = tempfile::tempdir().expect("folder");
        let db = folder.path().join("vconnector.db");
        let store = Store::create(&db).expect("database");
        store.add("vc01", "root", &"p4ssw0rd".into()).expect("added");
        store.enable("vc01").expect("enabled");
        let names = |db_given| -> Vec<String> {
            let hosts = load(&config(Some(folder.path()), db.clone(), db_given)).expect("hosts").hosts;
            hosts.into_iter().map(|host| host.name).collect()
        };
        assert_eq!(names(true), ["vc01"]);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
        write("a.conf", "[Default]\nhostname = a\n");
        assert_eq!(names(true), ["vc01"], "only a broken file");
        write("b.conf", "[Default]\nhostname = b\nusername = root\npassword = p4ssw0rd\n");
        write("c.conf", "hostname");
        assert_eq!((names(true), names(false)), (vec!["b".to_owned(), "vc01".to_owned()], vec!["b".to_owned()]));
    }
}
