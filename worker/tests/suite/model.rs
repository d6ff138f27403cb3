//! The inventory changes at random; whenever it is quiet, memory says what vSphere says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};

use crate::support::host::{Followed, direct, quick, registered};

/// Random numbers that are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % most as u64).unwrap()
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Methods that list every object of a type, with the paths that are compared. Some are learned, some always watched.
const TYPES: [(&str, &[&str]); 5] = [
    (
        "vm.discover",
        &[
            "moid",
            "runtime.powerState",
            "runtime.host",
            "runtime.bootTime",
            "config.annotation",
            "config.uuid",
            "overallStatus",
            "guest.hostName",
            "guest.disk",
            "summary.quickStats.overallCpuUsage",
            "summary.runtime",
            "datastore",
            "network",
            "resourcePool",
        ],
    ),
    (
        "host.discover",
        &["moid", "overallStatus", "runtime.inMaintenanceMode", "summary.quickStats.overallMemoryUsage", "datastore"],
    ),
    ("datastore.discover", &["moid", "summary.freeSpace", "summary.url", "info.url", "summary.accessible"]),
    ("cluster.discover", &["moid", "overallStatus", "summary.numHosts"]),
    ("net.discover", &["moid", "summary.accessible"]),
];

/// Lists that are known from the other side.
const RELATIONS: [(&str, &str); 6] = [
    ("host.discover", "host.vm.get"),
    ("datastore.discover", "datastore.vm.get"),
    ("datastore.discover", "datastore.host.get"),
    ("net.discover", "net.vm.get"),
    ("net.discover", "net.host.get"),
    ("resource.pool.discover", "resource.pool.vm.get"),
];

/// The result of a request that succeeds.
async fn result(agent: &Followed, method: &str, name: Option<&str>, paths: &[&str]) -> Json {
    let reply = agent.ask(method, name, paths).await;
    assert_eq!(reply["success"], 0, "{method} {name:?}: {reply}");
    reply["result"].clone()
}

/// The rows of a list by managed object id: the order is no part of the truth.
fn by_id(rows: &Json) -> BTreeMap<String, Json> {
    let id = |row: &Json| row["moid"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(|row| (id(row), row.clone())).collect()
}

/// The names in a relation's result, wherever they are.
fn names(result: &Json) -> BTreeSet<String> {
    let rows = ["vm", "host"].iter().find_map(|field| result.get(field)).unwrap_or(result);
    rows.as_array().unwrap().iter().map(|row| row["name"].to_string()).collect()
}

/// Compares everything; `context` says after what.
async fn compare(memory: &Followed, truth: &Followed, context: &str) {
    for (method, paths) in TYPES {
        let (ours, theirs) = (result(memory, method, None, paths).await, result(truth, method, None, paths).await);
        let (ours, theirs) = (by_id(&ours), by_id(&theirs));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{context}: {method}");
        for (id, row) in &theirs {
            assert_eq!(ours[id], *row, "{context}: {method} of {id}");
        }
    }
    for (method, relation) in RELATIONS {
        for row in result(truth, method, None, &["moid"]).await.as_array().unwrap() {
            let name = format!("moid:{}", row["moid"].as_str().unwrap());
            let (ours, theirs) =
                (result(memory, relation, Some(&name), &[]).await, result(truth, relation, Some(&name), &[]).await);
            assert_eq!(names(&ours), names(&theirs), "{context}: {relation} of {row}");
        }
    }
    for row in result(truth, "vm.discover", None, &["moid"]).await.as_array().unwrap() {
        let name = row["name"].as_str();
        let (ours, theirs) =
            (memory.ask("vm.get", name, &["config.uuid"]).await, truth.ask("vm.get", name, &["config.uuid"]).await);
        assert_eq!(ours, theirs, "{context}: by name {name:?}");
    }
}

/// Waits until memory has a change that was made after all others: vSphere tells states, so it has those as well.
async fn quiet(simulator: &Simulator, memory: &Followed, number: usize) {
    // Always watched, so that this is no answer of vSphere's own.
    let path = "config.instanceUuid";
    let marker = json!(format!("00000000-0000-0000-0000-{number:012}"));
    simulator.set("VirtualMachine", "template01", path, &marker);
    memory.until_answered("vm.get", Some("template01"), &[path], |reply| reply["result"][0][path] == marker).await;
}

/// One change, whatever comes.
fn change(simulator: &Simulator, random: &mut Random, vms: &mut Vec<String>, hosts: &[String], made: &mut usize) -> String {
    let set = |kind: &str, moid: &str, path: &str, value: Json| {
        simulator.page("POST", "/set", &json!({"type": kind, "moid": moid, "path": path, "value": value}).to_string());
        format!("{kind} {moid} {path} = {value}")
    };
    let vm = random.of(vms).clone();
    let host = random.of(hosts).clone();
    match random.below(14) {
        0 if vms.len() < 60 => {
            *made += 1;
            let created = simulator.page("POST", "/vm/create", &json!({"name": format!("made-{made}")}).to_string());
            vms.push(created["moid"].as_str().unwrap().to_owned());
            format!("create made-{made}")
        }
        1 if vms.len() > 10 => {
            simulator.page("POST", "/vm/destroy", &json!({"moid": vm}).to_string());
            vms.retain(|kept| *kept != vm);
            format!("destroy {vm}")
        }
        2 => {
            *made += 1;
            set("VirtualMachine", &vm, "name", json!(format!("renamed-{made}")))
        }
        // Two of one name: the lower id is meant.
        3 => set("VirtualMachine", &vm, "name", json!(format!("twin-{}", random.below(3)))),
        4 => set("VirtualMachine", &vm, "runtime.host", json!(format!("HostSystem:{host}"))),
        5 => set("VirtualMachine", &vm, "runtime.bootTime", random.of(&[json!("2020-01-02T03:04:05Z"), Json::Null]).clone()),
        6 => set("VirtualMachine", &vm, "datastore", json!([])),
        7 => set("VirtualMachine", &vm, "guest.hostName", random.of(&[json!("g1"), json!("Größe"), Json::Null]).clone()),
        8 => set("VirtualMachine", &vm, "summary.quickStats.overallCpuUsage", json!(random.below(5000))),
        9 => set("HostSystem", &host, "summary.quickStats.overallMemoryUsage", json!(random.below(100_000))),
        10 => set("HostSystem", &host, "runtime.inMaintenanceMode", json!(random.below(2) == 0)),
        11 => set("HostSystem", &host, "overallStatus", json!(*random.of(&["green", "yellow", "red"]))),
        _ => set("VirtualMachine", &vm, "runtime.powerState", json!(*random.of(&["poweredOn", "poweredOff", "suspended"]))),
    }
}

async fn model(seed: u64) {
    let simulator = Simulator::start(&SimOptions { vms: 20, ..SimOptions::default() });
    let memory = Followed::start(&registered(&simulator), quick()).await;
    let truth = Followed::start(&registered(&simulator), direct()).await;
    let ids = |rows: &Json| by_id(rows).into_keys().collect::<Vec<_>>();
    let filler = |row: &Json| row["name"].as_str().unwrap().starts_with("vm-0");
    let all = result(&truth, "vm.discover", None, &["moid"]).await;
    let mut vms = ids(&all.as_array().unwrap().iter().filter(|row| filler(row)).cloned().collect());
    let hosts = ids(&result(&truth, "host.discover", None, &["moid"]).await);
    let (mut random, mut made) = (Random(seed), 0);
    for round in 0..12 {
        let mut history = Vec::new();
        for _ in 0..1 + random.below(25) {
            history.push(change(&simulator, &mut random, &mut vms, &hosts, &mut made));
        }
        if round % 5 == 4 {
            simulator.drop_sessions();
            history.push("all sessions dropped".to_owned());
        }
        quiet(&simulator, &memory, round).await;
        compare(&memory, &truth, &format!("seed {seed}, round {round}, after {history:#?}")).await;
    }
    let cache = memory.cache();
    assert!(cache["hits"].as_u64() > cache["misses"].as_u64(), "{cache}");
    memory.stop().await;
    truth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_says_what_vsphere_says() {
    for seed in [1, 20_260_101] {
        model(seed).await;
    }
}
