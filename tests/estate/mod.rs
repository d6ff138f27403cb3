//! A vSphere estate in Zabbix: simulated vCenter, vPoller, server, and the templates of this tree linked to one host.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vpoller_testkit::wait::ZABBIX;
use vpoller_testkit::zabbix::{Series, Server, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, wait_for, workspace};

/// Between two looks, of which each asks for values again.
const PACE: Duration = Duration::from_millis(1500);

pub(crate) struct Estate {
    pub server: Server,
    pub simulator: Simulator,
    pub stack: Stack,
    /// As the vSphere host is registered.
    pub vsphere: String,
}

/// An item as the API shows it.
#[derive(Debug)]
pub(crate) struct Item {
    id: String,
    /// Technical name of its host.
    pub host: String,
    pub key: String,
    /// Why it is not supported; empty when it is.
    pub error: String,
    /// None as long as there is none, or it is not kept.
    pub value: Option<String>,
    pub kind: ValueType,
    /// Kept for no time: a master item.
    pub raw: bool,
    /// Asks vPoller, and does not depend on another item.
    is_check: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ValueType {
    Float,
    Unsigned,
    Text,
}

impl Estate {
    /// Starts everything with so many more machines beside those of the documents, and imports nothing.
    pub(crate) fn start(series: Series, vms: usize) -> Self {
        let simulator = Simulator::start(&SimOptions { vms, churn: 5, ..SimOptions::default() });
        let host = Host::at(simulator.address());
        let stack = Stack::start(std::slice::from_ref(&host), 1);
        let module = format!("vPollerProxy={}\nvPollerTimeout=10000\n", stack.frontend());
        let server = Setting::new(series, &module).server("StartPollers=10\n");
        Self { server, simulator, stack, vsphere: host.name }
    }

    /// As [`Estate::start`], with the templates imported.
    pub(crate) fn with_templates(series: Series, vms: usize) -> Self {
        let estate = Self::start(series, vms);
        estate.import("vpoller-all.yaml");
        estate
    }

    #[track_caller]
    pub(crate) fn import(&self, file: &str) {
        self.server.api.import(&template_file(file)).unwrap_or_else(|error| panic!("{:?} {file}: {error}", self.server.series()));
    }

    /// Properties that a vCenter sets and the simulator does not, so that every item has something to show.
    pub(crate) fn complete(&self) {
        let set = |kind: &str, name: &str, path: &str, value: Value| self.simulator.set(kind, name, path, &value);
        set(
            "ClusterComputeResource",
            "cluster01",
            "configurationEx",
            json!({
                "_type": "ClusterConfigInfoEx",
                "dasConfig": {"enabled": true, "admissionControlEnabled": true},
                "drsConfig": {"enabled": true, "defaultVmBehavior": "fullyAutomated"},
            }),
        );
        for host in ["esxi01.example.org", "esxi02.example.org"] {
            let states = json!("ACPI P-states, ACPI C-states");
            set("HostSystem", host, "hardware.cpuPowerManagementInfo.hardwareSupport", states);
        }
        for machine in ["vm01.example.org", "ns01.example.org"] {
            set("VirtualMachine", machine, "runtime.consolidationNeeded", json!(false));
            set(
                "VirtualMachine",
                machine,
                "config.tools",
                json!({
                    "toolsVersion": 9537, "syncTimeWithHost": false, "toolsUpgradePolicy": "manual",
                }),
            );
            for path in ["balloonedMemory", "swappedMemory", "compressedMemory"] {
                set("VirtualMachine", machine, &format!("summary.quickStats.{path}"), json!(16));
            }
        }
    }

    /// Makes a host with an interface and these templates; returns its id.
    #[track_caller]
    pub(crate) fn add_host(&self, name: &str, templates: &[&str], macros: &[(&str, &str)]) -> String {
        self.server.api.add_host(name, "vSphere", templates, macros)
    }

    /// The host of the documents: the vCenter with its one macro.
    pub(crate) fn add_vcenter(&self) -> String {
        self.add_host("vCenter", &["VMware vSphere by vPoller"], &[("{$VSPHERE.HOST}", &self.vsphere)])
    }

    /// The technical name of a host made by discovery.
    pub(crate) fn discovered(&self, moid: &str) -> String {
        format!("{} {moid}", self.vsphere)
    }

    /// All hosts that simple checks or discovery brought along: technical and visible names.
    pub(crate) fn hosts(&self) -> Vec<(String, String)> {
        let own = json!({"output": ["host", "name"], "tags": [{"tag": "vsphere", "value": self.vsphere, "operator": 1}]});
        let text = |host: &Value, field: &str| host[field].as_str().unwrap_or_default().to_owned();
        self.server.api.get("host", &own).iter().map(|host| (text(host, "host"), text(host, "name"))).collect()
    }

    /// The technical name of the host that discovery made for the object of this name.
    #[track_caller]
    pub(crate) fn host_of(&self, name: &str) -> String {
        let hosts = self.hosts();
        let found = hosts.iter().find(|(_, visible)| visible.starts_with(&format!("{name} ("))).map(|(host, _)| host.clone());
        found.unwrap_or_else(|| panic!("no host for {name} among {hosts:?}"))
    }

    /// The id that the API knows a host by, of its technical name.
    pub(crate) fn host_id(&self, host: &str) -> Value {
        self.server.api.get("host", &json!({"filter": {"host": [host]}, "output": ["hostid"]}))[0]["hostid"].clone()
    }

    /// The enabled items of hosts with this technical name, or of all hosts.
    pub(crate) fn items(&self, host: Option<&str>) -> Vec<Item> {
        let mut question = json!({
            "output": ["itemid", "key_", "state", "error", "lastvalue", "lastclock", "value_type", "history", "type"],
            "monitored": true, "selectHosts": ["host"],
        });
        if let Some(host) = host {
            question["host"] = json!(host);
        }
        self.server.api.get("item", &question).iter().map(item).filter(|item| item.host != "Zabbix server").collect()
    }

    /// Lets Zabbix execute these checks now. It leaves out items that it does not know yet, so one asks again until what one waits
    /// for is there.
    fn check_now<'a>(&self, items: impl Iterator<Item = &'a Item>) {
        let tasks: Vec<Value> =
            items.filter(|item| item.is_check).map(|item| json!({"type": 6, "request": {"itemid": item.id}})).collect();
        for some in tasks.chunks(500) {
            // An item that was deleted meanwhile spoils the whole list; the next look has a new one.
            let _ = self.server.api.try_call("task.create", &json!(some));
        }
    }

    /// Executes the checks of hosts again and again until the condition yields something.
    #[track_caller]
    pub(crate) fn check_until<T>(&self, hosts: &BTreeSet<&str>, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let mut next = Instant::now();
        wait_for(ZABBIX, what, || {
            if Instant::now() < next {
                return None;
            }
            hosts.iter().for_each(|host| self.check_now(self.items(Some(host)).iter()));
            next = Instant::now() + PACE;
            probe()
        })
    }

    /// Executes the checks of the hosts that the condition names, until it names none; returns all items.
    #[track_caller]
    pub(crate) fn settle(&self, what: &str, mut unsettled: impl FnMut(&[Item]) -> BTreeSet<String>) -> Vec<Item> {
        let mut next = Instant::now();
        wait_for(ZABBIX, what, || {
            if Instant::now() < next {
                return None;
            }
            let items = self.items(None);
            let hosts = unsettled(&items);
            if hosts.is_empty() {
                return Some(items);
            }
            let due = |item: &&Item| hosts.contains(&item.host) && (item.raw || item.value.is_none() || !item.error.is_empty());
            self.check_now(items.iter().filter(due));
            next = Instant::now() + 3 * PACE;
            None
        })
    }

    /// What discovery rules of hosts complain about: key and message.
    pub(crate) fn complaints(&self) -> Vec<(String, String)> {
        let question = json!({"output": ["key_", "error"], "monitored": true});
        let text = |rule: &Value, field: &str| rule[field].as_str().unwrap_or_default().to_owned();
        let rules = self.server.api.get("discoveryrule", &question);
        rules.iter().map(|rule| (text(rule, "key_"), text(rule, "error"))).filter(|(_, error)| !error.is_empty()).collect()
    }

    /// Names of the problems of a host that are not resolved.
    pub(crate) fn problems(&self, host: &str) -> Vec<String> {
        let hosts = self.server.api.get("host", &json!({"filter": {"host": [host]}, "output": ["hostid"]}));
        let question = json!({"hostids": hosts.iter().map(|host| &host["hostid"]).collect::<Vec<_>>(), "output": ["name"]});
        let problems = self.server.api.get("problem", &question);
        problems.iter().filter_map(|problem| problem["name"].as_str().map(str::to_owned)).collect()
    }

    /// Waits until problems, given as host and name, are raised or, with `there` false, resolved.
    #[track_caller]
    pub(crate) fn wait_for_problems(&self, problems: &[(&str, &str)], there: bool) {
        let hosts: BTreeSet<&str> = problems.iter().map(|(host, _)| *host).collect();
        let mut open = Vec::new();
        let what = format!("problems {}: {problems:?}", if there { "raised" } else { "resolved" });
        self.check_until(&hosts, &what, || {
            let found: BTreeSet<(&str, String)> =
                hosts.iter().flat_map(|host| self.problems(host).into_iter().map(move |name| (*host, name))).collect();
            open = problems.iter().filter(|(host, name)| found.contains(&(*host, (*name).to_owned())) != there).collect();
            eprintln!("{:?}: to be {}: {open:?}", self.server.series(), if there { "raised" } else { "resolved" });
            open.is_empty().then_some(())
        });
    }

    /// The last value of the item that names what is related to an object, once its preprocessing has made it from the list in
    /// JSON that vPoller sends.
    ///
    /// A server of 7.0 checks a new item as soon as it has read it, and preprocesses its values only when it has read the rest of
    /// its configuration (`findings/zabbix-unprocessed-first-values.sh`). On a machine under load the first value of such
    /// an item is the list itself, until the next check.
    pub(crate) fn names(&self, host: &str, method: &str) -> Option<String> {
        let key = format!(r#"vpoller.json["{method}","{{$VSPHERE.HOST}}","{{$VSPHERE.NAME}}","name"]"#);
        self.value(host, &key).filter(|value| !value.starts_with(['[', '{']))
    }

    /// The last value of an item.
    pub(crate) fn value(&self, host: &str, key: &str) -> Option<String> {
        self.items(Some(host)).into_iter().find(|item| item.key == key)?.value
    }
}

fn item(item: &Value) -> Item {
    let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    Item {
        id: text("itemid"),
        host: item["hosts"][0]["host"].as_str().unwrap_or_default().to_owned(),
        key: text("key_"),
        error: if text("state") == "1" { text("error") } else { String::new() },
        value: (text("lastclock") != "0").then(|| text("lastvalue")),
        kind: match text("value_type").as_str() {
            "0" => ValueType::Float,
            "3" => ValueType::Unsigned,
            _ => ValueType::Text,
        },
        raw: text("history") == "0",
        is_check: text("type") != "18",
    }
}

/// A file of the templates as it is committed.
#[track_caller]
pub(crate) fn template_file(name: &str) -> String {
    let path = workspace::root().join("templates/zabbix").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
