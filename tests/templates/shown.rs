//! What the templates show beside numbers: names, sessions, custom attributes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::estate::{Estate, Item};

/// For every type of object, one attribute.
pub(super) fn ask_for_attributes(estate: &Estate) {
    let value = json!([{"_type": "CustomFieldStringValue", "key": 101, "value": "storage team"}]);
    for (kind, name) in [("Datastore", "datastore1"), ("ClusterComputeResource", "cluster01"), ("Datacenter", "datacenter01")] {
        estate.simulator.set(kind, name, "customValue", &value);
    }
    let api = &estate.server.api;
    let macros = api.get("usermacro", &json!({"search": {"macro": ".ATTRIBUTES}"}, "output": ["hostmacroid"]}));
    assert_eq!(macros.len(), 5);
    for one in macros {
        api.call("usermacro.update", &json!({"hostmacroid": one["hostmacroid"], "value": "customValue.Owner"}));
    }
}

pub(super) fn attributes_have_items(estate: &Estate) {
    for (name, owner) in [
        ("vm01.example.org", "Größe & Söhne"),
        ("esxi01.example.org", "operations"),
        ("datastore1", "storage team"),
        ("cluster01", "storage team"),
        ("datacenter01", "storage team"),
    ] {
        let host = estate.host_of(name);
        let shown = estate.check_until(&BTreeSet::from([host.as_str()]), &format!("the owner of {name}"), || {
            let own = |item: &Item| item.key.contains(".attribute[") && item.value.is_some();
            estate.items(Some(&host)).into_iter().find(own)?.value
        });
        assert_eq!(shown, owner, "{:?}: {name}", estate.server.series());
    }
}

/// What is related to an object, in one text.
pub(super) fn lists_name_what_is_there(estate: &Estate) {
    let shown = |name: &str, method: &str| {
        let host = estate.host_of(name);
        estate.check_until(&BTreeSet::from([host.as_str()]), &format!("{method} of {name}"), || estate.names(&host, method))
    };
    let series = estate.server.series();
    assert_eq!(shown("vm01.example.org", "vm.datastore.get"), "datastore1", "{series:?}");
    assert_eq!(shown("esxi01.example.org", "host.datastore.get"), "datastore1", "{series:?}");
    assert_eq!(
        shown("datastore1", "datastore.host.get"),
        "esxi01.example.org\nesxi02.example.org\nesxi03.example.org",
        "{series:?}"
    );
    for (name, method, count) in
        [("esxi01.example.org", "host.vm.get", "vpoller.hv[vms]"), ("datastore1", "datastore.vm.get", "vpoller.datastore[vms]")]
    {
        let names = shown(name, method);
        assert!(names.lines().any(|name| name == "vm01.example.org") && names.lines().is_sorted(), "{series:?}: {names}");
        assert_eq!(estate.value(&estate.host_of(name), count), Some(names.lines().count().to_string()), "{series:?}");
    }
    assert_eq!(shown("esxi03.example.org", "host.vm.get"), "None", "{series:?}: a hypervisor without virtual machines");
}

/// Values of the machine with snapshots that another one says as well.
pub(super) fn values_of_a_machine_agree(estate: &Estate) {
    let (series, host) = (estate.server.series(), estate.discovered("vm-101"));
    // 2015-02-13 09:16:50, the third of four.
    assert_eq!(estate.value(&host, "vpoller.vm[snapshot.newest]").as_deref(), Some("1423819010"), "{series:?}");
    let parts = estate.check_until(&BTreeSet::from([host.as_str()]), "its disk, and its filesystem /var", || {
        // What is no number is waited for until the test fails.
        let value = |key: &str| estate.value(&host, key)?.parse::<u64>().ok();
        value("vpoller.vm.drive[reads,scsi0:0]").and(value("vpoller.vm.drive[writes,scsi0:0]"))?;
        let part = |part: &str| value(&format!("vpoller.vm.disk[{part},002f007600610072]"));
        Some([part("size")?, part("free")?, part("used")?])
    });
    let [size, free, used] = parts;
    assert!(used > 0 && used + free == size, "{series:?}: {parts:?}");
}

pub(super) fn enable_sessions(estate: &Estate, vcenter: &str) {
    let api = &estate.server.api;
    let disabled = api.get("item", &json!({"hostids": vcenter, "filter": {"status": 1}, "output": ["itemid"]}));
    assert_eq!(disabled.len(), 3);
    for one in disabled {
        api.call("item.update", &json!({"itemid": one["itemid"], "status": 0}));
    }
}

pub(super) fn sessions_are_listed_without_their_keys(estate: &Estate) {
    let listed = estate.value("vCenter", "vpoller.vsphere[sessions.list]").unwrap_or_default();
    let sessions = estate.simulator.sessions();
    assert!(!sessions.is_empty());
    for session in &sessions {
        let text = |field: &str| session[field].as_str().unwrap_or_default();
        assert!(listed.contains(text("user")) && !text("key").is_empty() && !listed.contains(text("key")), "{session} {listed}");
    }
}
