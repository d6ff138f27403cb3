//! The module's own settings, from `/etc/zabbix/vpoller_module.conf`.
//!
//! A mistake in the file must not stop a monitoring server: it is logged, and every item says what is wrong until it is mended.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text;

use crate::generation::LayoutOverride;
use crate::keyvalue::{FileContents, FileError, KeyValue, SourcePosition};

/// Where the file is, unless [`PATH_VARIABLE`] says otherwise.
const DEFAULT_PATH: &str = "/etc/zabbix/vpoller_module.conf";
/// Environment variable that names another file, for several instances on one machine. That one must exist.
const PATH_VARIABLE: &str = "VPOLLER_MODULE_CONF";
/// Multipliers of a number's suffix.
const SUFFIXES: [(char, u64); 4] = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];

/// What an item gets when vPoller answers with a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FailureHandling {
    /// The item becomes not supported, with the reason.
    NotSupported,
    /// The reason is the item's value, as it was with the Python vPoller's module.
    Value,
}

/// The settings, with defaults for what the file does not set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Upper limit of an item's time for all tries together; `None` when the file does not set it.
    pub timeout: Option<Duration>,
    /// Tries that share the time, at least 1.
    pub retries: u32,
    /// Frontends of the proxies, at least one, in the order of preference.
    pub proxies: Vec<Endpoint>,
    pub errors: FailureHandling,
}

/// An error in the configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read, or a line of it cannot.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such parameter.
    #[error(
        "unknown parameter \"{name}\" {position}; known are vPollerProxy, vPollerTimeout, vPollerRetries, vPollerErrors, \
         vPollerHostLayout and Include"
    )]
    Unknown { name: String, position: SourcePosition },
    /// The value of a parameter is not allowed.
    #[error("wrong value of \"{name}\" {position}: {reason}")]
    Value { name: String, position: SourcePosition, reason: String },
}

/// The content of the configuration file, with all errors.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file, which may not exist.
    pub path: PathBuf,
    /// Valid only without errors.
    pub settings: Settings,
    /// The layout of Zabbix's structures; valid even with errors.
    pub layout: LayoutOverride,
    pub errors: Vec<ConfigError>,
}

impl Config {
    /// Reads the file that the environment names, else the usual one if there is one.
    pub(crate) fn load() -> Self {
        match std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => Self::from_named_file(path),
            None => Self::from_optional_file(PathBuf::from(DEFAULT_PATH)),
        }
    }

    fn from_named_file(path: OsString) -> Self {
        let path = PathBuf::from(path);
        Self::new(FileContents::read(&path), path)
    }

    fn from_optional_file(path: PathBuf) -> Self {
        let missing = fs::metadata(&path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let contents = if missing { FileContents::default() } else { FileContents::read(&path) };
        Self::new(contents, path)
    }

    fn new(contents: FileContents, path: PathBuf) -> Self {
        let errors = contents.errors.into_iter().map(ConfigError::from).collect();
        let mut config = Self { path, settings: Settings::default(), layout: LayoutOverride(None), errors };
        for entry in &contents.entries {
            if let Err(error) = config.apply(entry) {
                config.errors.push(error);
            }
        }
        config
    }

    fn apply(&mut self, entry: &KeyValue) -> Result<(), ConfigError> {
        let wrong = |reason: String| ConfigError::Value { name: entry.name.clone(), position: entry.position.clone(), reason };
        match entry.name.as_str() {
            "vPollerTimeout" => {
                let milliseconds = number(&entry.value, 1000, 60_000).map_err(wrong)?;
                self.settings.timeout = Some(Duration::from_millis(milliseconds.into()));
            }
            "vPollerRetries" => self.settings.retries = number(&entry.value, 1, 100).map_err(wrong)?,
            "vPollerProxy" => {
                self.settings.proxies = Endpoint::list(&entry.value).map_err(|error| wrong(error.to_string()))?;
            }
            "vPollerErrors" => {
                self.settings.errors = match entry.value.as_str() {
                    "notsupported" => FailureHandling::NotSupported,
                    "value" => FailureHandling::Value,
                    other => return Err(wrong(format!("{other:?} is neither notsupported nor value"))),
                };
            }
            "vPollerHostLayout" => self.layout = entry.value.parse().map_err(wrong)?,
            _ => return Err(ConfigError::Unknown { name: entry.name.clone(), position: entry.position.clone() }),
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        // The default endpoint is valid, see the tests.
        let proxies = text::DEFAULT_FRONTEND.parse().into_iter().collect();
        Self { timeout: None, retries: 1, proxies, errors: FailureHandling::NotSupported }
    }
}

/// A number as Zabbix reads it: digits, perhaps with a suffix for powers of 1024.
fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let suffix = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(*suffix)?, *factor)));
    let (digits, factor) = suffix.unwrap_or((text, 1));
    // Rust would also take a plus sign.
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value = plain.then(|| digits.parse::<u64>().ok()?.checked_mul(factor)).flatten();
    let fits = value.and_then(|value| u32::try_from(value).ok()).filter(|value| (least..=most).contains(value));
    fits.ok_or_else(|| format!("{text:?} is not a number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::Generation;
    use tempfile::TempDir;

    fn config(text: &str) -> Config {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("module.conf");
        fs::write(&path, text).unwrap();
        Config::from_named_file(path.into())
    }

    /// The only mistake in a file, less the folder's name.
    fn mistake(text: &str) -> String {
        let errors = config(text).errors;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let error = errors[0].to_string();
        let (head, tail) = error.split_once("in config file \"").unwrap();
        format!("{head}{}", tail.split_once("module.conf\", ").unwrap().1)
    }

    #[test]
    fn without_a_file_there_are_defaults() {
        let config = Config::from_optional_file(PathBuf::from("/no/such/file"));
        assert!(config.errors.is_empty());
        assert_eq!(config.settings, Settings::default());
        assert_eq!(config.settings.proxies[0].as_str(), "tcp://localhost:10123");
        assert_eq!(config.layout, LayoutOverride(None));
        // A file that the environment names must exist.
        assert_eq!(Config::from_named_file("/no/such/file".into()).errors.len(), 1);
    }

    #[test]
    fn every_setting_is_read_and_the_last_one_counts() {
        let config = config(
            "vPollerTimeout=2000\nvPollerTimeout = 2K\nvPollerRetries=3\nvPollerProxy=tcp://a:1, tcp://b:2\n\
             vPollerErrors=value\nvPollerHostLayout=3.0\n",
        );
        assert!(config.errors.is_empty(), "{:?}", config.errors);
        let Settings { timeout, retries, proxies, errors } = config.settings;
        assert_eq!((timeout, retries, errors), (Some(Duration::from_millis(2048)), 3, FailureHandling::Value));
        assert_eq!(proxies.iter().map(Endpoint::as_str).collect::<Vec<_>>(), ["tcp://a:1", "tcp://b:2"]);
        assert_eq!(config.layout, LayoutOverride(Some(Generation::Zabbix30)));
    }

    #[test]
    fn mistakes_say_file_line_and_parameter() {
        let known = "known are vPollerProxy, vPollerTimeout, vPollerRetries, vPollerErrors, vPollerHostLayout and Include";
        for (text, wanted) in [
            ("vpollerTimeout=1000", format!("unknown parameter \"vpollerTimeout\" line 1; {known}").as_str()),
            ("\nvPollerTimeout=999", "wrong value of \"vPollerTimeout\" line 2: \"999\" is not a number from 1000 to 60000"),
            ("vPollerTimeout=+2000", "wrong value of \"vPollerTimeout\" line 1: \"+2000\" is not a number from 1000 to 60000"),
            ("vPollerRetries=", "wrong value of \"vPollerRetries\" line 1: \"\" is not a number from 1 to 100"),
            ("vPollerRetries=99999999T", "wrong value of \"vPollerRetries\" line 1: \"99999999T\" is not a number from 1 to 100"),
            (
                "vPollerProxy=localhost",
                "wrong value of \"vPollerProxy\" line 1: endpoint \"localhost\" has no transport; write it like \
                 tcp://host:10123, ipc:///path/to/socket or inproc://name",
            ),
            ("vPollerErrors=no", "wrong value of \"vPollerErrors\" line 1: \"no\" is neither notsupported nor value"),
            ("vPollerHostLayout=6", "wrong value of \"vPollerHostLayout\" line 1: \"6\" is none of auto, 2.2, 3.0, 3.2, 7.0"),
        ] {
            assert_eq!(mistake(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_layout_is_known_in_spite_of_mistakes() {
        let config = config("nonsense\nvPollerHostLayout=2.2\nvPollerRetries=0");
        assert_eq!(config.layout, LayoutOverride(Some(Generation::Zabbix22)));
        assert_eq!(config.errors.len(), 2);
    }

    #[test]
    fn the_sample_file_shows_the_defaults() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/vpoller_module.conf");
        let text = fs::read_to_string(sample).unwrap();
        assert!(config(&text).errors.is_empty());
        assert_eq!(config(&text).settings, Settings::default(), "everything in it is a comment");
        let uncommented: String = text
            .lines()
            .filter_map(|line| line.strip_prefix("# vPoller"))
            .fold(String::new(), |all, line| if line.contains('=') { all + "vPoller" + line + "\n" } else { all });
        let config = config(&uncommented);
        assert!(config.errors.is_empty(), "{:?}", config.errors);
        assert_eq!(uncommented.lines().count(), 5, "{uncommented}");
        let wanted = Settings { timeout: Some(Duration::from_secs(10)), ..Settings::default() };
        assert_eq!(config.settings, wanted);
    }
}
