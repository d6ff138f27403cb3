//! The templates with the names and keys of the Python vPoller, in real servers: they import, and every item of theirs has a value.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use vpoller_testkit::workspace;
use vpoller_testkit::zabbix::Series;

use crate::estate::{Estate, Item, template_file};

/// What has no value, and why: a part of the key, reason.
const EXCEPTIONS: [(&str, &str); 1] = [("icmpping", "its parameter is a name that nobody resolves here")];

/// Hosts of the documents: technical name, visible name, template without its end.
const HOSTS: [(&str, &str, &str); 3] = [
    ("vm01.example.org", "vm01.example.org", "Virtual Machine "),
    ("esxi01.example.org", "esxi01.example.org", "Hypervisor "),
    ("datastore1", "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/", "Datastore "),
];

/// Enables whatever the templates ship disabled, but the rules that make hosts.
fn enable_everything(estate: &Estate) {
    let api = &estate.server.api;
    for object in ["item", "discoveryrule"] {
        let mut question = json!({"output": ["itemid", "key_"], "inherited": false, "templated": true, "filter": {"status": 1}});
        question["search"] = json!({"key_": ["vpoller"]});
        for one in api.get(object, &question) {
            let key = one["key_"].as_str().unwrap_or_default();
            let makes_hosts = ["datastore.discover", "host.discover", "\"vm.discover"].iter().any(|method| key.contains(method));
            if !makes_hosts && !key.contains(",{$VSPHERE") {
                api.call(&format!("{object}.update"), &json!({"itemid": one["itemid"], "status": 0}));
            }
        }
    }
}

fn add(estate: &Estate, host: &str, name: &str, templates: &[&str]) {
    let id = estate.add_host(host, templates, &[("{$VSPHERE.HOST}", &estate.vsphere)]);
    estate.server.api.call("host.update", &json!({"hostid": id, "name": name}));
}

fn every_item_has_a_value(estate: &Estate) {
    let series = estate.server.series();
    let pending = |items: &[Item]| -> BTreeSet<String> {
        let due = items.iter().filter(|item| item.value.is_none() || !item.error.is_empty());
        let due = due.filter(|item| !EXCEPTIONS.iter().any(|(part, _)| item.key.contains(part)));
        due.map(|item| format!("{} {}: {}", item.host, item.key, item.error)).collect()
    };
    let items = estate.settle("a value of every item", |items| {
        let pending = pending(items);
        eprintln!(
            "{series:?}: {} items, {} to go: {:#?}",
            items.len(),
            pending.len(),
            pending.iter().take(4).collect::<Vec<_>>()
        );
        let due = |item: &&Item| pending.iter().any(|text| text.starts_with(&format!("{} {}", item.host, item.key)));
        items.iter().filter(due).map(|item| item.host.clone()).collect()
    });
    assert!(items.len() > 60, "{series:?}: {} items", items.len());
    assert!(items.iter().any(|item| item.key.contains("freeSpacePercentage")), "no filesystem was discovered");
}

#[test]
fn native_templates_work() {
    Series::together(|series| {
        let estate = Estate::start(series, 0);
        estate.complete();
        estate.import("legacy-native.yaml");
        enable_everything(&estate);
        for (host, name, what) in HOSTS {
            let mut templates = vec![format!("Template VMware vSphere {what}- vPoller Native")];
            if what.starts_with("Virtual") {
                templates.push("Template VMware Virtual Machine Processes - vPoller Native".to_owned());
            }
            add(&estate, host, name, &templates.iter().map(String::as_str).collect::<Vec<_>>());
        }
        add(&estate, "datacenter01", "datacenter01", &["Template VMware vSphere Datacenter - vPoller Native"]);
        add(&estate, "cluster01", "cluster01", &["Template VMware vSphere Clusters - vPoller Native"]);
        add(&estate, &estate.vsphere, "vCenter", &["Template VMware vSphere - vPoller Native"]);
        every_item_has_a_value(&estate);
        assert_eq!(
            estate
                .value("vm01.example.org", r#"vpoller["vm.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "runtime.powerState", "null"]"#)
                .as_deref(),
            Some("\"poweredOn\""),
            "{series:?}: with its quotes, as always"
        );
    });
}

/// The scripts as shipped, with this build's clients and this stack's endpoint in place of the installed ones.
fn install_scripts(estate: &Estate) {
    for name in ["vpoller-zabbix", "cvpoller-zabbix"] {
        let mut script = fs::read_to_string(workspace::root().join("contrib/externalscripts").join(name)).expect("the script");
        for client in ["vpoller-client", "vpoller-cclient"] {
            let ours = format!("{} -e {}", workspace::binary(client).display(), estate.stack.frontend());
            script = script.replace(&format!("/usr/bin/{client} "), &format!("{ours} "));
        }
        let path = estate.server.folder().join(name);
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
    }
}

#[test]
fn external_checks_work() {
    Series::together(|series| {
        let estate = Estate::start(series, 0);
        estate.complete();
        install_scripts(&estate);
        estate.import("legacy-external-checks.yaml");
        for (suffix, end) in [("vPoller", ""), ("vPoller with C client", " C")] {
            for (host, name, what) in HOSTS {
                // Both sets ask with the visible name, which only one host can have.
                let template = format!("Template VMware vSphere {what}- {suffix}");
                if end.is_empty() || what.starts_with("Hypervisor") {
                    let (host, name) =
                        if end.is_empty() { (host.to_owned(), name) } else { (format!("{host}{end}"), "esxi02.example.org") };
                    add(&estate, &host, name, &[&template]);
                }
            }
        }
        every_item_has_a_value(&estate);
        let power = |script: &str| {
            format!(r#"{script}["-m", "host.get", "-V", "{{$VSPHERE.HOST}}", "-n", "{{HOST.NAME}}", "-p", "runtime.powerState"]"#)
        };
        assert_eq!(estate.value("esxi01.example.org", &power("vpoller-zabbix")).as_deref(), Some("\"poweredOn\""), "{series:?}");
        assert_eq!(estate.value("esxi01.example.org C", &power("cvpoller-zabbix")).as_deref(), Some("poweredOn"), "{series:?}");
    });
}

/// The inventory of names and keys that sites have in use.
#[test]
fn names_and_keys_are_the_originals() {
    let native = template_file("legacy-native.yaml");
    let external = template_file("legacy-external-checks.yaml");
    for name in [
        "Template VMware vSphere - vPoller Native",
        "Template VMware vSphere Datacenter - vPoller Native",
        "Template VMware vSphere Datastore - vPoller Native",
        "Template VMware vSphere Hypervisor - vPoller Native",
        "Template VMware vSphere Virtual Machine - vPoller Native",
        "Template VMware vSphere Clusters - vPoller Native",
        "Template VMware Virtual Machine Processes - vPoller Native",
    ] {
        assert!(native.contains(&format!("template: '{name}'")), "{name}");
    }
    for name in ["", "Datastore ", "Hypervisor ", "Virtual Machine "] {
        for end in ["vPoller", "vPoller with C client"] {
            assert!(external.contains(&format!("template: 'Template VMware vSphere {name}- {end}'")), "{name}{end}");
        }
    }
    for key in [
        r#"vpoller["about", "{HOST.HOST}", "null", "fullName", "null"]"#,
        r#"vpoller["vm.discover", "{HOST.HOST}", "null", "name", "null"]"#,
        r#"vpoller["datastore.get", "{$VSPHERE.HOST}", "{HOST.NAME}", "info.freeSpace", "null"]"#,
        r#"vpoller["vm.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "summary.quickStats.uptimeSeconds", "null"]"#,
        r#"vpoller["vm.disk.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "freeSpace", {#VSPHERE.VM.DISKPATH}]"#,
        r#"vpoller["datacenter.perf.metric.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "value", "", "", "", "257", "", "1"]"#,
        r#"vpoller["host.perf.metric.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "value", "", "", "", "148", "{#VSPHERE.HOST.PERF.METRIC.INSTANCE}", ""]"#,
        r#"vpoller["datacenter.alarm.get", "{$VSPHERE.HOST}", "{HOST.HOST}", "null"]"#,
        r#"vpoller.echo["{#VSPHERE.DATACENTER.ALARM.OVERALLSTATUS}", "{#VSPHERE.DATACENTER.ALARM.KEY}"]"#,
        "vpoller.echo[{#VSPHERE.SESSION.KEY}]",
        "icmpping[{HOST.NAME},3,,,]",
    ] {
        assert!(native.contains(&format!("key: '{key}'")), "{key}");
    }
    for key in [
        r#"vpoller-zabbix["-m", "vm.get", "-V", "{$VSPHERE.HOST}", "-n", "{HOST.NAME}", "-p", "runtime.powerState"]"#,
        r#"cvpoller-zabbix["-m", "vm.get", "-V", "{$VSPHERE.HOST}", "-n", "{HOST.NAME}", "-p", "runtime.powerState"]"#,
        r#"vpoller-zabbix["-m", "vm.disk.get", "-V", "{$VSPHERE.HOST}", "-n", "{HOST.NAME}", "-k", {#VSPHERE.VM.DISKPATH}, "-p", "capacity"]"#,
        r#"vpoller-zabbix["-m", "datastore.discover", "-V", "{HOST.NAME}", "-p", "info.url"]"#,
    ] {
        assert!(external.contains(&format!("key: '{key}'")), "{key}");
    }
}
