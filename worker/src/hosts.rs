//! Where the vSphere hosts come from: the database, and one file per host as in the first releases.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use vpoller_store::{DEFAULT_PORT, Host, Store, TlsChoice};
use vpoller_vsphere::{Client, Config as ClientConfig, Tls};
use vpoller_wire::ini::{Ini, IniError};

use crate::config::{Cache, Config};
use crate::inventory::{Broken, Cached, Direct, Inventory, ReadError};

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
    File(#[from] IniError),
    /// A file in it lacks something.
    #[error("configuration file {}: [Default] {key} is missing", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
    },
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
    /// What it was made from, where that can change while the worker runs.
    origin: Option<(Host, Duration)>,
}

const FOLDER_SECTION: &str = "Default";

/// Every enabled vSphere host.
///
/// # Errors
/// When the database or the folder cannot be read, or every file in it is broken and there is no database.
pub fn load(config: &Config) -> Result<Vec<Registered>, HostsError> {
    // The first releases had no database; it is read along when there is one.
    let database = config.db_given || config.db.exists();
    let mut hosts = match &config.hosts_dir {
        Some(folder) => match from_folder(folder) {
            // Whoever moved to the database may leave the folder empty.
            Err(HostsError::EmptyFolder(_)) if database => Vec::new(),
            read => keep_readable(read?, database)?,
        },
        None => Vec::new(),
    };
    if database || config.hosts_dir.is_none() {
        let stored = Store::open(&config.db)?.hosts()?.into_iter().filter(|host| host.enabled).map(from_row);
        hosts.extend(stored);
    }
    Ok(hosts)
}

impl Registered {
    /// A host with settings of the caller's own.
    #[must_use]
    pub fn new(name: impl Into<String>, config: ClientConfig) -> Self {
        Self { name: name.into(), config, undecided: false, origin: None }
    }

    /// Whether nothing that matters differs.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.origin.is_some() && self.origin == other.origin
    }

    /// What answers for this host: from memory if the cache is enabled and its agent runs, else from vSphere itself. Settings
    /// that cannot be used answer each request with what is wrong with them.
    #[must_use]
    pub fn inventory(&self, cache: &Cache) -> Arc<dyn Inventory> {
        if self.undecided {
            let name = &self.name;
            tracing::warn!(
                "[{name}] The certificate is not verified, anybody in between can read the password; \
                 \"vconnector-cli -H {name} trust\" shows and pins it"
            );
        }
        match Client::new(self.config.clone()) {
            Ok(client) if cache.enabled => Arc::new(Cached::new(client, cache)),
            Ok(client) => Arc::new(Direct::new(client)),
            Err(error) => {
                let error = ReadError::of(&self.name, &error);
                tracing::error!("Cannot connect to {}: {error}", self.name);
                Arc::new(Broken::new(error))
            }
        }
    }
}

fn from_row(host: Host) -> Registered {
    registered(host, None)
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
    Registered { name: host.host.clone(), undecided, origin: Some((host, config.request_timeout)), config }
}

/// One broken file costs its own host. When nothing is left to serve, the first mistake is told.
fn keep_readable(files: Vec<Result<Registered, HostsError>>, database: bool) -> Result<Vec<Registered>, HostsError> {
    let mut hosts = Vec::with_capacity(files.len());
    let mut first = None;
    for file in files {
        match file {
            Ok(host) => hosts.push(host),
            Err(error) => {
                tracing::error!("{error}; its vSphere host is not served");
                first.get_or_insert(error);
            }
        }
    }
    match first {
        Some(error) if hosts.is_empty() && !database => Err(error),
        _ => Ok(hosts),
    }
}

/// One result for each file, in the order of their names.
fn from_folder(folder: &Path) -> Result<Vec<Result<Registered, HostsError>>, HostsError> {
    let Ok(entries) = fs::read_dir(folder) else { return Err(HostsError::NoFolder(folder.to_owned())) };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    files.sort();
    if files.is_empty() {
        return Err(HostsError::EmptyFolder(folder.to_owned()));
    }
    Ok(files.iter().map(|path| from_file(path)).collect())
}

fn from_file(path: &Path) -> Result<Registered, HostsError> {
    let readable_by_all = fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o004 != 0);
    if readable_by_all {
        let path = path.display();
        tracing::warn!("{path} holds a password and every user can read it; run \"chmod 600 {path}\"");
    }
    let ini = Ini::load(path)?;
    let get = |key: &'static str| {
        let value = ini.get(FOLDER_SECTION, key).filter(|value| !value.is_empty());
        value.ok_or_else(|| HostsError::Key { path: path.to_owned(), key })
    };
    let host = Host {
        host: get("hostname")?.to_owned(),
        user: get("username")?.to_owned(),
        password: SecretString::from(get("password")?),
        enabled: true,
        port: DEFAULT_PORT,
        tls: TlsChoice::Unset,
    };
    let seconds = get("timeout").ok().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    Ok(registered(host, seconds.map(Duration::from_secs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: Option<&Path>, db: PathBuf, db_given: bool) -> Config {
        let path = folder.map_or_else(String::new, |folder| format!("vsphere_hosts_dir = {}\n", folder.display()));
        let db = if db_given { format!("db = {}\n", db.display()) } else { String::new() };
        let file = tempfile::NamedTempFile::new().expect("file");
        fs::write(file.path(), format!("[worker]\n{path}{db}")).expect("written");
        Config::load(file.path()).expect("configuration")
    }

    #[test]
    fn enabled_rows_are_served_and_undecided_ones_unverified() {
        let folder = tempfile::tempdir().expect("folder");
        let db = folder.path().join("vconnector.db");
        let store = Store::create(&db).expect("database");
        store.add("vc01", "root", &"p4ssw0rd".into()).expect("added");
        store.add("vc02", "root", &"p4ssw0rd".into()).expect("added");
        store.enable("vc01").expect("enabled");
        let hosts = load(&config(None, db, true)).expect("hosts");
        assert_eq!(hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["vc01"]);
        let host = hosts.first().expect("one");
        assert!(!host.undecided && matches!(host.config.tls, Tls::Verify));
        let old = Host { tls: TlsChoice::Unset, ..store.hosts().expect("hosts").remove(0) };
        let old = from_row(old);
        assert!(old.undecided && matches!(old.config.tls, Tls::Off));
    }

    #[test]
    fn one_file_per_host_as_in_the_first_releases() {
        let folder = tempfile::tempdir().expect("folder");
        let text = "[Default]\nhostname = vc01-test.example.org\nusername = root\npassword = myp4ssw0rd\ntimeout  = 3\n";
        fs::write(folder.path().join("my-vc0.conf"), text).expect("written");
        fs::write(folder.path().join("notes.txt"), "nothing").expect("written");
        let hosts = load(&config(Some(folder.path()), PathBuf::new(), false)).expect("hosts");
        let host = hosts.first().expect("one");
        assert_eq!((hosts.len(), host.name.as_str(), host.undecided), (1, "vc01-test.example.org", true));
        assert_eq!(host.config.connect_timeout, Duration::from_secs(3));
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
            let hosts = load(&config(Some(folder.path()), db.clone(), db_given)).expect("hosts");
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
