//! Module, proxy, worker and vSphere as real processes, used as the documents say.

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
