//! Objects and hosts that come, change their names, and go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::estate::Estate;

/// What is asked for is the object, whatever it or its host is called; a new one gets its host, one that is gone is marked.
pub(super) fn discovery_follows_vsphere(estate: &Estate) {
    let (api, series) = (&estate.server.api, estate.server.series());
    let vcenter = BTreeSet::from(["vCenter"]);
    let made = estate.simulator.page("POST", "/vm/create", &json!({"name": "born-late"}).to_string());
    let moid = made["moid"].as_str().expect("its id");
    let host = estate.discovered(moid);
    let called = |name: &str| {
        let visible = format!("{name} ({moid} at {})", estate.vsphere);
        estate.check_until(&vcenter, &format!("a host called {visible}"), || {
            estate.hosts().contains(&(host.clone(), visible.clone())).then_some(())
        });
        estate.check_until(&BTreeSet::from([host.as_str()]), &format!("the name {name} as a value"), || {
            (estate.value(&host, "vpoller.vm[name]").as_deref() == Some(name)).then_some(())
        });
    };
    called("born-late");
    let renamed = json!({"type": "VirtualMachine", "moid": moid, "path": "name", "value": "renamed {#X}"});
    estate.simulator.page("POST", "/set", &renamed.to_string());
    called("renamed {#X}");

    let macros = [("{$VSPHERE.HOST}", estate.vsphere.as_str()), ("{$VSPHERE.NAME}", "renamed {#X}")];
    let id = estate.add_host("by hand", &["VMware vSphere Virtual Machine by vPoller"], &macros);
    api.call("host.update", &json!({"hostid": id, "host": "another name", "name": "Quite another name"}));
    let own = BTreeSet::from(["another name"]);
    let name = estate.check_until(&own, "a value of a renamed host", || estate.value("another name", "vpoller.vm[name]"));
    assert_eq!(name, "renamed {#X}", "{series:?}");

    estate.simulator.page("POST", "/vm/destroy", &json!({"moid": moid}).to_string());
    let question = json!({"filter": {"host": [host]}, "output": ["hostid"], "selectHostDiscovery": ["ts_delete"]});
    estate.check_until(&vcenter, "a host that is marked as lost", || {
        let found = api.get("host", &question);
        let due = found.first().and_then(|host: &Value| host["hostDiscovery"]["ts_delete"].as_str());
        due.is_some_and(|due| due != "0").then_some(())
    });
}
