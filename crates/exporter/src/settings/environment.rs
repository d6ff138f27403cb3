//! The environment variables of the zROC Planner collector.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

use vpoller_daemon::log::Verbosity;
use vpoller_vsphere::{Config, SecretString, Tls};

use super::{Batches, MetricsPage, PageChoice, Settings, ZrocSettings, ZrocSource};

/// What the environment says.
#[derive(Debug)]
pub struct Environment {
    /// The exporter's settings.
    pub settings: Settings,
    /// The vCenter, and how to log in to it.
    pub vcenter: Config,
    /// Where to listen.
    pub listen: String,
    /// How much to log.
    pub verbosity: Verbosity,
    /// What is wrong with it and was passed over, a line each.
    pub warnings: Vec<String>,
    /// What holds, a variable a line, the password masked.
    pub in_force: String,
}

/// Why the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No password.
    #[error("VCENTER_PASSWORD is not set; set it, or VCENTER_PASSWORD_FILE to a file that holds the password")]
    NoPassword,
    /// The file with the password.
    #[error("VCENTER_PASSWORD_FILE={path}: {source}")]
    PasswordFile {
        /// As given.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What names begin with that make zROC's page the one at `/metrics`.
const PREFIX: &str = "VCENTER_";
/// The same of vmware_exporter.
const OTHER_PREFIX: &str = "VSPHERE_";

impl Environment {
    /// Reads variables. None when there is none of zROC's.
    ///
    /// # Errors
    /// When there is no password.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Option<Self>, EnvironmentError> {
        let mut variables = Variables { values: variables.into_iter().collect(), warnings: Vec::new(), in_force: String::new() };
        if !variables.has(PREFIX) {
            return Ok(None);
        }
        let password = variables.password()?;
        let host = variables.text("VCENTER_HOST", "vcenter.local");
        let user = variables.text("VCENTER_USER", "administrator@vsphere.local");
        let mut vcenter = Config::new(host, user, password);
        vcenter.port = variables.number("VCENTER_PORT", 443, |port: &u16| *port > 0);
        vcenter.tls = if variables.boolean("VCENTER_SSL_VERIFY", false) { Tls::Verify } else { Tls::Off };
        let zroc = variables.zroc();
        let usual = Batches::default();
        let batches = Batches {
            size: variables.number("BATCH_SIZE", usual.size, |size: &usize| *size > 0),
            pause: variables.seconds("BATCH_DELAY", usual.pause, Duration::ZERO),
        };
        let address = variables.text("HTTP_HOST", "0.0.0.0");
        let port = variables.number("HTTP_PORT", 9272, |_: &u16| true);
        let address = if address.contains(':') { format!("[{address}]") } else { address };
        let settings = Settings {
            page: PageChoice::Auto { fallback: MetricsPage::Zroc },
            zroc: Some(zroc),
            own: None,
            vmware: None,
            ceilometer: None,
            batches,
        };
        let verbosity = variables.verbosity();
        let Variables { warnings, in_force, .. } = variables;
        Ok(Some(Self { settings, vcenter, listen: format!("{address}:{port}"), verbosity, warnings, in_force }))
    }

    /// Whether variables of vmware_exporter are set.
    #[must_use]
    pub fn is_of_vmware(names: impl IntoIterator<Item = String>) -> bool {
        names.into_iter().any(|name| name.starts_with(OTHER_PREFIX))
    }
}

struct Variables {
    values: BTreeMap<String, String>,
    warnings: Vec<String>,
    in_force: String,
}

impl Variables {
    fn has(&self, prefix: &str) -> bool {
        self.values.keys().any(|name| name.starts_with(prefix))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn text(&mut self, name: &str, default: &str) -> String {
        let text = self.get(name).filter(|text| !text.is_empty()).unwrap_or(default).to_owned();
        self.note(name, &text);
        text
    }

    /// Notes what holds.
    fn note(&mut self, name: &str, value: impl Display) {
        self.in_force += &format!("{name}={value}\n");
    }

    /// What `parse` makes of a variable; the default, and a warning, when it makes nothing of it.
    fn value<T: Copy>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
        shown: impl Fn(T) -> String,
        what: &str,
    ) -> T {
        let value = match self.get(name).map(str::trim).filter(|text| !text.is_empty()) {
            None => default,
            Some(text) => match parse(text) {
                Some(value) => value,
                None => {
                    self.warnings.push(format!("{name}={text} is {what}; {} is used", shown(default)));
                    default
                }
            },
        };
        self.note(name, shown(value));
        value
    }

    fn verbosity(&mut self) -> Verbosity {
        let parse = |text: &str| match text.to_ascii_uppercase().as_str() {
            "DEBUG" => Some(Verbosity::Debug),
            "INFO" => Some(Verbosity::Info),
            "WARNING" | "WARN" => Some(Verbosity::Warning),
            "ERROR" | "CRITICAL" => Some(Verbosity::Error),
            _ => None,
        };
        let shown = |level: Verbosity| format!("{level:?}").to_ascii_uppercase();
        self.value("LOG_LEVEL", Verbosity::Info, parse, shown, "none of DEBUG, INFO, WARNING and ERROR")
    }

    fn password(&mut self) -> Result<SecretString, EnvironmentError> {
        self.note("VCENTER_PASSWORD", "********");
        if let Some(password) = self.get("VCENTER_PASSWORD").filter(|password| !password.is_empty()) {
            return Ok(password.to_owned().into());
        }
        let Some(path) = self.get("VCENTER_PASSWORD_FILE") else { return Err(EnvironmentError::NoPassword) };
        let text = fs::read_to_string(path).map_err(|source| EnvironmentError::PasswordFile { path: path.to_owned(), source })?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.is_empty() { Err(EnvironmentError::NoPassword) } else { Ok(password.to_owned().into()) }
    }

    fn number<T: FromStr + Copy + Display>(&mut self, name: &str, default: T, is_good: impl Fn(&T) -> bool) -> T {
        let parse = |text: &str| text.parse().ok().filter(&is_good);
        self.value(name, default, parse, |number| number.to_string(), "no number that can be used")
    }

    fn seconds(&mut self, name: &str, default: Duration, least: Duration) -> Duration {
        let parse = |text: &str| {
            let time = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            time.filter(|time| (least..=LONGEST).contains(time))
        };
        self.value(name, default, parse, |time| time.as_secs_f64().to_string(), "no time in seconds that can be used")
    }

    fn boolean(&mut self, name: &str, default: bool) -> bool {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" => Some(true),
            "0" | "false" | "no" => Some(false),
            _ => None,
        };
        self.value(name, default, parse, |value| value.to_string(), "neither true nor false")
    }

    fn zroc(&mut self) -> ZrocSettings {
        let usual = ZrocSettings::default();
        let second = Duration::from_secs(1);
        let source = match self.get("PERF_INTERVAL_ID").filter(|text| !text.trim().is_empty()) {
            None => ZrocSource::Average,
            Some(_) => match self.number("PERF_INTERVAL_ID", 300, |seconds: &i32| *seconds > 0) {
                20 => ZrocSource::Newest,
                interval => {
                    let or_real_time = self.boolean("PERF_FALLBACK", true);
                    ZrocSource::RolledUp { interval, or_real_time }
                }
            },
        };
        ZrocSettings {
            poll_interval: self.seconds("POLL_INTERVAL", usual.poll_interval, second),
            source,
            vcenter_label: self.boolean("ZROC_VCENTER_LABEL", false),
            inventory_ttl: self.seconds("VM_INVENTORY_TTL", usual.inventory_ttl, second),
        }
    }
}

/// No time is longer than this.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
