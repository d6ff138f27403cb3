//! The cases below `tests/methods/`: a request, its reply, and what the helpers print of it.
//!
//! A case keeps the texts that follow from nothing else: those of [`KEPT`]. What the other helpers print follows from the reply or
//! from a kept text, and [`derived`] says how, so a new helper needs a rule there and no change of a case.
//!
//! Each case runs against the inventory in memory and against the simulator, and gives the same texts. A case that needs an
//! object only one of them has says so: `"only": "memory"`. What has to be different from the fixtures is in `"state"`: pages of
//! the simulator and what is sent to them. After a wanted change, `UPDATE_CASES=1` writes what is printed now into the files;
//! read the difference before committing it. `cargo test -p vpoller-worker --test suite cases_hold -- --nocapture` prints how many
//! cases there are and how many hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use vpoller_inventory::CacheSettings;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_wire::{Outcome, split_outcome};
use vpoller_worker::Dispatcher;
use vpoller_worker::helpers::HELPERS;
use vpoller_worker::methods::METHODS;

use crate::support::host::{Followed, answer, direct, dispatcher, quick, registered};
use crate::support::inventory::MemoryInventory;

pub(crate) struct Case {
    path: PathBuf,
    pub content: Json,
}

impl Case {
    /// Pages of the simulator, each with what is sent to it before the case holds.
    fn state(&self) -> Vec<(&str, &Json)> {
        let steps = self.content.get("state").and_then(Json::as_array).into_iter().flatten();
        steps.map(|step| (step["page"].as_str().unwrap(), &step["body"])).collect()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/methods")
}

/// Every case by the folder it lies in, which is the name of a method.
pub(crate) fn cases() -> Vec<(String, Case)> {
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

/// The helpers whose texts stand in each case.
const KEPT: [&str; 2] = [ZABBIX, "vpoller.helpers.csvhelper"];
const ZABBIX: &str = "vpoller.helpers.zabbix";

/// What a case says: its reply, and the outcome and text of each helper.
fn expected(case: &Json) -> Json {
    let helpers = HELPERS.iter().map(|helper| {
        let kept = case["helpers"].get(helper.name()).cloned();
        (helper.name().to_owned(), kept.unwrap_or_else(|| derived(helper.name(), case)))
    });
    json!({"reply": case["reply"], "helpers": helpers.collect::<Map<_, _>>()})
}

/// The outcome and text of a helper that cases do not keep, by a rule that is independent of the helper's code.
fn derived(helper: &str, case: &Json) -> Json {
    let reply = &case["reply"];
    let succeeded = reply["success"] == 0;
    let zabbix = &case["helpers"][ZABBIX];
    let (outcome, text) = (&zabbix[0], zabbix[1].as_str().unwrap());
    match helper {
        "vpoller.helpers.czabbix" => json!([outcome, format!("{text}\0")]),
        "vpoller.helpers.cclient" => json!([if succeeded { "value" } else { "failure" }, for_c(&spaced(reply))]),
        // Without quotes, and null is nothing.
        "vpoller.helpers.zabbix.raw" if outcome == "value" => match serde_json::from_str(text).unwrap() {
            Json::String(bare) => json!([outcome, bare]),
            Json::Null => json!([outcome, ""]),
            _ => zabbix.clone(),
        },
        "vpoller.helpers.zabbix.raw" => zabbix.clone(),
        "vpoller.helpers.zabbix.json" if succeeded => json!(["value", spaced(&reply["result"])]),
        // The failure only says that there is nothing, which is an empty list to Zabbix.
        "vpoller.helpers.zabbix.json" if outcome == "value" => json!([outcome, "[]"]),
        "vpoller.helpers.zabbix.json" => json!(["failure", reply["msg"]]),
        other => panic!("{other} needs a rule here: what it prints of a reply"),
    }
}

/// JSON in one line as all parts of vPoller print it: a blank after each comma and colon.
fn spaced(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{}: {}", json!(name), spaced(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The reply as the helper of the C client prints it: in ASCII, ended by a NUL.
fn for_c(plain: &str) -> String {
    let unit = |unit: &u16| format!("\\u{unit:04x}");
    let one = |c: char| if c.is_ascii() { c.to_string() } else { c.encode_utf16(&mut [0; 2]).iter().map(unit).collect() };
    plain.chars().map(one).collect::<String>() + "\0"
}

/// What the request yields: its plain reply, and each helper's outcome and text. The plain reply's bytes are compared through
/// the text of the C client's helper, which has the same in ASCII.
async fn observe(dispatcher: &Dispatcher, request: &Json) -> Json {
    let request = request.as_object().unwrap();
    let plain = answer(dispatcher, Json::Object(request.clone()).to_string().as_bytes()).await;
    let mut helpers = Map::new();
    for helper in HELPERS {
        let (text, outcome) = printed(dispatcher, request, helper.name()).await;
        helpers.insert(helper.name().to_owned(), json!([outcome, text]));
    }
    let text = String::from_utf8(plain.clone()).unwrap();
    assert_eq!(helpers["vpoller.helpers.cclient"][1], for_c(&text), "{request:?}: the plain reply has other bytes");
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

/// What is wrong with a case, at the inventory of that name.
async fn check(name: &str, dispatcher: &Dispatcher, case: &Case) -> Option<String> {
    let seen = observe(dispatcher, &case.content["request"]).await;
    let expected = expected(&case.content);
    if without_numbers(&seen) == without_numbers(&expected) {
        return None;
    }
    if std::env::var_os("UPDATE_CASES").is_some() && (name == MEMORY || case.content["only"] == name) {
        let mut content = case.content.clone();
        content["reply"] = seen["reply"].clone();
        content["helpers"] = KEPT.iter().map(|name| ((*name).to_owned(), seen["helpers"][name].clone())).collect();
        fs::write(&case.path, serde_json::to_string_pretty(&content).unwrap() + "\n").unwrap();
    }
    Some(format!("{} ({name}):\nexpected {expected}\n     got {seen}", case.path.display()))
}

const MEMORY: &str = "memory";
const SIMULATOR: &str = "simulator";

/// The cases for the inventory of that name.
fn cases_for(name: &str) -> impl Iterator<Item = Case> {
    cases().into_iter().map(|(_, case)| case).filter(move |case| case.content.get("only").is_none_or(|only| only == name))
}

/// Prints the figures: a case is its plain reply and one text for each helper.
fn tell(inventory: &str, cases: usize, wrong: usize) {
    let texts = HELPERS.len() + 1;
    eprintln!("{inventory}: {} of {cases} cases hold, each {texts} texts byte by byte", cases - wrong);
}

#[tokio::test]
async fn cases_hold_in_memory() {
    let mut wrong = Vec::new();
    let cases: Vec<Case> = cases_for(MEMORY).collect();
    for case in &cases {
        let mut memory = MemoryInventory::documents();
        case.state().iter().for_each(|(page, body)| memory.change(page, body));
        wrong.extend(check(MEMORY, &dispatcher(Arc::new(memory)), case).await);
    }
    tell(MEMORY, cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_at_the_simulator() {
    at_the_simulator(&direct(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_hold_for_what_is_followed() {
    // The second time some paths are asked for again, the third time memory knows all that it ever does.
    at_the_simulator(&quick(), 3).await;
}

async fn at_the_simulator(cache: &CacheSettings, times: usize) {
    let (special, usual): (Vec<_>, Vec<_>) = cases_for(SIMULATOR).partition(|case| !case.state().is_empty());
    // Cases of the same state share a simulator.
    let mut groups: BTreeMap<String, Vec<Case>> = BTreeMap::from([(String::new(), usual)]);
    for case in special {
        groups.entry(case.content["state"].to_string()).or_default().push(case);
    }
    let count = groups.values().map(Vec::len).sum::<usize>() * times;
    let mut wrong = Vec::new();
    for group in groups.into_values() {
        let simulator = Simulator::start(&SimOptions::default());
        for (page, body) in group.first().map(Case::state).unwrap_or_default() {
            simulator.page("POST", page, &body.to_string());
        }
        let agent = Followed::start(&registered(&simulator), *cache).await;
        for _ in 0..times {
            for case in &group {
                wrong.extend(check(SIMULATOR, &agent.dispatcher, case).await);
            }
            agent.until("paths to be watched", |cache| !cache["paths"].to_string().contains("\"wanted\"")).await;
        }
        agent.stop().await;
    }
    tell(SIMULATOR, count, wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
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

/// What methods say when they fail, `{}` for what differs; texts that users match on.
const FAILURES: &[&str] = &[
    "Cannot find object None",
    "Cannot find object {}",
    "Cannot find object: {}",
    "Cannot collect properties: {}",
    "No permissions to view established sessions",
    "Unable to find guest disk {}",
    "{} is not running VMware Tools",
    "Need username and password for authentication in guest system {}",
    "Cannot get guest processes: {}",
    "Unable to retrieve required properties",
    "No snapshots found for: {}",
    "Host is not powered on, cannot get VSAN health state",
    "Host is not connected, cannot get VSAN health state",
    "Host is not powered on, cannot get performance metrics",
    "Host is not connected, cannot get performance metrics",
    "VM is not powered on, cannot get performance metrics",
    "VM is not connected, cannot get performance metrics",
    "Invalid message, cannot retrieve performance metrics",
    "No historical performance interval provided for entity {}",
    "Historical interval {} does not exists",
    "Historical interval with key {} does not exist",
    "Unknown performance counter requested",
    "Cannot retrieve performance metrics for {}: {}",
    "Cannot retrieve performance counters for {}: {}",
    "Cannot get performance counter info: {}",
];

#[test]
fn every_failure_has_a_case() {
    let cases = cases();
    let told: BTreeSet<&str> = cases.iter().filter_map(|(_, case)| case.content["reply"]["msg"].as_str()).collect();
    for text in FAILURES {
        let before = text.split("{}").next().unwrap();
        let after = text.rsplit("{}").next().unwrap();
        let is_told = told.iter().any(|msg| match text.contains("{}") {
            true => msg.len() > before.len() + after.len() && msg.starts_with(before) && msg.ends_with(after),
            false => msg == text,
        });
        assert!(is_told, "no case ends with {text}");
    }
}

#[test]
fn every_case_keeps_the_texts_that_follow_from_nothing_else() {
    for (_, case) in cases() {
        let kept: Vec<&str> = case.content["helpers"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(kept, KEPT, "{}", case.path.display());
    }
}

#[test]
fn numbers_of_objects_are_not_compared() {
    let seen =
        without_numbers(&json!(["vim.HostSystem:host-23", "vim.dvs.DistributedVirtualPortgroup:dvportgroup-1 x", "host-5"]));
    assert_eq!(seen, json!(["vim.HostSystem:host-N", "vim.dvs.DistributedVirtualPortgroup:dvportgroup-N x", "host-5"]));
}
