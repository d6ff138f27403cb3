//! The worker on the wire: behind a proxy that only relays, and behind one of ours.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, SimOptions, Simulator, wait_until};
use vpoller_wire::control::Control;

use crate::support::proxies::{Backend, PlainProxy};
use crate::support::worker::Home;

fn get(host: &str, name: &str) -> Json {
    json!({"method": "vm.get", "hostname": host, "name": name, "properties": ["runtime.powerState"]})
}

/// Sends frames as they are, from a socket that adds none of its own, and returns the body of the reply if one is expected.
fn raw(frontend: &str, frames: &[&[u8]], limit: Duration) -> Option<Vec<u8>> {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    // What nobody answers must be sent all the same before this socket goes.
    socket.set_linger(i32::try_from(SOON.as_millis()).unwrap()).unwrap();
    socket.connect(frontend).unwrap();
    socket.send_multipart(frames, 0).unwrap();
    (socket.poll(zmq::POLLIN, i64::try_from(limit.as_millis()).unwrap()).unwrap() > 0)
        .then(|| socket.recv_multipart(0).unwrap().pop().unwrap())
}

fn msg(reply: &[u8]) -> String {
    let reply: Json = serde_json::from_slice(reply).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(reply)));
    reply["msg"].as_str().unwrap().to_owned()
}

#[test]
fn behind_a_proxy_that_only_relays() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    let host = home.register(simulator.address());
    let mut worker = home.start(2);

    // Agents log in without being told or asked: an original proxy will never say anything.
    wait_until(SOON, "a login", || simulator.sessions().len() == 1);
    worker.wait_for_line("sends no heartbeats", SOON);

    let mut client = Client::new(&proxy.frontend);
    let reply = client.exchange(get(&host, "vm01.example.org").to_string().as_bytes(), SOON).unwrap();
    assert_eq!(
        String::from_utf8(reply).unwrap(),
        r#"{"success": 0, "msg": "Successfully retrieved object properties", "result": [{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]}"#
    );

    // What is no request is answered where there is a way back, and never disturbs the next one.
    assert_eq!(msg(&raw(&proxy.frontend, &[b"", b"garbage"], SOON).unwrap()), "Invalid message received");
    assert_eq!(msg(&raw(&proxy.frontend, &[b"", b"{}", b"more"], SOON).unwrap()), "Invalid message received");
    assert_eq!(msg(&raw(&proxy.frontend, &[b"hop", b"", b"[]"], SOON).unwrap()), "Expected a JSON message, received list");
    let huge = vec![b' '; 17 * 1024 * 1024];
    assert!(msg(&raw(&proxy.frontend, &[b"", &huge], SOON).unwrap()).starts_with("Invalid message received: 17825792 bytes"));
    let dropped = || home.status()["processes"].as_array().unwrap().iter().map(|p| p["dropped"].as_u64().unwrap()).sum::<u64>();
    wait_until(SOON, "the drop to be counted", || {
        // Nobody answers this, and what has not left the socket by then never does: so it is sent until one arrives.
        raw(&proxy.frontend, &[b"no delimiter"], Duration::from_millis(100));
        dropped() > 0
    });
    for _ in 0..4 {
        assert_eq!(client.ask(&get(&host, "vm02.example.org"), SOON)["success"], 0);
    }
    assert_eq!(client.ask(&get("vc99", "vm01"), SOON)["msg"], "Unknown or missing agent name");

    // No sign of life was ever given, so nothing is red and nothing was connected anew.
    let status = home.status();
    assert_eq!(status["status"], "running");
    for process in status["processes"].as_array().unwrap() {
        assert_eq!((&process["link"], &process["reconnects"]), (&json!("connected"), &json!(0)));
    }
    assert!(worker.is_running());
}

#[test]
fn behind_a_proxy_of_ours() {
    let simulator = Simulator::start(&SimOptions::default());
    let backend = Backend::bind();
    let home = Home::new(&backend.endpoint);
    let host = home.register(simulator.address());
    let mut worker = home.start(1);

    let (identity, announcement) = backend.announcement(true);
    assert_eq!((announcement.hosts, announcement.capacity), (vec![host.clone()], 512));
    assert_eq!(announcement.never_repeat, ["vm.process.get"]);
    assert!(!announcement.process.is_empty() && !announcement.version.is_empty());
    let beats = Instant::now();
    for _ in 0..4 {
        backend.wait("a heartbeat", true, |_, frames| (Control::decode(frames) == Ok(Control::Heartbeat)).then_some(()));
    }
    assert!(beats.elapsed() < Duration::from_secs(10), "four heartbeats took {:?}", beats.elapsed());
    assert_eq!(simulator.sessions().len(), 0, "no login before the proxy names us for a host or somebody asks");

    backend.send(&identity, Control::Serve(vec![host.clone()]).encode());
    wait_until(SOON, "a login", || {
        backend.send(&identity, Control::Heartbeat.encode());
        simulator.sessions().len() == 1
    });
    worker.wait_for_line(&format!("Connecting vSphere Agent to {host}"), SOON);

    // Requests carry a number instead of an identity; it comes back unchanged.
    let number = 7_u64.to_be_bytes().to_vec();
    backend.send(&identity, vec![number.clone(), vec![], get(&host, "vm01.example.org").to_string().into_bytes()]);
    let reply = backend.reply();
    assert_eq!((&reply[0], &reply[1]), (&number, &Vec::new()));
    assert_eq!(msg(&reply[2]), "Successfully retrieved object properties");

    backend.send(&identity, Control::WhoAreYou.encode());
    let again = backend.announcement(true);
    assert_eq!((again.0, again.1.process), (identity.clone(), announcement.process));

    // The proxy falls silent: the worker says so, and looks for it with a new socket.
    worker.wait_for_line("No sign of life from the proxy", SOON);
    assert_eq!(home.status()["processes"][0]["link"], "proxy is silent");
    let (other, _) = backend.wait("another socket", false, |from, frames| {
        let announced = matches!(Control::decode(frames), Ok(Control::Announce(_)));
        (announced && from != identity).then(|| (from.to_vec(), ()))
    });
    backend.send(&other, Control::Heartbeat.encode());
    worker.wait_for_line("is back", SOON);

    worker.signal(15);
    backend.wait("a goodbye", true, |_, frames| (Control::decode(frames) == Ok(Control::Goodbye)).then_some(()));
    assert!(worker.wait_exit(SOON).success());
    assert_eq!(simulator.sessions().len(), 0, "the session was closed");
}

/// A port whose queue of connections is full, so that a further connection attempt is never answered.
fn black_hole() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // The kernel's queue is a few thousand at most; a connection that is not made within the limit says that it is full.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 20_000, "the queue does not fill");
    }
    (listener, waiting, address)
}

#[test]
fn a_dead_vsphere_host_delays_only_its_own_requests() {
    let simulator = Simulator::start(&SimOptions::default());
    let (_listener, _waiting, dead) = black_hole();
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    let (dead, host) = (home.register(dead), home.register(simulator.address()));
    let _worker = home.start(1);

    // One socket, so one thread of the worker; the dead host's requests come first.
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    socket.connect(&proxy.frontend).unwrap();
    let ask = |body: Json| socket.send_multipart([Vec::new(), body.to_string().into_bytes()], 0).unwrap();
    for _ in 0..3 {
        ask(json!({"method": "vm.discover", "hostname": dead, "timeout": 4000}));
    }
    ask(get(&host, "vm01.example.org"));
    let replies: Vec<String> = (0..4)
        .map(|_| {
            assert_ne!(socket.poll(zmq::POLLIN, 30_000).unwrap(), 0, "a reply is missing");
            msg(&socket.recv_multipart(0).unwrap()[1])
        })
        .collect();
    assert_eq!(replies[0], "Successfully retrieved object properties", "{replies:?}");
    for reply in &replies[1..] {
        assert_eq!(reply, &format!("{dead} did not answer within 3.8 s"));
    }
}

#[test]
fn a_full_worker_says_so_at_once() {
    let mut simulator = Simulator::start(&SimOptions::default());
    simulator.process().signal(19);
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    let host = home.register(simulator.address());
    let mut worker = home.start(1);
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).unwrap();
    socket.set_linger(0).unwrap();
    socket.connect(&proxy.frontend).unwrap();
    let request = json!({"method": "about", "hostname": host, "timeout": 5000}).to_string().into_bytes();
    for _ in 0..515 {
        socket.send_multipart([Vec::new(), request.clone()], 0).unwrap();
    }
    let mut replies = Vec::new();
    for _ in 0..515 {
        assert_ne!(socket.poll(zmq::POLLIN, 30_000).unwrap(), 0, "only {} replies", replies.len());
        replies.push(msg(&socket.recv_multipart(0).unwrap()[1]));
    }
    for reply in &replies[..3] {
        assert_eq!(reply, "Worker is busy: 512 requests are in work already; try again later");
    }
    assert!(replies[3..].iter().all(|reply| *reply == format!("{host} did not answer within 4.75 s")), "{:?}", &replies[3..6]);
    // It recovers as soon as vSphere does.
    simulator.process().signal(18);
    let mut client = Client::new(&proxy.frontend);
    wait_until(SOON, "an answer", || client.ask(&get(&host, "vm01.example.org"), SOON)["success"] == 0);
    assert_eq!(home.status()["processes"][0]["refused"], 3);
    assert!(worker.is_running());
}

#[test]
fn what_is_in_work_is_finished_before_the_end() {
    let simulator = Simulator::start(&SimOptions { delay: Duration::from_millis(700), ..SimOptions::default() });
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    let host = home.register(simulator.address());
    let mut worker = home.start(1);
    wait_until(SOON, "a login", || simulator.sessions().len() == 1);

    let mut client = Client::new(&proxy.frontend);
    let request = get(&host, "vm01.example.org").to_string();
    let asking = std::thread::spawn(move || client.exchange(request.as_bytes(), SOON));
    worker.wait_for_line("Retrieving properties for vm01.example.org managed object of type vim.VirtualMachine", SOON);
    worker.signal(15);
    let reply = asking.join().unwrap().expect("a reply although the worker was stopped");
    assert_eq!(msg(&reply), "Successfully retrieved object properties");
    assert!(worker.wait_exit(SOON).success());
    assert_eq!(simulator.sessions().len(), 0, "the session was closed");
    let log = worker.stderr();
    let after_stop = log.split("Received shutdown signal").nth(1).unwrap();
    let texts = [
        "Worker Manager is shutting down",
        "Closing Worker Manager sockets",
        "Stopping Worker processes",
        "INFO/VPollerWorker-1] Worker process is shutting down",
        "INFO/VPollerWorker-1] Closing Worker process sockets",
        &format!("Disconnecting vSphere Agent from {host}"),
    ];
    let places: Vec<usize> = texts.iter().map(|text| after_stop.find(text).unwrap_or_else(|| panic!("{text}:\n{log}"))).collect();
    assert!(places.is_sorted(), "{log}");
}
