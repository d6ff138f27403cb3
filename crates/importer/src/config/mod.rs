//! The configuration file, read in two steps: as it is written (`file`), and checked, as [`Config`].

mod file;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vpoller_wire::Secret;
use vpoller_wire::endpoint::Endpoint;

pub(crate) use self::values::{Adopt, Follow, MacroValue, Pattern};

use self::file::File;
use crate::kind::{Kind, PowerState};

/// The configuration of a run.
#[derive(Debug)]
pub(crate) struct Config {
    /// The vSphere host, as requests name it.
    pub vcenter: String,
    pub endpoint: Endpoint,
    /// Attempts of a vPoller request, at least 1.
    pub retries: u32,
    /// How long each attempt waits.
    pub timeout: Duration,
    pub zabbix: ZabbixAccess,
    pub sync: Vec<Follow>,
    pub adopt: Adopt,
    /// Objects of other types get no hosts.
    pub kinds: BTreeMap<Kind, KindConfig>,
}

#[derive(Debug)]
pub(crate) struct ZabbixAccess {
    /// The frontend's address as the file has it, for messages.
    pub written: String,
    /// The address of the API.
    pub url: reqwest::Url,
    pub login: Credentials,
    /// A PEM file with the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether the certificate is checked at all.
    pub verify: bool,
    /// Limit of one API call.
    pub timeout: Duration,
}

/// How this program logs in to Zabbix.
#[derive(Debug)]
pub(crate) enum Credentials {
    Token(Secret),
    /// A user, logged in at the beginning and logged out at the end.
    Password {
        username: String,
        password: Secret,
    },
}

/// How the hosts of one type of objects are made.
#[derive(Debug, Default)]
pub(crate) struct KindConfig {
    /// The proxy or proxy group that polls them; without, the Zabbix server.
    pub polling: Option<PollingConfig>,
    /// Visible or technical names of templates to link.
    pub templates: Vec<String>,
    /// Names of host groups.
    pub groups: Vec<String>,
    /// Macros by their full name, `{$NAME}`.
    pub macros: BTreeMap<String, MacroValue>,
    /// Virtual machines in these states get no host.
    pub skip: Vec<PowerState>,
    /// Hosts of virtual machines in these states are disabled as long as the state lasts.
    pub disable: Vec<PowerState>,
    /// Virtual machines whose names match get no host.
    pub ignore: Vec<Pattern>,
}

/// What polls a host instead of the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PollingConfig {
    /// The proxy of this name.
    Proxy(String),
    /// The proxy group of this name (Zabbix 7.0).
    Group(String),
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// One text, with the position where there is one, and without any secret of the file.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        File::parse(text)?.resolve()
    }

    pub(crate) fn follows(&self, what: Follow) -> bool {
        self.sync.contains(&what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample of the documents, its indentation restored.
    const DOCUMENTED: &str = "---
vsphere:
  hostname: vc01.example.org
vpoller:
  endpoint: tcp://localhost:10123
  retries: 3
  timeout: 3000
zabbix:
  hostname: http://zabbix.example.org/zabbix
  username: Admin
  password: zabbix
  vsphere_object_host:
    proxy: zbx-proxy.example.org
    templates:
      - Template VMware vSphere Hypervisor - vPoller Native
    macros:
      VSPHERE.HOST: vc01.example.org
    groups:
      - Hypervisors
  vsphere_object_vm:
    templates:
      - Template VMware vSphere Virtual Machine - vPoller Native
    macros:
      VSPHERE.HOST: vc01.example.org
    groups:
      - Virtual Machines
  vsphere_object_datastore:
    templates:
      - Template VMware vSphere Datastore - vPoller Native
    macros:
      VSPHERE.HOST: vc01.example.org
    groups:
      - Datastores
";

    fn refused(text: &str) -> String {
        let error = Config::parse(text).unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
        error
    }

    /// A configuration with these lines in the entry for virtual machines.
    fn with(lines: &str) -> Result<Config, String> {
        let head = "vsphere: {hostname: vc01}\nzabbix:\n  hostname: http://zabbix\n  api_token: s3cret\n  vsphere_object_vm:\n";
        Config::parse(&format!("{head}{lines}"))
    }

    #[test]
    fn the_documented_file_means_what_it_says() {
        let config = Config::parse(DOCUMENTED).unwrap();
        assert_eq!((config.vcenter.as_str(), config.endpoint.as_str()), ("vc01.example.org", "tcp://localhost:10123"));
        assert_eq!((config.retries, config.timeout), (3, Duration::from_secs(3)));
        assert_eq!(config.zabbix.written, "http://zabbix.example.org/zabbix");
        assert_eq!(config.zabbix.url.as_str(), "http://zabbix.example.org/zabbix/api_jsonrpc.php");
        assert!(matches!(&config.zabbix.login, Credentials::Password { username, password }
            if username == "Admin" && password.expose() == "zabbix"));
        assert!(config.zabbix.verify && config.zabbix.ca_file.is_none());
        assert_eq!((config.sync.as_slice(), config.adopt), (&[Follow::Cluster][..], Adopt::Keep));
        assert_eq!(config.kinds.keys().copied().collect::<Vec<_>>(), [Kind::Host, Kind::Vm, Kind::Datastore]);
        let hosts = &config.kinds[&Kind::Host];
        assert_eq!(hosts.polling, Some(PollingConfig::Proxy("zbx-proxy.example.org".to_owned())));
        assert_eq!(hosts.templates, ["Template VMware vSphere Hypervisor - vPoller Native"]);
        assert_eq!(hosts.groups, ["Hypervisors"]);
        assert_eq!(hosts.macros["{$VSPHERE.HOST}"].plain(), Some("vc01.example.org"));
        assert_eq!(config.kinds[&Kind::Vm].polling, None);
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = with("    templates: T\n").unwrap();
        assert_eq!((config.endpoint.as_str(), config.retries), ("tcp://localhost:10123", 3));
        assert_eq!(config.timeout, Duration::from_secs(10));
        assert_eq!(config.kinds[&Kind::Vm].templates, ["T"]);
        assert!(config.kinds[&Kind::Vm].groups.is_empty());
        // An entry without a body is no entry.
        assert!(with("").unwrap().kinds.is_empty());
    }

    #[test]
    fn a_token_goes_before_a_password() {
        let text = "vsphere: {hostname: vc01}\nzabbix: {hostname: 'http://z', username: a, password: b, api_token: c}\n";
        assert!(matches!(Config::parse(text).unwrap().zabbix.login, Credentials::Token(token) if token.expose() == "c"));
    }

    #[test]
    fn values_of_macros_are_texts() {
        let config = with("    macros: {A: yes, '{$B}': 1.50, 'C:x y': 007, D: }\n").unwrap();
        let macros = &config.kinds[&Kind::Vm].macros;
        let is_expected = [("{$A}", "yes"), ("{$B}", "1.50"), ("{$C:x y}", "007"), ("{$D}", "")];
        assert_eq!(macros.iter().map(|(name, value)| (name.as_str(), value.plain().unwrap())).collect::<Vec<_>>(), is_expected);
    }

    #[test]
    fn secret_macros_are_texts_that_nobody_sees() {
        let config = with("    macros: {A: a}\n    secret_macros: {GUEST.PASSWORD: 007, '{$B}': s3cret, C: }\n").unwrap();
        let macros = &config.kinds[&Kind::Vm].macros;
        let secret = |name: &str| matches!(&macros[name], MacroValue::Secret(secret) if !secret.expose().is_empty());
        assert_eq!(["{$GUEST.PASSWORD}", "{$B}", "{$C}"].map(secret), [true, true, false]);
        assert_eq!((macros["{$C}"].plain(), macros["{$A}"].plain()), (None, Some("a")));
        let shown = format!("{config:?}");
        assert!(!shown.contains("007") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let check = |lines: &str, kind_plans: &[&str]| {
            let error = with(lines).unwrap_err();
            assert!(kind_plans.iter().all(|part| error.contains(part)) && !error.contains("s3cret"), "{error}");
        };
        check("    template: [x]\n", &["unknown field `template`", "line 6, column 5"]);
        check("    ignore_vm: ['(']\n", &["regular expression", "line 6"]);
        check("    skip_vm_in_powerstate: [off]\n", &["poweredOff", "line 6"]);
        check("    macros: {lower: x}\n", &["lower", "line 6"]);
        check("    macros: {VSPHERE.NAME: x}\n", &["{$VSPHERE.NAME}", "line 6"]);
        check("    groups: {a: b}\n", &["line 6"]);
        check("    macros: {A: x}\n    secret_macros: {'{$A}': s3cret}\n", &["{$A}", "vsphere_object_vm", "secret_macros"]);
        check("    secret_macros: {VSPHERE.HOST: s3cret}\n", &["{$VSPHERE.HOST}", "secret"]);
        check("    secret_macros: {A: [s3cret]}\n", &["line 6"]);
        check("    proxy: a\n    proxy_group: b\n", &["proxy_group", "vsphere_object_vm"]);
        check("    groups: [a]\n    groups: [b]\n", &["duplicate", "groups", "line 7"]);
        check("  vsphere_object_host: {ignore_vm: a}\n", &["ignore_vm", "vsphere_object_host"]);
    }

    #[test]
    fn access_to_zabbix_is_checked() {
        let zabbix = |text: &str| format!("vsphere: {{hostname: vc01}}\nzabbix: {{{text}}}\n");
        let check = |text: &str, part: &str| {
            let error = refused(&zabbix(text));
            assert!(error.contains(part), "{error}");
        };
        check("hostname: 'zabbix.example.org', api_token: s3cret", "http://");
        check("hostname: 'ftp://zabbix', api_token: s3cret", "http://");
        check("hostname: 'http://u:s3cret@zabbix', api_token: s3cret", "username");
        check("hostname: 'http://zabbix'", "api_token");
        check("hostname: 'http://zabbix', username: Admin", "password");
        check("hostname: 'http://zabbix', api_token: s3cret, verify: maybe", "line 2");
        check("hostname: 'http://zabbix', api_token: [s3cret]", "line 2");
        check("hostname: 'http://zabbix', api_token: s3cret, ca_file: /x, verify: false", "ca_file");
        check("hostname: 'http://zabbix', api_token: s3cret, sync: [everything]", "templates");
        check("hostname: 'http://zabbix', apitoken: s3cret", "apitoken");
        check("hostname: 'http://zabbix', api_token: s3cret, adopt: all", "own");
        let direct = zabbix("hostname: 'https://zabbix/api_jsonrpc.php', api_token: s3cret, sync: []");
        let config = Config::parse(&direct).unwrap();
        assert_eq!(config.zabbix.url.as_str(), "https://zabbix/api_jsonrpc.php");
        assert!(config.sync.is_empty());
    }

    #[test]
    fn text_that_is_no_configuration_is_refused() {
        // As the documents' page prints it: without indentation.
        let flat: String = DOCUMENTED.lines().map(|line| format!("{}\n", line.trim_start())).collect();
        assert!(refused(&flat).contains("indented"), "{}", refused(&flat));
        for text in ["", "---\n", "[]", "x", "\t", "vsphere: {hostname: ''}\nzabbix: {hostname: 'http://z', api_token: s3cret}\n"]
        {
            refused(text);
        }
        refused(&format!("{DOCUMENTED}{DOCUMENTED}"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a-z0-9:{}\\[\\],'\"&*!|>#%@ \n\t]{0,200}") {
            let _ = Config::parse(&text);
            let _ = with(&text);
        }
    }
}
