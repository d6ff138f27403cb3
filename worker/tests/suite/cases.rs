//! The cases below `tests/methods/`: a request, its reply, and what each helper prints of it.
//!
//! Each case runs against the inventory in memory and against the simulator, and gives the same texts. A case that needs an
//! object only one of them has says so: `"only": "memory"`. After a wanted change, `UPDATE_CASES=1` writes what is printed now
//! into the files; read the difference before committing it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_wire::{Outcome, split_outcome};
use vpoller_worker::config::Cache;
use vpoller_worker::helpers::HELPERS;
use vpoller_worker::inventory::Inventory;
use vpoller_worker::methods::METHODS;
use vpoller_worker::{Agents, Dispatcher, Registered, Step};

use crate::memory::Memory;
use crate::snapshot::{Followed, quick};

pub const HOST: &str = "vc01.example.org";

struct Case {
    path: PathBuf,
    content: Json,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/methods")
}

/// Every case by the folder it lies in, which is the name of a method.
fn cases() -> Vec<(String, Case)> {
    let mut found = Vec::new();
    for method in fs::read_dir(folder()).unwrap() {
        let method = method.unwrap().path();
        let name = method.file_name().unwrap().to_str().unwrap().to_owned();
        for path in fs::read_dir(&method).unwrap().map(|entry| entry.unwrap().path()) {
            let content = serde_json::from_slice(&fs::read(&path).unwrap());
            let content = content.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((name.clone(), Case { path, content }));
        }
    }
    found.sort_by(|a, b| a.1.path.cmp(&b.1.path));
    found
}

pub fn dispatcher(inventory: Arc<dyn Inventory>) -> Dispatcher {
    Dispatcher::new(Arc::new(Agents::new([(HOST.to_owned(), inventory)], 64)))
}

pub async fn answer(dispatcher: &Dispatcher, body: &[u8]) -> Vec<u8> {
    match dispatcher.dispatch(body) {
        Step::Now(bytes) => bytes,
        Step::Later(reply) => reply.await,
    }
}

/// The text that the helper prints, whether it is an answer, and a check that the outcome byte changes nothing else.
async fn printed(dispatcher: &Dispatcher, request: &Map<String, Json>, helper: &str) -> (String, &'static str) {
    let mut request = request.clone();
    request.insert("helper".to_owned(), json!(helper));
    let without = answer(dispatcher, Json::Object(request.clone()).to_string().as_bytes()).await;
    request.insert("outcome".to_owned(), json!(true));
    let with = answer(dispatcher, Json::Object(request).to_string().as_bytes()).await;
    let (text, outcome) = split_outcome(&with);
    assert_eq!(text, without.strip_suffix(b"\0").unwrap_or(&without), "{helper}: the outcome byte changed the text");
    let word = if outcome == Outcome::Value { "value" } else { "failure" };
    (String::from_utf8(without).unwrap(), word)
}

/// What the request yields: its plain reply, and each helper's outcome and text.
async fn observe(dispatcher: &Dispatcher, request: &Json) -> Json {
    let request = request.as_object().unwrap();
    let plain = answer(dispatcher, Json::Object(request.clone()).to_string().as_bytes()).await;
    let mut helpers = Map::new();
    for helper in HELPERS {
        let (text, outcome) = printed(dispatcher, request, helper.name()).await;
        helpers.insert(helper.name().to_owned(), json!([outcome, text]));
    }
    json!({"reply": serde_json::from_slice::<Json>(&plain).unwrap(), "helpers": helpers})
}

/// Two vSphere hosts number their objects differently: `vim.HostSystem:host-23` becomes `vim.HostSystem:host-N`.
fn without_numbers(json: &Json) -> Json {
    let text = json.to_string();
    let mut parts = text.split("vim.");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && !".:-".contains(c)).unwrap_or(part.len());
        let (reference, rest) = part.split_at(end);
        let id = reference.rsplit_once('-').filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()));
        out += &format!("vim.{}{rest}", id.map_or_else(|| reference.to_owned(), |(prefix, _)| format!("{prefix}-N")));
    }
    serde_json::from_str(&out).unwrap()
}

async fn check(name: &str, dispatcher: &Dispatcher) {
    let mut wrong = Vec::new();
    for (_, mut case) in cases() {
        if case.content.get("only").is_some_and(|only| only != name) {
            continue;
        }
        let seen = observe(dispatcher, &case.content["request"]).await;
        let expected = json!({"reply": case.content["reply"], "helpers": case.content["helpers"]});
        if without_numbers(&seen) == without_numbers(&expected) {
            continue;
        }
        if std::env::var_os("UPDATE_CASES").is_some() && name == "memory" {
            case.content.as_object_mut().unwrap().extend(seen.as_object().unwrap().clone());
            fs::write(&case.path, serde_json::to_string_pretty(&case.content).unwrap() + "\n").unwrap();
        }
        wrong.push(format!("{} ({name}):\nexpected {expected}\n     got {seen}", case.path.display()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn cases_hold_in_memory() {
    check("memory", &dispatcher(Arc::new(Memory::documents()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_at_the_simulator() {
    let simulator = Simulator::start(&SimOptions::default());
    let agents = Arc::new(Agents::new([(HOST.to_owned(), registered(&simulator).inventory(&direct()))], 64));
    check("simulator", &Dispatcher::new(Arc::clone(&agents))).await;
    agents.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_for_what_is_followed() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    // The second time much of it comes from memory, the third time all that ever does.
    for _ in 0..3 {
        check("simulator", &followed.dispatcher).await;
        followed.until("learned paths to be watched", |cache| !cache["paths"].to_string().contains("\"wanted\"")).await;
    }
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_esxi_host_is_served_too() {
    let simulator = Simulator::start(&SimOptions { esx: true, ..SimOptions::default() });
    let agents = Arc::new(Agents::new([(HOST.to_owned(), registered(&simulator).inventory(&direct()))], 64));
    let dispatcher = Dispatcher::new(Arc::clone(&agents));
    for (method, name, result) in [
        ("host.discover", None, json!([{"name": "esxi-standalone.example.org"}])),
        ("vm.discover", None, json!([{"name": "esxi-vm01"}, {"name": "esxi-vm02"}])),
        ("cluster.discover", None, json!([])),
        ("host.vm.get", Some("esxi-standalone.example.org"), json!([{"name": "esxi-vm01"}, {"name": "esxi-vm02"}])),
        ("vm.host.get", Some("esxi-vm01"), json!([{"name": "esxi-vm01", "host": "esxi-standalone.example.org"}])),
    ] {
        let request = json!({"method": method, "hostname": HOST, "name": name});
        let reply: Json = serde_json::from_slice(&answer(&dispatcher, request.to_string().as_bytes()).await).unwrap();
        assert_eq!(reply["result"], result, "{method}: {reply}");
    }
    agents.stop().await;
}

/// No answer from memory.
pub fn direct() -> Cache {
    Cache { enabled: false, ..Cache::default() }
}

/// The simulator under the name of the documents.
pub fn registered(simulator: &Simulator) -> Registered {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    config.address = Some(simulator.address());
    config.tls = Tls::Off;
    Registered::new(HOST, config)
}

#[test]
fn every_method_and_older_name_has_a_case_and_every_case_a_method() {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (folder, case) in cases() {
        let method = case.content["request"]["method"].as_str().unwrap().to_owned();
        asked.entry(folder).or_default().insert(method);
    }
    for method in METHODS {
        let asked = asked.remove(method.name).unwrap_or_default();
        let names = [&[method.name], method.aliases].concat();
        for name in &names {
            assert!(asked.contains(*name), "no case below tests/methods/{} asks for {name}", method.name);
        }
        assert!(asked.iter().all(|name| names.contains(&name.as_str())), "{}: foreign case", method.name);
    }
    assert!(asked.is_empty(), "cases of no method: {asked:?}");
}

#[test]
fn every_case_says_what_every_helper_prints() {
    for (_, case) in cases() {
        let expected: BTreeSet<&str> = HELPERS.iter().map(|helper| helper.name()).collect();
        let given: BTreeSet<&str> = case.content["helpers"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(given, expected, "{}", case.path.display());
    }
}

#[test]
fn numbers_of_objects_are_not_compared() {
    let seen =
        without_numbers(&json!(["vim.HostSystem:host-23", "vim.dvs.DistributedVirtualPortgroup:dvportgroup-1 x", "host-5"]));
    assert_eq!(seen, json!(["vim.HostSystem:host-N", "vim.dvs.DistributedVirtualPortgroup:dvportgroup-N x", "host-5"]));
}
