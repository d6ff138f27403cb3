//! The configuration file as a daemon reads it: one file for both, or one each as in the first releases.
//!
//! Every section and key is optional. A daemon reads its own section (`[proxy]`, `[worker]`); what is not there it looks for in
//! `[Default]`, the only section of the old files, and then, for every section, in `[DEFAULT]`. Ignored keys are worth a warning, a
//! value that makes no sense is an error; both name file and line.
//!
//! [`Settings`] records what it is asked for: that is what the program knows. Everything else in the file is unknown, and the values
//! that were answered are what `--check-config` prints.

mod names;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use vpoller_text::endpoint::{Endpoint, EndpointError};
use vpoller_text::ini::{self, DEFAULT_SECTION, Ini, IniError, Section};

use crate::Program;

/// Where the configuration is when the operator names no file.
pub const DEFAULT_FILE: &str = "/etc/vpoller/vpoller.conf";

const OLD_SECTION: &str = "Default";
const CURVE_SECTION: &str = "curve";
/// Stands for a secret.
const MASK: &str = "********";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file. The text is part of the contract.
    #[error("Configuration file {} does not exist", .0.display())]
    Missing(PathBuf),
    /// Unreadable, or not the syntax.
    #[error(transparent)]
    File(#[from] IniError),
    /// A value that makes no sense.
    #[error(transparent)]
    Value(Box<ValueError>),
    /// The file asks for encryption by CURVE, which vPoller does not have.
    #[error(
        "configuration file {}: line {line}: [{section}] asks for encryption, which is not supported yet: everything would run \
         unencrypted; remove the section, and let a firewall or a tunnel protect the ports",
        path.display()
    )]
    Curve {
        path: PathBuf,
        /// Line of the section's header, from 1; 0 when unknown.
        line: usize,
        /// The section as written.
        section: String,
    },
}

/// A value that makes no sense, and its place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("configuration file {}: line {line}: [{section}] {key} = {value:?} {reason}", path.display())]
pub struct ValueError {
    pub path: PathBuf,
    /// Line of the key, from 1; 0 when unknown.
    pub line: usize,
    /// Section the key stands in.
    pub section: String,
    pub key: String,
    pub value: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// Something in the file that is ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IgnoredEntry {
    path: PathBuf,
    line: usize,
    section: String,
    key: String,
    known_section: bool,
}

impl fmt::Display for IgnoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, section, key, .. } = self;
        let path = self.path.display();
        if self.known_section {
            write!(f, "configuration file {path}: line {line}: unknown key {key:?} in [{section}] is ignored")
        } else {
            write!(f, "configuration file {path}: line {line}: {key:?} is ignored, [{section}] is no section of vPoller")
        }
    }
}

/// What `--check-config` prints of a configuration that can be used.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What holds, as a configuration file.
    pub in_force: String,
    /// What is ignored, a line each.
    pub warnings: Vec<String>,
}

/// A configuration that can be used, and what `--check-config` prints of it.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    pub config: C,
    pub checked: Checked,
}

/// The file to read: the given one, else the usual one, else (if only that exists) the program's own from the first releases.
#[must_use]
pub fn locate(program: Program, given: Option<&Path>) -> PathBuf {
    let usual = PathBuf::from(DEFAULT_FILE);
    match given {
        Some(path) => path.to_owned(),
        None if usual.exists() => usual,
        None => {
            let old = PathBuf::from(format!("/etc/vpoller/{}.conf", program.binary()));
            if old.exists() { old } else { usual }
        }
    }
}

/// The contents of one file, as `program` sees them.
#[derive(Clone, Debug)]
pub struct Settings {
    ini: Ini,
    path: PathBuf,
    program: Program,
    /// What was asked for, in that order.
    asked: RefCell<Vec<AskedSetting>>,
    /// Section, key and value of what holds without a file, for names in values.
    built_in: Vec<(String, String, String)>,
    /// Sections and keys of the entries that values name.
    named: RefCell<BTreeSet<(String, String)>>,
}

/// One setting that the program knows.
#[derive(Clone, Debug)]
struct AskedSetting {
    section: String,
    key: String,
    state: SettingState,
}

/// What is known of a setting.
#[derive(Clone, Debug)]
enum SettingState {
    /// The program only asked whether the file has it.
    OnlyLooked,
    /// It has no value.
    Unset,
    /// The value that is built in.
    BuiltIn(String),
    /// The value and the line that says so.
    Given(String, usize),
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing, unreadable or not in the syntax.
    pub fn load(path: &Path, program: Program) -> Result<Self, ConfigError> {
        match Ini::load(path) {
            Ok(ini) => Ok(Self::new(ini, path, program)),
            Err(IniError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(ConfigError::Missing(path.to_owned()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a text; `path` only names it in messages.
    ///
    /// # Errors
    /// When the text is not in the syntax.
    pub fn parse(text: &str, path: &Path, program: Program) -> Result<Self, ConfigError> {
        Ok(Self::new(Ini::parse(text, path)?, path, program))
    }

    fn new(ini: Ini, path: &Path, program: Program) -> Self {
        let (asked, named) = (RefCell::default(), RefCell::default());
        Self { ini, path: path.to_owned(), program, asked, built_in: Vec::new(), named }
    }

    /// The file it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the sections that begin with `prefix`, each once, in the order of the file.
    #[must_use]
    pub fn sections(&self, prefix: &str) -> Vec<&str> {
        distinct(self.ini.sections().map(|section| section.name.as_str()).filter(|name| name.starts_with(prefix)))
    }

    /// Refuses a file with a section `[curve]`, with keys or without: an operator who wrote it counts on encryption, so to run
    /// without would be worse than not to run.
    ///
    /// # Errors
    /// When there is such a section.
    pub fn refuse_curve(&self) -> Result<(), ConfigError> {
        match self.ini.sections().find(|section| section.name.trim().eq_ignore_ascii_case(CURVE_SECTION)) {
            Some(Section { name, line }) => {
                Err(ConfigError::Curve { path: self.path.clone(), line: *line, section: name.clone() })
            }
            None => Ok(()),
        }
    }

    /// Whether the file has a value for a key; `key` in lower case.
    #[must_use]
    pub fn has(&self, section: &str, key: &str) -> bool {
        self.record(section, key, SettingState::OnlyLooked);
        self.entry(section, key).is_some()
    }

    /// A value, `None` when it is not there or empty.
    ///
    /// # Errors
    /// When it names a key that is not there.
    pub fn text(&self, section: &str, key: &str) -> Result<Option<String>, ConfigError> {
        let given = self.given(section, key, false)?;
        let state = given.as_ref().map(|given| SettingState::Given(given.value.to_string(), given.entry.line));
        self.record(section, key, state.unwrap_or(SettingState::Unset));
        Ok(given.map(|given| given.value.into_owned()))
    }

    /// A secret: `--check-config` prints a mask in its place, and so do errors.
    ///
    /// # Errors
    /// When it names a key that is not there.
    pub fn secret(&self, section: &str, key: &str) -> Result<Option<String>, ConfigError> {
        let given = self.given(section, key, true)?;
        let state = given.as_ref().map(|given| SettingState::Given(MASK.to_owned(), given.entry.line));
        self.record(section, key, state.unwrap_or(SettingState::Unset));
        Ok(given.map(|given| given.value.into_owned()))
    }

    /// A value in the form that `parse` makes of it; `default` is a text too.
    ///
    /// # Errors
    /// When `parse` refuses; its text continues a sentence that quotes the value.
    pub fn value<T>(
        &self,
        section: &str,
        key: &str,
        default: impl fmt::Display,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let given = self.given(section, key, false)?;
        let (text, state) = match &given {
            Some(given) => (given.value.to_string(), SettingState::Given(given.value.to_string(), given.entry.line)),
            None => (default.to_string(), SettingState::BuiltIn(default.to_string())),
        };
        self.record(section, key, state);
        let entry = given.map(|given| given.entry);
        parse(&text).map_err(|reason| {
            ConfigError::Value(Box::new(ValueError {
                path: self.path.clone(),
                line: entry.map_or(0, |entry| entry.line),
                section: entry.map_or(section, |entry| &entry.section).to_owned(),
                key: key.to_owned(),
                value: text,
                reason,
            }))
        })
    }

    /// An endpoint.
    ///
    /// # Errors
    /// When the value is none.
    pub fn endpoint(&self, section: &str, key: &str, default: impl fmt::Display) -> Result<Endpoint, ConfigError> {
        self.value(section, key, default, |text| text.parse().map_err(|error: EndpointError| format!("is wrong: {error}")))
    }

    /// As [`Settings::endpoint`], of a peer to connect to.
    ///
    /// # Errors
    /// When the value is none.
    pub fn peer(&self, section: &str, key: &str, default: impl fmt::Display) -> Result<Endpoint, ConfigError> {
        self.value(section, key, default, |text| Endpoint::peer(text).map_err(|error| format!("is wrong: {error}")))
    }

    /// A time in seconds (`10`, `0.5`, also `10s`, `500ms`, `5m`).
    ///
    /// # Errors
    /// When the value is none, or lies outside `range`.
    pub fn duration(
        &self,
        section: &str,
        key: &str,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        self.value(section, key, default.as_secs_f64(), |text| match seconds(text) {
            Some(time) if range.contains(&time) => Ok(time),
            _ => Err(format!("is no time from {:?} to {:?}; write seconds, like 10 or 0.5", range.start(), range.end())),
        })
    }

    /// A whole number.
    ///
    /// # Errors
    /// When the value is none, or lies outside `range`.
    pub fn number<T>(&self, section: &str, key: &str, default: T, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: Copy + fmt::Display + FromStr + PartialOrd,
    {
        self.value(section, key, default, |text| match text.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("is no number from {} to {}", range.start(), range.end())),
        })
    }

    /// A truth value (`yes`, `off`, `1`, …).
    ///
    /// # Errors
    /// When the value is none.
    pub fn boolean(&self, section: &str, key: &str, default: bool) -> Result<bool, ConfigError> {
        let default = if default { "yes" } else { "no" };
        self.value(section, key, default, |text| ini::boolean(text).ok_or_else(|| "is neither yes nor no".to_owned()))
    }

    /// What the file holds beyond what was asked for and what values name, less the sections in `foreign`, which belong to other
    /// programs; a name in it that ends with a colon stands for all that begin so. `[DEFAULT]` belongs to all of them.
    #[must_use]
    pub fn unknown(&self, foreign: &[&str]) -> Vec<IgnoredEntry> {
        let asked = self.asked.borrow();
        let of_section = |name: &str, asked: &AskedSetting| {
            asked.section == name || (name == OLD_SECTION && asked.section == self.program.section())
        };
        let is_foreign =
            |name: &str| foreign.iter().any(|foreign| name == *foreign || (foreign.ends_with(':') && name.starts_with(foreign)));
        let named = self.named.borrow();
        let mut found = Vec::new();
        for entry in self.ini.entries().filter(|entry| !is_foreign(&entry.section)) {
            let place = (entry.section.clone(), entry.key.clone());
            if entry.section == DEFAULT_SECTION || named.contains(&place) {
                continue;
            }
            let known = || asked.iter().filter(|asked| of_section(&entry.section, asked));
            if !known().any(|asked| asked.key == entry.key) {
                found.push(IgnoredEntry {
                    path: self.path.clone(),
                    line: entry.line,
                    section: entry.section.clone(),
                    key: entry.key.clone(),
                    known_section: known().next().is_some(),
                });
            }
        }
        found
    }

    /// What was asked for and what holds, as a configuration file that says the same; lines behind a value are those of the file.
    #[must_use]
    pub fn in_force(&self) -> String {
        let asked = self.asked.borrow();
        let mut text = format!("# {} as {} reads it; what has no line is built in\n", self.path.display(), self.program.binary());
        let shown = asked.iter().filter(|asked| !matches!(asked.state, SettingState::OnlyLooked));
        for section in distinct(shown.map(|asked| asked.section.as_str())) {
            text += &format!("\n[{section}]\n");
            for AskedSetting { key, state, .. } in asked.iter().filter(|asked| asked.section == section) {
                text += &match state {
                    SettingState::OnlyLooked => continue,
                    SettingState::Unset => format!("# {key} =\n"),
                    SettingState::BuiltIn(value) => format!("{key} = {value}\n"),
                    // Only the first ; of a line can begin a comment.
                    SettingState::Given(value, line) if value.contains(';') => {
                        format!("# line {line}\n{key} = {}\n", ini::escape(value))
                    }
                    SettingState::Given(value, line) => {
                        format!("{:<47} ; line {line}\n", format!("{key} = {}", ini::escape(value)))
                    }
                };
            }
        }
        text
    }

    /// What is asked for twice is recorded once, in the first place; an answer replaces a look.
    fn record(&self, section: &str, key: &str, state: SettingState) {
        let mut asked = self.asked.borrow_mut();
        match asked.iter_mut().find(|asked| asked.section == section && asked.key == key) {
            Some(known) if matches!(known.state, SettingState::OnlyLooked) => known.state = state,
            Some(_) => {}
            None => asked.push(AskedSetting { section: section.to_owned(), key: key.to_owned(), state }),
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    seen
}

/// A time as people write it; without a unit it is seconds.
#[must_use]
pub fn seconds(text: &str) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86400.0)];
    let (number, factor) = units
        .into_iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number, factor)))
        .unwrap_or((text, 1.0));
    let number: f64 = number.trim().parse().ok()?;
    Duration::try_from_secs_f64(number * factor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(text: &str) -> Settings {
        Settings::parse(text, Path::new("/etc/vpoller/vpoller.conf"), Program::Proxy).unwrap()
    }

    #[test]
    fn own_section_first_then_the_old_one() {
        let settings =
            settings("[Default]\nfrontend = a\nmgmt = b\nproxy = w\n[proxy]\nfrontend = c\nbackend =\n[worker]\nmgmt = d\n");
        assert_eq!(settings.text("proxy", "frontend").unwrap().as_deref(), Some("c"));
        assert_eq!(settings.text("proxy", "mgmt").unwrap().as_deref(), Some("b"));
        assert_eq!(settings.text("proxy", "backend").unwrap(), None);
        assert_eq!(settings.text("worker", "mgmt").unwrap().as_deref(), Some("d"));
        assert_eq!(settings.text("worker", "proxy").unwrap(), None, "[Default] belongs to the program that reads it");
    }

    #[test]
    fn default_counts_where_the_key_is_missing() {
        let settings = settings(
            "[DEFAULT]\nmgmt = a\nbackend = b\nttl = c\nfrontent = x\n[proxy]\nMGMT = d\nbackend =\n[Default]\nfrontend = e\n[worker]\ndb = f\n",
        );
        let text = |section: &str, key: &str| settings.text(section, key).unwrap();
        assert_eq!(text("proxy", "mgmt").as_deref(), Some("d"), "the section's own goes first");
        assert_eq!(text("proxy", "backend"), None, "an empty value is there, too");
        assert_eq!(text("proxy", "frontend").as_deref(), Some("e"), "the section of the old files goes before [DEFAULT]");
        assert_eq!(text("worker", "mgmt").as_deref(), Some("a"));
        assert_eq!(text("cache", "ttl").as_deref(), Some("c"), "a section that is not there lacks every key");
        assert!(settings.has("helper:x", "mgmt") && !settings.has("worker", "queue_total"));
        let error = settings.number("cache", "ttl", 1, 1..=2).unwrap_err().to_string();
        assert!(error.contains("line 4: [DEFAULT] ttl = \"c\" is no number"), "{error}");
        assert_eq!(settings.unknown(&["worker"]), [], "other programs may want the rest of [DEFAULT]");
    }

    #[test]
    fn names_in_values_are_replaced() {
        let text = "[DEFAULT]\nroot = /srv\nwho = %(__name__)s\n[worker]\ndir = %(root)s/x\ndb = %(dir)s/%(Who)s.db\n\
            share = 90%\nformat = %%s\nproxy = %(mgmt)s\nfloor = 5%% of %(dir)s\npassword = a%%(b)s;c\n[cache]\nttl = %(db)s\n";
        let built_in = Settings::parse("", Path::new("x"), Program::Worker).unwrap();
        built_in.endpoint("worker", "mgmt", "tcp://*:10000").unwrap();
        built_in.number("worker", "db", 5, 1..=9).unwrap();
        let settings = Settings::parse(text, Path::new("x"), Program::Worker).unwrap().with_built_in(&built_in);
        for (section, key, expected) in [
            ("worker", "db", "/srv/x/worker.db"),
            ("worker", "share", "90%"),
            ("worker", "format", "%%s"),
            ("worker", "proxy", "tcp://*:10000"),
            ("worker", "floor", "5% of /srv/x"),
            ("worker", "password", "a%(b)s;c"),
            ("cache", "ttl", "5"),
        ] {
            assert_eq!(settings.text(section, key).unwrap().as_deref(), Some(expected), "[{section}] {key}");
        }
        assert_eq!(settings.unknown(&[]), [], "a key that others name is of use");
        let printed = settings.in_force();
        assert!(
            printed.contains("floor = 5% of /srv/x     ") && printed.contains("# line 11\npassword = a%%(b)s;c\n"),
            "{printed}"
        );
        let again = Settings::parse(&printed, Path::new("x"), Program::Worker).unwrap();
        assert_eq!(again.text("worker", "password").unwrap().as_deref(), Some("a%(b)s;c"));
    }

    #[test]
    fn a_name_that_is_not_there_is_an_error_with_its_line() {
        let settings = settings("[DEFAULT]\nmgmt = %(port)s\n[proxy]\n\nfrontend = %(Host)s:1\nloop = %(loop)s\nopen = 5%(\n");
        for (key, expected) in [
            ("frontend", "line 5: [proxy] frontend = \"%(Host)s:1\" names a key \"host\" that neither [proxy] nor [DEFAULT] has"),
            ("mgmt", "line 2: [DEFAULT] mgmt = \"%(port)s\" names a key \"port\" that neither [proxy] nor [DEFAULT] has"),
            ("loop", "line 6: [proxy] loop = \"%(loop)s\" names keys whose values name others, more than ten deep"),
            ("open", "line 7: [proxy] open = \"5%(\" holds %( without )s; write %(key)s"),
        ] {
            let error = settings.text("proxy", key).unwrap_err().to_string();
            assert!(error.starts_with("configuration file /etc/vpoller/vpoller.conf: ") && error.contains(expected), "{error}");
        }
        let error = settings.secret("proxy", "frontend").unwrap_err().to_string();
        assert!(
            error.contains("line 5: [proxy] frontend = \"********\" names a key by %(…)s") && !error.contains("ost"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_has_the_documented_text() {
        let error = Settings::load(Path::new("/nowhere/vpoller.conf"), Program::Proxy).unwrap_err();
        assert_eq!(error.to_string(), "Configuration file /nowhere/vpoller.conf does not exist");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let settings = settings("[proxy]\n\nfrontend = 10123\n[Default]\nrequest_ttl = soon\naffinity = 0\n");
        let endpoint = settings.endpoint("proxy", "frontend", "tcp://*:1").unwrap_err().to_string();
        assert!(endpoint.contains("line 3: [proxy] frontend = \"10123\" is wrong:"), "{endpoint}");
        assert!(endpoint.contains("write it like tcp://"), "{endpoint}");
        let range = Duration::from_millis(100)..=Duration::from_secs(600);
        let time = settings.duration("proxy", "request_ttl", Duration::from_secs(10), range).unwrap_err().to_string();
        assert!(time.contains("line 5: [Default] request_ttl = \"soon\" is no time from 100ms to 600s"), "{time}");
        let number = settings.number("proxy", "affinity", 2, 1..=64).unwrap_err().to_string();
        assert!(number.contains("is no number from 1 to 64"), "{number}");
    }

    #[test]
    fn a_configuration_that_asks_for_encryption_is_refused() {
        for text in ["[proxy]\n\n[curve]\nserver_secret = s3cret\n", "[proxy]\n\n[curve]\n", "[proxy]\n\n[Curve]\nx = 1\n"] {
            let error = settings(text).refuse_curve().unwrap_err().to_string();
            let place = "configuration file /etc/vpoller/vpoller.conf: line 3: [";
            assert!(error.starts_with(place) && error.contains("everything would run unencrypted; remove"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(settings("[proxy]\n# [curve]\nfrontend = tcp://*:1 ; [curve]\n").refuse_curve().is_ok());
    }

    #[test]
    fn what_nobody_asks_for_is_unknown() {
        let settings = settings(
            "[proxy]\nfrontent = a\nmgmt = b\n[worker]\nx = 1\n[Proxy]\nmgmt = c\n[Default]\nmgmt = d\nx = e\n[helper:a]\nx = f\n",
        );
        assert!(settings.has("proxy", "mgmt") && !settings.has("proxy", "backend"));
        let warnings: Vec<_> = settings.unknown(&["worker", "helper:"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "configuration file /etc/vpoller/vpoller.conf: line 2: unknown key \"frontent\" in [proxy] is ignored",
                "configuration file /etc/vpoller/vpoller.conf: line 7: \"mgmt\" is ignored, [Proxy] is no section of vPoller",
                "configuration file /etc/vpoller/vpoller.conf: line 10: unknown key \"x\" in [Default] is ignored",
            ]
        );
    }

    #[test]
    fn what_holds_can_be_printed_and_read_again() {
        let read = |settings: &Settings| {
            let time = settings.duration("proxy", "request_ttl", Duration::from_secs(10), Duration::ZERO..=Duration::MAX);
            let endpoint = settings.endpoint("proxy", "mgmt", "tcp://*:9999").unwrap();
            let truth = settings.boolean("cache", "enabled", true).unwrap();
            (time.unwrap(), endpoint, truth, settings.text("proxy", "note").unwrap(), settings.secret("proxy", "key").unwrap())
        };
        let first = settings("[Default]\nrequest_ttl = 500ms\n[cache]\nENABLED: off\n[proxy]\nkey = secret\n");
        let held = read(&first);
        let expected = "\
# /etc/vpoller/vpoller.conf as vpoller-proxy reads it; what has no line is built in

[proxy]
request_ttl = 500ms                             ; line 2
mgmt = tcp://*:9999
# note =
key = ********                                  ; line 6

[cache]
enabled = off                                   ; line 4
";
        assert_eq!(first.in_force(), expected);
        let (time, endpoint, truth, note, _) = held;
        let again = read(&settings(expected));
        assert_eq!((time, endpoint, truth, note), (again.0, again.1, again.2, again.3));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, milliseconds) in
            [("10", 10_000), ("0.5", 500), ("250ms", 250), ("2 s", 2000), ("5m", 300_000), ("1h", 3_600_000)]
        {
            assert_eq!(seconds(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "s", "-1", "NaN", "inf", "1e300d", "ten"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_time_panics(text in ".*") {
            let _ = seconds(&text);
        }
    }
}
