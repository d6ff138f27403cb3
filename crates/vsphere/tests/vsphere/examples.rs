//! The examples in the documentation, run as programs.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use vpoller_testkit::process::{self, Process};
use vpoller_testkit::simulator::{PASSWORD, SimOptions, Simulator, USER};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::workspace;
use vpoller_vsphere::fetch_fingerprint;

use crate::{client, vm};

/// An example with its arguments for a simulator. `cargo test` builds it; with `--test vsphere` add `--examples`.
async fn example(name: &str, simulator: &Simulator) -> Command {
    let address = simulator.address();
    let host = address.ip().to_string();
    let certificate = fetch_fingerprint(&host, address.port(), Duration::from_secs(10)).await.unwrap();
    let mut command = Command::new(workspace::binary(&format!("examples/{name}")));
    command.args([&host, &address.port().to_string(), USER, &certificate.sha256.to_string()]);
    command.env("VSPHERE_PASSWORD", PASSWORD);
    command
}

#[tokio::test]
async fn power_states_are_printed() {
    let simulator = Simulator::start(&SimOptions::default());
    let done = process::run(example("power_states", &simulator).await, SOON);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines.contains(&"vm01.example.org poweredOn") && lines.contains(&"vm02.example.org poweredOff"), "{lines:?}");
    assert_eq!(simulator.sessions().len(), 0, "the session is closed");
}

#[tokio::test]
async fn power_changes_are_printed_as_they_come() {
    let simulator = Simulator::start(&SimOptions::default());
    let machine = vm(&client(simulator.address()), "vm01.example.org").await;
    let mut follower = Process::spawn(example("power_changes", &simulator).await);
    follower.wait_for_line(&format!("{machine} runtime.powerState poweredOn"), SOON);
    simulator.set("VirtualMachine", "vm01.example.org", "runtime.powerState", &json!("suspended"));
    follower.wait_for_line(&format!("{machine} runtime.powerState suspended"), SOON);
}

#[tokio::test]
async fn cpu_usage_is_printed() {
    let simulator = Simulator::start(&SimOptions { flags: &["-sample-clock", "2015-02-10T15:48:45Z"], ..SimOptions::default() });
    let done = process::run(example("cpu_usage", &simulator).await, SOON);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let first = done.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("2015-02-10 15:48:40+00:00 vim.VirtualMachine:vm-") && first.ends_with(" %"), "{}", done.stdout);
}
