//! What the configuration file says to a worker.
//!
//! Everything is optional. `[cache]` and `tasks` are accepted as the original had them; built-in helpers are always active, so
//! `helpers` only matters for those that are commands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vpoller_daemon::Program;
use vpoller_daemon::config::{Checked, ConfigError, Loaded, Settings};
use vpoller_daemon::mgmt::Allow;
use vpoller_daemon::pages::Pages;
use vpoller_exporter::FileSettings;
use vpoller_inventory::CacheSettings;
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text;

use crate::helpers::{self, external::Spec};
use crate::policy::Policy;

const SECTION: &str = "worker";
const CACHE: &str = "cache";
const UPDATE_INTERVAL: &str = "update_interval";
/// What development versions called it.
const OLD_UPDATE_INTERVAL: &str = "pace";
const DEFAULT_MGMT: &str = "tcp://*:10000";
const DEFAULT_HTTP: &str = "tcp://127.0.0.1:10126";
/// Begins the names of sections that make a helper.
const HELPER: &str = "helper:";
/// The only task module there ever was.
const TASKS: &str = "vpoller.vsphere.tasks";
/// Sections that other programs read.
const FOREIGN: &[&str] = &["proxy"];
const DAY: Duration = Duration::from_secs(86_400);

/// A worker's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database with the vSphere hosts.
    pub db: PathBuf,
    /// Whether the file names a database; without, a missing one is no error as long as `hosts_dir` has hosts.
    pub db_given: bool,
    /// A folder with one file per vSphere host, as in the first releases.
    pub hosts_dir: Option<PathBuf>,
    /// Where the proxy takes workers.
    pub proxy: Endpoint,
    /// Where management listens.
    pub mgmt: Endpoint,
    /// Who may stop the worker.
    pub mgmt_allow: Allow,
    /// Where metrics and status are shown.
    pub http: Pages,
    /// The pages of the exporter, where the file has a section for them.
    pub exporter: Option<FileSettings>,
    /// Helpers as listed; `None` when the file has no list.
    pub helpers: Option<Vec<String>>,
    /// Those of them that are commands of the user's own.
    pub externals: Vec<Spec>,
    /// Task modules as listed; they are reported and otherwise ignored.
    pub tasks: Vec<String>,
    /// What replies may show.
    pub policy: Policy,
    /// What may be remembered of vSphere.
    pub cache: CacheSettings,
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When the file is missing, or a value makes no sense.
    pub fn load(path: &Path) -> Result<Loaded<Self>, ConfigError> {
        Self::from_file(Settings::load(path, Program::Worker)?)
    }

    /// As [`Config::from_settings`], with what is built in for names in values.
    fn from_file(settings: Settings) -> Result<Loaded<Self>, ConfigError> {
        let empty = Settings::parse("", settings.path(), Program::Worker)?;
        Self::from_settings(&empty)?;
        Self::from_settings(&settings.with_built_in(&empty))
    }

    /// The listed modules that exist, as the log names them.
    pub(crate) fn modules(&self) -> Vec<String> {
        let tasks = self.tasks.iter().filter(|name| *name == TASKS).map(|name| format!("task module {name}"));
        let known = |name: &&String| helpers::find(name).is_some() || self.externals.iter().any(|spec| spec.name == **name);
        tasks.chain(self.helpers.iter().flatten().filter(known).map(|name| format!("helper module {name}"))).collect()
    }

    fn from_settings(settings: &Settings) -> Result<Loaded<Self>, ConfigError> {
        settings.refuse_curve()?;
        let db = settings.has(SECTION, "db");
        let mut config = Self {
            db: settings.value(SECTION, "db", vpoller_store::DEFAULT_PATH, |path| Ok(path.into()))?,
            db_given: db,
            hosts_dir: settings.text(SECTION, "vsphere_hosts_dir")?.map(PathBuf::from),
            proxy: settings.peer(SECTION, "proxy", text::DEFAULT_BACKEND)?,
            mgmt: settings.endpoint(SECTION, "mgmt", DEFAULT_MGMT)?,
            mgmt_allow: settings.value(SECTION, "mgmt_allow", Allow::BUILT_IN, Allow::parse)?,
            http: Pages::read(settings, SECTION, DEFAULT_HTTP)?,
            exporter: FileSettings::find(settings)?,
            helpers: settings.text(SECTION, "helpers")?.as_deref().map(list),
            externals: Vec::new(),
            tasks: settings.text(SECTION, "tasks")?.as_deref().map(list).unwrap_or_default(),
            policy: Policy { mask_session_keys: settings.boolean(SECTION, "mask_session_keys", false)? },
            cache: cache(settings)?,
        };
        let mut warnings = config.take_helpers(settings)?;
        warnings.extend(renamed(settings));
        warnings.extend(config.tasks.iter().filter(|name| *name != TASKS).map(|name| unknown_tasks(name)));
        warnings.splice(0..0, settings.unknown(FOREIGN).iter().map(ToString::to_string));
        Ok(Loaded { config, checked: Checked { in_force: settings.in_force(), warnings } })
    }

    /// Reads the sections of helpers and keeps those that are listed; returns what is wrong with the rest, and with the list.
    fn take_helpers(&mut self, settings: &Settings) -> Result<Vec<String>, ConfigError> {
        let mut warnings = Vec::new();
        let listed = self.helpers.clone().unwrap_or_default();
        for section in settings.sections(HELPER) {
            let name = section.strip_prefix(HELPER).unwrap_or_default().trim();
            let spec = Spec::read(settings, section, name)?;
            if helpers::find(name).is_some() {
                warnings.push(format!("[{section}] is ignored: {name} is built in; take another name"));
            } else if listed.iter().any(|listed| listed == name) {
                warnings.extend(spec.complaint());
                self.externals.push(spec);
            } else {
                warnings.push(format!("[{section}] is not used: {name} is not in the list [{SECTION}] helpers"));
            }
        }
        let exists = |name: &str| helpers::find(name).is_some() || self.externals.iter().any(|spec| spec.name == name);
        warnings.extend(listed.iter().filter(|name| !exists(name)).map(|name| unknown_helper(name)));
        Ok(warnings)
    }
}

/// `[cache]`, else the names that the original's built-in defaults had in the worker's section.
fn cache(settings: &Settings) -> Result<CacheSettings, ConfigError> {
    let place = |key: &'static str, old: &'static str| {
        let old_form = settings.has(SECTION, old);
        if old_form && !settings.has(CACHE, key) { (SECTION, old) } else { (CACHE, key) }
    };
    let default = CacheSettings::default();
    let (section, key) = place("enabled", "cache_enabled");
    let enabled = settings.boolean(section, key, default.enabled)?;
    let (section, key) = place("maxsize", "cache_maxsize");
    let maxsize = settings.number(section, key, default.maxsize, 0..=usize::MAX)?;
    let (section, key) = place("ttl", "cache_ttl");
    let ttl = settings.duration(section, key, default.ttl, Duration::ZERO..=365 * DAY)?;
    // Minutes, as the original had it.
    let (section, key) = place("housekeeping", "cache_housekeeping");
    let minutes = settings.number(section, key, default.housekeeping.as_secs() / 60, 0..=525_600)?;
    let housekeeping = Duration::from_secs(60 * minutes);
    let max_stale = settings.duration(CACHE, "max_stale", default.max_stale, Duration::ZERO..=DAY)?;
    let key = if uses_old_interval(settings) { OLD_UPDATE_INTERVAL } else { UPDATE_INTERVAL };
    let longest = Duration::from_secs(60);
    let update_interval = settings.duration(CACHE, key, default.update_interval, Duration::ZERO..=longest)?;
    Ok(CacheSettings { enabled, maxsize, ttl, housekeeping, max_stale, update_interval })
}

/// Whether only the old name of the interval is given.
fn uses_old_interval(settings: &Settings) -> bool {
    settings.has(CACHE, OLD_UPDATE_INTERVAL) && !settings.has(CACHE, UPDATE_INTERVAL)
}

/// What is said about a setting under its old name.
fn renamed(settings: &Settings) -> Option<String> {
    let fate = if uses_old_interval(settings) { "is used" } else { "is ignored" };
    let text = format!("[{CACHE}] {OLD_UPDATE_INTERVAL} {fate}; the setting is called {UPDATE_INTERVAL} now");
    settings.has(CACHE, OLD_UPDATE_INTERVAL).then_some(text)
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn unknown_tasks(name: &str) -> String {
    format!("Unknown task module {name} in the configuration is ignored; every method is built in")
}

fn unknown_helper(name: &str) -> String {
    let known = helpers::HELPERS.iter().map(|helper| helper.name()).collect::<Vec<_>>().join(", ");
    format!(
        "Unknown helper {name} in the configuration is ignored; there are {known}, always active, and [{HELPER}{name}] would make it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        loaded(text).config
    }

    fn loaded(text: &str) -> Loaded<Config> {
        let settings = Settings::parse(text, Path::new("/etc/vpoller/vpoller.conf"), Program::Worker).expect("syntax");
        Config::from_file(settings).expect("values")
    }

    #[test]
    fn nothing_given_means_the_documented_defaults() {
        let Loaded { config, checked } = loaded("");
        assert_eq!(config.db, Path::new("/var/lib/vconnector/vconnector.db"));
        assert_eq!((config.proxy.as_str(), config.mgmt.as_str()), ("tcp://localhost:10124", "tcp://*:10000"));
        assert_eq!((config.helpers, config.tasks.len(), checked.warnings.len()), (None, 0, 0));
        assert!(config.cache.enabled && !config.policy.mask_session_keys);
        assert_eq!(config.cache.housekeeping, Duration::from_secs(480 * 60));
    }

    #[test]
    fn samples_of_every_age_are_read_without_a_warning() {
        let newest = "[proxy]\nfrontend = tcp://*:10123\nbackend = tcp://*:10124\nmgmt = tcp://*:9999\n[worker]\n\
            db = /x.db\nproxy = tcp://p:10124\nmgmt = tcp://*:10000\n\
            helpers = vpoller.helpers.zabbix, vpoller.helpers.czabbix\ntasks = vpoller.vsphere.tasks\n\
            [cache]\nenabled = True\nmaxsize = 0\nttl = 3600\nhousekeeping = 480\n";
        let Loaded { config: newest, checked } = loaded(newest);
        assert_eq!(checked.warnings, Vec::<String>::new());
        assert_eq!(newest.helpers.as_deref(), Some(&["vpoller.helpers.zabbix".into(), "vpoller.helpers.czabbix".into()][..]));
        assert_eq!(newest.tasks, ["vpoller.vsphere.tasks"]);
        let Loaded { config: oldest, checked } =
            loaded("[Default]\nproxy = tcp://p:10124\nmgmt = tcp://*:10000\nvsphere_hosts_dir = /etc/vpoller/vsphere\n");
        assert_eq!(checked.warnings, Vec::<String>::new());
        assert_eq!((oldest.proxy.as_str(), oldest.db_given), ("tcp://p:10124", false));
        assert_eq!(oldest.hosts_dir.as_deref(), Some(Path::new("/etc/vpoller/vsphere")));
    }

    #[test]
    fn default_and_names_count_as_in_python() {
        let text = "[DEFAULT]\nbase = /srv\nttl = 60\n[worker]\ndb = %(base)s/hosts\\\nproxy = %(proxy_host)s\n\
            proxy_host = tcp://p:10124\nhelpers = a;b, %(db)s\n[cache]\nmax_stale = %(housekeeping)s\n";
        let Loaded { config, checked } = loaded(text);
        assert_eq!((config.db.as_path(), config.db_given), (Path::new("/srv/hosts\\"), true));
        assert_eq!(config.proxy.as_str(), "tcp://p:10124");
        assert_eq!(config.cache.ttl, Duration::from_secs(60));
        assert_eq!(config.cache.max_stale, Duration::from_secs(480), "what is built in has names as well");
        assert!(checked.warnings.iter().all(|text| text.starts_with("Unknown helper ")), "{:?}", checked.warnings);
    }

    #[test]
    fn the_cache_is_found_under_both_names() {
        assert!(!config("[cache]\nenabled = no\n").cache.enabled);
        assert!(!config("[worker]\ncache_enabled = off\n").cache.enabled);
        assert!(config("[worker]\ncache_enabled = off\n[cache]\nenabled = on\n").cache.enabled);
        assert_eq!(config("[worker]\ncache_ttl = 60\n").cache.ttl, Duration::from_secs(60));
    }

    #[test]
    fn the_update_interval_is_taken_under_its_old_name_with_a_warning() {
        let read = |text: &str| {
            let Loaded { config, checked } = loaded(text);
            (config.cache.update_interval.as_secs(), checked.warnings)
        };
        let warning = |fate: &str| vec![format!("[cache] pace is {fate}; the setting is called update_interval now")];
        assert_eq!(read("[cache]\nupdate_interval = 5\n"), (5, Vec::new()));
        assert_eq!(read("[cache]\npace = 7\n"), (7, warning("used")));
        assert_eq!(read("[cache]\npace = 7\nupdate_interval = 5\n"), (5, warning("ignored")));
    }

    #[test]
    fn what_is_unknown_is_warned_about() {
        let warnings = loaded("[worker]\nhelpers = vpoller.helpers.zabbix,mine\nproxi = x\n").checked.warnings;
        assert!(warnings.iter().any(|text| text.contains("unknown key \"proxi\"")), "{warnings:?}");
        assert!(warnings.iter().any(|text| text.starts_with("Unknown helper mine ")), "{warnings:?}");
        assert_eq!(warnings.len(), 2);
    }

    #[test]
    fn a_value_that_makes_no_sense_is_an_error_with_its_place() {
        let settings = Settings::parse("[worker]\nproxy = 10124\n", Path::new("/w.conf"), Program::Worker).expect("syntax");
        let error = Config::from_settings(&settings).expect_err("no endpoint").to_string();
        assert!(error.contains("/w.conf: line 2: [worker] proxy"), "{error}");
    }
}
