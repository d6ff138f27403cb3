//! The environment variables of the zROC Planner collector.

use std::collections::BTreeMap;
use std::fs;
use std::str::FromStr;
use std::time::Duration;

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
    /// `DEBUG`, `INFO`, `WARNING` or `ERROR`.
    pub log_level: String,
    /// What is wrong with it and was passed over, a line each.
    pub warnings: Vec<String>,
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
        let mut variables = Variables { values: variables.into_iter().collect(), warnings: Vec::new() };
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
        let settings = Settings { page: PageChoice::Auto { fallback: MetricsPage::Zroc }, zroc: Some(zroc), batches };
        let log_level = variables.text("LOG_LEVEL", "INFO");
        Ok(Some(Self { settings, vcenter, listen: format!("{address}:{port}"), log_level, warnings: variables.warnings }))
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
}

impl Variables {
    fn has(&self, prefix: &str) -> bool {
        self.values.keys().any(|name| name.starts_with(prefix))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn text(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or(default).to_owned()
    }

    fn password(&self) -> Result<SecretString, EnvironmentError> {
        if let Some(password) = self.get("VCENTER_PASSWORD").filter(|password| !password.is_empty()) {
            return Ok(password.to_owned().into());
        }
        let Some(path) = self.get("VCENTER_PASSWORD_FILE") else { return Err(EnvironmentError::NoPassword) };
        let text = fs::read_to_string(path).map_err(|source| EnvironmentError::PasswordFile { path: path.to_owned(), source })?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.is_empty() { Err(EnvironmentError::NoPassword) } else { Ok(password.to_owned().into()) }
    }

    fn number<T: FromStr + Copy + std::fmt::Display>(&mut self, name: &str, default: T, is_good: impl Fn(&T) -> bool) -> T {
        let Some(text) = self.get(name) else { return default };
        match text.trim().parse().ok().filter(is_good) {
            Some(number) => number,
            None => {
                self.warnings.push(format!("{name}={text} is no number that can be used; {default} is used"));
                default
            }
        }
    }

    fn seconds(&mut self, name: &str, default: Duration, least: Duration) -> Duration {
        let Some(text) = self.get(name) else { return default };
        let seconds = text.trim().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds.filter(|time| *time >= least && *time <= LONGEST) {
            Some(time) => time,
            None => {
                self.warnings
                    .push(format!("{name}={text} is no time in seconds that can be used; {} is used", default.as_secs_f64()));
                default
            }
        }
    }

    fn boolean(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.get(name) else { return default };
        match text.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" => true,
            "0" | "false" | "no" => false,
            _ => {
                self.warnings.push(format!("{name}={text} is neither true nor false; {default} is used"));
                default
            }
        }
    }

    fn zroc(&mut self) -> ZrocSettings {
        let usual = ZrocSettings::default();
        let second = Duration::from_secs(1);
        let source = match self.get("PERF_INTERVAL_ID") {
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
