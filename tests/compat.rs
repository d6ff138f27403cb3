//! Requests as the clients of the original send them, and the replies their users rely on, byte by byte.
//!
//! One file a case below `tests/compat/`: `request` (any JSON) and `reply` (the reply's text, a NUL as `\u0000`). Adding a case
//! needs no code. `vc01.example.org` stands for the simulated vCenter.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use vpoller_testkit::{Client, Host, Process, SimOptions, Simulator, Stack, ports, workspace};

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
    assert!(cases.len() > 40, "only {} cases", cases.len());
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
    assert!(wrong.is_empty(), "{} wrong replies:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every method that the documents of 0.2.0 and 0.3.x name, and the later ones about performance counters.
const DOCUMENTED: [&str; 57] = [
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
];

#[test]
fn every_documented_method_is_known() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let unknown: Vec<&str> = DOCUMENTED
        .into_iter()
        .filter(|method| {
            let reply = stack.ask(&json!({"method": method, "hostname": host.name}));
            reply["msg"] == "Unknown or missing task/method name"
        })
        .collect();
    assert_eq!(unknown, [""; 0]);
}

const SOON: Duration = Duration::from_secs(20);

/// The three files of the first release, with other ports and names, and what its article asks for.
#[test]
fn the_files_of_the_first_release_serve() {
    // A file names no port, so the vSphere host is at 443 of an address of its own.
    let [a, b, ..] = std::process::id().to_le_bytes();
    let address = SocketAddr::from((Ipv4Addr::new(127, 41, a, b.max(1)), 443));
    let _simulator = Simulator::start(&SimOptions { listen: address, ..SimOptions::default() });
    let host = address.ip().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let [frontend, backend, proxy_mgmt, worker_mgmt] = ports::free().map(|port: u16| format!("tcp://127.0.0.1:{port}"));
    let vsphere = path("vsphere");
    fs::create_dir(&vsphere).unwrap();
    for (file, text) in [
        ("vpoller-proxy.conf", format!("[Default]\nfrontend = {frontend}\nbackend  = {backend}\nmgmt     = {proxy_mgmt}\n")),
        (
            "vpoller-worker.conf",
            format!(
                "[Default]\nproxy             = {backend}\nmgmt              = {worker_mgmt}\nvsphere_hosts_dir = {vsphere}\n"
            ),
        ),
        ("vsphere/my-vc0.conf", format!("[Default]\nhostname = {host}\nusername = root\npassword = p4ssw0rd\ntimeout  = 3\n")),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let mut proxy = Process::workspace("vpoller-proxy", ["start", "-f", &path("vpoller-proxy.conf")]);
    proxy.wait_for_line("Proxy process is ready and running", SOON);
    let mut worker = Process::workspace("vpoller-worker", ["-c", "1", "start", "-f", &path("vpoller-worker.conf")]);
    worker.wait_for_line("Worker process is ready and running", SOON);
    let datastore = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/";
    let mut client = Client::new(frontend);
    for (method, name, property, value) in [
        ("vm.get", "vm01.example.org", "runtime.bootTime", json!("2015-02-10 15:48:40+00:00")),
        ("host.get", "esxi01.example.org", "hardware.memorySize", json!(68_719_476_736_i64)),
        ("host.get", "esxi01.example.org", "runtime.bootTime", json!("2015-02-10 15:48:40+00:00")),
        ("datastore.get", datastore, "info.name", json!("datastore1")),
        ("datastore.get", datastore, "info.freeSpace", json!(549_755_813_888_i64)),
        ("datastore.get", datastore, "summary.capacity", json!(2_199_023_255_552_i64)),
    ] {
        let reply = client.ask(&json!({"method": method, "hostname": host, "name": name, "properties": [property]}), SOON);
        assert_eq!(reply["result"][0][property], value, "{method} {property}: {reply}");
    }
}
