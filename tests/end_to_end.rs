//! Module, proxy, worker and vSphere as real processes, used as the documents say.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use vpoller_testkit::process;
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, workspace};

/// Every example of the documents, word for word, on the documents' ports and with their host names: `make demo`, on the programs
/// of this build. The script checks each answer; it ends with a count, and with an error when one is not as documented.
#[test]
fn the_documents_hold_word_for_word() {
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.arg(workspace::root().join("tests/demo.sh")).arg(workspace::build_dir());
    let done = process::run(command, Duration::from_secs(300));
    let last = done.stdout.trim_end().lines().last().unwrap_or_default();
    assert!(done.code == 0 && last.contains(" 0 not as documented"), "{}\n{}", done.stdout, done.stderr);
}

/// Methods of the first documents and of the release notes of 0.2.0.
const METHODS: &[&str] = &[
    "about",
    "event.latest",
    "session.get",
    "perf.counter.info",
    "net.discover",
    "net.get",
    "net.host.get",
    "net.vm.get",
    "datacenter.discover",
    "datacenter.get",
    "datacenter.alarm.get",
    "datacenter.perf.counter.info",
    "cluster.discover",
    "cluster.get",
    "cluster.alarm.get",
    "cluster.perf.counter.info",
    "resource.pool.discover",
    "resource.pool.get",
    "host.discover",
    "host.get",
    "host.alarm.get",
    "host.cluster.get",
    "host.vm.get",
    "host.net.get",
    "host.datastore.get",
    "host.perf.counter.info",
    "vm.alarm.get",
    "vm.discover",
    "vm.disk.discover",
    "vm.guest.net.get",
    "vm.net.discover",
    "vm.net.get",
    "vm.get",
    "vm.datastore.get",
    "vm.disk.get",
    "vm.host.get",
    "vm.process.get",
    "vm.cpu.usage.percent",
    "vm.perf.counter.info",
    "datastore.alarm.get",
    "datastore.discover",
    "datastore.get",
    "datastore.host.get",
    "datastore.vm.get",
    "datastore.perf.counter.info",
];

#[test]
fn every_method_of_the_documents_is_known() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let unknown: Vec<_> = METHODS
        .iter()
        .map(|method| (method, stack.ask(&json!({"method": method, "hostname": host.name}))["msg"].to_string()))
        .filter(|(_, msg)| msg.contains("nknown or missing task"))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn a_dropped_session_costs_no_answer() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let question =
        json!({"method": "vm.get", "hostname": host.name, "name": "vm01.example.org", "properties": ["runtime.powerState"]});
    let expected = json!([{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]);
    assert_eq!(stack.ask(&question)["result"], expected);
    simulator.drop_sessions();
    assert_eq!(stack.ask(&question)["result"], expected);
    simulator.set("VirtualMachine", "vm01.example.org", "runtime.powerState", &json!("poweredOff"));
    vpoller_testkit::wait_until(Duration::from_secs(10), "the new state", || {
        stack.ask(&question)["result"][0]["runtime.powerState"] == json!("poweredOff")
    });
}
