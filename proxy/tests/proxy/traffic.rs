//! Requests and replies of all shapes.

use std::thread;

use vpoller_proxy::broker::{Bounds, Rules};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::wait_until;

use crate::harness::{Proxy, Worker, ask, request};

#[test]
fn a_request_passes_untouched_and_its_reply_too() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    let body = "{\"method\"\t:  \"get\",\"hostname\":\" vc01 \",\"other\":[1,2.50,\"ä\\u00e4\"]}\n";
    let answer = ask(&proxy, body.into());
    let got = worker.request();
    assert_eq!((got[0].len(), got[1].len(), got[2].as_slice()), (8, 0, body.as_bytes()));
    worker.reply(got, b"any bytes \0\x01");
    assert_eq!(answer.join().unwrap().0, "any bytes \0\u{1}");
    let status = proxy.status();
    assert_eq!(status["status"], "running");
    assert_eq!(status["frontend"], proxy.frontend.as_str());
    assert_eq!(status["workers"][0]["process"], "w");
    assert_eq!(status["workers"][0]["answered"], 1);
    assert_eq!(status["serving"]["vc01"][0], "w");
    assert_eq!((proxy.counter("/received"), proxy.counter("/answered")), (1, 1));
}

#[test]
fn malformed_messages_hurt_nobody() {
    let proxy = Proxy::start();
    let worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    for frames in
        [&[&b"x"[..]][..], &[b"", b"", b"", b"", b""], &[b"w", b"", b"x"], &[b""], &[b"", b"\x01\x01", b"{"], &[b"", b"\x09\x09"]]
    {
        worker.send(frames);
    }
    let _serving = worker.serve();

    let context = zmq::Context::new();
    let rude = context.socket(zmq::DEALER).unwrap();
    rude.connect(&proxy.frontend).unwrap();
    let long = vec![&b"x"[..]; 1000];
    for frames in [&[&b"no delimiter"[..]][..], &[b""], &[b"a", b"b"], &long, &[b"", b"{}", b"further", b"frames"]] {
        rude.send_multipart(frames, 0).unwrap();
    }
    // Only the last of them has somebody to answer.
    assert_eq!(rude.poll(zmq::POLLIN, 20_000), Ok(1));
    let reply = rude.recv_multipart(0).unwrap();
    assert_eq!(reply[1], br#"{"success": 1, "msg": "Invalid message received"}"#);

    let reply = proxy.client().exchange(&request("vc01"), SOON).unwrap();
    assert!(reply.ends_with(b" by w"));
    assert_eq!(proxy.counter("/dropped/malformed_requests"), 4);
    assert_eq!(proxy.counter("/dropped/malformed_replies"), 2);
    assert_eq!(proxy.counter("/dropped/control"), 4);
}

#[test]
fn large_bodies_pass_both_ways_and_too_large_ones_are_answered() {
    let proxy = Proxy::start();
    let _serving = Worker::join(&proxy.backend, "w", &["vc01"]).serve();
    let body = |bytes: usize| format!(r#"{{"method": "get", "name": "{}", "hostname": "vc01"}}"#, "x".repeat(bytes)).into_bytes();
    let large = body(10_000_000);
    let mut client = proxy.client();
    let reply = client.exchange(&large, SOON).unwrap();
    assert!(reply.len() == large.len() + 5 && reply.starts_with(&large));
    let reply = client.exchange(&body(17_000_000), SOON).unwrap();
    assert!(String::from_utf8(reply).unwrap().contains("larger than 16777216 bytes"));
}

#[test]
fn many_clients_each_get_their_own_answers() {
    let proxy = Proxy::start();
    // Two processes of two sockets, and one that serves another host.
    let workers = [("a", "vc01"), ("a", "vc01"), ("b", "vc01"), ("b", "vc01"), ("c", "vc02")];
    let serving = workers.map(|(process, host)| Worker::join(&proxy.backend, process, &[host]).serve());
    wait_until(SOON, "all workers", || proxy.status()["workers"].as_array().is_some_and(|workers| workers.len() == 5));
    let clients: Vec<_> = (0..16)
        .map(|number| {
            let mut client = proxy.client();
            thread::spawn(move || {
                for round in 0..200 {
                    let host = if (number + round) % 2 == 0 { "vc01" } else { "vc02" };
                    let body = format!(r#"{{"method": "get", "hostname": "{host}", "name": "{number}/{round}"}}"#);
                    let reply = String::from_utf8(client.exchange(body.as_bytes(), SOON).unwrap()).unwrap();
                    let (echo, process) = reply.rsplit_once(" by ").unwrap();
                    assert_eq!(echo, body);
                    assert_eq!(process == "c", host == "vc02");
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    assert_eq!(proxy.counter("/answered"), 3200);
    let status = proxy.status();
    let shares = status["workers"].as_array().unwrap().iter().map(|worker| worker["answered"].as_u64().unwrap());
    assert!(shares.clone().all(|share| share > 100), "everybody had work: {:?}", shares.collect::<Vec<_>>());
    drop(serving);
}

#[test]
fn a_full_queue_is_an_error_that_names_host_and_bound() {
    let bounds = Bounds { host_requests: 3, ..Bounds::default() };
    let proxy = Proxy::with(Rules { bounds, ..Rules::default() });
    let waiting: Vec<_> = (0..3).map(|_| ask(&proxy, request("vc01"))).collect();
    wait_until(SOON, "a full queue", || proxy.status()["queues"]["vc01"] == 3);
    let reply = proxy.client().exchange(&request("vc01"), SOON).unwrap();
    assert!(String::from_utf8(reply).unwrap().contains("too many requests for vc01: 3 requests"));
    let _serving = Worker::join(&proxy.backend, "w", &["vc01"]).serve();
    waiting.into_iter().for_each(|answer| assert!(answer.join().unwrap().0.ends_with(" by w")));
}

#[test]
fn a_client_that_does_not_read_loses_its_own_answers_only() {
    let proxy = Proxy::start();
    let mut worker = Worker::join(&proxy.backend, "w", &["vc01"]);
    let context = zmq::Context::new();
    let greedy = context.socket(zmq::DEALER).unwrap();
    greedy.set_linger(0).unwrap();
    greedy.set_rcvhwm(1).unwrap();
    greedy.connect(&proxy.frontend).unwrap();
    // 3000 answers of 100 kB: more than the bound of 1000, the two TCP buffers included.
    let answer = vec![b'x'; 100_000];
    let mut full = 0;
    for _ in 0..3000 {
        greedy.send_multipart([&b""[..], &request("vc01")], 0).unwrap();
        let got = worker.request();
        worker.reply(got, &answer);
        full += 1;
        if full % 500 == 0 && proxy.counter("/dropped/client_full") > 0 {
            break;
        }
    }
    wait_until(SOON, "dropped answers", || proxy.counter("/dropped/client_full") > 0);
    let _serving = worker.serve();
    assert!(proxy.client().exchange(&request("vc01"), SOON).unwrap().ends_with(b" by w"));
}
