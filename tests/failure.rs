//! What fails in a data centre, done on purpose: workers killed and paused, vCenters that hang, foreign relays, garbage.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vpoller_testkit::client::Client;
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{Host, Process, SimOptions, Simulator, Stack, ports, process, wait_until};

/// A first attempt must be answered in this time, whatever fails meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);
const CLIENTS: usize = 16;

fn question(host: &str, name: &str) -> Value {
    json!({"method": "vm.get", "hostname": host, "name": name, "properties": ["runtime.powerState"], "timeout": 3000})
}

/// Checks that a reply is the one for this machine, so that a swapped reply is noticed.
#[track_caller]
fn assert_own(reply: &Value, name: &str) {
    assert_eq!(reply["success"], json!(0), "{name}: {reply}");
    assert_eq!(reply["result"][0]["name"], json!(name), "{reply}");
}

/// Lets many clients ask, each for a machine of its own, while `failure` happens and until everybody was answered 20 more
/// times after it. Every first attempt must succeed within [`PATIENCE`]. Returns the longest wait.
fn under_load(stack: &mut Stack, host: &str, failure: impl FnOnce(&mut Stack)) -> Duration {
    let done = AtomicBool::new(false);
    let answered: Vec<AtomicUsize> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    let everybody = |count: usize| answered.iter().all(|client| client.load(Ordering::Relaxed) >= count);
    let endpoint = stack.frontend();
    thread::scope(|scope| {
        let clients: Vec<_> = answered
            .iter()
            .enumerate()
            .map(|(index, answered)| {
                let (done, mut client) = (&done, Client::new(endpoint.clone()));
                let name = format!("vm-{:05}", index + 1);
                scope.spawn(move || {
                    let mut longest = Duration::ZERO;
                    while !done.load(Ordering::Relaxed) {
                        let asked = Instant::now();
                        let reply = client.ask(&question(host, &name), PATIENCE);
                        longest = longest.max(asked.elapsed());
                        assert_own(&reply, &name);
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    longest
                })
            })
            .collect();
        let stopped = || clients.iter().any(thread::ScopedJoinHandle::is_finished);
        wait_until(SOON, "everybody's first answers", || everybody(5) || stopped());
        failure(stack);
        let goal: usize = answered.iter().map(|client| client.load(Ordering::Relaxed)).max().unwrap_or(0) + 20;
        wait_until(SOON, "everybody's answers after the failure", || everybody(goal) || stopped());
        done.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client's first attempt failed")).max().unwrap_or_default()
    })
}

fn loaded_stack() -> (Simulator, Host, Stack) {
    let simulator = Simulator::start(&SimOptions { vms: CLIENTS, delay: Duration::from_millis(10), ..SimOptions::default() });
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 2);
    (simulator, host, stack)
}

#[test]
fn a_killed_worker_costs_no_answer() {
    let (_simulator, host, mut stack) = loaded_stack();
    let longest = under_load(&mut stack, &host.name, |stack| {
        stack.workers[0].process.kill();
        stack.wait_for_workers(1);
    });
    assert!(longest < PATIENCE, "{longest:?}");
    stack.start_worker(&["--concurrency", "1"]);
    stack.wait_for_workers(2);
}

#[test]
fn a_paused_worker_costs_no_answer_and_answers_nobody_twice() {
    let (_simulator, host, mut stack) = loaded_stack();
    let longest = under_load(&mut stack, &host.name, |stack| {
        stack.workers[0].process.signal(libc::SIGSTOP);
        stack.wait_for_workers(1);
        stack.workers[0].process.signal(libc::SIGCONT);
        stack.wait_for_workers(2);
    });
    assert!(longest < PATIENCE, "{longest:?}");
}

#[test]
fn all_workers_gone_is_said_in_time() {
    let (_simulator, host, mut stack) = loaded_stack();
    assert_own(&stack.ask(&question(&host.name, "vm-00001")), "vm-00001");
    stack.workers.clear();
    stack.wait_for_workers(0);
    let reply = stack.client().ask(&question(&host.name, "vm-00001"), PATIENCE);
    assert_eq!(reply["success"], json!(1));
    assert!(reply["msg"].as_str().is_some_and(|msg| msg.contains(&host.name)), "{reply}");
    stack.start_worker(&["--concurrency", "1"]);
    stack.wait_for_workers(1);
    assert_own(&stack.ask(&question(&host.name, "vm-00001")), "vm-00001");
}

#[test]
fn a_restarted_proxy_gets_its_workers_back() {
    let (_simulator, host, mut stack) = loaded_stack();
    stack.proxy = None;
    stack.start_proxy();
    stack.wait_for_workers(2);
    assert_own(&stack.ask(&question(&host.name, "vm-00001")), "vm-00001");
}

/// The old socket lingers then, and connects as well.
#[test]
fn a_proxy_that_is_back_while_a_worker_connects_anew_gets_it_back() {
    let (_simulator, host, mut stack) = loaded_stack();
    stack.workers.clear();
    // The proxy still counts the two that are gone; the new one has to be known by its own words.
    stack.start_worker(&["-d", "--concurrency", "1"]);
    stack.workers[0].process.wait_for_line("sends heartbeats", SOON);
    stack.proxy = None;
    stack.workers[0].process.wait_for_line(" anew", SOON);
    stack.start_proxy();
    stack.wait_for_workers(1);
    assert_own(&stack.ask(&question(&host.name, "vm-00001")), "vm-00001");
}

/// Hosts come, go, are disabled and get other passwords while everybody asks about another one.
#[test]
fn changed_hosts_cost_no_answer_about_others() {
    let (simulator, host, mut stack) = loaded_stack();
    let other_simulator = Simulator::start(&SimOptions { listen: ([127, 0, 0, 2], 0).into(), ..SimOptions::default() });
    let other = Host::at(other_simulator.address());
    let mut logins = None;
    under_load(&mut stack, &host.name, |stack| {
        logins = Some(simulator.calls_of("Login"));
        let says = |stack: &Stack, part: &str| {
            let what = format!("{part:?} about the other host");
            wait_until(SOON, &what, || {
                // Both workers, whichever the proxy prefers, have to have noticed.
                let agents = |worker: &vpoller_testkit::stack::Worker| worker.status()["result"]["vsphere_agents"].to_string();
                let known = part != "Unknown or missing agent name";
                stack.workers.iter().all(|worker| agents(worker).contains(&other.name) == known)
                    && stack.ask(&question(&other.name, "vm01.example.org"))["msg"].as_str().is_some_and(|msg| msg.contains(part))
            });
        };
        stack.register(&other);
        says(stack, "Successfully retrieved object properties");
        let credentials = ["-H", &other.name, "-U", &other.user, "-P"];
        stack.connector(&[&credentials[..], &["wrong", "update"]].concat());
        stack.workers[0].process.signal(libc::SIGHUP);
        says(stack, "refuses the login");
        stack.connector(&[&credentials[..], &[&other.password, "update"]].concat());
        says(stack, "Successfully retrieved object properties");
        stack.connector(&["-H", &other.name, "disable"]);
        says(stack, "Unknown or missing agent name");
        stack.connector(&["-H", &other.name, "enable"]);
        stack.workers[1].process.signal(libc::SIGHUP);
        says(stack, "Successfully retrieved object properties");
        stack.connector(&["-H", &other.name, "remove"]);
        says(stack, "Unknown or missing agent name");
    });
    assert_eq!(Some(simulator.calls_of("Login")), logins, "the sessions of the host that nobody touched");
    wait_until(Duration::from_secs(10), "the logout of the other host", || other_simulator.sessions().is_empty());
}

/// How many clients wait for a vCenter that hangs.
const BLOCKED: usize = 8;

/// A question that only the vSphere host itself can answer, never a memory of it.
fn processes(host: &str, timeout: u32) -> Value {
    json!({"method": "vm.process.get", "hostname": host, "name": "vm01.example.org", "username": "root", "password": "p4ssw0rd",
        "timeout": timeout})
}

#[test]
fn a_hanging_vcenter_delays_nobody_else() {
    let (mut dead, live) = (Simulator::start(&SimOptions::default()), {
        let listen = ([127, 0, 0, 2], 0).into();
        Simulator::start(&SimOptions { listen, ..SimOptions::default() })
    });
    let hosts = [Host::at(dead.address()), Host::at(live.address())];
    let stack = Stack::start(&hosts, 1);
    for host in &hosts {
        assert_own(&stack.ask(&question(&host.name, "vm01.example.org")), "vm01.example.org");
    }
    dead.process().signal(libc::SIGSTOP);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..BLOCKED {
            let mut client = stack.client();
            let (answered, request) = (&answered, processes(&hosts[0].name, 9000).to_string());
            scope.spawn(move || {
                client.exchange(request.as_bytes(), Duration::from_secs(10));
                answered.fetch_add(1, Ordering::Relaxed);
            });
        }
        let blocked = || stack.workers[0].status()["result"]["processes"][0]["in_work"] == json!(BLOCKED);
        wait_until(Duration::from_secs(8), "requests that wait for the vCenter that hangs", blocked);
        let mut client = stack.client();
        for _ in 0..20 {
            assert_own(&client.ask(&question(&hosts[1].name, "ns01.example.org"), PATIENCE), "ns01.example.org");
        }
        assert_eq!(answered.load(Ordering::Relaxed), 0, "the live vCenter's answers came after those of the one that hangs");
    });
    dead.process().signal(libc::SIGCONT);
    wait_until(SLOW, "the vCenter that woke up", || stack.ask(&processes(&hosts[0].name, 5000))["success"] == json!(0));
}

/// Each way to stop a worker ends it within a few seconds, with exit code 0 and its session logged out.
#[test]
fn stopping_logs_out() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    type Stop = fn(&mut Stack);
    let ways: [(&str, Stop); 3] = [
        ("SIGINT", |stack| stack.workers[0].process.signal(libc::SIGINT)),
        ("SIGTERM", |stack| stack.workers[0].process.signal(libc::SIGTERM)),
        ("management", |stack| {
            let management = stack.workers[0].management();
            let done = process::run_workspace("vpoller-worker", ["-e", &management, "stop"], Duration::from_secs(10));
            assert!(done.code == 0 && done.stdout.contains("Shutdown time has arrived"), "{done:?}");
        }),
    ];
    for (way, stop) in ways {
        let mut stack = Stack::start(std::slice::from_ref(&host), 1);
        assert_own(&stack.ask(&question(&host.name, "vm01.example.org")), "vm01.example.org");
        assert_eq!(simulator.sessions().len(), 1, "{way}");
        stop(&mut stack);
        assert_eq!(stack.workers[0].process.wait_exit(Duration::from_secs(10)).code(), Some(0), "{way}");
        assert_eq!(simulator.sessions().len(), 0, "{way}");
        wait_until(Duration::from_secs(5), "the proxy to forget the worker", || stack.live_workers() == 0);
        let proxy = stack.proxy.as_mut().expect("proxy");
        proxy.signal(if way == "SIGINT" { libc::SIGINT } else { libc::SIGTERM });
        assert_eq!(proxy.wait_exit(Duration::from_secs(10)).code(), Some(0), "{way}");
    }
}

/// What a proxy of the original is to a worker: ROUTER in front, DEALER behind, nothing of ours in between.
const RELAY: &str = "import sys, zmq\n\
    context = zmq.Context()\n\
    front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)\n\
    front.bind(sys.argv[1])\n\
    back.bind(sys.argv[2])\n\
    print('ready', flush=True)\n\
    zmq.proxy(front, back)\n";

#[test]
fn a_worker_serves_behind_a_relay_that_knows_nothing() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let [front, back] = ports::free().map(|port: u16| format!("tcp://127.0.0.1:{port}"));
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", RELAY, &front, &back]);
    let mut relay = Process::spawn(command);
    relay.wait_for_line("ready", SOON);
    let mut stack = Stack::without_proxy(std::slice::from_ref(&host));
    stack.start_worker_behind(&back, &["--concurrency", "2"]);
    let mut client = Client::new(front);
    // Longer than any silence after which a worker of ours gives up a proxy of ours.
    let started = Instant::now();
    wait_until(SOON, "eight seconds of answers", || {
        assert_own(&client.ask(&question(&host.name, "vm01.example.org"), PATIENCE), "vm01.example.org");
        started.elapsed() >= Duration::from_secs(8)
    });
}

/// Messages that are none, by what is wrong with them.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let mut long = br#"{"method": "vm.get", "hostname": "vc01", "name": ""#.to_vec();
    long.resize(10 << 20, b'x');
    long.extend_from_slice(b"\"}");
    vec![
        ("empty", Vec::new()),
        ("not JSON", b"hello".to_vec()),
        ("not UTF-8", vec![0xff; 100]),
        ("not an object", b"[1, 2]".to_vec()),
        ("NUL", vec![0]),
        ("10 MB", long),
        ("deep", [vec![b'['; 200_000], vec![b']'; 200_000]].concat()),
        ("deep in a field", [br#"{"method":"#.to_vec(), vec![b'['; 200_000]].concat()),
        ("wrong types", br#"{"method": 1, "hostname": {}, "name": [], "properties": "x", "timeout": "soon"}"#.to_vec()),
        ("huge timeout", br#"{"method": "about", "hostname": "x", "timeout": 1e300}"#.to_vec()),
    ]
}

#[test]
fn garbage_harms_nobody() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let mut stack = Stack::start(std::slice::from_ref(&host), 2);
    for (kind, body) in garbage() {
        let reply = stack.client().exchange(&body, Duration::from_secs(5));
        let reply = reply.unwrap_or_else(|| panic!("no answer to a request that is {kind}"));
        let text = String::from_utf8_lossy(&reply);
        assert!(text.contains("\"success\": 1"), "{kind}: {}", text.chars().take(200).collect::<String>());
        for endpoint in [stack.management(), stack.workers[0].management()] {
            // What is longer than any management request may be cut off without an answer; the next one must get its own.
            let reply =
                Client::new(endpoint.clone()).exchange(&body, Duration::from_secs(if body.len() > 65_536 { 0 } else { 5 }));
            assert!(reply.is_some() || body.len() > 65_536, "no answer to a management request that is {kind}");
            let status = Client::new(endpoint).ask(&json!({"method": "status"}), Duration::from_secs(5));
            assert_eq!(status["result"]["status"], json!("running"), "after a management request that is {kind}");
        }
        assert_own(&stack.ask(&question(&host.name, "vm01.example.org")), "vm01.example.org");
    }
    send_odd_frames(&stack.frontend());
    send_odd_frames(&stack.backend());
    for _ in 0..4 {
        assert_own(&stack.ask(&question(&host.name, "ns01.example.org")), "ns01.example.org");
    }
    assert!(stack.proxy.as_mut().is_some_and(Process::is_running), "the proxy");
    assert!(stack.workers.iter_mut().all(|worker| worker.process.is_running()), "the workers");
    assert_eq!(stack.live_workers(), 2);
}

/// Frames that no REQ socket and no worker sends.
fn send_odd_frames(endpoint: &str) {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::DEALER).expect("DEALER socket");
    socket.set_linger(2000).expect("linger");
    socket.connect(endpoint).expect("connect");
    let odd: &[&[&[u8]]] = &[
        &[b""],
        &[b"x"],
        &[b"", b""],
        &[b"", b"", b""],
        &[b"", b"\xff", b"{}"],
        &[b"", b"\x01\x01", b"not json"],
        &[b"", b"\x01\x01", b"{}", b"more"],
        &[b"a", b"b", b"c", b"d", b"e"],
        &[b"12345678", b"", b"{}"],
        &[b"\0\0\0\0\0\0\0\x01", b"", b"a reply nobody asked for"],
    ];
    for frames in odd {
        socket.send_multipart(*frames, 0).expect("send odd frames");
    }
}
