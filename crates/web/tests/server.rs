//! The server and clients of every manner.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use vpoller_web::{Limits, Server};

/// Longer than any limit of these tests.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);
/// More than the kernel buffers on both sides.
const BIG: usize = 32 * 1024 * 1024;

fn defect() -> &'static str {
    panic!("a defect, made for this test")
}

struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let big = "x".repeat(BIG);
        let router = Router::new()
            .route("/", get(|| async { "hello\n" }))
            .route("/big", get(move || std::future::ready(big.clone())))
            .route("/never", get(std::future::pending::<()>))
            .route("/defect", get(|| async { defect() }));
        let server = Server::bind(&["127.0.0.1:0".parse().unwrap()], limits, None).unwrap();
        let address = server.local_addresses()[0];
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(server.serve(router, async { drop(stopped.await) })).unwrap();
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    /// All that the server answers on a connection that it closes.
    fn talk(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        rest(&mut stream)
    }

    fn get(&self) -> String {
        self.talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

/// What comes until the server closes. A connection that is cut off may end in a reset.
fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(answer).unwrap(),
    }
}

/// Reads one answer of a connection that stays open.
fn one(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_are_answered_and_others_refused() {
    let server = Running::start(Limits { request_time: SHORT, ..Limits::default() });
    let answer = server.get();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello\n"), "{answer}");
    for (request, status) in [
        // Whatever host the client names, nothing depends on it.
        ("GET / HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil\r\nConnection: close\r\n\r\n", 200),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
        ("GET / HTTP/1.0\r\n\r\n", 200),
        ("HEAD / HTTP/1.0\r\n\r\n", 200),
        ("GET //..%2f..%2fetc/passwd HTTP/1.0\r\n\r\n", 404),
        ("POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 405),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", 413),
        ("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
        ("GET /defect HTTP/1.0\r\n\r\n", 500),
        ("GET /never HTTP/1.0\r\n\r\n", 503),
        ("\x16\x03\x01 hello\r\n\r\n", 400),
    ] {
        let answer = server.talk(request.as_bytes());
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.split(' ').nth(1) == Some(&status.to_string()), "{request:?}: {answer:?}");
        assert!(!answer.contains("evil"), "{answer}");
    }
    assert_eq!(server.talk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "", "HTTP/2 without TLS");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(Limits::default().headers + 1));
    let long = format!("GET / HTTP/1.1\r\na: {}", "x".repeat(Limits::default().header_bytes));
    for request in [many, long] {
        assert!(server.talk(request.as_bytes()).starts_with("HTTP/1.1 431 "));
    }
}

#[test]
fn a_connection_stays_for_further_requests_and_ends_when_it_idles() {
    let server = Running::start(Limits { idle_time: SHORT, ..Limits::default() });
    let mut stream = server.connect();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(one(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
    }
    let since = Instant::now();
    assert_eq!(rest(&mut stream), "");
    assert!(since.elapsed() >= SHORT / 2, "{:?}", since.elapsed());
}

#[test]
fn heads_that_trickle_are_cut_off() {
    let server = Running::start(Limits { header_time: SHORT, ..Limits::default() });
    // The first head, one that never ends, and a later one.
    let mut silent = server.connect();
    let mut further = server.connect();
    further.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    one(&mut further);
    let since = Instant::now();
    for mut stream in [server.connect(), further] {
        stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        while stream.write_all(b"a: b\r\n").is_ok() {
            assert!(since.elapsed() < LONG);
            thread::sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(rest(&mut silent), "");
}

#[test]
fn a_slow_reader_is_cut_off_and_holds_nothing_up() {
    let server = Running::start(Limits { write_time: SHORT, ..Limits::default() });
    let mut slow = server.connect();
    slow.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut read = 0;
    let since = Instant::now();
    loop {
        // Every read makes room for a little more: a limit for one write alone would never end it.
        match slow.read(&mut [0; 1000]) {
            Ok(0) | Err(_) => break,
            Ok(count) => read += count,
        }
        assert!(server.get().ends_with("hello\n"));
        assert!(since.elapsed() < LONG);
    }
    assert!(read < BIG, "{read}");
    // One that reads as fast as it can is done within the usual limit, on a busy machine too.
    let whole = Running::start(Limits::default()).talk(b"GET /big HTTP/1.0\r\n\r\n");
    assert!(whole.len() > BIG);
}

#[test]
fn where_all_connections_are_taken_the_one_that_waits_longest_makes_room() {
    let limits = Limits { connections: 4, patience: SHORT, ..Limits::default() };
    let server = Running::start(limits);
    let mut idle = server.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    one(&mut idle);
    let mut others: Vec<_> = (0..limits.connections).map(|_| server.connect()).collect();
    assert!(server.get().ends_with("hello\n"));
    assert_eq!(rest(&mut idle), "", "it waits longest");
    // One whose answer is being made is none that waits.
    let mut asking = server.connect();
    asking.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    for _ in 0..2 * limits.connections {
        others.push(server.connect());
        assert!(server.get().ends_with("hello\n"));
    }
    asking.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(asking.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_thousand_at_once_are_all_answered() {
    const CLIENTS: usize = 1000;
    let server = Arc::new(Running::start(Limits::default()));
    let start = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (server, start) = (Arc::clone(&server), Arc::clone(&start));
            let client = move || {
                start.wait();
                server.get().ends_with("\r\n\r\nhello\n")
            };
            thread::Builder::new().stack_size(128 * 1024).spawn(client).unwrap()
        })
        .collect();
    assert!(clients.into_iter().all(|client| client.join().unwrap()));
}

#[test]
fn a_stop_ends_what_idles_and_lets_an_answer_end() {
    let mut server = Running::start(Limits::default());
    let mut idle = server.connect();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    one(&mut idle);
    let mut busy = server.connect();
    busy.write_all(b"GET /big HTTP/1.0\r\n\r\n").unwrap();
    busy.read_exact(&mut [0; 10]).unwrap();
    server.stop.take().unwrap().send(()).unwrap();
    assert!(rest(&mut busy).len() > BIG);
    assert_eq!(rest(&mut idle), "");
    let address = server.address;
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_place_that_cannot_be_had_is_named() {
    let server = Running::start(Limits::default());
    let bind = |text: &str| Server::bind(&[text.parse().unwrap()], Limits::default(), None).err().unwrap().to_string();
    let error = bind(&format!("tcp://{}", server.address));
    assert!(error.contains(&format!("cannot listen at tcp://{}", server.address)) && error.contains("in use"), "{error}");
    assert!(bind("https://127.0.0.1:0").contains("tls_server_config"));
    assert!(Server::bind(&["http://127.0.0.1:0".parse().unwrap()], Limits::default(), None).is_ok());
}
