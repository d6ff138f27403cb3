//! Objects that exist by half, and accounts that may read a part only: nothing is made of what is not known, and one problem of the
//! vCenter says which privilege is missing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vpoller_testkit::simulator::USER;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Host, wait_until};

use crate::estate::{Estate, Item};

/// How the problem's name begins; the privileges and what they hide follow.
pub(crate) const PROBLEM: &str = "vPoller's account lacks privileges";

const MACHINE: &str = "vm01.example.org";
pub(crate) const NAMELESS: &str = "vm03.example.org";
const ALARMS: &str = "vpoller.vm[alarms,red]";
const CLONE: &str = "vm-9001";
const HIDDEN: [&str; 2] = ["overallStatus", "triggeredAlarmState"];
/// The machine's problem that is made of one of them.
pub(crate) const RED: &str = "Virtual machine: status is red";

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

/// The account may not read some properties of machines any more while vPoller follows them, and a second one never could read the
/// root folder. Returns the id of the Zabbix host for what the second one sees.
pub(crate) fn an_account_loses_privileges(estate: &Estate, machine: &str) -> String {
    let series = estate.server.series();
    let alarms = || estate.value(machine, ALARMS);
    assert_eq!(alarms().as_deref(), Some("1"), "{series:?}");
    permit(estate, Some("System.Read"));
    // The account does not see that the machine is well again, and goes on seeing the rest.
    estate.simulator.set("VirtualMachine", MACHINE, "triggeredAlarmState", &Value::Null);
    estate.simulator.set("VirtualMachine", MACHINE, "overallStatus", &json!("green"));
    estate.simulator.set("VirtualMachine", MACHINE, "summary.quickStats.overallCpuUsage", &json!(1234));
    let hosts = BTreeSet::from(["vCenter", machine]);
    estate.check_until(&hosts, "the problem that names the privilege, and a newer value of what may be read", || {
        let listed = estate.value("vCenter", "vpoller.vsphere[privileges]")?;
        let is_said =
            estate.problems("vCenter").iter().any(|name| name.starts_with(PROBLEM) && name.contains("System.Read hides"));
        let usage = estate.value(machine, "vpoller.vm[cpu.usage]")?;
        eprintln!("{series:?}: {listed}, {usage}");
        // The problem's name is that of its first moment; the item says what is the case now.
        (is_said && usage == "1234000000" && HIDDEN.iter().all(|path| listed.contains(path))).then_some(())
    });
    assert_eq!(alarms().as_deref(), Some("1"), "{series:?}: an alarm that may not be read is not gone");
    assert!(estate.problems(machine).contains(&RED.to_owned()), "{series:?}: nothing goes green for want of rights");
    register_tenant(estate);
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

/// Now the account sees that the machine is well.
pub(crate) fn everything_may_be_read_again(estate: &mut Estate, machine: &str) {
    permit(estate, None);
    restart_worker(estate);
    estate.check_until(&BTreeSet::from(["vCenter", machine]), "no alarm, no problem of status or privileges", || {
        let is_left = |host: &str, start: &str| estate.problems(host).iter().any(|name| name.starts_with(start));
        let is_well = estate.value(machine, ALARMS).as_deref() == Some("0");
        (is_well && !is_left("vCenter", PROBLEM) && !is_left(machine, RED)).then_some(())
    });
}

/// Only of the account that sees everything else.
fn permit(estate: &Estate, privilege: Option<&str>) {
    for path in HIDDEN {
        let denial = json!({"type": "VirtualMachine", "path": path, "privilege": privilege.unwrap_or_default(), "user": USER});
        estate.simulator.page("POST", "/deny", &denial.to_string());
    }
}

/// What may not be read, or is unset from now on, brings no update: a worker that begins learns of it at once.
fn restart_worker(estate: &mut Estate) {
    estate.stack.workers.clear();
    estate.stack.start_worker(&["--concurrency", "1"]);
}
