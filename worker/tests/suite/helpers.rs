//! A helper of the user's own, in a real worker.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};
use vpoller_testkit::process::run;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, SimOptions, Simulator, wait_until};

use crate::support::proxies::PlainProxy;
use crate::support::worker::{Home, program};

/// Prints the names in a result, or the reason why there is none. Sleeps when it is told to.
const SCRIPT: &str = r#"#!/usr/bin/python3
import json, os, sys, time
message = json.load(sys.stdin)
request, reply = message["request"], message["reply"]
assert "p4ssw0rd" not in json.dumps(message) and "username" not in request and "VPOLLER_TEST_SECRET" not in os.environ
if request.get("key") == "sleep":
    time.sleep(1000)
if request.get("key") == "fail":
    sys.exit("no such luck")
if reply["success"] == 0:
    print(sys.argv[1].join(row["name"] for row in reply["result"]))
else:
    print("ERROR " + reply["msg"])
"#;

fn configured(proxy: &PlainProxy) -> Home {
    let home = Home::new(&proxy.backend);
    let script = home.path("names");
    fs::write(&script, SCRIPT).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let section = format!("[helper:example.names]\ncommand = {script} ' + '\ntimeout = 10\nat_once = 2");
    home.configure(&proxy.backend, &format!("helpers = vpoller.helpers.zabbix, example.names\n{section}"));
    home
}

#[test]
fn prints_what_the_worker_answers() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = configured(&proxy);
    let host = home.register(simulator.address());
    let mut worker = home.start(1);
    assert!(worker.stderr().contains("INFO/VPollerWorker-1] Loading helper module example.names"), "{}", worker.stderr());
    let mut client = Client::new(&proxy.frontend);
    let mut ask = |members: Json| {
        let mut request = json!({"hostname": host, "helper": "example.names"});
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        String::from_utf8(client.exchange(request.to_string().as_bytes(), SOON).unwrap()).unwrap()
    };
    assert_eq!(ask(json!({"method": "datacenter.discover"})), "datacenter01 + datacenter02");
    let account = json!({"method": "vm.process.get", "name": "vm02.example.org", "username": "root", "password": "p4ssw0rd"});
    assert_eq!(ask(account), "ERROR vm02.example.org is not running VMware Tools");
    // Also what was never taken on, and with the outcome that the reply has.
    assert_eq!(ask(json!({"method": "nothing", "outcome": true})), "ERROR Unknown or missing task/method name\0\u{1}");
    assert_eq!(ask(json!({"method": "cluster.discover", "outcome": true})), "cluster01\0\0");
    let failed = ask(json!({"method": "cluster.discover", "key": "fail"}));
    let expected = r#"{"success": 1, "msg": "Cannot send result: helper example.names failed (exit status: 1): no such luck"}"#;
    assert_eq!(failed, expected);
    // The client's time is the limit, and nobody else waits.
    let slow = ask(json!({"method": "cluster.discover", "key": "sleep", "timeout": 1000}));
    assert!(slow.contains("helper example.names did not end within 0.") && slow.contains("s and was stopped"), "{slow}");
    assert_eq!(
        ask(json!({"method": "cluster.discover", "helper": "vpoller.helpers.zabbix"})).find("cluster01").map(|_| ()),
        Some(())
    );
    assert_eq!(home.status()["external_helpers"], json!([{"name": "example.names", "running": 0, "runs": 6, "failures": 2}]));
    let children = format!("/proc/{0}/task/{0}/children", worker.id());
    wait_until(SOON, "the end of every command", || {
        let threads = fs::read_dir(format!("/proc/{}/task", worker.id())).unwrap();
        let left = threads.flatten().map(|thread| fs::read_to_string(thread.path().join("children")).unwrap_or_default());
        fs::metadata(&children).is_ok() && left.collect::<String>().trim().is_empty()
    });
    assert!(worker.is_running());
}

#[test]
fn more_than_may_run_wait_their_turn() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = configured(&proxy);
    let host = home.register(simulator.address());
    let _worker = home.start(1);
    let request = |key: &str| json!({"method": "cluster.discover", "hostname": host, "helper": "example.names", "key": key, "timeout": 8000});
    let sleeping: Vec<_> = (0..2)
        .map(|_| {
            let (mut client, body) = (Client::new(&proxy.frontend), request("sleep").to_string());
            std::thread::spawn(move || client.exchange(body.as_bytes(), SOON))
        })
        .collect();
    wait_until(SOON, "two commands at work", || home.status()["external_helpers"][0]["running"] == 2);
    let mut client = Client::new(&proxy.frontend);
    let mut short = request("");
    short["timeout"] = json!(500);
    let late = client.exchange(short.to_string().as_bytes(), SOON).unwrap();
    let late = String::from_utf8(late).unwrap();
    assert!(late.contains("helper example.names had no time left, with 2 of its kind running already"), "{late}");
    // Requests without it do not notice.
    assert_eq!(client.ask(&json!({"method": "cluster.discover", "hostname": host}), SOON)["success"], 0);
    assert!(sleeping.iter().all(|thread| !thread.is_finished()));
    for thread in sleeping {
        thread.join().unwrap();
    }
    assert_eq!(client.exchange(request("").to_string().as_bytes(), SOON).unwrap(), b"cluster01");
}

#[test]
fn is_there_for_a_single_request_in_place() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = configured(&proxy);
    let host = home.register(simulator.address());
    let mut command = program();
    command.args(["run", "-f", &home.path("vpoller.conf"), "-m", "datacenter.discover", "-V", &host, "-H", "example.names"]);
    command.env("VPOLLER_TEST_SECRET", "x");
    let done = run(command, SOON);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, "datacenter01 + datacenter02\n", ""));
}
