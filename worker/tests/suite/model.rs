//! The inventory and the account's rights change at random; whenever it is quiet, memory says what vSphere says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::CacheSettings;
use vpoller_testkit::wait::SOON;
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

/// What the account may lose the right to read: a property of a type, of all objects or of those at or below one. Without a path it
/// is all but name and parent. Some are learned, some always watched, some are what lists are computed from.
const DENIALS: [(&str, &str, &str); 18] = [
    ("VirtualMachine", "name", FOLDER),
    ("VirtualMachine", "parent", ""),
    ("VirtualMachine", "runtime.host", ""),
    ("VirtualMachine", "runtime.host", FOLDER),
    ("VirtualMachine", "datastore", FOLDER),
    ("VirtualMachine", "network", ""),
    ("VirtualMachine", "resourcePool", FOLDER),
    ("VirtualMachine", "runtime.powerState", FOLDER),
    ("VirtualMachine", "guest.hostName", ""),
    ("VirtualMachine", "summary.runtime", FOLDER),
    ("HostSystem", "", "a host"),
    ("HostSystem", "vm", ""),
    ("HostSystem", "vm", "a host"),
    ("HostSystem", "datastore", "a host"),
    ("HostSystem", "summary.quickStats.overallMemoryUsage", ""),
    ("Datastore", "summary.url", ""),
    ("Datastore", "summary.freeSpace", ""),
    ("ClusterComputeResource", "overallStatus", ""),
];
/// That of the machines in `datacenter01`.
const FOLDER: &str = "Folder:folder-3";

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

/// What a relation's reply says: the names in it, wherever they are, and what else is in the result; or why there is none.
fn listed(reply: &Json, estate: &Estate) -> Result<(BTreeSet<String>, Json), String> {
    if reply["success"] != 0 {
        return Err(reply.to_string());
    }
    let result = &reply["result"];
    let field = ["vm", "host"].into_iter().find(|field| result.get(field).is_some());
    let rows = field.map_or(result, |field| &result[field]);
    let is_whole = |row: &&Json| {
        let name = row["name"].as_str();
        !(name.is_none() && row.get("refused").is_none() || estate.half_made.values().any(|half| name == Some(half.as_str())))
    };
    let names = rows.as_array().unwrap().iter().filter(is_whole).map(ToString::to_string).collect();
    let mut rest = result.clone();
    field.and_then(|field| rest.as_object_mut()?.remove(field));
    Ok((names, if field.is_some() { rest } else { Json::Null }))
}

/// Whether a host's list of machines is refused by itself, and memory has it from the machines, each of which tells its host.
async fn is_from_the_machines(truth: &Followed, ours: &Json, theirs: &Json, host: &Json) -> bool {
    let is_refused = theirs["msg"].as_str().is_some_and(|text| text.contains("(property vm) (object vim.HostSystem:"));
    if !is_refused || ours["success"] != 0 {
        return false;
    }
    let machines = result(truth, "vm.discover", None, &["runtime.host"]).await;
    let host = json!(format!("vim.HostSystem:{}", host["moid"].as_str().unwrap()));
    let runs = |row: &&Json| row["runtime.host"] == host;
    let names = |rows: &mut dyn Iterator<Item = &Json>| {
        let mut names: Vec<String> = rows.map(|row| row["name"].to_string()).collect();
        names.sort();
        names
    };
    let listed = names(&mut ours["result"].as_array().unwrap().iter());
    listed == names(&mut machines.as_array().unwrap().iter().filter(runs))
}

/// Says where memory and vSphere differ.
async fn difference(memory: &Followed, truth: &Followed, estate: &Estate) -> Option<String> {
    for (method, paths) in TYPES {
        let (ours, theirs) = (result(memory, method, None, paths).await, result(truth, method, None, paths).await);
        let (ours, mut theirs) = (by_id(&ours), by_id(&theirs));
        // What is half made is listed by a direct read only; nothing is known of it but that.
        theirs.retain(|id, _| !estate.half_made.contains_key(id));
        if ours != theirs {
            let differs = |id: &&String| ours.get(*id) != theirs.get(*id);
            let id = ours.keys().chain(theirs.keys()).find(differs).unwrap();
            return Some(format!("{method} of {id}: {:?}, not {:?}", ours.get(id), theirs.get(id)));
        }
    }
    for (method, relation) in RELATIONS {
        for row in result(truth, method, None, &["moid"]).await.as_array().unwrap() {
            let name = format!("moid:{}", row["moid"].as_str().unwrap());
            let (ours, theirs) = (memory.ask(relation, Some(&name), &[]).await, truth.ask(relation, Some(&name), &[]).await);
            if listed(&ours, estate) != listed(&theirs, estate) && !is_from_the_machines(truth, &ours, &theirs, row).await {
                return Some(format!("{relation} of {row}: {ours}, not {theirs}"));
            }
        }
    }
    for row in result(truth, "vm.discover", None, &["moid"]).await.as_array().unwrap() {
        let moid = row["moid"].as_str().unwrap();
        let by_moid = format!("moid:{moid}");
        for name in [row["name"].as_str(), Some(&by_moid)].into_iter().flatten().filter(|_| !estate.half_made.contains_key(moid))
        {
            let paths = ["config.uuid", "parent"];
            let (ours, theirs) = (memory.ask("vm.get", Some(name), &paths).await, truth.ask("vm.get", Some(name), &paths).await);
            if ours != theirs {
                return Some(format!("vm.get of {name}: {ours}, not {theirs}"));
            }
        }
    }
    None
}

/// Compares everything; `context` says after what.
async fn compare(memory: &Followed, truth: &Followed, estate: &Estate, context: &str) {
    if let Some(difference) = difference(memory, truth, estate).await {
        panic!("{context}: {difference}");
    }
}

/// Waits until memory has a change that was made after all others: vSphere tells states, so it has those as well.
async fn quiet(simulator: &Simulator, memory: &Followed, template: &str, number: usize) {
    // Always watched, so that this is no answer of vSphere's own.
    let path = "config.instanceUuid";
    let marker = json!(format!("00000000-0000-0000-0000-{number:012}"));
    simulator.set("VirtualMachine", "template01", path, &marker);
    let template = format!("moid:{template}");
    memory.until_answered("vm.get", Some(&template), &[path], |reply| reply["result"][0][path] == marker).await;
}

/// What changes.
#[derive(Default)]
struct Estate {
    vms: Vec<String>,
    hosts: Vec<String>,
    /// Machines that entered without values, or with a name alone, with that name.
    half_made: BTreeMap<String, String>,
    /// What may not be read, as it was denied.
    denied: Vec<Json>,
    made: usize,
}

/// Has vSphere report all of an object; it has no half values from then on.
fn announce(simulator: &Simulator, kind: &str, moid: &str) {
    simulator.page("POST", "/mask", &json!({"type": kind, "moid": moid}).to_string());
}

impl Estate {
    /// Has the account lose a right, or get one back. vSphere reports what it means for the objects.
    async fn turn_rights(&mut self, simulator: &Simulator, truth: &Followed, random: &mut Random) -> String {
        let body = if self.denied.len() > 3 || (!self.denied.is_empty() && random.below(2) == 0) {
            let mut body = self.denied.swap_remove(random.below(self.denied.len()));
            body["privilege"] = json!("");
            body
        } else {
            let (kind, path, below) = *random.of(&DENIALS);
            let host = format!("HostSystem:{}", random.of(&self.hosts));
            let below = if below == "a host" { &host } else { below };
            let privilege = *random.of(&["System.Read", "System.View"]);
            let body = json!({"type": kind, "path": path, "below": below, "privilege": privilege});
            self.denied.push(body.clone());
            body
        };
        simulator.page("POST", "/deny", &body.to_string());
        let kind = body["type"].as_str().unwrap();
        let (_, method) = [
            ("VirtualMachine", "vm.discover"),
            ("HostSystem", "host.discover"),
            ("Datastore", "datastore.discover"),
            ("ClusterComputeResource", "cluster.discover"),
        ]
        .into_iter()
        .find(|(own, _)| *own == kind)
        .unwrap();
        for moid in by_id(&result(truth, method, None, &["moid"]).await).keys().filter(|moid| !self.half_made.contains_key(*moid))
        {
            announce(simulator, kind, moid);
        }
        format!("rights {body}")
    }

    /// A machine that enters half made, or one that becomes whole or goes.
    fn turn_half(&mut self, simulator: &Simulator, random: &mut Random) -> String {
        let known = self.half_made.keys().nth(random.below(self.half_made.len().max(1))).cloned();
        match (random.below(3), known) {
            (0, Some(moid)) => {
                self.half_made.remove(&moid);
                announce(simulator, "VirtualMachine", &moid);
                self.vms.push(moid.clone());
                format!("{moid} is whole")
            }
            (1, Some(moid)) => {
                self.half_made.remove(&moid);
                simulator.page("POST", "/vm/destroy", &json!({"moid": moid}).to_string());
                format!("{moid}, half made, goes")
            }
            _ => {
                self.made += 1;
                let only = random.of(&[json!([]), json!(["name"])]).clone();
                let name = format!("half-{}", self.made);
                let body = json!({"name": name, "only": only});
                let moid = simulator.page("POST", "/vm/create", &body.to_string())["moid"].as_str().unwrap().to_owned();
                self.half_made.insert(moid.clone(), name);
                format!("{moid} is made with {only}")
            }
        }
    }

    /// A machine that views list and reads do not find, while everything is listed; it comes back or is gone.
    async fn turn_vanishing(
        &mut self,
        simulator: &Simulator,
        memory: &Followed,
        truth: &Followed,
        random: &mut Random,
    ) -> String {
        let vm = random.of(&self.vms).clone();
        simulator.page("POST", "/vanish", &json!({"type": "VirtualMachine", "moid": vm}).to_string());
        let (method, paths) = TYPES[0];
        // Memory need not have heard of the last changes; the listing succeeds all the same.
        result(memory, method, None, paths).await;
        let listed = by_id(&result(truth, method, None, paths).await);
        let lost: Vec<&String> = self.vms.iter().filter(|other| **other != vm && !listed.contains_key(*other)).collect();
        assert!(lost.is_empty() && !listed.contains_key(&vm), "{vm} vanished, and so did {lost:?}");
        simulator.page("POST", "/vanish", &json!({"type": "VirtualMachine", "moid": vm, "back": true}).to_string());
        if random.below(2) == 0 && self.vms.len() > 10 {
            simulator.page("POST", "/vm/destroy", &json!({"moid": vm}).to_string());
            self.vms.retain(|kept| *kept != vm);
            return format!("{vm} vanishes");
        }
        format!("{vm} vanishes for a moment")
    }

    /// One change of the inventory, whatever comes.
    fn turn(&mut self, simulator: &Simulator, random: &mut Random) -> String {
        let set = |kind: &str, moid: &str, path: &str, value: Json| {
            simulator.page("POST", "/set", &json!({"type": kind, "moid": moid, "path": path, "value": value}).to_string());
            format!("{kind} {moid} {path} = {value}")
        };
        let vm = random.of(&self.vms).clone();
        let host = random.of(&self.hosts).clone();
        match random.below(14) {
            0 if self.vms.len() < 60 => {
                self.made += 1;
                let name = format!("made-{}", self.made);
                let created = simulator.page("POST", "/vm/create", &json!({"name": name}).to_string());
                self.vms.push(created["moid"].as_str().unwrap().to_owned());
                format!("create {name}")
            }
            1 if self.vms.len() > 10 => {
                simulator.page("POST", "/vm/destroy", &json!({"moid": vm}).to_string());
                self.vms.retain(|kept| *kept != vm);
                format!("destroy {vm}")
            }
            2 => {
                self.made += 1;
                set("VirtualMachine", &vm, "name", json!(format!("renamed-{}", self.made)))
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
}

async fn model(seed: u64) {
    let simulator = Simulator::start(&SimOptions { vms: 20, ..SimOptions::default() });
    // A refusal is believed for so long where vSphere does not report that the right is back.
    let settings = CacheSettings { max_stale: Duration::from_secs(4), ..quick() };
    let memory = Followed::start(&registered(&simulator), settings).await;
    let truth = Followed::start(&registered(&simulator), direct()).await;
    let all = by_id(&result(&truth, "vm.discover", None, &["moid"]).await);
    let named = |starts: &str| {
        let is_so = |(_, row): &(&String, &Json)| row["name"].as_str().unwrap().starts_with(starts);
        all.iter().filter(is_so).map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    let hosts = by_id(&result(&truth, "host.discover", None, &["moid"]).await).into_keys().collect();
    let mut estate = Estate { vms: named("vm-0"), hosts, ..Estate::default() };
    let template = named("template01").remove(0);
    let mut random = Random(seed);
    let rounds = 12;
    for round in 0..rounds {
        let mut history = Vec::new();
        for _ in 0..1 + random.below(25) {
            history.push(match random.below(16) {
                0 => estate.turn_rights(&simulator, &truth, &mut random).await,
                1 => estate.turn_half(&simulator, &mut random),
                2 => estate.turn_vanishing(&simulator, &memory, &truth, &mut random).await,
                _ => estate.turn(&simulator, &mut random),
            });
        }
        if round % 5 == 4 {
            simulator.drop_sessions();
            history.push("all sessions dropped".to_owned());
        }
        quiet(&simulator, &memory, &template, round).await;
        compare(&memory, &truth, &estate, &format!("seed {seed}, round {round}, after {history:#?}")).await;
    }
    // All rights come back, and vSphere does not report it.
    for mut body in std::mem::take(&mut estate.denied) {
        body["privilege"] = json!("");
        simulator.page("POST", "/deny", &body.to_string());
    }
    let end = tokio::time::Instant::now() + SOON;
    while let Some(difference) = difference(&memory, &truth, &estate).await {
        assert!(tokio::time::Instant::now() < end, "seed {seed}, with all rights: {difference}");
    }
    let cache = memory.cache();
    assert!(cache["hits"].as_u64() > cache["misses"].as_u64(), "{cache}");
    memory.stop().await;
    truth.stop().await;
}

/// Another number of seeds than the usual two.
const SEEDS: &str = "VPOLLER_MODEL_SEEDS";
/// Each waits more than it works.
const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn memory_says_what_vsphere_says() {
    let seeds = std::env::var(SEEDS).ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    let mut seeds = [1, 20_260_101].into_iter().chain(2..).take(seeds);
    let mut running = tokio::task::JoinSet::new();
    seeds.by_ref().take(AT_ONCE).for_each(|seed| drop(running.spawn(model(seed))));
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
        seeds.by_ref().take(1).for_each(|seed| drop(running.spawn(model(seed))));
    }
}
