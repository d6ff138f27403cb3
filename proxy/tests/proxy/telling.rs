//! What the proxy tells about itself besides management: over HTTP, and to clients on the frontend.

use serde_json::{Value, json};
use vpoller_daemon::metrics;
use vpoller_proxy::DESCRIPTORS;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{http, wait_until};
use vpoller_wire::{Outcome, split_outcome};

use crate::harness::{Proxy, Worker, ask, request};

#[test]
fn clients_ask_the_proxy_itself_under_its_own_name() {
    let proxy = Proxy::start();
    let mut client = proxy.client();
    let whole = client.ask(&json!({"method": "anything", "hostname": "@proxy"}), SOON);
    assert_eq!((&whole["success"], &whole["msg"]), (&json!(0), &json!("vPoller Proxy status")));
    assert_eq!((&whole["result"]["status"], &whole["result"]["frontend"]), (&json!("running"), &json!(proxy.frontend)));

    let bare = json!({"method": "x", "hostname": "@proxy", "properties": ["counters.introduced"], "outcome": true});
    let reply = client.exchange(bare.to_string().as_bytes(), SOON).unwrap();
    assert_eq!(split_outcome(&reply), (&b"2"[..], Outcome::Value));
    assert_eq!(proxy.counter("/received"), 0, "no request to a worker");
}

#[test]
fn pages_tell_what_is_true() {
    let proxy = Proxy::with_pages();
    let url = proxy.status()["http"].as_str().unwrap().to_owned();
    assert_eq!(http::get(&format!("{url}/healthz")), (200, "running\n".to_owned()));
    assert_eq!(http::get(&format!("{url}/readyz")), (503, "no worker is connected\n".to_owned()));

    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    wait_until(SOON, "readiness", || http::get(&format!("{url}/readyz")) == (200, "1 worker connections\n".to_owned()));
    let asked = ask(&proxy, request("vc01"));
    let got = worker.request();
    worker.reply(got, b"fine");
    assert_eq!(asked.join().unwrap().0, "fine");

    let (_, text) = http::get(&format!("{url}/status"));
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&status["status"], &status["counters"]["answered"]), (&json!("running"), &json!(1)));
    let agree = metrics::mismatches("vpoller_proxy", status.as_object().unwrap(), DESCRIPTORS);
    assert_eq!(agree, metrics::Mismatches::default(), "{status}");
    let (code, metrics) = http::get(&format!("{url}/metrics"));
    assert_eq!(code, 200);
    for line in [
        "# TYPE vpoller_proxy_answered_total counter",
        "vpoller_proxy_answered_total 1.0",
        "vpoller_proxy_worker_answered_total{process=\"w\",socket=\"1\",name=\"w\"} 1.0",
        "vpoller_proxy_expired_total{place=\"in_flight\"} 0.0",
        "vpoller_proxy_status{status=\"running\"} 1.0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    proxy.stop().unwrap();
}
