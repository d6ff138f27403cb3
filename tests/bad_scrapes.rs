//! What the exporter's readers, vCenters and operators do wrong: the right status and one line, and nobody else notices.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process::{self, Finished, Process};
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{Host, SimOptions, Simulator, http, ports, wait_for, wait_until, workspace};

use crate::exporter::Shown;

const IOPS: &str = "vcenter_vm_disk_write_iops";

/// Longer than any answer takes.
const LIMIT: Duration = Duration::from_secs(60);

/// Sends bytes and returns what comes until the server closes; nothing more may come for a while after the answer otherwise.
fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // A request that is refused early may be cut off while it is still being sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: {request:?}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// Status and body.
fn parts(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body))
}

#[test]
fn requests_of_every_shape_get_the_right_status_and_one_line() {
    let simulator = Simulator::start(&SimOptions::default());
    let shown = Shown::start(&[Host::at(simulator.address())], "ceilometer = yes\n");
    let address: SocketAddr = shown.url.trim_start_matches("http://").parse().unwrap();
    let end = "Host: x\r\nConnection: close\r\n\r\n";
    let long = "x".repeat(20_000);
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\n{end}");
    let with = |method: &str| format!("{method} /metrics/zroc HTTP/1.1\r\n{end}");
    let header = |line: &str| format!("GET /metrics/vsphere HTTP/1.1\r\n{line}\r\n{end}");
    for (request, status) in [
        (get("/metrics/zroc?target=nowhere"), 404),
        (get("/metrics/zroc?target=%00%ff%0a\u{e9}&target=x"), 404),
        (get("/metrics?target=nowhere"), 404),
        (get("/metrics?section=default"), 404),
        (get("/metrics/vmware"), 404),
        (get("//metrics"), 404),
        (get("/metrics/"), 404),
        (get("/metrics/../metrics"), 404),
        (get("/%6detrics"), 404),
        (get("/metrics%00"), 404),
        (get("/metrics;x"), 404),
        (get("/..%2f..%2fetc/passwd"), 404),
        (get(&format!("/{}", &long[..5000])), 404),
        (get(&format!("/{long}")), 431),
        (get("/metrics\u{1}"), 400),
        (get("metrics"), 404),
        ("GET /metrics\r\n".to_owned() + end, 400),
        ("\r\n\r\n \r\n\r\n".to_owned(), 400),
        (with("POST"), 405),
        (with("PUT"), 405),
        (with("DELETE"), 405),
        (with("OPTIONS"), 405),
        (with("PATCH"), 405),
        (with("TRACE"), 405),
        (with("BREW"), 405),
        (with("get"), 405),
        (format!("OPTIONS * HTTP/1.1\r\n{end}"), 404),
        (format!("POST /-/healthy HTTP/1.1\r\nContent-Length: 0\r\n{end}"), 405),
        (format!("POST /health HTTP/1.1\r\nContent-Length: 3\r\n{end}abc"), 413),
        (header(&format!("Accept: {long}")), 431),
        (header("Bad header: x"), 400),
        (header("Content-Length: -1"), 400),
        (get("/metrics/zroc?target="), 200),
        (get("/metrics/zroc?%%%&&=&=="), 200),
        (get("http://evil.example/metrics/vsphere"), 200),
        (header("Accept:"), 200),
        (header("Accept: application/json"), 200),
        (header("Accept: application/openmetrics-text;q=nan, text/plain;q=-1,,;;q=,*/*;q=0"), 200),
        (header("Accept: application/openmetrics-text;version=99;q=0.0000001"), 200),
        (header("Accept: \u{e9}\u{1f600}"), 200),
        (header("Accept: text/plain\r\nAccept: application/openmetrics-text"), 200),
        (header("Accept-Encoding: deflate, br, zstd;q=9, ,;;q="), 200),
        (header("Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example"), 200),
        ("GET /metrics/vsphere HTTP/1.0\r\n\r\n".to_owned(), 200),
    ] {
        let answer = raw(address, request.as_bytes());
        let Some((found, body)) = parts(&answer) else { panic!("{request:?}: {answer:?}") };
        assert_eq!(found, status, "{request:?}: {answer}");
        assert!(!answer.contains("evil"), "{request:?}: {answer}");
        match status {
            200 => assert!(body.contains("# HELP "), "{request:?}: {answer}"),
            // hyper answers what is no HTTP by itself, without a word.
            400 | 431 => assert_eq!(body, "", "{request:?}: {answer}"),
            _ => assert_eq!(body.lines().count(), 1, "{request:?}: {answer}"),
        }
    }
    for (request, status) in [("GET", 200), ("HEAD", 200), ("POST", 405)] {
        let answer = raw(address, format!("{request} /v1/ceilometer/samples?meter=cpu_util HTTP/1.1\r\n{end}").as_bytes());
        assert_eq!(parts(&answer).map(|(status, _)| status), Some(status), "{answer}");
    }
    assert!(Exposition::read(&shown.get("/metrics/zroc")).of(IOPS).count() > 0, "the others are served as ever");
}

/// Numbers that look like chance, and are the same in each run.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 40).unwrap()
}

#[test]
fn whatever_is_sent_gets_an_answer_or_an_end() {
    const METHODS: [&str; 6] = ["GET", "GET", "HEAD", "POST", "get", "\u{e9}"];
    const TARGETS: [&str; 12] =
        ["/", "/", "/metrics", "/metrics/zroc", "/health", "?target=", "%", "*", "http://", "\0", "\u{e9}", "0\r\n\r\n"];
    const VERSIONS: [&str; 6] = [" HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " HTTP/9.9", "", "  HTTP/1.1"];
    const HEADERS: [&str; 10] = [
        "Host: x",
        "Host",
        "Accept: */*",
        "Accept: ;q=,application/openmetrics-text;q=9",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Expect: 100-continue",
        "Upgrade: websocket\r\nConnection: upgrade",
        ": x",
        "Authorization: Basic \u{e9}",
    ];
    let simulator = Simulator::start(&SimOptions::default());
    let shown = Shown::start(&[Host::at(simulator.address())], "");
    let address: SocketAddr = shown.url.trim_start_matches("http://").parse().unwrap();
    let mut state = 12;
    let mut answers = BTreeSet::new();
    for _ in 0..500 {
        let mut some = |pieces: &[&str], most: usize, end: &str| -> String {
            (0..next(&mut state) % most).map(|_| pieces[next(&mut state) % pieces.len()].to_owned() + end).collect()
        };
        let [target, headers] = [some(&TARGETS, 5, ""), some(&HEADERS, 4, "\r\n")];
        let [method, version] = [METHODS, VERSIONS].map(|all| all[next(&mut state) % all.len()]);
        let request = format!("{method} /{target}{version}\r\n{headers}Connection: close\r\n\r\n");
        let answer = raw_until_idle(address, request.as_bytes());
        if let Some((status, _)) = parts(&answer) {
            answers.insert(status);
        } else {
            assert_eq!(answer, "", "{request:?}");
        }
    }
    assert!(answers.iter().all(|status| [200, 400, 404, 405, 413, 503].contains(status)), "{answers:?}");
    assert!(answers.len() > 2, "{answers:?}");
    assert!(Exposition::read(&shown.get("/metrics/zroc")).of(IOPS).count() > 0);
}

/// As [`raw`], for requests that may be read as the beginning of a longer one: the client's own end is the end.
fn raw_until_idle(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let _ = stream.write_all(request).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}: {request:?}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

/// The health document and its status.
fn health(url: &str) -> (u16, Value) {
    let (status, text) = http::get(&format!("{url}/health"));
    (status, serde_json::from_str(&text).unwrap())
}

#[test]
fn a_vcenter_that_lets_nobody_in_harms_no_other() {
    let (good, bad) = (Simulator::start(&SimOptions::default()), Simulator::start(&SimOptions::default()));
    let wrong = Host { name: "localhost".to_owned(), password: "wr0ng-word".to_owned(), ..Host::at(bad.address()) };
    let shown = Shown::start(&[Host::at(good.address()), wrong], "zroc_vcenter_label = yes\n");
    let page = wait_for(SLOW, "the machines of the other", || {
        let page = Exposition::read(&shown.get("/metrics/zroc"));
        (page.of(IOPS).count() > 0).then_some(page)
    });
    assert!(page.of(IOPS).all(|sample| sample.label("vcenter") == "127.0.0.1"));
    let own = Exposition::read(&shown.get("/metrics/vsphere"));
    let of = |name: &str, vcenter: &str| {
        own.of(name).filter(|sample| sample.label("vcenter") == vcenter).map(|sample| sample.value.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("vpoller_vcenter_up", "127.0.0.1"), of("vpoller_vcenter_up", "localhost")),
        (vec!["1".into()], vec!["0".into()])
    );
    assert_eq!(of("vpoller_vcenter_objects", "localhost"), Vec::<String>::new(), "nothing is known, which is not none");
    let of_bad = Exposition::read(&shown.get("/metrics/zroc?target=localhost"));
    assert_eq!(of_bad.of(IOPS).count(), 0);
    let (status, document) = health(&shown.url);
    assert_eq!((status, &document["status"], &document["stale"]), (503, &json!("degraded"), &json!(true)), "{document}");
    let log = shown.stack.workers[0].process.stderr();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("localhost") && line.contains("InvalidLogin")).collect();
    assert!(said.len() == 1 && !log.contains("wr0ng-word"), "once, and without the password: {log}");
    assert!(bad.calls_of("Login") < 5, "accounts get locked");
}

/// The exporter alone, with these variables beside those that name a vCenter.
fn alone(vcenter: SocketAddr, variables: &[(&str, &str)]) -> (Process, String) {
    let [port] = ports::free();
    let mut command = Command::new(workspace::binary("vpoller-exporter"));
    command.env_clear().envs([
        ("VCENTER_HOST", vcenter.ip().to_string()),
        ("VCENTER_PORT", vcenter.port().to_string()),
        ("VCENTER_USER", USER.to_owned()),
        ("VCENTER_PASSWORD", PASSWORD.to_owned()),
        ("HTTP_HOST", "127.0.0.1".to_owned()),
        ("HTTP_PORT", port.to_string()),
    ]);
    command.envs(variables.iter().copied());
    let mut exporter = Process::spawn(command);
    exporter.wait_for_line("Metrics are at", SOON);
    (exporter, format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_wrong_password_is_said_where_people_look() {
    let simulator = Simulator::start(&SimOptions::default());
    let (mut exporter, url) = alone(simulator.address(), &[("VCENTER_PASSWORD", "wr0ng-word"), ("POLL_INTERVAL", "1")]);
    let document = wait_for(SLOW, "the reason", || {
        let (status, document) = health(&url);
        assert_eq!(status, 503, "{document}");
        document["last_error"].is_string().then_some(document)
    });
    let error = document["last_error"].as_str().unwrap();
    assert!(error.contains("InvalidLogin") && error.lines().count() == 1 && !error.contains("wr0ng-word"), "{error}");
    let line = exporter.wait_for_line("InvalidLogin", SOON);
    assert!(line.contains("127.0.0.1") && !exporter.stderr().contains("wr0ng-word"), "{line}");
    assert_eq!((http::get(&format!("{url}/-/healthy")).0, http::get(&format!("{url}/-/ready")).0), (200, 503));
    let page = Exposition::read(&http::get(&format!("{url}/metrics")).1);
    assert_eq!(page.of(IOPS).count(), 0);
    assert!(simulator.calls_of("Login") < 5, "accounts get locked");
}

#[test]
fn a_vcenter_that_is_down_at_the_start_is_found_when_it_comes() {
    let [port] = ports::free();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let (mut exporter, url) = alone(address, &[("POLL_INTERVAL", "1")]);
    for (path, status) in [("/metrics", 200), ("/metrics/vsphere", 200), ("/health", 503), ("/-/ready", 503), ("/-/healthy", 200)]
    {
        assert_eq!(http::get(&format!("{url}{path}")).0, status, "{path}");
    }
    let early = Exposition::read(&http::get(&format!("{url}/metrics")).1);
    assert_eq!(early.of(IOPS).count(), 0);
    assert_eq!(early.of("vcenter_collector_last_collection_timestamp_seconds").next().unwrap().value, "0");
    let line = exporter.wait_for_line("127.0.0.1", SOON);
    let _simulator = Simulator::start(&SimOptions { listen: address, ..SimOptions::default() });
    wait_until(SLOW, "good health", || http::get(&format!("{url}/health")).0 == 200);
    assert!(Exposition::read(&http::get(&format!("{url}/metrics")).1).of(IOPS).count() > 0, "{line}");
}

#[test]
fn health_is_bad_after_three_intervals_and_good_again() {
    const INTERVAL: f64 = 2.0;
    let mut simulator = Simulator::start(&SimOptions::default());
    let (_exporter, url) = alone(simulator.address(), &[("POLL_INTERVAL", "2")]);
    wait_until(SLOW, "good health", || health(&url).0 == 200);
    // It takes connections and never answers: only the clock tells that it is away.
    simulator.process().signal(19);
    let (status, document, age) = wait_for(SLOW, "old samples", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let (status, document) = health(&url);
        let age = now - document["last_collection_time"].as_f64().unwrap();
        if document["stale"] == json!(false) {
            // A hundredth, to which the time is rounded, and what asking took.
            assert!(age < 3.0 * INTERVAL + 1.0, "{age}: {document}");
            return None;
        }
        Some((status, document, age))
    });
    assert_eq!((status, &document["status"]), (503, &json!("degraded")), "{document}");
    assert!(age > 3.0 * INTERVAL - 0.1, "{age}: {document}");
    for path in ["/healthz", "/ready"] {
        assert_eq!(http::get(&format!("{url}{path}")).0, 503, "{path}");
    }
    assert_eq!(http::get(&format!("{url}/-/healthy")).0, 200, "the program lives");
    simulator.process().signal(18);
    wait_until(SLOW, "good health again", || health(&url).0 == 200);
}

#[test]
fn a_thousand_scrapes_at_once_delay_no_check() {
    const CLIENTS: usize = 1000;
    let simulator = Simulator::start(&SimOptions { vms: 200, ..SimOptions::default() });
    let host = Host::at(simulator.address());
    let shown = Shown::start(std::slice::from_ref(&host), "");
    shown.stack.wait_for_workers(1);
    let page = shown.get("/metrics/zroc");
    let address: SocketAddr = shown.url.trim_start_matches("http://").parse().unwrap();
    let calls = simulator.calls_of("QueryPerf");
    let start = Arc::new(Barrier::new(CLIENTS + 1));
    let scrape = |_| {
        let start = Arc::clone(&start);
        let client = move || {
            start.wait();
            let answer = raw(address, b"GET /metrics/zroc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            parts(&answer).map_or((0, 0), |(status, body)| (status, body.len()))
        };
        thread::Builder::new().stack_size(128 * 1024).spawn(client).unwrap()
    };
    let clients: Vec<_> = (0..CLIENTS).map(scrape).collect();
    start.wait();
    let since = Instant::now();
    let question = json!({
        "method": "vm.get", "hostname": host.name, "name": "vm01.example.org", "properties": ["runtime.powerState"],
    });
    let (mut checks, mut slowest) = (0, Duration::ZERO);
    while clients.iter().any(|client| !client.is_finished()) {
        let asked = Instant::now();
        assert_eq!(shown.stack.ask(&question)["success"], 0);
        slowest = slowest.max(asked.elapsed());
        checks += 1;
    }
    eprintln!("{CLIENTS} scrapes in {:?}; {checks} checks meanwhile, the slowest {slowest:?}", since.elapsed());
    for client in clients {
        let (status, length) = client.join().unwrap();
        assert!(status == 200 && length > page.len() / 2, "{status}: {length} of {} bytes", page.len());
    }
    // Zabbix waits three seconds for a check, unless it is told otherwise.
    assert!(checks > 0 && slowest < Duration::from_secs(3), "{slowest:?}");
    let cycles = simulator.calls_of("QueryPerf") - calls;
    assert!(cycles < 500, "scrapes ask vCenter: {cycles} calls");
}

#[test]
fn numbers_that_are_none_are_passed_over_or_refused_in_one_line() {
    const NUMBERS: [(&str, &str); 8] = [
        ("VCENTER_PORT", "443"),
        ("POLL_INTERVAL", "300"),
        ("BATCH_SIZE", "1000"),
        ("BATCH_DELAY", "0"),
        ("VM_INVENTORY_TTL", "600"),
        ("PERF_INTERVAL_ID", "300"),
        ("HTTP_PORT", "9272"),
        ("PERF_FALLBACK", "true"),
    ];
    for nonsense in ["many", "-1", "NaN", "inf", "1e999", "0x10", "1,5", "\u{ff15}", "99999999999999999999", "5;6"] {
        let mut command = Command::new(workspace::binary("vpoller-exporter"));
        command.env_clear().env("VCENTER_PASSWORD", "x").arg("--check-config").envs(NUMBERS.map(|(name, _)| (name, nonsense)));
        let Finished { code, stdout, stderr } = process::run(command, SLOW);
        assert_eq!((code, stderr.lines().count()), (2, NUMBERS.len()), "{nonsense}: {stderr}");
        for (name, usual) in NUMBERS {
            assert!(stdout.lines().any(|line| line == format!("{name}={usual}")), "{nonsense}: {name}: {stdout}");
            assert!(stderr.lines().any(|line| line.contains(&format!("{name}={nonsense} is "))), "{nonsense}: {name}: {stderr}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vpoller.conf");
    for (key, wrong) in [("poll_interval", "often"), ("batch_size", "-5"), ("batch_delay", "1,5"), ("vm_inventory_ttl", "1e99")] {
        std::fs::write(&file, format!("[exporter]\n{key} = {wrong}\n")).unwrap();
        for (program, start) in [("vpoller-exporter", &[][..]), ("vpoller-worker", &["start"])] {
            for more in [start, &["--check-config"]] {
                let arguments = more.iter().copied().chain(["-f", file.to_str().unwrap()]);
                let Finished { code, stderr, .. } = process::run_workspace(program, arguments, SLOW);
                assert_eq!((code, stderr.lines().count()), (1, 1), "{program} {key}: {stderr}");
                assert!(stderr.contains(&format!("line 2: [exporter] {key}")), "{program} {key}: {stderr}");
            }
        }
    }
}
