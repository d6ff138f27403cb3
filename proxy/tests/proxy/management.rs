//! Management from outside: status, shutdown, nonsense.

use std::time::{Duration, Instant};

use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, wait_until};

use crate::harness::{Proxy, Worker, ask, request};

fn raw(proxy: &Proxy, body: &str) -> String {
    String::from_utf8(Client::new(&proxy.mgmt).exchange(body.as_bytes(), SOON).unwrap()).unwrap()
}

#[test]
fn status_of_both_ages_and_nonsense() {
    let proxy = Proxy::start();
    let status = raw(&proxy, r#"{"method": "status"}"#);
    let start = r#"{"success": 0, "msg": "vPoller Proxy status", "result": {"status": "running", "hostname": ""#;
    assert!(status.starts_with(start), "{status}");
    let old = raw(&proxy, r#"{"method": "proxy.status"}"#);
    assert!(old.starts_with(r#"{"success": 0, "msg": "vPoller Proxy Status""#), "{old}");
    assert!(old.contains(&format!(r#""frontend_endpoint": "{}""#, proxy.frontend)), "{old}");
    for (body, msg) in [
        ("\u{0}garbage", "Invalid message received"),
        ("{}", "Missing method name"),
        (r#"{"method": "worker.status"}"#, "Unknown method name received"),
    ] {
        assert_eq!(raw(&proxy, body), format!(r#"{{"success": 1, "msg": "{msg}"}}"#));
    }
    assert_eq!(proxy.status()["status"], "running");
}

#[test]
fn a_shutdown_lets_workers_finish_and_answers_the_rest() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    let at_worker = ask(&proxy, request("vc01"));
    let got = worker.request();
    let waiting = ask(&proxy, request("vc02"));
    wait_until(SOON, "a held request", || proxy.status()["waiting"] == 1);
    proxy.ask_to_stop();
    let (reply, _) = waiting.join().unwrap();
    assert!(reply.contains("the proxy is shutting down"), "{reply}");
    assert!(!raw(&proxy, r#"{"method": "status"}"#).contains("running"));
    worker.reply(got, b"finished");
    assert_eq!(at_worker.join().unwrap().0, "finished");
    proxy.stop().unwrap();
}

#[test]
fn a_shutdown_does_not_wait_for_ever() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    let stuck = ask(&proxy, request("vc01"));
    let _never_answered = worker.request();
    let _serving = worker.serve();
    let start = Instant::now();
    proxy.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert!(stuck.join().unwrap().0.contains("the proxy is shutting down"));
}
