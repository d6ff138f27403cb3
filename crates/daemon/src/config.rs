//! The configuration file as a daemon reads it: one file for both, or one each as in the first releases.
//!
//! Every section and key is optional. A daemon reads its own section (`[proxy]`, `[worker]`); what is not there it looks for in
//! `[Default]`, the only section of the old files. Unknown keys are worth a warning, a value that makes no sense is an error;
//! both name file and line.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use vpoller_wire::endpoint::{Endpoint, EndpointError};
use vpoller_wire::ini::{self, Ini, IniError};

use crate::Program;

/// Where the configuration is when nobody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/vpoller/vpoller.conf";

const OLD_SECTION: &str = "Default";

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
}

/// A value that makes no sense, and its place.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("configuration file {}: line {line}: [{section}] {key} = {value:?} {reason}", path.display())]
pub struct ValueError {
    /// The file.
    pub path: PathBuf,
    /// Line of the key, from 1; 0 when unknown.
    pub line: usize,
    /// Section the key stands in.
    pub section: String,
    /// The key.
    pub key: String,
    /// What was written.
    pub value: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// Something in the file that is ignored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    path: PathBuf,
    line: usize,
    section: String,
    key: String,
    known_section: bool,
}

impl fmt::Display for Unknown {
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
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing, unreadable or not in the syntax.
    pub fn load(path: &Path, program: Program) -> Result<Self, ConfigError> {
        if !path.exists() {
            return Err(ConfigError::Missing(path.to_owned()));
        }
        Ok(Self { ini: Ini::load(path)?, path: path.to_owned(), program })
    }

    /// Reads a text; `path` only names it in messages.
    ///
    /// # Errors
    /// When the text is not in the syntax.
    pub fn parse(text: &str, path: &Path, program: Program) -> Result<Self, ConfigError> {
        Ok(Self { ini: Ini::parse(text, path)?, path: path.to_owned(), program })
    }

    /// The file it came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A value as written; `None` when it is not there or empty. `key` in lower case. The program's own section falls back
    /// to `[Default]`.
    #[must_use]
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.places(section).into_iter().flatten().find_map(|place| self.ini.get(place, key).filter(|value| !value.is_empty()))
    }

    /// A value in the form that `parse` makes of it, or `default` when it is not there.
    ///
    /// # Errors
    /// When `parse` refuses; its text continues a sentence that quotes the value.
    pub fn value<T>(
        &self,
        section: &str,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        match self.get(section, key) {
            Some(text) => parse(text).map_err(|reason| self.refuse(section, key, text, reason)),
            None => Ok(default),
        }
    }

    /// An endpoint; `default` is one too, or its text.
    ///
    /// # Errors
    /// When the value is none.
    pub fn endpoint(&self, section: &str, key: &str, default: impl fmt::Display) -> Result<Endpoint, ConfigError> {
        let text = self.get(section, key).map_or_else(|| default.to_string(), str::to_owned);
        text.parse().map_err(|error: EndpointError| self.refuse(section, key, &text, format!("is wrong: {error}")))
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
        self.value(section, key, default, |text| match seconds(text) {
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
        self.value(section, key, default, |text| ini::boolean(text).ok_or_else(|| "is neither yes nor no".to_owned()))
    }

    /// What the file holds beyond `known` (sections with their keys, lower case) and the sections in `foreign`, which belong
    /// to other programs. Keys of the program's own section are known in `[Default]` too.
    #[must_use]
    pub fn unknown(&self, known: &[(&str, &[&str])], foreign: &[&str]) -> Vec<Unknown> {
        let own = |section: &str| if section == OLD_SECTION { self.program.section() } else { section }.to_owned();
        let mut found = Vec::new();
        for entry in self.ini.entries() {
            let section = own(&entry.section);
            let keys = known.iter().find(|(name, _)| *name == section).map(|(_, keys)| *keys);
            let fine = keys.map_or(foreign.contains(&section.as_str()), |keys| keys.contains(&entry.key.as_str()));
            if !fine {
                found.push(Unknown {
                    path: self.path.clone(),
                    line: entry.line,
                    section: entry.section.clone(),
                    key: entry.key.clone(),
                    known_section: keys.is_some(),
                });
            }
        }
        found
    }

    /// The sections that may hold a key of `section`, in the order they are asked.
    fn places<'a>(&self, section: &'a str) -> [Option<&'a str>; 2] {
        [Some(section), (section == self.program.section()).then_some(OLD_SECTION)]
    }

    fn refuse(&self, section: &str, key: &str, value: &str, reason: String) -> ConfigError {
        let entry = self.places(section).into_iter().flatten().find_map(|place| {
            self.ini.entries().filter(|entry| entry.section == place && entry.key == key && entry.value == value).last()
        });
        ConfigError::Value(Box::new(ValueError {
            path: self.path.clone(),
            line: entry.map_or(0, |entry| entry.line),
            section: entry.map_or(section, |entry| &entry.section).to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
            reason,
        }))
    }
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
#[allow(clippy::unwrap_used)]
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
        assert_eq!(settings.get("proxy", "frontend"), Some("c"));
        assert_eq!(settings.get("proxy", "mgmt"), Some("b"));
        assert_eq!(settings.get("proxy", "backend"), None);
        assert_eq!(settings.get("worker", "mgmt"), Some("d"));
        assert_eq!(settings.get("worker", "proxy"), None, "[Default] belongs to the program that reads it");
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
    fn unknown_keys_and_sections_are_told_apart() {
        let settings = settings("[proxy]\nfrontent = a\nmgmt = b\n[worker]\nx = 1\n[Proxy]\nmgmt = c\n[Default]\nmgmt = d\n");
        let warnings: Vec<_> = settings.unknown(&[("proxy", &["mgmt"])], &["worker"]).iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "configuration file /etc/vpoller/vpoller.conf: line 2: unknown key \"frontent\" in [proxy] is ignored",
                "configuration file /etc/vpoller/vpoller.conf: line 7: \"mgmt\" is ignored, [Proxy] is no section of vPoller",
            ]
        );
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
