//! `vpoller-bench` against peers that play workers and proxy.

use std::collections::HashMap;
use std::thread::JoinHandle;

use serde_json::Value;
use vpoller_testkit::peer::{Peer, bind, stop_pair, wait};
use vpoller_wire::control::{Control, is_control};

use crate::program::run;

const PROGRAM: &str = "vpoller-bench";
const REQUEST: &str = r#"{"method": "vm.get", "hostname": "vc01", "name": "vm-{0-4}"}"#;

#[test]
fn sends_exactly_the_requests_it_was_told_to() {
    let peer = Peer::answering(r#"{"success": 0, "msg": "x", "result": []}"#);
    let other = r#"{"method": "about", "hostname": "vc01"}"#;
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "-r", other, "-c", "40", "-n", "4", "-w", "6", "--json"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (&report["clients"], &report["requests"]["count"], &report["requests"]["refused"]),
        (&4.into(), &40.into(), &0.into())
    );
    assert!(report["requests"]["latency_us"]["p50"].as_u64() <= report["requests"]["latency_us"]["max"].as_u64());
    assert!(report["echo"].is_null() && report["ratio"].is_null());

    let mut names = HashMap::new();
    for _ in 0..46 {
        *names.entry(peer.request()["name"].as_str().map(str::to_owned)).or_insert(0) += 1;
    }
    assert_eq!(peer.count(), 0);
    // 23 of each kind, of which 20 + 3 are in two runs that count from 0.
    assert_eq!(names.remove(&None), Some(23));
    let mut names: Vec<_> = names.into_iter().map(|(name, count)| (name.unwrap(), count)).collect();
    names.sort();
    assert_eq!(
        names,
        [("vm-0", 5), ("vm-1", 5), ("vm-2", 5), ("vm-3", 4), ("vm-4", 4)].map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn failures_are_counted_and_tell_in_the_exit_code() {
    let peer = Peer::answering("Cannot find object vm-0\0\x01");
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "-c", "5", "-n", "1", "-w", "0"]);
    assert_eq!(finished.code, 2);
    assert!(finished.stdout.contains("failed  0 without a reply, 5 refused"), "{}", finished.stdout);

    let peer = Peer::silent();
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "-c", "3", "-n", "3", "-w", "0", "-t", "50"]);
    assert_eq!(finished.code, 2);
    assert!(finished.stdout.contains("failed  3 without a reply, 0 refused"), "{}", finished.stdout);
}

#[test]
fn a_file_holds_one_request_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests");
    let path = file.to_str().unwrap();
    let peer = Peer::answering(r#"{"success": 0, "msg": "x", "result": []}"#);
    std::fs::write(&file, format!("{REQUEST}\n\n{REQUEST}\n")).unwrap();
    assert_eq!(run(PROGRAM, &["-e", &peer.endpoint, "-f", path, "-c", "4", "-w", "0"]).code, 0);
    assert_eq!(peer.request()["method"], "vm.get");

    for (text, part) in [(format!("{REQUEST}\nnonsense\n"), "line 2"), ("\n".to_owned(), "holds no request")] {
        std::fs::write(&file, text).unwrap();
        let finished = run(PROGRAM, &["-e", &peer.endpoint, "-f", path]);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
        assert!(finished.stderr.contains(part) && finished.stderr.lines().count() == 1, "{}", finished.stderr);
    }
}

#[test]
fn names_are_discovered_and_shares_kept() {
    let peer = Peer::answering(r#"{"success": 0, "msg": "x", "result": [{"name": "vm \"1\""}, {"name": "vm2"}, {"name": 3}]}"#);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mix");
    let get = r#"{"method": "vm.get", "hostname": "vc01", "name": "{vm.discover}"}"#;
    std::fs::write(&file, format!("# two to one\n2 {get}\n1 {{\"method\": \"about\", \"hostname\": \"vc01\"}}\n")).unwrap();
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-f", file.to_str().unwrap(), "-c", "12", "-n", "1", "-w", "0"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let discovery = peer.request();
    assert_eq!((&discovery["method"], &discovery["hostname"]), (&"vm.discover".into(), &"vc01".into()));
    let asked: Vec<_> = (0..12).map(|_| peer.request()).collect();
    let names: Vec<_> = asked.iter().filter_map(|request| request["name"].as_str()).collect();
    assert_eq!(names, ["vm \"1\"", "vm2"].repeat(4));
    assert_eq!(peer.count(), 0);

    let peer = Peer::answering(r#"{"success": 1, "msg": "Unknown or missing agent name"}"#);
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", get]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert_eq!(finished.stderr, "vm.discover on vc01 failed: Unknown or missing agent name\n");
}

#[test]
fn an_open_loop_asks_at_its_rate_until_its_time_is_over() {
    let peer = Peer::answering(r#"{"success": 0, "msg": "x", "result": []}"#);
    let finished =
        run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "--rate", "20", "-d", "1", "-n", "2", "-w", "0", "--json"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    let count = report["requests"]["count"].as_u64().unwrap();
    // Never more, however fast the machine; on a slow one the last turns may come too late.
    assert!((1..=20).contains(&count) && peer.count() as u64 == count, "{count}");
    assert_eq!(report["rate"], 20.0);
}

#[test]
fn what_a_worker_uses_is_read_from_the_kernel() {
    let own = std::process::id().to_string();
    let peer = Peer::answering(r#"{"success": 0, "msg": "x", "result": []}"#);
    let options = ["-e", &peer.endpoint, "-r", REQUEST, "-c", "5", "-w", "0", "--rounds", "3", "--worker-pid", &own, "--json"];
    let finished = run(PROGRAM, &options);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["worker"]["pids"][0], &report["requests"]["count"]), (&std::process::id().into(), &15.into()));
    assert!(report["worker"]["memory_bytes"][1].as_u64().unwrap() > 100_000, "{report}");
    assert!(report["rounds"][2]["cpu_seconds_per_1000"].as_f64().unwrap() >= 0.0, "{report}");

    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    let management = Peer::answering(serde_json::json!({"success": 0, "result": {"pid": 1, "hostname": host}}).to_string());
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "-c", "1", "--worker", &management.endpoint, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&finished.stdout).unwrap()["worker"]["pids"][0], 1);
    let elsewhere = Peer::answering(r#"{"success": 0, "result": {"pid": 1, "hostname": "elsewhere.example.org"}}"#);
    let finished = run(PROGRAM, &["-e", &peer.endpoint, "-r", REQUEST, "--worker", &elsewhere.endpoint]);
    assert!(finished.code == 1 && finished.stderr.contains("runs on elsewhere.example.org"), "{}", finished.stderr);
}

#[test]
fn the_echo_goes_through_the_proxy_and_leaves_politely() {
    let proxy = PlayedProxy::start();
    let finished = run(
        PROGRAM,
        &["-e", &proxy.frontend, "--echo", &proxy.backend, "-r", REQUEST, "-c", "30", "-n", "3", "-w", "3", "--json"],
    );
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{}", finished.stdout);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((&report["requests"]["count"], &report["echo"]["count"]), (&30.into(), &30.into()));
    assert!(report["ratio"].as_f64().unwrap() > 0.0);

    let said = proxy.stop();
    assert!(
        matches!(&said[0], Control::Announce(a) if a.hosts.len() == 1 && a.capacity > 0 && a.process == a.hosts[0]),
        "{said:?}"
    );
    assert_eq!(said.last(), Some(&Control::Goodbye));
}

#[test]
fn the_echo_alone_needs_no_request() {
    let proxy = PlayedProxy::start();
    let finished = run(PROGRAM, &["-e", &proxy.frontend, "--echo", &proxy.backend, "-c", "10", "-n", "2"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert!(finished.stdout.contains("echo      10 in ") && !finished.stdout.contains("requests"), "{}", finished.stdout);
    proxy.stop();
}

#[test]
fn an_echo_without_a_proxy_is_explained() {
    let peer = Peer::silent();
    let finished = run(PROGRAM, &["--echo", "tcp://127.0.0.1:1", "-e", &peer.endpoint]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.contains("no sign of a vpoller-proxy at tcp://127.0.0.1:1"), "{}", finished.stderr);
}

/// The least that looks like our proxy: requests for an announced host go to its worker, all others get a success.
struct PlayedProxy {
    frontend: String,
    backend: String,
    stop: zmq::Socket,
    thread: JoinHandle<Vec<Control>>,
}

impl PlayedProxy {
    fn start() -> Self {
        let context = zmq::Context::new();
        let (clients, frontend) = bind(&context, zmq::ROUTER);
        let (workers, backend) = bind(&context, zmq::ROUTER);
        let (stop, stopped) = stop_pair(&context);
        let thread = std::thread::spawn(move || relay(&clients, &workers, &stopped));
        Self { frontend, backend, stop, thread }
    }

    /// What the worker said.
    fn stop(self) -> Vec<Control> {
        self.stop.send("", 0).unwrap();
        self.thread.join().unwrap()
    }
}

fn relay(clients: &zmq::Socket, workers: &zmq::Socket, stopped: &zmq::Socket) -> Vec<Control> {
    let mut said = Vec::new();
    let mut waiting: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
    let mut served: HashMap<String, Vec<u8>> = HashMap::new();
    let mut number = 0_u64;
    loop {
        // The worker's words come before the stop, so that its goodbye is heard.
        match wait(&[workers, clients, stopped]) {
            Some(0) => {
                let mut frames = workers.recv_multipart(0).unwrap();
                let worker = frames.remove(0);
                if !is_control(&frames) {
                    let mut route = waiting.remove(&frames[0]).unwrap();
                    route.push(frames.pop().unwrap());
                    clients.send_multipart(route, 0).unwrap();
                    continue;
                }
                let control = Control::decode(&frames).unwrap();
                if let Control::Announce(announcement) = &control {
                    served.extend(announcement.hosts.iter().map(|host| (host.clone(), worker.clone())));
                    workers.send_multipart([vec![worker], Control::Heartbeat.encode()].concat(), 0).unwrap();
                }
                said.push(control);
            }
            Some(1) => {
                let mut frames = clients.recv_multipart(0).unwrap();
                let body = frames.pop().unwrap();
                let request: Value = serde_json::from_slice(&body).unwrap();
                match served.get(request["hostname"].as_str().unwrap()) {
                    Some(worker) => {
                        number += 1;
                        let key = number.to_be_bytes().to_vec();
                        waiting.insert(key.clone(), frames);
                        workers.send_multipart([worker.clone(), key, vec![], body], 0).unwrap();
                    }
                    None => {
                        frames.push(br#"{"success": 0, "msg": "x", "result": []}"#.to_vec());
                        clients.send_multipart(frames, 0).unwrap();
                    }
                }
            }
            _ => return said,
        }
    }
}
