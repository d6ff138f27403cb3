//! What requests cost, in calls to vSphere: exact numbers.

use serde_json::{Value as Json, json};
use vpoller_testkit::SimOptions;

use crate::support::host::CountedHost;

fn reads(count: u64) -> Vec<(String, u64)> {
    vec![("RetrievePropertiesEx".to_owned(), count)]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_alarms_costs_three_reads() {
    let host = CountedHost::start(&SimOptions { vms: 60, ..SimOptions::default() });
    host.result("about", json!({})).await;
    let vms = host.result("object.discover", json!({"key": "VirtualMachine"})).await;
    let vms: Vec<&str> = vms.as_array().unwrap().iter().map(|vm| vm["ref"].as_str().unwrap()).collect();
    let state = |(number, vm): (usize, &&str)| {
        let (alarm, vm) = (format!("Alarm:alarm-{}", 101 + number % 3), vm.strip_prefix("vim.").unwrap());
        json!({"key": format!("k{number}"), "entity": vm, "alarm": alarm, "overallStatus": "red", "time": "2015-02-13T09:16:50Z"})
    };
    let states: Vec<Json> = vms.iter().enumerate().map(state).collect();
    host.simulator.page(
        "POST",
        "/set",
        &json!({
            "type": "Folder", "moid": "group-d1", "path": "triggeredAlarmState", "value": states,
        })
        .to_string(),
    );
    assert_eq!(host.cost("alarm.get", json!({})).await, reads(3));
    let alarms = host.result("alarm.get", json!({})).await;
    let alarms = alarms.as_array().unwrap();
    assert!(alarms.len() == vms.len() && vms.len() > 70, "{}", alarms.len());
    assert!(alarms.iter().all(|alarm| alarm["info"].is_string() && alarm["entity"].is_string()), "{alarms:?}");
    host.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_looked_up_once() {
    let host = CountedHost::start(&SimOptions::default());
    let owners = json!({"properties": "customValue.Owner"});
    host.result("vm.discover", owners.clone()).await;
    assert_eq!(host.cost("vm.discover", owners).await, reads(1));
    let unknown = host.reply("vm.discover", json!({"properties": "customValue.Team"})).await;
    assert_eq!(unknown["msg"], "Cannot collect properties: InvalidProperty: there is no custom attribute Team");
    host.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_snapshots_is_read_only_when_asked_for() {
    let host = CountedHost::start(&SimOptions::default());
    host.result("about", json!({})).await;
    let ask = |properties: &str| json!({"name": "moid:vm-101", "properties": properties});
    host.result("vm.snapshot.summary.get", ask("count")).await;
    // One to find the virtual machine, one for its snapshots.
    assert_eq!(host.cost("vm.snapshot.summary.get", ask("count")).await, reads(2));
    assert_eq!(host.cost("vm.snapshot.summary.get", ask("size")).await, reads(3));
    let clock = ("CurrentTime".to_owned(), 1);
    assert_eq!(host.cost("vm.snapshot.summary.get", ask("age")).await, [vec![clock], reads(2)].concat());
    assert_eq!(host.cost("vm.snapshot.summary.get", ask("age")).await, reads(2), "the clock was compared a moment ago");
    host.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_snapshots_goes_by_the_servers_clock() {
    // The oldest one is of 2015-02-10 15:48:40.
    let clock = ["-sample-clock", "2015-02-11T15:48:40Z"];
    let host = CountedHost::start(&SimOptions { flags: &clock, ..SimOptions::default() });
    let age = host.result("vm.snapshot.summary.get", json!({"name": "vm01.example.org", "properties": "age"})).await;
    let age = age[0]["age"].as_i64().unwrap();
    // Our clock goes on from the moment of the comparison.
    assert!((86_400..87_000).contains(&age), "{age}");
    host.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_cost_a_few_reads_whatever_the_size() {
    let host = CountedHost::start(&SimOptions { vms: 40, ..SimOptions::default() });
    host.result("cluster.get", json!({"name": "cluster01", "properties": null})).await;
    let cluster = |properties: &str| json!({"name": "cluster01", "properties": properties});
    assert_eq!(host.cost("cluster.summary.get", cluster("hosts")).await, reads(3));
    assert_eq!(host.cost("cluster.summary.get", cluster("")).await, reads(5));
    // Above the hosts there are three levels.
    let datacenter = json!({"name": "datacenter01", "properties": ""});
    assert_eq!(host.cost("datacenter.summary.get", datacenter).await, reads(10));
    host.executors.hosts().stop().await;
}
