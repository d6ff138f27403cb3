//! What vSphere has, read through vPoller: one request for each type, none for single objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::config::{Config, KindConfig};
use crate::kind::{FAULT_TOLERANCE_ROLE, IS_TEMPLATE, Kind, MOID, PARENT, POWER_STATE, PowerState, RUNS_ON, SUMMARY_URL, URL};
use crate::message::Message;

/// An object that is to have a Zabbix host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Object {
    pub kind: Kind,
    pub moid: String,
    /// The name as vSphere stores it, with its escapes.
    pub name: String,
    /// How an item names it to vPoller: the name, or `moid:…` where the name finds another object or none.
    pub address: String,
    /// The visible name of its host: the object's name, for a datastore the URL.
    pub display: String,
    /// Name of its cluster. For a standalone ESXi host, and the machines on it, the name of that host.
    pub cluster: Option<String>,
    /// The power state because of which its Zabbix host is to be disabled.
    pub disabled_by: Option<PowerState>,
}

/// What vSphere has, of the types that the configuration wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inventory {
    pub clusters: Vec<String>,
    /// Objects that are to have a host; those of a type in the order of their ids.
    pub objects: Vec<Object>,
    /// Objects that exist, of which is not known what decides about a host: neither imported nor gone.
    pub undecided: BTreeSet<(Kind, String)>,
    /// Virtual machines without a host because of `ignore_vm`.
    pub ignored: BTreeSet<(Kind, String)>,
    /// Number of objects that vSphere listed of each type, including those that get no host.
    pub listed: BTreeMap<Kind, usize>,
    /// Messages about its objects.
    pub messages: Vec<(Kind, Message)>,
}

/// A row of vPoller's reply: property paths and values.
pub(crate) type Row = Map<String, Value>;

/// The types that a run has to ask for. Clusters always become groups, and ESXi hosts say in which cluster a machine is.
pub(crate) fn needed(config: &Config) -> Vec<Kind> {
    let wanted = |kind: &Kind| match kind {
        Kind::Cluster => true,
        Kind::Host => config.kinds.contains_key(&Kind::Host) || config.kinds.contains_key(&Kind::Vm),
        other => config.kinds.contains_key(other),
    };
    Kind::ALL.into_iter().filter(wanted).collect()
}

impl Inventory {
    /// Reads the rows of vPoller's replies.
    pub(crate) fn new(config: &Config, answers: &BTreeMap<Kind, Vec<Row>>) -> Self {
        let rows = |kind: Kind| answers.get(&kind).into_iter().flatten();
        let cluster_names: HashMap<&str, &str> =
            rows(Kind::Cluster).filter_map(|row| Some((text(row, MOID)?, text(row, NAME)?))).collect();
        let clusters_of_hosts: HashMap<&str, String> =
            rows(Kind::Host).filter_map(|row| Some((text(row, MOID)?, cluster_of_host(row, &cluster_names)?))).collect();
        let mut inventory = Self { listed: answers.iter().map(|(kind, rows)| (*kind, rows.len())).collect(), ..Self::default() };
        inventory.clusters = rows(Kind::Cluster).filter_map(|row| text(row, NAME)).map(str::to_owned).collect();
        for (kind, kind_config) in &config.kinds {
            let names = counts(rows(*kind).filter_map(|row| text(row, NAME)));
            let mut objects = Vec::new();
            for row in rows(*kind) {
                let Some((moid, name)) = inventory.identified(*kind, row) else { continue };
                if *kind == Kind::Vm
                    && !(inventory.decided(kind_config, row, moid) && inventory.wanted(kind_config, row, moid, name))
                {
                    continue;
                }
                let cluster = match kind {
                    Kind::Host => clusters_of_hosts.get(moid),
                    Kind::Vm => text(row, RUNS_ON).and_then(|host| clusters_of_hosts.get(moid_in(host))),
                    _ => None,
                };
                let unique = names.get(name) == Some(&1) && addressable(name);
                objects.push(Object {
                    kind: *kind,
                    moid: moid.to_owned(),
                    name: name.to_owned(),
                    address: if unique { name.to_owned() } else { format!("moid:{moid}") },
                    display: url(row).unwrap_or(name).to_owned(),
                    cluster: cluster.cloned(),
                    disabled_by: kind_config.disable.iter().copied().find(|state| text(row, POWER_STATE) == Some(state.as_str())),
                });
            }
            objects.sort_by(|a, b| moid_order(&a.moid).cmp(&moid_order(&b.moid)));
            inventory.objects.append(&mut objects);
        }
        inventory
    }

    /// Id and name of a row; a row that lacks one of them gives a message.
    fn identified<'a>(&mut self, kind: Kind, row: &'a Row) -> Option<(&'a str, &'a str)> {
        match (text(row, MOID), text(row, NAME)) {
            (Some(moid), Some(name)) => Some((moid, name)),
            (Some(moid), None) => {
                let cause = match refusal(row, NAME) {
                    Some(refusal) => format!("the name of {moid} cannot be read ({refusal})"),
                    None => format!("{moid} has no name at present"),
                };
                self.leave(kind, moid, &cause);
                None
            }
            (None, _) => {
                self.messages.push((kind, Message::error("vPoller answers no moid: its workers are too old for this program")));
                None
            }
        }
    }

    /// Notes an object as neither imported nor gone.
    fn leave(&mut self, kind: Kind, moid: &str, cause: &str) {
        self.undecided.insert((kind, moid.to_owned()));
        self.messages.push((kind, Message::warning(format!("{cause}: its host is left as it is"))));
    }

    /// Whether what decides about the host of a virtual machine could be read. What may not be read is not what is unset: a machine
    /// that may be a template, switched off or the secondary of a pair gets no host, and the host of such a one is neither deleted nor
    /// disabled.
    fn decided(&mut self, kind_config: &KindConfig, row: &Row, moid: &str) -> bool {
        let by_state = !kind_config.skip.is_empty() || !kind_config.disable.is_empty();
        let deciding = [Some(IS_TEMPLATE), by_state.then_some(POWER_STATE), Some(FAULT_TOLERANCE_ROLE)];
        // A server that is too old for a property has nothing to say by it.
        let unread = |path| Some((path, refusal(row, path).filter(|refusal| refusal != "InvalidProperty")?));
        let unread = deciding.into_iter().flatten().find_map(unread);
        let Some((path, refusal)) = unread else { return true };
        self.leave(Kind::Vm, moid, &format!("{path} of {moid} cannot be read ({refusal})"));
        false
    }

    /// Whether a virtual machine is to have a host.
    fn wanted(&mut self, kind_config: &KindConfig, row: &Row, moid: &str, name: &str) -> bool {
        if kind_config.ignore.iter().any(|pattern| pattern.begins(name)) {
            self.ignored.insert((Kind::Vm, moid.to_owned()));
            return false;
        }
        if kind_config.skip.iter().any(|state| text(row, POWER_STATE) == Some(state.as_str())) {
            return false;
        }
        if row.get(FAULT_TOLERANCE_ROLE).and_then(Value::as_i64).is_some_and(|role| role > 1) {
            let text = format!("VM '{name}' ({moid}) is the secondary of a fault-tolerant pair, will not be imported");
            self.messages.push((Kind::Vm, Message::plain(text)));
            return false;
        }
        let template = row.get(IS_TEMPLATE) == Some(&Value::Bool(true));
        if template {
            self.messages.push((Kind::Vm, Message::plain(format!("VM '{name}' is a template, will not be imported"))));
        }
        !template
    }
}

const NAME: &str = "name";

fn text<'a>(row: &'a Row, path: &str) -> Option<&'a str> {
    row.get(path)?.as_str().filter(|text| !text.is_empty())
}

/// The id in a reference as vPoller prints it: `host-30` in `vim.HostSystem:host-30`.
fn moid_in(reference: &str) -> &str {
    reference.split_once(':').map_or(reference, |(_, id)| id)
}

/// The cluster of an ESXi host. A standalone one has a compute resource of its own, with its own name. A cluster whose name is
/// not known is not known.
fn cluster_of_host(row: &Row, clusters: &HashMap<&str, &str>) -> Option<String> {
    let parent = text(row, PARENT)?;
    let own = || text(row, NAME).filter(|_| !parent.contains("ClusterComputeResource:"));
    clusters.get(moid_in(parent)).copied().or_else(own).map(str::to_owned)
}

/// The URL of a datastore.
fn url(row: &Row) -> Option<&str> {
    text(row, URL).or_else(|| text(row, SUMMARY_URL))
}

/// Why a path of a row could not be read, if vSphere refused it or what it is a part of: fault and privilege.
fn refusal(row: &Row, path: &str) -> Option<String> {
    let refused = row.get("refused")?.as_object()?;
    let covers = |of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let (_, cause) = refused.iter().find(|(of, _)| covers(of))?;
    let part = |name: &str| cause.get(name).and_then(Value::as_str);
    Some([part("fault"), part("privilege")].into_iter().flatten().collect::<Vec<_>>().join(" "))
}

fn counts<'a>(names: impl Iterator<Item = &'a str>) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

/// Whether vPoller, given this name in an item key, looks up an object by that name, with every method.
fn addressable(name: &str) -> bool {
    let is_other = ["moid:", "uuid:", "vim.", "/"].iter().any(|prefix| name.starts_with(prefix)) || name.contains("://");
    // `perf.get` asks for all that are in these, or fit a pattern, where no object has the name any more.
    let is_many = name.contains(['*', '?']) || PLACES.iter().any(|place| name.starts_with(place));
    // Zabbix cannot quote a text for a key that ends in a backslash.
    let is_unwritable = name.ends_with('\\') || name.contains(char::is_control) || name.len() > LONGEST_ADDRESS;
    !is_other && !is_many && !is_unwritable && !matches!(name, "null" | "(null)") && name.trim() == name
}

/// What a name begins with where it means what is in an object.
const PLACES: [&str; 4] = ["cluster:", "datacenter:", "folder:", "host:"];

/// Longest name that is written into a macro, in bytes.
const LONGEST_ADDRESS: usize = 255;

/// Sorts ids by their number: vm-9 before vm-10.
fn moid_order(moid: &str) -> (usize, &str) {
    (moid.len(), moid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(lines: &str) -> Config {
        let head = "vsphere: {hostname: vc01}\nzabbix:\n  hostname: http://zabbix\n  api_token: x\n";
        Config::parse(&format!("{head}{lines}")).unwrap()
    }

    fn answers(rows: Value) -> BTreeMap<Kind, Vec<Row>> {
        let kinds = rows.as_object().unwrap().iter();
        let rows = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect();
        kinds.map(|(kind, list)| (Kind::from_type_name(kind).unwrap(), rows(list))).collect()
    }

    fn sample() -> BTreeMap<Kind, Vec<Row>> {
        answers(json!({
            "ClusterComputeResource": [{"name": "cluster01", "moid": "domain-c7"}],
            "HostSystem": [
                {"name": "esxi01", "moid": "host-10", "parent": "vim.ClusterComputeResource:domain-c7"},
                {"name": "esxi04", "moid": "host-9", "parent": "vim.ComputeResource:domain-s8"},
            ],
            "VirtualMachine": [
                {"name": "vm02", "moid": "vm-10", "summary.config.template": false, "runtime.powerState": "poweredOff",
                 "runtime.host": "vim.HostSystem:host-10"},
                {"name": "vm01", "moid": "vm-9", "runtime.powerState": "poweredOn", "runtime.host": "vim.HostSystem:host-9"},
                {"name": "orphan", "moid": "vm-11"},
                {"name": "template01", "moid": "vm-12", "summary.config.template": true},
                {"name": "twin", "moid": "vm-13"},
                {"name": "twin", "moid": "vm-14", "summary.config.template": true},
                {"moid": "vm-15"},
                {"name": "null", "moid": "vm-16"},
            ],
            "Datastore": [{"name": "datastore1", "moid": "datastore-1", "info.url": "ds:///vmfs/volumes/1/"}, {"name": "nfs", "moid": "datastore-2"}],
        }))
    }

    const EVERYTHING: &str = "  vsphere_object_host: {templates: t}\n  vsphere_object_datastore: {templates: t}\n";

    fn machines(lines: &str) -> Inventory {
        Inventory::new(&config(&format!("{EVERYTHING}  vsphere_object_vm: {{templates: t{lines}}}\n")), &sample())
    }

    fn names(inventory: &Inventory, kind: Kind) -> Vec<&str> {
        inventory.objects.iter().filter(|object| object.kind == kind).map(|object| object.name.as_str()).collect()
    }

    #[test]
    fn asks_only_for_what_it_needs() {
        assert_eq!(needed(&config("")), [Kind::Cluster]);
        assert_eq!(needed(&config("  vsphere_object_vm: {templates: t}\n")), [Kind::Cluster, Kind::Host, Kind::Vm]);
        assert_eq!(needed(&config("  vsphere_object_datastore: {templates: t}\n")), [Kind::Cluster, Kind::Datastore]);
    }

    #[test]
    fn objects_know_their_cluster_and_stand_in_order() {
        let inventory = machines("");
        let found: Vec<_> = inventory.objects.iter().map(|object| (object.name.as_str(), object.cluster.as_deref())).collect();
        let is_expected = [
            ("esxi04", Some("esxi04")),
            ("esxi01", Some("cluster01")),
            ("vm01", Some("esxi04")),
            ("vm02", Some("cluster01")),
            ("orphan", None),
            ("twin", None),
            ("null", None),
            ("datastore1", None),
            ("nfs", None),
        ];
        assert_eq!(found, is_expected);
        assert_eq!(inventory.clusters, ["cluster01"]);
        assert_eq!(inventory.listed[&Kind::Vm], 8);
        assert!(inventory.undecided.contains(&(Kind::Vm, "vm-15".to_owned())));
    }

    #[test]
    fn what_vpoller_would_not_find_by_name_is_addressed_by_id() {
        let inventory = machines("");
        let address = |name: &str| inventory.objects.iter().find(|object| object.name == name).unwrap().address.as_str();
        assert_eq!(address("vm01"), "vm01");
        assert_eq!(address("twin"), "moid:vm-13", "the template has the same name");
        assert_eq!(address("null"), "moid:vm-16");
        for name in [
            "moid:vm-9",
            "uuid:x",
            "ds:///x",
            "vim.HostSystem:host-9",
            "/a/b",
            "(null)",
            " x",
            "C:\\dir\\",
            "vm0*",
            "*",
            "vm?1",
            "host: old",
            "cluster:2",
            "folder:x",
            "a\nb",
            &"x".repeat(256),
        ] {
            assert!(!addressable(name), "{name}");
        }
        for name in ["vm01", "a%2fb", "two  blanks", "web: blue", "[vm01]", "hostile"] {
            assert!(addressable(name), "{name}");
        }
    }

    #[test]
    fn a_datastore_stands_in_zabbix_under_its_url() {
        let inventory = machines("");
        let displays: Vec<_> = inventory.objects.iter().rev().take(2).map(|object| object.display.as_str()).collect();
        assert_eq!(displays, ["nfs", "ds:///vmfs/volumes/1/"]);
    }

    #[test]
    fn machines_are_filtered_by_state_and_by_the_beginning_of_their_names() {
        assert_eq!(names(&machines(""), Kind::Vm), ["vm01", "vm02", "orphan", "twin", "null"]);
        assert_eq!(names(&machines(", skip_vm_in_powerstate: poweredOff"), Kind::Vm), ["vm01", "orphan", "twin", "null"]);
        assert_eq!(names(&machines(", ignore_vm: ['vm0', 'm']"), Kind::Vm), ["orphan", "twin", "null"]);
        assert_eq!(names(&machines(", ignore_vm: .*"), Kind::Vm), [""; 0]);
        let disabled = machines(", disable_vm_in_powerstate: [poweredOff]");
        let states: Vec<_> = disabled.objects.iter().filter_map(|object| object.disabled_by).collect();
        assert_eq!(states, [PowerState::PoweredOff]);
    }

    /// The one with the lower id has the other's name, and would be found by it where roles were not known.
    #[test]
    fn a_fault_tolerant_pair_has_one_host() {
        let pair = answers(json!({"ClusterComputeResource": [], "HostSystem": [], "VirtualMachine": [
            {"name": "pair", "moid": "vm-1", "config.ftInfo.role": 2}, {"name": "pair", "moid": "vm-2", "config.ftInfo.role": 1},
        ]}));
        let inventory = Inventory::new(&config("  vsphere_object_vm: {templates: t}\n"), &pair);
        let addresses: Vec<_> = inventory.objects.iter().map(|object| object.address.as_str()).collect();
        assert_eq!(addresses, ["moid:vm-2"]);
        assert!(inventory.messages[0].1.text.contains("'pair' (vm-1) is the secondary"));
    }

    #[test]
    fn what_may_not_be_read_decides_nothing() {
        let refused = json!({"fault": "NoPermission", "privilege": "System.Read"});
        let rows = answers(json!({
            "ClusterComputeResource": [{"moid": "domain-c7", "refused": {"name": refused}}],
            "HostSystem": [
                {"name": "esxi01", "moid": "host-10", "parent": "vim.ClusterComputeResource:domain-c7"},
                {"name": "esxi02", "moid": "host-11", "refused": {"parent": refused}},
            ],
            "VirtualMachine": [
                {"name": "vm01", "moid": "vm-1", "refused": {"summary.config": refused}},
                {"name": "vm02", "moid": "vm-2", "refused": {"runtime.powerState": refused}},
                {"moid": "vm-3", "refused": {"name": refused}},
                {"name": "vm04", "moid": "vm-4", "runtime.powerState": "poweredOn", "runtime.host": "vim.HostSystem:host-10"},
                {"name": "vm05", "moid": "vm-5", "runtime.powerState": "poweredOn", "refused": {"runtime.host": refused}},
                {"name": "vm06", "moid": "vm-6", "refused": {"config.ftInfo": refused}},
                {"name": "vm07", "moid": "vm-7", "runtime.powerState": "poweredOn", "refused": {"config.ftInfo.role": {"fault": "InvalidProperty"}}},
            ],
            "Datastore": [{"name": "datastore1", "moid": "datastore-1", "refused": {"info": refused}, "summary.url": "/vmfs/volumes/1"}],
        }));
        let by_state = format!("{EVERYTHING}  vsphere_object_vm: {{templates: t, disable_vm_in_powerstate: poweredOff}}\n");
        let inventory = Inventory::new(&config(&by_state), &rows);
        assert_eq!(names(&inventory, Kind::Vm), ["vm04", "vm05", "vm07"]);
        let left: Vec<_> = inventory.undecided.iter().map(|(_, moid)| moid.as_str()).collect();
        assert_eq!(left, ["vm-1", "vm-2", "vm-3", "vm-6"]);
        let texts: Vec<_> = inventory.messages.iter().map(|(_, message)| message.text.as_str()).collect();
        let cause = "cannot be read (NoPermission System.Read): its host is left as it is";
        assert!(texts.contains(&format!("summary.config.template of vm-1 {cause}").as_str()), "{texts:?}");
        assert!(texts.contains(&format!("the name of vm-3 {cause}").as_str()), "{texts:?}");
        // In no group rather than in one of its own, as a standalone host is.
        assert!(inventory.objects.iter().all(|object| object.cluster.is_none()), "{:?}", inventory.objects);
        assert_eq!(inventory.objects.last().unwrap().display, "/vmfs/volumes/1");
        // Where no state decides, one that may not be read does not matter.
        assert_eq!(
            names(&Inventory::new(&config("  vsphere_object_vm: {templates: t}\n"), &rows), Kind::Vm),
            ["vm02", "vm04", "vm05", "vm07"]
        );
    }

    #[test]
    fn templates_and_strange_rows_are_noted() {
        let texts: Vec<_> = machines("").messages.iter().map(|(_, message)| message.text.clone()).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(texts[0], "VM 'template01' is a template, will not be imported");
        assert!(texts[2].contains("vm-15"));
        let old = answers(json!({"ClusterComputeResource": [], "VirtualMachine": [{"name": "vm01"}], "HostSystem": []}));
        let inventory = Inventory::new(&config("  vsphere_object_vm: {templates: t}\n"), &old);
        assert!(inventory.objects.is_empty() && inventory.messages[0].1.text.contains("too old"));
    }
}
