//! A hundred thousand messages from 64 clients, one third of them no requests: the others are all answered, and memory stays flat.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use vpoller_testkit::{Host, Process, SimOptions, Simulator, Stack, wait_until};

const CLIENTS: usize = 64;
const MESSAGES: usize = 100_000;
/// How long one answer may take on a machine that does many other things.
const LIMIT: i64 = 30_000;
/// What a process may hold more after the second half of the messages than after the first. A leak of a hundred bytes a
/// message would be more.
const FLAT: usize = 4 << 20;

/// A message that is no request: its frames behind the client's own tag, and whether somebody can be told.
fn malformed(number: usize) -> (Vec<Vec<u8>>, bool) {
    let body = |bytes: &[u8]| (vec![Vec::new(), bytes.to_vec()], true);
    match number % 12 {
        0 => body(b""),
        1 => body(b"hello"),
        2 => body(&[0xff; 100]),
        3 => body(b"[1, 2]"),
        4 => body(br#"{"method": "vm.get", "#),
        5 => body(&[b'['; 1000]),
        6 => body(br#"{"method": 1, "hostname": {}, "name": [], "properties": true}"#),
        7 => body(br#"{"hostname": "127.0.0.1"}"#),
        8 => body(br#"{"method": "vm.get", "hostname": "127.0.0.1"}"#),
        9 => (vec![Vec::new(), b"{}".to_vec(), b"more".to_vec()], true),
        10 => (vec![b"no empty frame".to_vec()], false),
        _ => (vec![Vec::new()], false),
    }
}

/// A request, and what its reply contains.
fn wellformed(host: &str, number: usize) -> (Value, &'static str) {
    let name = "vm01.example.org";
    match number % 8 {
        0 => (
            json!({"method": "vm.get", "hostname": host, "name": name, "properties": ["name"]}),
            "\"name\": \"vm01.example.org\"",
        ),
        1 => (json!({"method": "about", "hostname": host, "helper": "vpoller.helpers.czabbix"}), "VMware vCenter"),
        2 => (json!({"method": "vm.get", "hostname": "vc99", "name": name, "properties": null}), "Unknown or missing agent name"),
        3 => (json!({"method": "about", "hostname": host, "helper": "x".repeat(number % 500)}), "\"success\": 0"),
        _ => (json!({"method": "about", "hostname": host, "properties": ["name"]}), "\"success\": 0"),
    }
}

/// One client: sends what it has to send, each with a tag, and checks each answer before it goes on.
fn client(index: usize, endpoint: &str, host: &str, done: &AtomicUsize) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).expect("DEALER socket");
    socket.set_linger(0).expect("linger");
    socket.connect(endpoint).expect("connect");
    for number in (index..MESSAGES).step_by(CLIENTS) {
        let (mut frames, expected) = if number % 3 == 0 {
            let (frames, answered) = malformed(number / 3);
            (frames, answered.then_some("\"success\": 1"))
        } else {
            let (request, expected) = wellformed(host, number);
            (vec![Vec::new(), request.to_string().into_bytes()], Some(expected))
        };
        let tag = number.to_string().into_bytes();
        frames.insert(0, tag.clone());
        socket.send_multipart(frames, 0).expect("send");
        if let Some(expected) = expected {
            assert_ne!(socket.poll(zmq::POLLIN, LIMIT).expect("poll"), 0, "message {number} was not answered");
            let reply = socket.recv_multipart(0).expect("receive");
            let text = String::from_utf8_lossy(reply.last().expect("a body"));
            assert_eq!(reply.first(), Some(&tag), "message {number} got another one's answer: {text}");
            assert!(text.contains(expected), "message {number}: {text}");
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Bytes of memory that a process holds.
fn resident(process: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).expect("status of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[test]
fn a_hundred_thousand_messages_cost_no_answer_and_no_memory() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let (endpoint, done) = (stack.frontend(), AtomicUsize::new(0));
    let sizes = || [stack.proxy.as_ref().expect("proxy"), &stack.workers[0].process].map(resident);
    let (half, whole) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|index| {
                scope.spawn({
                    let (endpoint, host, done) = (&endpoint, &host.name, &done);
                    move || client(index, endpoint, host, done)
                })
            })
            .collect();
        let over = || clients.iter().all(thread::ScopedJoinHandle::is_finished);
        let reached =
            |count: usize| wait_until(Duration::from_secs(300), "answers", || done.load(Ordering::Relaxed) >= count || over());
        reached(MESSAGES / 2);
        let half = sizes();
        reached(MESSAGES);
        clients.into_iter().for_each(|client| client.join().expect("a client's message went wrong"));
        (half, sizes())
    });
    for (name, (half, whole)) in ["vpoller-proxy", "vpoller-worker"].into_iter().zip(half.into_iter().zip(whole)) {
        assert!(whole < half + FLAT, "{name} held {half} bytes after one half of the messages and {whole} after the other");
    }
}
