//! Requests as the clients of the original send them, and the replies their users rely on, byte by byte.
//!
//! One file a case below `tests/compat/`: `request` (any JSON) and `reply` (the reply's text, a NUL as `\u0000`). Adding a case
//! needs no code. `vc01.example.org` stands for the simulated vCenter.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, workspace};

const HOST: &str = "vc01.example.org";

fn cases() -> Vec<(String, Value)> {
    let folder = fs::read_dir(workspace::root().join("tests/compat")).expect("tests/compat");
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.expect("entry of tests/compat").path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a case");
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let case = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (name, case)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn replies_are_those_of_the_original() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let mut client = stack.client();
    let mut wrong = Vec::new();
    let cases = cases();
    let all = cases.len();
    assert!(all > 40, "only {all} cases");
    for (name, case) in cases {
        let mut request = case["request"].clone();
        if request["hostname"] == HOST {
            request["hostname"] = Value::String(host.name.clone());
        }
        let reply = client.exchange(request.to_string().as_bytes(), Duration::from_secs(10));
        let reply = reply.map_or_else(|| "no reply".to_owned(), |reply| String::from_utf8_lossy(&reply).into_owned());
        if Some(reply.as_str()) != case["reply"].as_str() {
            wrong.push(format!("{name}:\n  expected {}\n  got      {}", case["reply"], Value::String(reply)));
        }
    }
    eprintln!("replies that are the original's, byte by byte: {} of {all}", all - wrong.len());
    assert!(wrong.is_empty(), "{} wrong replies:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every method that the documents and releases of the original name.
const DOCUMENTED: [&str; 60] = [
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
    "vm.discover",
    "vm.get",
    "vm.alarm.get",
    "vm.disk.discover",
    "vm.disk.get",
    "vm.guest.net.get",
    "vm.net.discover",
    "vm.net.get",
    "vm.datastore.get",
    "vm.host.get",
    "vm.process.get",
    "vm.cpu.usage.percent",
    "vm.perf.counter.info",
    "datastore.discover",
    "datastore.get",
    "datastore.alarm.get",
    "datastore.host.get",
    "datastore.vm.get",
    "datastore.perf.counter.info",
    "perf.metric.info",
    "perf.interval.info",
    "datacenter.perf.metric.info",
    "datacenter.perf.metric.get",
    "cluster.perf.metric.info",
    "cluster.perf.metric.get",
    "host.perf.metric.info",
    "host.perf.metric.get",
    "vm.perf.metric.info",
    "vm.perf.metric.get",
    "datastore.perf.metric.info",
    "datastore.perf.metric.get",
    "resource.pool.vm.get",
    "vm.snapshot.get",
    "vsan.health.get",
];

/// A request for the method with all that any of its kind needs; what one does not need it ignores.
fn request(method: &str, host: &str) -> Value {
    let kind = method.split('.').next().unwrap_or_default();
    let (name, counter, interval) = match kind {
        "net" => ("VM Network", "", ""),
        "datacenter" => ("datacenter01", "vmop.numPoweron", "Past day"),
        "cluster" => ("cluster01", "cpu.usage", "Past day"),
        "resource" => ("pool01", "", ""),
        "host" | "vsan" => ("esxi01.example.org", "cpu.usage", ""),
        "vm" => ("vm01.example.org", "cpu.usage", ""),
        "datastore" => ("datastore1", "disk.used", "Past day"),
        _ => ("", "", ""),
    };
    let key = if method == "vm.disk.get" { "/var" } else { "" };
    json!({
        "method": method, "hostname": host, "name": name, "properties": null, "key": key, "username": "root", "password": "p4ssw0rd",
        "counter-name": counter, "perf-interval": interval,
    })
}

/// Prints how many of them work: see it with `cargo test --workspace --test integration -- every_documented_method --nocapture`.
#[test]
fn every_documented_method_works() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let failed: Vec<Value> = DOCUMENTED
        .into_iter()
        .map(|method| stack.ask(&request(method, &host.name)))
        .filter(|reply| reply["success"] != 0)
        .collect();
    eprintln!("methods that work: {} of {}", DOCUMENTED.len() - failed.len(), DOCUMENTED.len());
    assert!(failed.is_empty(), "{failed:#?}");
}
