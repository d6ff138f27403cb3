//! What one bad request or one bad vSphere host may cost: itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use vpoller_inventory::{Inventory, Kind, ObjectName, Performance, ReadError, Row, Services};
use vpoller_vsphere::{MoRef, Struct};
use vpoller_worker::{Dispatcher, Executors, Step};

use crate::support::host::answer;
use crate::support::inventory::MemoryInventory;

/// A vSphere host that answers `about` like any other and misbehaves when objects are listed.
struct Odd {
    memory: MemoryInventory,
    mood: Mood,
    logins: AtomicUsize,
}

enum Mood {
    Hangs,
    Panics,
    Fails(&'static str),
    /// The first login panics, the second fails, the third succeeds.
    LogsInAtLast,
}

fn odd(mood: Mood) -> Arc<dyn Inventory> {
    Arc::new(Odd { memory: MemoryInventory::documents(), mood, logins: AtomicUsize::new(0) })
}

impl Inventory for Odd {
    fn find<'a>(&'a self, kind: Kind, wanted: &'a ObjectName) -> BoxFuture<'a, Result<Vec<MoRef>, ReadError>> {
        self.memory.find(kind, wanted)
    }

    fn list<'a>(&'a self, kind: Kind, paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        match self.mood {
            Mood::Hangs => Box::pin(std::future::pending()),
            Mood::Panics => Box::pin(async { panic!("no such luck") }),
            Mood::Fails(text) => Box::pin(async move { Err(ReadError::new(text)) }),
            Mood::LogsInAtLast => self.memory.list(kind, paths),
        }
    }

    fn read<'a>(&'a self, objects: &'a [MoRef], paths: &'a [&'a str]) -> BoxFuture<'a, Result<Vec<Row>, ReadError>> {
        self.memory.read(objects, paths)
    }

    fn about(&self) -> BoxFuture<'_, Result<Struct, ReadError>> {
        self.memory.about()
    }

    fn services(&self) -> &dyn Services {
        self.memory.services()
    }

    fn performance(&self) -> &dyn Performance {
        self.memory.performance()
    }

    fn connect(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        let attempt = self.logins.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            match (&self.mood, attempt) {
                (Mood::LogsInAtLast, 0) => panic!("an unlucky login"),
                (Mood::LogsInAtLast, 1) => Err(ReadError::new("connection refused")),
                _ => Ok(()),
            }
        })
    }
}

fn executors(hosts: Vec<(&str, Arc<dyn Inventory>)>, capacity: usize) -> Arc<Executors> {
    Arc::new(Executors::new(hosts.into_iter().map(|(host, inventory)| (host.to_owned(), inventory)), capacity))
}

fn one(mood: Mood) -> (Arc<Executors>, Dispatcher) {
    let executors = executors(vec![("vc01", odd(mood))], 64);
    (Arc::clone(&executors), Dispatcher::new(executors))
}

async fn ask(dispatcher: &Dispatcher, request: Json) -> Json {
    serde_json::from_slice(&answer(dispatcher, request.to_string().as_bytes()).await).unwrap()
}

fn discover(host: &str) -> Json {
    json!({"method": "vm.discover", "hostname": host})
}

#[tokio::test]
async fn a_panic_costs_its_own_request() {
    let (executors, dispatcher) = one(Mood::Panics);
    let reply = ask(&dispatcher, discover("vc01")).await;
    assert_eq!(reply, json!({"success": 1, "msg": "Task vm.discover failed", "traceback": "no such luck"}));
    let about = ask(&dispatcher, json!({"method": "about", "hostname": "vc01"})).await;
    assert_eq!(about["success"], 0);
    assert_eq!(executors.status()[0]["in_work"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_before_its_client_gives_up() {
    let (executors, dispatcher) = one(Mood::Hangs);
    let start = tokio::time::Instant::now();
    let reply = ask(&dispatcher, json!({"method": "vm.discover", "hostname": "vc01", "timeout": 3000})).await;
    assert_eq!(reply, json!({"success": 1, "msg": "vc01 did not answer within 2.85 s"}));
    assert_eq!(start.elapsed(), Duration::from_millis(2850));
    let reply = ask(&dispatcher, discover("vc01")).await;
    assert_eq!(reply["msg"], "vc01 did not answer within 9.5 s");
    assert_eq!((executors.status()[0]["timeouts"].clone(), executors.status()[0]["in_work"].clone()), (json!(2), json!(0)));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_does_not_answer_keeps_nobody_else_waiting() {
    let healthy: Arc<dyn Inventory> = Arc::new(MemoryInventory::documents());
    let dispatcher = Dispatcher::new(executors(vec![("dead", odd(Mood::Hangs)), ("vc01", healthy)], 200));
    let (done, mut order) = mpsc::unbounded_channel();
    for host in ["dead", "dead", "dead", "vc01", "vc01"] {
        let (dispatcher, done) = (dispatcher.clone(), done.clone());
        tokio::spawn(async move {
            ask(&dispatcher, discover(host)).await;
            done.send(host).unwrap();
        });
    }
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(order.recv().await.unwrap());
    }
    assert_eq!(seen, ["vc01", "vc01", "dead", "dead", "dead"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_host_refuses_and_others_do_not() {
    let healthy: Arc<dyn Inventory> = Arc::new(MemoryInventory::documents());
    let executors = executors(vec![("dead", odd(Mood::Hangs)), ("vc01", healthy)], 40);
    let dispatcher = Dispatcher::new(Arc::clone(&executors));
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let dispatcher = dispatcher.clone();
        waiting.push(tokio::spawn(async move { ask(&dispatcher, discover("dead")).await }));
        tokio::task::yield_now().await;
    }
    let refused = ask(&dispatcher, discover("dead")).await;
    assert_eq!(refused["msg"], "Too many requests for dead: 20 are waiting already; try again later");
    assert_eq!(ask(&dispatcher, discover("vc01")).await["success"], 0);
    for request in waiting {
        assert_eq!(request.await.unwrap()["msg"], "dead did not answer within 9.5 s");
    }
    assert_eq!(executors.status()[0]["in_work"], 0, "places are given back");
}

#[test]
fn hosts_that_stay_get_their_share_anew() {
    let executors = executors(vec![("vc01", odd(Mood::Hangs))], 96);
    let limits = |executors: &Executors| -> Vec<_> {
        executors.status().as_array().unwrap().iter().map(|agent| agent["limit"].as_u64().unwrap()).collect()
    };
    assert_eq!(limits(&executors), [96]);
    executors.exchange(["vc02", "vc03"].map(|host| (host.to_owned(), odd(Mood::Hangs))), |host| host == "vc01");
    assert_eq!(limits(&executors), [32, 32, 32]);
    executors.exchange([], |host| host == "vc03");
    assert_eq!(limits(&executors), [96]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_survives_panics_and_failed_logins() {
    let (executors, _) = one(Mood::LogsInAtLast);
    executors.hosts().start(&Handle::current());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(executors.status()[0]["state"], "idle", "nobody wanted it yet");
    executors.hosts().want(&["vc01".to_owned(), "vc99".to_owned()]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let status = &executors.status()[0];
    assert_eq!((status["state"].as_str(), status["restarts"].as_u64()), (Some("connected"), Some(1)));
    assert_eq!(status["last_error"], "connection refused");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_with_its_cause() {
    let (_, dispatcher) = one(Mood::Fails("NoPermission (privilege System.Read)"));
    let reply = ask(&dispatcher, discover("vc01")).await;
    assert_eq!(reply["msg"], "Cannot collect properties: NoPermission (privilege System.Read)");
}

#[tokio::test]
async fn a_relation_that_is_unset_is_said_to_be_missing() {
    let inventory: Arc<dyn Inventory> = Arc::new(MemoryInventory::documents().without("runtime.host").without("network"));
    let dispatcher = Dispatcher::new(executors(vec![("vc01", inventory)], 64));
    // Relations of every shape, and the one that computes.
    for method in ["vm.host.get", "vm.net.get", "vm.cpu.usage.percent"] {
        let reply = ask(&dispatcher, json!({"method": method, "hostname": "vc01", "name": "vm01.example.org"})).await;
        assert_eq!(reply["msg"], "Unable to retrieve required properties", "{method}");
    }
}

#[tokio::test]
async fn requests_are_checked_in_the_documented_order() {
    let dispatcher = Dispatcher::new(executors(vec![("vc01", Arc::new(MemoryInventory::documents()))], 64));
    for (body, msg) in [
        ("nonsense", "Invalid message received"),
        ("", "Invalid message received"),
        ("[1]", "Expected a JSON message, received list"),
        ("\"x\"", "Expected a JSON message, received string"),
        ("12", "Expected a JSON message, received number"),
        ("true", "Expected a JSON message, received boolean"),
        ("null", "Expected a JSON message, received null"),
        ("{}", "Unknown or missing task/method name"),
        (r#"{"method": null}"#, "Unknown or missing task/method name"),
        (r#"{"method": ["vm.get"]}"#, "Unknown or missing task/method name"),
        (r#"{"method": "vm.nothing", "hostname": "vc99"}"#, "Unknown or missing task/method name"),
        (r#"{"method": "vm.get"}"#, "Unknown or missing agent name"),
        (r#"{"method": "vm.get", "hostname": "VC01"}"#, "Unknown or missing agent name"),
        (r#"{"method": "vm.get", "hostname": "vc01"}"#, "Invalid task request"),
        (r#"{"method": "vm.get", "hostname": "vc01", "name": null, "properties": null}"#, "Cannot find object None"),
        (r#"{"method": "vm.get", "hostname": "vc01", "name": "x", "properties": {}}"#, "Invalid task request"),
    ] {
        let reply: Json = serde_json::from_slice(&answer(&dispatcher, body.as_bytes()).await).unwrap();
        assert_eq!(reply, json!({"success": 1, "msg": msg}), "{body}");
    }
}

#[tokio::test]
async fn helpers_print_what_was_refused_too() {
    let dispatcher = Dispatcher::new(executors(vec![("vc01", Arc::new(MemoryInventory::documents()))], 64));
    let refused = async |method: &str, helper: &str, outcome: bool| {
        let request = json!({"method": method, "hostname": "vc99", "helper": helper, "outcome": outcome});
        answer(&dispatcher, request.to_string().as_bytes()).await
    };
    assert_eq!(refused("vm.get", "vpoller.helpers.zabbix", false).await, b"Unknown or missing agent name");
    assert_eq!(refused("vm.get", "vpoller.helpers.czabbix", true).await, b"Unknown or missing agent name\0\x01");
    assert_eq!(refused("nothing", "vpoller.helpers.zabbix", true).await, b"Unknown or missing task/method name\0\x01");
    // A helper that does not exist: the plain reply, and a line in the log.
    let plain = br#"{"success": 1, "msg": "Unknown or missing agent name"}"#;
    assert_eq!(refused("vm.get", "vpoller.helpers.mine", false).await, plain);
}

#[tokio::test]
async fn a_body_larger_than_any_request_is_refused_unread() {
    let dispatcher = Dispatcher::new(executors(vec![], 64));
    let Step::Now(reply) = dispatcher.dispatch(&vec![b' '; vpoller_worker::LARGEST_REQUEST + 1]) else {
        panic!("must be refused at once")
    };
    let text = String::from_utf8(reply).unwrap();
    assert!(text.contains("Invalid message received: 16777217 bytes are more than the 16777216"), "{text}");
}

/// Text that is nearly a request.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec!["method", "hostname", "name", "properties", "helper", "key", "vm.get", "vc01", "about"]);
    let value = prop_oneof![
        word.clone().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        Just(Json::Null),
        ".{0,8}".prop_map(Json::from),
        prop::collection::vec(".{0,4}", 0..3).prop_map(Json::from),
    ];
    let object = prop::collection::vec((word, value), 0..6);
    let text = object.prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Json>());
    prop_oneof![text.prop_map(|json| json.to_string().into_bytes()), prop::collection::vec(any::<u8>(), 0..100)]
}

proptest! {
    #[test]
    fn any_bytes_get_a_reply(body in nearly()) {
        let dispatcher = Dispatcher::new(executors(vec![("vc01", Arc::new(MemoryInventory::documents()))], 64));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let reply = runtime.block_on(answer(&dispatcher, &body));
        let reply: Json = serde_json::from_slice(&reply).unwrap();
        prop_assert!(reply["success"].is_u64() && reply["msg"].is_string());
        prop_assert!(!reply["msg"].as_str().unwrap().starts_with("Task "), "a panic: {}", reply);
    }
}
