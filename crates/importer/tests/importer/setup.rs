//! A real Zabbix and a real vPoller, with simulated vCenters behind it.

use std::fs;
use std::net::SocketAddr;

use serde_json::{Value, json};
use vpoller_testkit::process::Finished;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::zabbix::{Api, Series, Server, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, wait_until, workspace};

use crate::frontend::{Frontend, FrontendCall, FrontendReply};
use crate::run::import;

/// Machines of the big vCenter.
pub(crate) const MANY: usize = 1000;

/// Names of the documents' templates.
pub(crate) const TEMPLATES: [&str; 3] = [
    "Template VMware vSphere Hypervisor - vPoller Native",
    "Template VMware vSphere Virtual Machine - vPoller Native",
    "Template VMware vSphere Datastore - vPoller Native",
];
/// A template with one item, for many machines.
pub(crate) const LIGHT: &str = "One item";
pub(crate) const PROXY: &str = "zbx-proxy.example.org";

/// All of it.
pub(crate) struct Setup {
    /// The documents' vCenter, with two more clusters.
    pub small: Simulator,
    /// One with a thousand machines.
    _big: Simulator,
    pub stack: Stack,
    pub server: Server,
    pub series: Series,
    /// Names of the two vCenters in requests.
    pub names: [String; 2],
}

impl Setup {
    pub(crate) fn start(series: Series) -> Self {
        let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 0);
        let small = Simulator::start(&SimOptions { flags: &["-cluster", "2"], listen: at("127.0.0.1"), ..SimOptions::default() });
        let big = SimOptions { fixtures: false, vms: MANY, listen: at("127.0.0.2"), ..SimOptions::default() };
        let big = Simulator::start(&big);
        let hosts = [Host::at(small.address()), Host::at(big.address())];
        let stack = Stack::start(&hosts, 1);
        // The module of this server asks no vPoller, so that only the importer's requests are counted.
        let server = Setting::new(series, "vPollerProxy=tcp://127.0.0.9:9\n").server("");
        let setup = Self { small, _big: big, stack, server, series, names: hosts.map(|host| host.name) };
        import_templates(setup.api(), "legacy-native.yaml");
        setup.template(LIGHT);
        // Zabbix ships with one that differs only in case, and would do.
        let group = setup.api().get("hostgroup", &json!({"filter": {"name": ["Virtual machines"]}, "output": ["groupid"]}));
        setup.api().call("hostgroup.update", &json!({"groupid": group[0]["groupid"], "name": "Shipped"}));
        let proxy = match series {
            Series::V6_0 => json!({"host": PROXY, "status": 5}),
            Series::V7_0 => json!({"name": PROXY, "operating_mode": 0}),
        };
        setup.api().call("proxy.create", &proxy);
        setup
    }

    pub(crate) fn api(&self) -> &Api {
        &self.server.api
    }

    /// A template with one item.
    pub(crate) fn template(&self, name: &str) {
        let kind = if self.series == Series::V6_0 { "hostgroup" } else { "templategroup" };
        let groups = self.api().get(kind, &json!({"filter": {"name": ["Templates"]}}));
        let template = json!({"host": name, "groups": [{"groupid": groups[0]["groupid"]}]});
        let created = self.api().call("template.create", &template);
        let item = json!({
            "hostid": created["templateids"][0], "name": name, "type": 3, "value_type": 4, "delay": "1h",
            "key_": format!("vpoller.echo[\"{name}\"]"),
        });
        self.api().call("item.create", &item);
    }

    /// A frontend that answers some calls badly, with the real one behind it.
    pub(crate) fn frontend(&self, reply_rule: impl Fn(&FrontendCall) -> FrontendReply + Send + Sync + 'static) -> Frontend {
        let pages = self.server.pages();
        Frontend::start(Some(pages.strip_prefix("http://").unwrap().parse().unwrap()), reply_rule)
    }

    /// The documents' configuration, with the addresses of this setup in it. `more` belongs below `zabbix`.
    pub(crate) fn configuration(&self, zabbix: &str, vcenter: &str, more: &str) -> String {
        let [host, vm, datastore] = TEMPLATES;
        format!(
            "---
vsphere:
  hostname: {vcenter}
vpoller:
  endpoint: {}
  retries: 3
  timeout: 30000
zabbix:
  hostname: {zabbix}
  username: Admin
  password: zabbix
{more}  vsphere_object_host:
    proxy: {PROXY}
    templates:
      - {host}
    macros:
      VSPHERE.HOST: {vcenter}
    groups:
      - Hypervisors
  vsphere_object_vm:
    templates:
      - {vm}
    macros:
      VSPHERE.HOST: {vcenter}
    groups:
      - Virtual Machines
  vsphere_object_datastore:
    templates:
      - {datastore}
    macros:
      VSPHERE.HOST: {vcenter}
    groups:
      - Datastores
",
            self.stack.frontend()
        )
    }

    /// Runs the importer for the small vCenter and expects an exit code.
    #[track_caller]
    pub(crate) fn import(&self, more: &str, options: &[&str], code: i32) -> Finished {
        let finished = import(&self.configuration(&self.server.pages(), &self.names[0], more), options);
        assert_eq!(finished.code, code, "{:?} {options:?}: {}{}", self.series, finished.stdout, finished.stderr);
        finished
    }

    /// Asks vPoller.
    #[track_caller]
    pub(crate) fn rows(&self, method: &str, properties: &[&str]) -> Vec<Value> {
        let reply = self.stack.ask(&json!({"method": method, "hostname": self.names[0], "properties": properties}));
        reply["result"].as_array().unwrap_or_else(|| panic!("{method}: {reply}")).clone()
    }

    /// Waits until vPoller shows what was done to the vCenter.
    #[track_caller]
    pub(crate) fn wait_for_rows(&self, what: &str, method: &str, properties: &[&str], shown: impl Fn(&[Value]) -> bool) {
        wait_until(SOON, what, || shown(&self.rows(method, properties)));
    }

    /// The hosts with a tag of the small vCenter, everything that matters about them, by visible name.
    #[track_caller]
    pub(crate) fn hosts(&self) -> Vec<Value> {
        let groups = if self.series == Series::V6_0 { "selectGroups" } else { "selectHostGroups" };
        self.api().get(
            "host",
            &json!({
                "output": ["hostid", "host", "name", "status", "proxy_hostid", "monitored_by", "proxyid"],
                "tags": [{"tag": "vsphere.vcenter", "value": self.names[0], "operator": 1}],
                groups: ["name"], "selectParentTemplates": ["name"], "selectTags": ["tag", "value"],
                "selectMacros": ["macro", "value", "type"], "selectInterfaces": ["type", "main", "useip", "ip", "dns", "port"],
                "sortfield": "name",
            }),
        )
    }

    /// One of them.
    #[track_caller]
    pub(crate) fn host(&self, name: &str) -> Value {
        let hosts = self.hosts();
        let found = hosts.iter().find(|host| host["name"] == name);
        found.unwrap_or_else(|| panic!("{:?}: no host {name} among {:?}", self.series, texts(&hosts, "name"))).clone()
    }
}

/// The templates of a file of ours.
pub(crate) fn import_templates(api: &Api, file: &str) {
    let text = fs::read_to_string(workspace::root().join("templates/zabbix").join(file)).unwrap();
    api.import(&text).unwrap();
}

/// One member of every row.
pub(crate) fn texts<'v>(rows: &'v [Value], member: &str) -> Vec<&'v str> {
    rows.iter().map(|row| row[member].as_str().unwrap_or_else(|| panic!("no {member} in {row}"))).collect()
}

/// The names of a host's groups.
pub(crate) fn groups(host: &Value) -> Vec<&str> {
    let list = if host["groups"].is_array() { &host["groups"] } else { &host["hostgroups"] };
    let mut names = texts(list.as_array().unwrap(), "name");
    names.sort_unstable();
    names
}

/// The value of a macro or tag of a host.
pub(crate) fn value<'v>(host: &'v Value, list: &str, name: &str) -> Option<&'v str> {
    let key = if list == "tags" { "tag" } else { "macro" };
    host[list].as_array().unwrap().iter().find(|one| one[key] == name)?["value"].as_str()
}
