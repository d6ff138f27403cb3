//! Workers that die, fall silent, wake up; clients that leave; a proxy that comes back.

use std::time::Duration;

use vpoller_proxy::broker::Rules;
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{ports, wait_until};
use vpoller_wire::control::Control;

use crate::harness::{Proxy, Worker, ask, request};

/// A first attempt has to be answered within this, whatever happens to a worker.
const FIRST_ATTEMPT: Duration = Duration::from_secs(3);

/// Two workers of which one got the request; that one first.
fn two_workers(proxy: &Proxy, host: &str) -> (Worker, Worker) {
    let workers = ["a", "b"].map(|process| Worker::join(&proxy.backend, process, &[host]));
    wait_until(SOON, "both workers", || proxy.status()["workers"].as_array().is_some_and(|workers| workers.len() == 2));
    workers.into()
}

/// Hands out the worker that got the request, the request, and the other one.
fn who_got_it(mut a: Worker, mut b: Worker) -> (Worker, Vec<Vec<u8>>, Worker) {
    loop {
        if let Some(request) = a.poll_request(Duration::from_millis(10)) {
            return (a, request, b);
        }
        if let Some(request) = b.poll_request(Duration::from_millis(10)) {
            return (b, request, a);
        }
    }
}

#[test]
fn a_worker_killed_with_a_request_is_replaced_within_the_first_attempt() {
    let proxy = Proxy::start();
    let (a, b) = two_workers(&proxy, "vc01");
    let answer = ask(&proxy, request("vc01"));
    let (victim, _, mut other) = who_got_it(a, b);
    drop(victim);
    let again = other.request();
    other.reply(again, b"rescued");
    let (reply, took) = answer.join().unwrap();
    assert_eq!(reply, "rescued");
    assert!(took < FIRST_ATTEMPT, "{took:?}");
    assert_eq!((proxy.counter("/redispatched"), proxy.counter("/workers_lost")), (1, 1));
}

#[test]
fn a_paused_worker_that_wakes_up_cannot_answer_twice() {
    let proxy = Proxy::start();
    let (a, b) = two_workers(&proxy, "vc01");
    let answer = ask(&proxy, request("vc01"));
    let (mut paused, first, mut other) = who_got_it(a, b);
    let second = other.request();
    assert_eq!(first, second, "the same number");
    other.reply(second.clone(), b"right");
    let (reply, took) = answer.join().unwrap();
    assert_eq!(reply, "right");
    assert!(took < FIRST_ATTEMPT, "{took:?}");
    paused.reply(first, b"late");
    other.reply(second, b"twice");
    let _serving = other.serve();
    wait_until(SOON, "both dropped", || proxy.counter("/dropped/late_replies") == 2);
    // It is asked who it is, announces itself and is a worker again.
    assert_eq!(paused.poll_request(Duration::from_millis(500)), None);
    assert!(paused.told.contains(&Control::WhoAreYou), "{:?}", paused.told);
    let _serving = paused.serve();
    wait_until(SOON, "it is back", || proxy.status()["workers"].as_array().is_some_and(|workers| workers.len() == 2));
}

#[test]
fn a_method_that_must_not_run_twice_is_answered_with_an_error() {
    let proxy = Proxy::start();
    let (a, b) = two_workers(&proxy, "vc01");
    let answer = ask(&proxy, br#"{"method": "once", "hostname": "vc01"}"#.to_vec());
    let (victim, _, mut other) = who_got_it(a, b);
    drop(victim);
    assert_eq!(other.poll_request(Duration::from_millis(1500)), None);
    let (reply, _) = answer.join().unwrap();
    assert!(reply.contains("the worker was lost while it ran once on vc01"), "{reply}");
}

#[test]
fn without_workers_there_is_a_clear_error_in_time() {
    let proxy = Proxy::start();
    let (reply, took) = ask(&proxy, request("vc02")).join().unwrap();
    assert!(reply.starts_with(r#"{"success": 1, "msg": "no worker serves vc02: none is connected"#), "{reply}");
    assert!(took < FIRST_ATTEMPT, "{took:?}");
    let (_, took) = ask(&proxy, request("vc02")).join().unwrap();
    assert!(took < Duration::from_secs(1), "held only after the start: {took:?}");
    let marked = br#"{"method": "get", "hostname": "vc02", "outcome": true}"#.to_vec();
    let (reply, _) = ask(&proxy, marked).join().unwrap();
    assert!(reply.starts_with("no worker serves vc02") && reply.ends_with("\0\u{1}"), "{reply:?}");
}

#[test]
fn requests_are_held_for_a_worker_that_comes() {
    let proxy = Proxy::start();
    let answer = ask(&proxy, request("vc01"));
    wait_until(SOON, "a held request", || proxy.status()["waiting"] == 1);
    let _serving = Worker::join(&proxy.backend, "w", &["vc01"]).serve();
    assert!(answer.join().unwrap().0.ends_with(" by w"));
}

#[test]
fn a_worker_in_good_order_finishes_what_it_has() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "old", &["vc01"]);
    let first = ask(&proxy, request("vc01"));
    let got = worker.request();
    worker.say(&Control::Goodbye);
    wait_until(SOON, "leaving", || proxy.status()["workers"][0]["leaving"] == true);
    let second = ask(&proxy, request("vc01"));
    wait_until(SOON, "a held request", || proxy.status()["waiting"] == 1);
    worker.reply(got, b"finished");
    assert_eq!(first.join().unwrap().0, "finished");
    drop(worker);
    let _serving = Worker::join(&proxy.backend, "new", &["vc01"]).serve();
    assert!(second.join().unwrap().0.ends_with(" by new"));
    assert_eq!(proxy.counter("/workers_lost"), 0);
}

#[test]
fn answers_to_clients_that_left_are_dropped() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    let context = zmq::Context::new();
    // Whether the end of the connection or the worker's answer reaches the proxy first is not ours to say: try until it was
    // the former. Each answer is either handed over or dropped, so nothing piles up.
    wait_until(SOON, "a dropped answer", || {
        let client = context.socket(zmq::REQ).unwrap();
        client.connect(&proxy.frontend).unwrap();
        client.send(request("vc01"), 0).unwrap();
        let got = worker.request();
        drop(client);
        assert_eq!(worker.poll_request(Duration::from_millis(20)), None);
        worker.reply(got, b"to nobody");
        assert_eq!(worker.poll_request(Duration::from_millis(20)), None);
        proxy.counter("/dropped/client_gone") > 0
    });
    assert_eq!(proxy.status()["pending"], 0);
}

#[test]
fn workers_come_back_to_a_proxy_that_was_restarted() {
    // Ports of its own: nobody may take them between the two proxies.
    let [frontend, backend] = ports::free().map(|port| format!("tcp://127.0.0.1:{port}"));
    let proxy = Proxy::at(&frontend, &backend, Rules::default());
    let _serving = Worker::join(&backend, "w", &["vc01"]).serve();
    let mut client = proxy.client();
    assert!(client.exchange(&request("vc01"), SOON).is_some());
    proxy.stop().unwrap();
    let proxy = Proxy::at(&frontend, &backend, Rules::default());
    let (reply, took) = ask(&proxy, request("vc01")).join().unwrap();
    assert!(reply.ends_with(" by w"), "{reply}");
    assert!(took < FIRST_ATTEMPT, "{took:?}");
}
