//! Objects that exist by half, and accounts that may read a part only: nothing is made of what is not known, and one problem of the
//! vCenter says which privilege is missing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Host, wait_until};

use crate::estate::{Estate, Item};

/// How the problem's name begins; the privileges and what they hide follow.
pub(crate) const PROBLEM: &str = "vPoller's account lacks privileges";

const NAMELESS: &str = "vm03.example.org";
const CLONE: &str = "vm-9001";
const HIDDEN: [&str; 2] = ["snapshot", "triggeredAlarmState"];
const OLD_SNAPSHOT: &str = "Virtual machine has an old snapshot";

/// A name for the same simulator, under which the tenant's account is registered.
const TENANT: &str = "0000:0000:0000:0000:0000:ffff:7f00:0001";

/// A machine loses its name, and a clone enters without values and never leaves.
pub(crate) fn half_objects_come(estate: &mut Estate) {
    let masked = json!({"type": "VirtualMachine", "name": NAMELESS, "hide": ["name", "config"]});
    estate.simulator.page("POST", "/mask", &masked.to_string());
    restart_worker(estate);
    let clone = json!({"kind": "enter", "type": "VirtualMachine", "moid": CLONE, "values": {}});
    wait_until(SOON, "a worker that is told of the clone", || {
        estate.simulator.page("POST", "/update", &clone.to_string())["filters"] != 0
    });
}

/// They end no discovery and get no host.
pub(crate) fn half_objects_have_no_host(estate: &Estate) {
    let series = estate.server.series();
    assert_eq!(estate.complaints(), [], "{series:?}");
    let hosts = estate.hosts();
    assert!(hosts.iter().any(|(_, visible)| visible.starts_with("vm02.example.org (")), "{series:?}: {hosts:?}");
    let wrong = |(host, visible): &&(String, String)| host.ends_with(CLONE) || visible.starts_with(NAMELESS);
    assert_eq!(hosts.iter().find(wrong), None, "{series:?}");
}

/// The account may not read some properties any more, and a second one never could read the root folder. Returns the id of the
/// Zabbix host for what the second one sees.
pub(crate) fn an_account_loses_privileges(estate: &mut Estate, machine: &str) -> String {
    let series = estate.server.series();
    estate.wait_for_problems(&[(machine, OLD_SNAPSHOT)], true);
    let count = estate.value(machine, "vpoller.vm[snapshot.count]");
    assert_eq!(count.as_deref(), Some("4"), "{series:?}");
    register_tenant(estate);
    permit(estate, Some("System.Read"));
    let hosts = BTreeSet::from(["vCenter", machine]);
    estate.check_until(&hosts, "the problem that names the privilege", || {
        let listed = estate.value("vCenter", "vpoller.vsphere[privileges]")?;
        let is_raised =
            estate.problems("vCenter").iter().any(|name| name.starts_with(PROBLEM) && name.contains("System.Read hides"));
        // The problem's name is that of its first moment; the item says what is the case now.
        (is_raised && HIDDEN.iter().all(|path| listed.contains(path))).then_some(())
    });
    let value = |key: &str| estate.value(machine, key);
    assert_eq!(value("vpoller.vm[snapshot.count]"), count, "{series:?}: nothing is counted that may not be read");
    assert_eq!(value("vpoller.vm[alarms,red]").as_deref(), Some("1"), "{series:?}: an alarm that may not be read is not gone");
    assert!(estate.problems(machine).contains(&OLD_SNAPSHOT.to_owned()), "{series:?}: nothing goes green for want of rights");
    a_tenant_has_no_alarms_rather_than_none(estate)
}

/// The tenant sees the virtual machines of one folder.
fn register_tenant(estate: &Estate) {
    let question = json!({
        "method": "object.get", "hostname": estate.vsphere, "key": "Folder", "name": "/datacenter01/vm", "properties": ["childType"],
    });
    let folder = estate.stack.ask(&question)["result"][0]["ref"].as_str().expect("the folder").replace("vim.", "");
    let account = json!({"user": "tenant", "password": "s3cret", "below": [folder]});
    estate.simulator.page("POST", "/account", &account.to_string());
    let host = Host {
        name: TENANT.to_owned(),
        user: "tenant".to_owned(),
        password: "s3cret".to_owned(),
        ..Host::at(estate.simulator.address())
    };
    estate.stack.register(&host);
}

fn a_tenant_has_no_alarms_rather_than_none(estate: &Estate) -> String {
    let id = estate.add_host("tenant", &["VMware vSphere by vPoller"], &[("{$VSPHERE.HOST}", TENANT)]);
    let own = BTreeSet::from(["tenant"]);
    let alarms = |item: &Item| item.key.starts_with("vpoller.json[\"alarm.get\"");
    let error = estate.check_until(&own, "the alarms' error", || {
        let item = estate.items(Some("tenant")).into_iter().find(alarms)?;
        item.error.contains("NoPermission").then_some(item.error)
    });
    assert!(error.contains("triggeredAlarmState"), "{:?}: {error}", estate.server.series());
    assert_eq!(estate.value("tenant", "vpoller.vsphere[alarms,red]"), None, "{:?}", estate.server.series());
    estate.check_until(&own, "the tenant's machines", || {
        let tag = json!({"output": ["host"], "tags": [{"tag": "vsphere", "value": TENANT, "operator": 1}]});
        let found = estate.server.api.get("host", &tag);
        let is_machine = |host: &&Value| host["host"].as_str().is_some_and(|name| name.contains(" vm-101"));
        found.iter().any(|host| is_machine(&host)).then_some(())
    });
    id
}

pub(crate) fn everything_may_be_read_again(estate: &mut Estate) {
    permit(estate, None);
    estate.check_until(&BTreeSet::from(["vCenter"]), "the problem is resolved", || {
        let is_left = estate.problems("vCenter").iter().any(|name| name.starts_with(PROBLEM));
        (!is_left).then_some(())
    });
}

fn permit(estate: &mut Estate, privilege: Option<&str>) {
    HIDDEN.iter().for_each(|path| estate.simulator.deny("VirtualMachine", path, privilege));
    restart_worker(estate);
}

/// What may not be read, or is unset from now on, brings no update: a worker that begins learns of it at once.
fn restart_worker(estate: &mut Estate) {
    estate.stack.workers.clear();
    estate.stack.start_worker(&["--concurrency", "1"]);
}
