//! The proxy's part of the configuration: section `[proxy]`, every key optional.

use std::path::Path;
use std::time::Duration;

use vpoller_daemon::Program;
use vpoller_daemon::config::{Checked, ConfigError, Loaded, Settings};
use vpoller_daemon::mgmt::Allow;
use vpoller_daemon::pages::Pages;
use vpoller_wire::endpoint::{Endpoint, EndpointError};
use vpoller_wire::limits::LONGEST_PATIENCE;

use crate::broker::{Bounds, Rules};

/// What the proxy runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub frontend: Endpoint,
    /// Where workers connect.
    pub backend: Endpoint,
    /// Where management asks.
    pub mgmt: Endpoint,
    /// Who may shut the proxy down from another machine.
    pub mgmt_allow: Allow,
    /// Where metrics and status are shown.
    pub http: Pages,
    pub rules: Rules,
}

impl Config {
    /// The built-in configuration with other endpoints, and without HTTP.
    ///
    /// # Errors
    /// When a text is no endpoint.
    pub fn at(frontend: &str, backend: &str, mgmt: &str) -> Result<Self, EndpointError> {
        Ok(Self {
            frontend: frontend.parse()?,
            backend: backend.parse()?,
            mgmt: mgmt.parse()?,
            mgmt_allow: Allow::default(),
            http: Pages::OFF,
            rules: Rules::default(),
        })
    }

    /// Reads a file; also says what in it is ignored, and what is in force.
    ///
    /// # Errors
    /// When the file is missing or does not read, or a value makes no sense.
    pub fn load(path: &Path) -> Result<Loaded<Self>, ConfigError> {
        let empty = Settings::parse("", path, Program::Proxy)?;
        Self::read(&empty)?;
        let settings = Settings::load(path, Program::Proxy)?.with_built_in(&empty);
        let config = Self::read(&settings)?;
        let warnings = settings.unknown(FOREIGN).iter().map(ToString::to_string).collect();
        Ok(Loaded { config, checked: Checked { in_force: settings.in_force(), warnings } })
    }

    fn read(settings: &Settings) -> Result<Self, ConfigError> {
        settings.refuse_curve()?;
        let rules = Rules::default();
        let ttl = Duration::from_millis(100)..=LONGEST_PATIENCE;
        Ok(Self {
            frontend: settings.endpoint(SECTION, "frontend", DEFAULT_FRONTEND)?,
            backend: settings.endpoint(SECTION, "backend", DEFAULT_BACKEND)?,
            mgmt: settings.endpoint(SECTION, "mgmt", DEFAULT_MGMT)?,
            mgmt_allow: settings.value(SECTION, "mgmt_allow", Allow::BUILT_IN, Allow::parse)?,
            http: Pages::read(settings, SECTION, DEFAULT_HTTP)?,
            rules: Rules {
                affinity: settings.number(SECTION, "affinity", rules.affinity, 1..=64)?,
                request_ttl: settings.duration(SECTION, "request_ttl", rules.request_ttl, ttl)?,
                bounds: bounds(settings, rules.bounds)?,
                max_request: mebibytes(settings, "max_request", rules.max_request, 60)?,
                log_requests: rules.log_requests,
            },
        })
    }
}

fn bounds(settings: &Settings, default: Bounds) -> Result<Bounds, ConfigError> {
    const REQUESTS: std::ops::RangeInclusive<usize> = 1..=1_000_000;
    Ok(Bounds {
        host_requests: settings.number(SECTION, "queue_per_host", default.host_requests, REQUESTS)?,
        host_bytes: mebibytes(settings, "memory_per_host", default.host_bytes, 65536)?,
        total_requests: settings.number(SECTION, "queue_total", default.total_requests, REQUESTS)?,
        total_bytes: mebibytes(settings, "memory_total", default.total_bytes, 65536)?,
    })
}

/// A size that is written in MiB.
fn mebibytes(settings: &Settings, key: &str, default: usize, most: usize) -> Result<usize, ConfigError> {
    Ok(settings.number(SECTION, key, default / MIB, 1..=most)?.saturating_mul(MIB))
}

const SECTION: &str = "proxy";
const DEFAULT_FRONTEND: &str = "tcp://*:10123";
const DEFAULT_BACKEND: &str = "tcp://*:10124";
const DEFAULT_MGMT: &str = "tcp://*:9999";
const DEFAULT_HTTP: &str = "tcp://127.0.0.1:10125";
const MIB: usize = 1024 * 1024;
/// Sections of the same file that other programs read.
const FOREIGN: &[&str] = &["worker", "cache", "exporter", "helper:"];

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Loaded<Config>, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vpoller.conf");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    fn check(text: &str, frontend: &str, backend: &str, mgmt: &str) {
        let Loaded { config, checked } = load(text).unwrap();
        let endpoints = [config.frontend, config.backend, config.mgmt].map(|endpoint| endpoint.to_string());
        assert_eq!(endpoints, [frontend, backend, mgmt], "{text}");
        assert_eq!(checked.warnings, Vec::<String>::new(), "{text}");
    }

    #[test]
    fn files_of_all_ages_are_read() {
        check("", "tcp://*:10123", "tcp://*:10124", "tcp://*:9999");
        check(
            "[proxy]\nfrontend = tcp://*:1\nbackend: tcp://*:2\n[worker]\nmgmt = tcp://*:10000\n[cache]\nttl=1\n",
            "tcp://*:1",
            "tcp://*:2",
            "tcp://*:9999",
        );
        check("[Default]\nfrontend = tcp://*:1\nmgmt = tcp://*:3\n", "tcp://*:1", "tcp://*:10124", "tcp://*:3");
    }

    #[test]
    fn settings_arrive_in_the_rules() {
        let text = "[proxy]\nrequest_ttl = 3\naffinity = 4\nqueue_per_host = 7\nmemory_total = 1\nmax_request = 2\n";
        let config = load(text).unwrap().config;
        let bounds = Bounds { host_requests: 7, total_bytes: MIB, ..Bounds::default() };
        let expect =
            Rules { affinity: 4, request_ttl: Duration::from_secs(3), bounds, max_request: 2 * MIB, log_requests: false };
        assert_eq!(config.rules, expect);
    }

    #[test]
    fn mistakes_are_named() {
        let error = load("[proxy]\nmgmt_allow = 10.0.0.1, all\n").unwrap_err().to_string();
        assert!(error.contains("line 2: [proxy] mgmt_allow") && error.contains("\"all\""), "{error}");
        let warnings = load("[proxy]\nfrontent = tcp://*:1\n").unwrap().checked.warnings;
        assert!(warnings.len() == 1 && warnings[0].contains("line 2: unknown key \"frontent\""), "{warnings:?}");
    }

    #[test]
    fn the_sample_says_what_is_built_in() {
        let sample = include_str!("../../contrib/vpoller.conf");
        check(sample, "tcp://*:10123", "tcp://*:10124", "tcp://*:9999");
        // Every setting is in it, if only as a comment, with the value that is built in.
        let shown = sample.split("[worker]").next().unwrap().split_once("[proxy]").unwrap().1.replace("# ", "");
        let lines: Vec<_> = shown.lines().filter(|line| line.contains("= ")).collect();
        let Loaded { config, checked: Checked { in_force, warnings } } =
            load(&format!("[proxy]\n{}\n", lines.join("\n"))).unwrap();
        assert_eq!((config.rules, warnings), (Rules::default(), Vec::new()));
        let missing: Vec<_> = in_force.lines().filter(|line| line.contains('=') && !line.contains(" ; line ")).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
