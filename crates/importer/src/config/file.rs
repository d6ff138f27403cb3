//! The file as it is written. An unknown key is an error with its position.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::text::DEFAULT_FRONTEND;

use super::values::{Adopt, Follow, FrontendEndpoint, HiddenText, MacroName, MacroValue, OneOrMany, Pattern};
use super::{Config, Credentials, KindConfig, PollingConfig, ZabbixAccess};
use crate::kind::{Kind, PowerState};
use crate::labels::HOST_MACRO;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    vsphere: VSphere,
    #[serde(default)]
    vpoller: VPoller,
    zabbix: Zabbix,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VSphere {
    hostname: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct VPoller {
    endpoint: Option<FrontendEndpoint>,
    retries: Option<u32>,
    /// Milliseconds.
    timeout: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Zabbix {
    hostname: String,
    username: Option<String>,
    password: Option<HiddenText>,
    api_token: Option<HiddenText>,
    ca_file: Option<PathBuf>,
    verify: Option<bool>,
    /// Seconds.
    timeout: Option<u64>,
    sync: Option<OneOrMany<Follow>>,
    #[serde(default)]
    adopt: Adopt,
    vsphere_object_datacenter: Option<Entry>,
    vsphere_object_clusters_as_zabbix_host: Option<Entry>,
    vsphere_object_host: Option<Entry>,
    vsphere_object_vm: Option<Entry>,
    vsphere_object_datastore: Option<Entry>,
}

/// What the file says about one type of objects; all types have the same structure.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    proxy: Option<String>,
    proxy_group: Option<String>,
    #[serde(default)]
    templates: OneOrMany<String>,
    #[serde(default)]
    groups: OneOrMany<String>,
    macros: Option<BTreeMap<MacroName, Option<String>>>,
    secret_macros: Option<BTreeMap<MacroName, Option<HiddenText>>>,
    skip_vm_in_powerstate: Option<OneOrMany<PowerState>>,
    disable_vm_in_powerstate: Option<OneOrMany<PowerState>>,
    ignore_vm: Option<OneOrMany<Pattern>>,
}

const DEFAULT_RETRIES: u32 = 3;
const DEFAULT_TIMEOUT: u64 = 10_000;
const LONGEST_TIMEOUT: u64 = 86_400_000;
/// Seconds. Zabbix needs a while for a batch of hosts with big templates.
const DEFAULT_ZABBIX_TIMEOUT: u64 = 120;
const LONGEST_ZABBIX_TIMEOUT: u64 = 3600;

impl File {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|error| {
            // The usual form shows the line of the file, which may hold a password.
            let text = error.without_snippet().to_string();
            let hint = match error.location() {
                Some(_) if text.contains("expected mapping start") => "; what belongs to a key must be indented below it",
                _ => "",
            };
            format!("{text}{hint}")
        })
    }

    pub(super) fn resolve(self) -> Result<Config, String> {
        let Self { vsphere, vpoller, mut zabbix } = self;
        if vsphere.hostname.trim().is_empty() {
            return Err("vsphere.hostname is empty".to_owned());
        }
        let endpoint = match vpoller.endpoint {
            Some(FrontendEndpoint(endpoint)) => endpoint,
            None => DEFAULT_FRONTEND.parse::<Endpoint>().map_err(|error| error.to_string())?,
        };
        let retries = vpoller.retries.unwrap_or(DEFAULT_RETRIES);
        let timeout = vpoller.timeout.unwrap_or(DEFAULT_TIMEOUT);
        check_range("vpoller.retries", u64::from(retries), 1000)?;
        check_range("vpoller.timeout", timeout, LONGEST_TIMEOUT)?;
        let kinds = zabbix.entries().into_iter().filter_map(|(kind, entry)| Some((kind, entry?.resolve(kind))));
        let kinds = kinds.map(|(kind, kind_config)| Ok((kind, kind_config?))).collect::<Result<_, String>>()?;
        let sync = zabbix.sync.take().map_or_else(|| vec![Follow::Cluster], |list| list.0);
        Ok(Config {
            vcenter: vsphere.hostname.trim().to_owned(),
            endpoint,
            retries,
            timeout: Duration::from_millis(timeout),
            adopt: zabbix.adopt,
            zabbix: zabbix.access()?,
            sync,
            kinds,
        })
    }
}

fn check_range(what: &str, value: u64, most: u64) -> Result<(), String> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(format!("{what} is {value}, it must be between 1 and {most}")) }
}

impl Zabbix {
    fn entries(&mut self) -> [(Kind, Option<Entry>); 5] {
        [
            (Kind::Datacenter, self.vsphere_object_datacenter.take()),
            (Kind::Cluster, self.vsphere_object_clusters_as_zabbix_host.take()),
            (Kind::Host, self.vsphere_object_host.take()),
            (Kind::Vm, self.vsphere_object_vm.take()),
            (Kind::Datastore, self.vsphere_object_datastore.take()),
        ]
    }

    fn access(self) -> Result<ZabbixAccess, String> {
        let url = api(&self.hostname)?;
        let login = match (self.api_token, self.username, self.password) {
            (Some(token), ..) => Credentials::Token(token.0),
            (None, Some(username), Some(password)) => Credentials::Password { username, password: password.0 },
            (None, Some(_), None) => return Err("zabbix.username has no zabbix.password beside it".to_owned()),
            (None, None, _) => return Err("zabbix.username and zabbix.password, or zabbix.api_token, are missing".to_owned()),
        };
        let verify = self.verify.unwrap_or(true);
        if self.ca_file.is_some() && !verify {
            return Err("zabbix.ca_file says whom to trust, zabbix.verify: false to trust everybody; leave one out".to_owned());
        }
        let timeout = self.timeout.unwrap_or(DEFAULT_ZABBIX_TIMEOUT);
        check_range("zabbix.timeout", timeout, LONGEST_ZABBIX_TIMEOUT)?;
        let timeout = Duration::from_secs(timeout);
        Ok(ZabbixAccess { written: self.hostname, url, login, ca_file: self.ca_file, verify, timeout })
    }
}

/// The address of the API below that of the frontend.
fn api(hostname: &str) -> Result<reqwest::Url, String> {
    let refused = || format!("zabbix.hostname {hostname:?} is no address like http://zabbix.example.org/zabbix");
    let Ok(mut url) = reqwest::Url::parse(hostname.trim()) else { return Err(refused()) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("zabbix.hostname holds a user; write it as zabbix.username and zabbix.password".to_owned());
    }
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if !path.ends_with(".php") {
        url.set_path(&format!("{path}/api_jsonrpc.php"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

impl Entry {
    fn resolve(self, kind: Kind) -> Result<KindConfig, String> {
        let for_machines = [
            ("skip_vm_in_powerstate", self.skip_vm_in_powerstate.is_some()),
            ("disable_vm_in_powerstate", self.disable_vm_in_powerstate.is_some()),
            ("ignore_vm", self.ignore_vm.is_some()),
        ];
        if let Some((key, _)) = for_machines.iter().find(|(_, given)| *given && kind != Kind::Vm) {
            return Err(format!("zabbix.{}.{key}: only {} knows it", kind.config_key(), Kind::Vm.config_key()));
        }
        let polling = match (self.proxy, self.proxy_group) {
            (Some(_), Some(_)) => {
                return Err(format!("zabbix.{} has both proxy and proxy_group; leave one out", kind.config_key()));
            }
            (Some(name), None) => Some(PollingConfig::Proxy(name)),
            (None, name) => name.map(PollingConfig::Group),
        };
        let macros = macros(kind, self.macros.unwrap_or_default(), self.secret_macros.unwrap_or_default())?;
        Ok(KindConfig {
            polling,
            templates: self.templates.0,
            groups: self.groups.0,
            macros,
            skip: self.skip_vm_in_powerstate.unwrap_or_default().0,
            disable: self.disable_vm_in_powerstate.unwrap_or_default().0,
            ignore: self.ignore_vm.unwrap_or_default().0,
        })
    }
}

/// Plain and secret macros in one map. A macro that is in both is an error.
fn macros(
    kind: Kind,
    plain: BTreeMap<MacroName, Option<String>>,
    secret: BTreeMap<MacroName, Option<HiddenText>>,
) -> Result<BTreeMap<String, MacroValue>, String> {
    let plain = plain.into_iter().map(|(name, value)| (name.0, MacroValue::Plain(value.unwrap_or_default())));
    let mut macros: BTreeMap<String, MacroValue> = plain.collect();
    for (name, value) in secret {
        let place = format!("zabbix.{}.secret_macros", kind.config_key());
        if name.0 == HOST_MACRO {
            return Err(format!("{place}: {HOST_MACRO} cannot be secret, it tells which hosts are whose"));
        }
        let value = MacroValue::Secret(value.map(|value| value.0).unwrap_or_default());
        if macros.insert(name.0.clone(), value).is_some() {
            return Err(format!("{place}: {} is among the macros as well; leave one out", name.0));
        }
    }
    Ok(macros)
}
