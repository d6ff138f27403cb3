//! The templates in real servers of every series: what discovery makes of them, every value, every trigger.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use vpoller_testkit::zabbix::Series;
use vpoller_testkit::{Host, SimOptions, Simulator};

use crate::estate::{Estate, Item, ValueType, template_file};

mod changes;
mod incidents;
mod shown;
mod steps;

use incidents::{Incident, THRESHOLDS, Threshold, incidents};

/// More machines beside the thirteen of the documents that are no templates.
const MACHINES: usize = 187;
/// Discovery makes a host for each machine, hypervisor, datastore, cluster, datacenter.
const HOSTS: usize = MACHINES + 13 + 4 + 2 + 1 + 2;

/// What cannot have a value, and why: technical name's end, key, reason.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("vm-110", "vm.host.get", "a machine without a host runs on none, and the item says so")];

/// Which objects must show a value for every item of their template.
fn complete_hosts(estate: &Estate) -> BTreeSet<String> {
    let names = ["vm01.example.org", "esxi01.example.org", "datastore1", "cluster01", "datacenter01"];
    names.map(|name| estate.host_of(name)).into_iter().chain(["vCenter", "vPoller", "guest"].map(str::to_owned)).collect()
}

/// The number that stands for a short text in a key.
fn identified(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("{unit:04x}")).collect()
}

fn is_exception(item: &Item) -> bool {
    EXCEPTIONS.iter().any(|(host, key, _)| item.host.ends_with(host) && item.key.contains(key))
}

fn has_its_type(item: &Item) -> bool {
    let value = item.value.as_deref().unwrap_or_default();
    match item.kind {
        ValueType::Float => value.parse::<f64>().is_ok_and(f64::is_finite),
        ValueType::Unsigned => value.parse::<u64>().is_ok(),
        ValueType::Text => true,
    }
}

#[test]
fn discovery_makes_hosts_and_every_item_has_its_value() {
    Series::together(|series| {
        let estate = Estate::with_templates(series, MACHINES);
        estate.complete();
        shown::ask_for_attributes(&estate);
        let vcenter = estate.add_vcenter();
        shown::enable_sessions(&estate, &vcenter);
        estate.add_host("vPoller", &["vPoller health"], &[]);
        let account = [
            ("{$GUEST.USER}", "root"),
            ("{$GUEST.PASSWORD}", "p4ssw0rd"),
            ("{$GUEST.PROCESSES}", r"apache2, C:\dir\it's.exe,no-such-daemon"),
        ];
        let of = [("{$VSPHERE.HOST}", estate.vsphere.as_str()), ("{$VSPHERE.NAME}", "vm01.example.org")];
        estate.add_host("guest", &["VMware vSphere VM processes by vPoller"], &[&of[..], &account].concat());
        let start = std::time::Instant::now();
        let hosts = estate.check_until(&BTreeSet::from(["vCenter"]), "a host for every object", || {
            Some(estate.hosts()).filter(|hosts| hosts.len() == HOSTS)
        });
        eprintln!("{series:?}: all hosts after {:?}", start.elapsed());
        // Names vSphere allows and Zabbix does not, and two of one name, live in the visible name.
        for name in ["vm-🚀 (", "vm with \"quotes\" and 'apostrophe' (", "vm-twin ("] {
            assert!(hosts.iter().any(|(_, visible)| visible.starts_with(name)), "{series:?}: no {name} in {hosts:?}");
        }
        let complete = complete_hosts(&estate);
        let items = estate.settle("a value of every item, and none unsupported", |items| {
            let missing = items.iter().filter(|item| !item.raw && complete.contains(&item.host) && item.value.is_none());
            let unsupported = items.iter().filter(|item| !item.error.is_empty() && !is_exception(item));
            let silent = items.iter().filter(|item| item.key == "vpoller.vm[power]" && item.value.is_none());
            let machines = items.iter().filter(|item| item.key == "vpoller.vm[power]").count();
            let open: Vec<&Item> = missing.chain(unsupported).chain(silent).collect();
            let shown: Vec<String> =
                open.iter().take(5).map(|item| format!("{} {} {}", item.host, item.key, item.error)).collect();
            eprintln!("{series:?}: {} items, {machines} machines, {} open: {shown:#?}", items.len(), open.len());
            let more = (machines < MACHINES + 13).then(|| "vCenter".to_owned());
            open.iter().map(|item| item.host.clone()).chain(more).collect()
        });
        let wrong: Vec<&Item> = items.iter().filter(|item| item.value.is_some() && !has_its_type(item)).collect();
        assert!(wrong.is_empty(), "{series:?}: values of another type: {wrong:#?}");
        let numbers =
            [("vms", MACHINES + 13), ("vms.templates", 1), ("hosts", 4), ("hosts.lost", 1), ("datastores", 2), ("clusters", 1)];
        for (key, expected) in numbers.map(|(key, count)| (format!("vpoller.vsphere[{key}]"), count.to_string())) {
            assert_eq!(estate.value("vCenter", &key), Some(expected), "{series:?}: {key}");
        }
        assert_eq!(estate.value(&estate.discovered("vm-101"), "vpoller.vm[alarms,red]").as_deref(), Some("1"), "{series:?}");
        for (process, count) in [("apache2", "6"), ("no-such-daemon", "0"), (r"C:\dir\it's.exe", "0")] {
            let key = format!("vpoller.process[count,{}]", identified(process));
            assert_eq!(estate.value("guest", &key).as_deref(), Some(count), "{series:?}: {process}");
        }
        let silent: Vec<String> =
            ["no-such-daemon", r"C:\dir\it's.exe"].map(|process| format!("[{process}] Process does not run")).to_vec();
        estate.wait_for_problems(&silent.iter().map(|problem| ("guest", problem.as_str())).collect::<Vec<_>>(), true);
        assert!(!estate.problems("guest").iter().any(|problem| problem.contains("apache2")), "{series:?}");
        too_many_processes_are_told(&estate);
        assert_eq!(estate.complaints(), [], "{series:?}: discovery rules complain");
        assert_eq!(estate.value(&estate.discovered("vm-101"), "vpoller.vm[power]").as_deref(), Some("1"), "{series:?}");
        shown::lists_name_what_is_there(&estate);
        shown::values_of_a_machine_agree(&estate);
        shown::sessions_are_listed_without_their_keys(&estate);
        shown::attributes_have_items(&estate);
    });
}

/// Over the same, by the file with all and by the single ones.
fn importing_again_changes_nothing(estate: &Estate) {
    let (api, series) = (&estate.server.api, estate.server.series());
    let state = || {
        let ids = api.get("template", &json!({"output": ["templateid"], "search": {"host": "vPoller"}}));
        let ids: Vec<&Value> = ids.iter().map(|template| &template["templateid"]).collect();
        assert_eq!(ids.len(), 8);
        let export = api.call("configuration.export", &json!({"format": "json", "options": {"templates": ids}}));
        let export: Value = serde_json::from_str(export.as_str().unwrap_or_default()).expect("an export");
        // Only the templates' own: hosts get theirs while this runs, from discovery.
        let items = api.get("item", &json!({"output": ["itemid"], "templated": true, "sortfield": "itemid"}));
        (sorted(&export["zabbix_export"]["templates"]), sorted(&Value::Array(items)))
    };
    let before = state();
    estate.import("vpoller-all.yaml");
    assert!(before == state(), "{series:?}: importing again changed something");
    for file in [
        "vpoller-vm.yaml",
        "vpoller-hypervisor.yaml",
        "vpoller-datastore.yaml",
        "vpoller-cluster.yaml",
        "vpoller-datacenter.yaml",
    ] {
        estate.import(file);
    }
    for file in ["vpoller-vm-processes.yaml", "vpoller-health.yaml", "vpoller-vcenter.yaml"] {
        estate.import(file);
    }
    assert!(before == state(), "{series:?}: the single files say something else than the one with all");
    if series == Series::V6_0 {
        // A newer Zabbix writes widgets and lifetimes of a 6.0 file differently, and so always sees a difference.
        let changes = api_changes(estate);
        assert_eq!(changes, json!([]), "{series:?}: Zabbix would change");
    }
}

/// What Zabbix says an import would change, without the order of widget fields, which its database does not keep.
fn api_changes(estate: &Estate) -> Value {
    let mut changes = estate.server.api.import_changes(&template_file("vpoller-all.yaml"));
    if let Some(updated) = changes.pointer_mut("/templates/updated").and_then(Value::as_array_mut) {
        for template in updated.iter_mut() {
            if let Some(template) = template.as_object_mut() {
                template.remove("dashboards");
            }
        }
        updated.retain(|template| {
            template.as_object().is_some_and(|parts| parts.len() > 2 || sorted(&parts["before"]) != sorted(&parts["after"]))
        });
        if updated.is_empty() {
            return json!([]);
        }
    }
    changes
}

/// The same value with all lists in one order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(sorted).collect();
            list.sort_by_key(Value::to_string);
            Value::Array(list)
        }
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> = members.iter().map(|(name, value)| (name, sorted(value))).collect();
            json!(members)
        }
        other => other.clone(),
    }
}

/// Names that a user of vSphere may give, and that mean something to Zabbix.
#[test]
fn hostile_names_become_hosts_and_nothing_else() {
    // As long as vSphere lets names be.
    let (long, wide) = ("x".repeat(80), "🚀".repeat(80));
    let names = [
        "{#MOID}",
        "{#NAME} {$VSPHERE.HOST}",
        "$1 {HOST.HOST}",
        "a\"],[\"b",
        "C:\\dir\\",
        "vm 'with' \"quotes\" [and] brackets",
        "🚀 日本語",
        &long,
        &wide,
    ];
    Series::together(|series| {
        let mut estate = Estate::with_templates(series, 0);
        // A vCenter with a name that is long, and has characters that no host of Zabbix may have.
        let host = Host { name: "0000:0000:0000:0000:0000:ffff:7f00:0001".to_owned(), ..Host::at(estate.simulator.address()) };
        estate.stack.register(&host);
        estate.stack.workers.clear();
        estate.stack.start_worker(&["--concurrency", "1"]);
        estate.vsphere = host.name;
        let made = names.map(|name| {
            let page = estate.simulator.page("POST", "/vm/create", &json!({"name": name}).to_string());
            (name, page["moid"].as_str().expect("its id").to_owned())
        });
        estate.add_vcenter();
        let vcenter = BTreeSet::from(["vCenter"]);
        // The technical name, by the end of the visible one.
        let host_of = |hosts: &[(String, String)], moid: &str| {
            let place = format!(" ({moid} at {})", estate.vsphere);
            let mut found =
                hosts.iter().filter_map(|(host, visible)| Some((host.clone(), visible.strip_suffix(&place)?.to_owned())));
            found.next()
        };
        let hosts = estate.check_until(&vcenter, "a host for every machine", || {
            let hosts = estate.hosts();
            made.iter().all(|(_, moid)| host_of(&hosts, moid).is_some()).then_some(hosts)
        });
        for (name, moid) in &made {
            let (host, shown) = host_of(&hosts, moid).expect("its host");
            assert!(host.starts_with("0000_0000_") && host.contains(&format!(" {moid}-")), "{series:?}: {host}");
            match shown.strip_suffix('…') {
                Some(beginning) => assert!(name.starts_with(beginning) && shown.chars().count() > 70, "{series:?}: {shown:?}"),
                None => assert_eq!(shown, *name, "{series:?}"),
            }
            // As vSphere has it, and as it is asked for.
            estate.check_until(&BTreeSet::from([host.as_str()]), "its name as a value", || {
                (estate.value(&host, "vpoller.vm[name]").as_deref() == Some(*name)).then_some(())
            });
            let keys: Vec<String> =
                estate.items(Some(&host)).into_iter().map(|item| item.key).filter(|key| key.contains(*name)).collect();
            assert!(keys.is_empty(), "{series:?}: a name got into {keys:?}");
        }
    });
}

/// A macro that names nothing: the host says so, and vPoller being down, and an answer comes when it is mended.
#[test]
fn a_wrong_macro_is_said_and_mended() {
    Series::together(|series| {
        let mut estate = Estate::with_templates(series, 0);
        let id = estate.add_host("vCenter", &["VMware vSphere by vPoller"], &[("{$VSPHERE.HOST}", "vc99.example.org")]);
        let vcenter = BTreeSet::from(["vCenter"]);
        let about = |estate: &Estate| {
            let item = estate.items(Some("vCenter")).into_iter().find(|item| item.key.starts_with("vpoller.json[\"about\""));
            item.map(|item| item.error).unwrap_or_default()
        };
        estate.check_until(&vcenter, "the message", || about(&estate).contains("Unknown or missing agent name").then_some(()));
        let macros = estate.server.api.get("usermacro", &json!({"hostids": id, "output": ["hostmacroid"]}));
        let correct = json!({"hostmacroid": macros[0]["hostmacroid"], "value": estate.vsphere});
        estate.server.api.call("usermacro.update", &correct);
        estate.check_until(&vcenter, "a value", || estate.value("vCenter", "vpoller.vsphere[product]"));
        estate.stack.proxy = None;
        estate.check_until(&vcenter, "the message", || {
            about(&estate).contains("Did not receive response from vPoller").then_some(())
        });
        estate.stack.start_proxy();
        estate.check_until(&vcenter, "an answer", || about(&estate).is_empty().then_some(()));
        a_missing_privilege_is_said(&mut estate);
        changes::discovery_follows_vsphere(&estate);
    });
}

/// An account that sees datastores and may not read them: their items say which privilege it lacks.
fn a_missing_privilege_is_said(estate: &mut Estate) {
    let permit = |estate: &mut Estate, privilege: Option<&str>| {
        estate.simulator.deny("Datastore", "", privilege);
        // A worker that begins learns of it at once.
        estate.stack.workers.clear();
        estate.stack.start_worker(&["--concurrency", "1"]);
    };
    permit(estate, Some("System.Read"));
    let datastore = estate.check_until(&BTreeSet::from(["vCenter"]), "the datastore", || {
        estate.hosts().into_iter().find(|(_, visible)| visible.starts_with("datastore1 (")).map(|(host, _)| host)
    });
    let own = BTreeSet::from(["vCenter", datastore.as_str()]);
    let error = |estate: &Estate| {
        let item = estate.items(Some(&datastore)).into_iter().find(|item| item.key.starts_with("vpoller.json[\"datastore.get\""));
        item.map(|item| item.error).unwrap_or_default()
    };
    let error_now =
        estate.check_until(&own, "the message", || Some(error(estate)).filter(|error| error.contains("NoPermission")));
    assert!(error_now.contains("(privilege System.Read)"), "{error_now}");
    permit(estate, None);
    // A value alone may be one from before the account lost its privilege.
    let recovered = || estate.value(&datastore, "vpoller.datastore[free]").filter(|_| error(estate).is_empty());
    estate.check_until(&own, "its space, and no error", recovered);
}

/// Values and paths that are longer than anybody expects: the machine's other items have values.
#[test]
fn what_is_too_long_hurts_no_other_item() {
    Series::together(|series| {
        let estate = Estate::with_templates(series, 0);
        let long = "ä".repeat(100_000);
        estate.simulator.set("VirtualMachine", "vm01.example.org", "config.guestFullName", &json!(long));
        let disk = json!([{"diskPath": format!("/srv/{}", "ä".repeat(70)), "capacity": 1000, "freeSpace": 250}]);
        estate.simulator.set("VirtualMachine", "vm01.example.org", "guest.disk", &disk);
        estate.simulator.set("Datastore", "datastore1", "name", &json!(long));
        estate.add_vcenter();
        let host = estate.discovered("vm-101");
        let hosts = BTreeSet::from(["vCenter", host.as_str()]);
        let shown = estate.check_until(&hosts, "the long value", || estate.value(&host, "vpoller.vm[os]"));
        assert!(long.starts_with(&shown) && shown.len() > 200, "{series:?}: {shown}");
        let stores = estate.check_until(&hosts, "its datastores", || estate.names(&host, "vm.datastore.get"));
        assert_eq!(stores, "and 1 more", "{series:?}");
        let free = estate.check_until(&hosts, "its filesystem", || {
            let own = |item: &Item| item.key.starts_with("vpoller.vm.disk[pfree,") && item.value.is_some();
            estate.items(Some(&host)).into_iter().find(own)
        });
        assert_eq!(free.value.as_deref(), Some("25"), "{series:?}");
        assert!(free.key.len() < 255, "{series:?}: {}", free.key);
        let items = estate.items(Some(&host));
        let wrong: Vec<&Item> = items.iter().filter(|item| !item.error.is_empty()).collect();
        assert!(wrong.is_empty(), "{series:?}: {wrong:?}");
        assert_eq!(estate.value(&host, "vpoller.vm[power]").as_deref(), Some("1"), "{series:?}");
    });
}

/// Importing over a template that somebody edited takes the edits back and keeps items with their values.
fn importing_over_an_edited_template_keeps_values(estate: &Estate) {
    let (api, key) = (&estate.server.api, "vpoller.vm[power]");
    let template = json!({"filter": {"host": ["VMware vSphere Virtual Machine by vPoller"]}, "output": ["templateid"]});
    let template = api.get("template", &template)[0]["templateid"].clone();
    let of = |hosts: &Value| {
        let found =
            api.get("item", &json!({"hostids": hosts, "filter": {"key_": key}, "output": ["itemid", "name"], "templated": null}));
        found.first().cloned().unwrap_or_else(|| panic!("no {key} of {hosts}"))
    };
    let machine =
        api.get("host", &json!({"filter": {"host": [estate.discovered("vm-101")]}, "output": ["hostid"]}))[0]["hostid"].clone();
    let (before, own) = (of(&machine), of(&template));
    api.call("item.update", &json!({"itemid": own["itemid"], "name": "edited"}));
    assert_eq!(of(&machine)["name"], "edited");
    estate.import("vpoller-all.yaml");
    assert_eq!((of(&template), of(&machine)), (own, before), "{:?}", estate.server.series());
    assert!(estate.value(&estate.discovered("vm-101"), key).is_some(), "{:?}: its value is gone", estate.server.series());
}

#[test]
fn problems_are_raised_and_resolved() {
    Series::together(|series| {
        let mut estate = Estate::with_templates(series, 0);
        estate.add_vcenter();
        let hosts = estate.check_until(&BTreeSet::from(["vCenter"]), "the hosts", || {
            Some(estate.hosts()).filter(|hosts| hosts.len() == HOSTS - MACHINES)
        });
        let host = |name: &str| {
            let found = hosts.iter().find(|(_, visible)| visible.starts_with(&format!("{name} (")));
            found.map(|(host, _)| host.as_str()).unwrap_or_else(|| panic!("no host for {name} in {hosts:?}"))
        };
        let incidents = incidents();
        let problems: Vec<(&str, &str)> = incidents.iter().map(|incident| (host(incident.name), incident.problem)).collect();
        let set =
            |incident: &Incident, value: &Value| estate.simulator.set(incident.kind, incident.name, incident.change.0, value);
        incidents.iter().for_each(|incident| set(incident, &incident.change.1));
        estate.wait_for_problems(&problems, true);
        incidents.iter().for_each(|incident| set(incident, &incident.change.2));
        estate.wait_for_problems(&problems, false);
        thresholds_are_obeyed(&estate);
        an_alarm_comes_and_goes(&estate);
        importing_again_changes_nothing(&estate);
        importing_over_an_edited_template_keeps_values(&estate);
        a_dead_worker_is_noticed(&mut estate);
    });
}

fn thresholds_are_obeyed(estate: &Estate) {
    let api = &estate.server.api;
    let macros = api.get("usermacro", &json!({"output": ["hostmacroid", "macro", "value"], "search": {"macro": "VSPHERE."}}));
    let set = |pick: fn(&Threshold) -> Option<&str>| {
        for threshold in &THRESHOLDS {
            let of_template = |one: &&Value| one["macro"] == format!("{{${}}}", threshold.name);
            let own = macros.iter().find(of_template).unwrap_or_else(|| panic!("no {} among {macros:?}", threshold.name));
            let value = pick(threshold).map_or_else(|| own["value"].clone(), Value::from);
            api.call("usermacro.update", &json!({"hostmacroid": own["hostmacroid"], "value": value}));
        }
    };
    let objects: Vec<String> = THRESHOLDS.iter().map(|threshold| estate.host_of(threshold.object)).collect();
    let problems: Vec<(&str, &str)> =
        objects.iter().zip(&THRESHOLDS).map(|(host, threshold)| (host.as_str(), threshold.problem)).collect();
    set(|threshold| Some(threshold.beyond));
    estate.wait_for_problems(&problems, true);
    set(|threshold| Some(threshold.within));
    estate.wait_for_problems(&problems, false);
    set(|_| None);
}

fn an_alarm_comes_and_goes(estate: &Estate) {
    let problem = "ns01.example.org: Virtual machine memory usage (red)";
    let alarm = json!([{
        "key": "alarm-102.vm-102", "entity": "VirtualMachine:vm-102", "alarm": "Alarm:alarm-102", "overallStatus": "red",
        "time": "2026-01-01T00:00:00Z", "acknowledged": false,
    }]);
    estate.simulator.set("Folder", "Datacenters", "triggeredAlarmState", &alarm);
    estate.wait_for_problems(&[("vCenter", problem)], true);
    estate.simulator.set("Folder", "Datacenters", "triggeredAlarmState", &json!([]));
    estate.wait_for_problems(&[("vCenter", problem)], false);
}

fn a_dead_worker_is_noticed(estate: &mut Estate) {
    let host = estate.host_id("vCenter");
    // Zabbix looks at such triggers every 30 seconds.
    estate.server.api.call("usermacro.create", &json!({"hostid": host, "macro": "{$VSPHERE.NODATA}", "value": "10s"}));
    estate.add_host("vPoller", &["vPoller health"], &[]);
    let silence = [("vCenter", "vSphere does not answer"), ("vPoller", "vPoller has too few workers")];
    estate.stack.workers.clear();
    estate.wait_for_problems(&silence, true);
    let about =
        estate.items(Some("vCenter")).into_iter().find(|item| item.key.starts_with("vpoller.json[\"about\"")).expect("the item");
    assert!(about.error.contains("no worker serves"), "{about:?}");
    estate.stack.start_worker(&["--concurrency", "1"]);
    estate.wait_for_problems(&silence, false);
    a_dead_proxy_is_noticed(estate);
    each_worker_tells_for_itself(estate);
}

/// Any number of processes is more than none, until the threshold is usual again.
fn too_many_processes_are_told(estate: &Estate) {
    let problem = [("guest", "Too many processes in the guest")];
    let id = estate.host_id("guest");
    let own = json!({"hostid": id, "macro": "{$GUEST.PROCESSES.MAX}", "value": "0"});
    let made = estate.server.api.call("usermacro.create", &own);
    estate.wait_for_problems(&problem, true);
    estate.server.api.call("usermacro.delete", &json!([made["hostmacroids"][0]]));
    estate.wait_for_problems(&problem, false);
}

/// Nothing that vPoller monitors has values then.
fn a_dead_proxy_is_noticed(estate: &mut Estate) {
    let own = json!({"hostid": estate.host_id("vPoller"), "macro": "{$VPOLLER.NODATA}", "value": "10s"});
    estate.server.api.call("usermacro.create", &own);
    let problem = [("vPoller", "vPoller does not answer")];
    estate.stack.proxy = None;
    estate.wait_for_problems(&problem, true);
    estate.stack.start_proxy();
    estate.wait_for_problems(&problem, false);
}

/// Two workers, and a vSphere host that they cannot reach until it is there.
fn each_worker_tells_for_itself(estate: &mut Estate) {
    let absent = Simulator::start(&SimOptions { listen: ([127, 0, 0, 2], 0).into(), ..SimOptions::default() });
    let host = Host::at(absent.address());
    drop(absent);
    estate.stack.register(&host);
    estate.stack.workers.clear();
    for _ in 0..2 {
        estate.stack.start_worker(&["--concurrency", "1"]);
    }
    estate.stack.wait_for_workers(2);
    let document = estate.stack.proxy_status();
    let names: BTreeSet<&str> =
        document["result"]["workers"].as_array().into_iter().flatten().filter_map(|worker| worker["name"].as_str()).collect();
    assert_eq!(names.len(), 2, "{document}");
    let problems: Vec<(&str, String)> =
        names.iter().map(|name| ("vPoller", format!("[{}] {name} cannot reach the vSphere host", host.name))).collect();
    let problems: Vec<(&str, &str)> = problems.iter().map(|(host, problem)| (*host, problem.as_str())).collect();
    estate.wait_for_problems(&problems, true);
    for name in names {
        let of_worker = |key: &str| estate.value("vPoller", &key.replace("@", name));
        assert_eq!(of_worker("vpoller.worker[agents,@]").as_deref(), Some("2"));
        let state = format!("vpoller.agent[state,{},@]", estate.vsphere);
        estate.check_until(&BTreeSet::from(["vPoller"]), "the other vSphere host is connected", || {
            of_worker(&state).filter(|state| state == "1")
        });
    }
}
