//! The HTTP listener of both daemons, for Prometheus and for probes: read only, small, bounded.
//!
//! A few threads of its own serve one connection each; none of them touches the sockets that requests come through, so nothing
//! that happens here delays a check. A connection gets one answer. What asks slowly, or too much, is cut off.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vpoller_text::endpoint::{Endpoint, EndpointError};

use crate::config::{ConfigError, Settings};
use crate::routes::{self, Response, Route};
use crate::wake::Wake;

/// Connections at the same time; further ones wait in the kernel's queue.
const THREADS: usize = 4;
/// The longest head of a request.
const LONGEST_HEAD: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;
/// How long a client may take to ask.
const ASKING: Duration = Duration::from_secs(2);
/// How long a client may take to read the answer.
const READING: Duration = Duration::from_secs(10);
/// After an error of the kernel's, before the next connection is taken.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the pages are served, from the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pages {
    /// Where; `None` when they are switched off.
    pub endpoint: Option<Endpoint>,
    /// Whether the configuration names it: then it must work.
    pub given: bool,
}

impl Pages {
    /// No pages.
    pub const OFF: Self = Self { endpoint: None, given: true };

    /// Reads the key `http` of a section: an endpoint, or `off`.
    ///
    /// # Errors
    /// When the value is neither.
    pub fn read(settings: &Settings, section: &str, default: &str) -> Result<Self, ConfigError> {
        let given = settings.has(section, KEY);
        let parse = |text: &str| match text {
            _ if text.eq_ignore_ascii_case("off") => Ok(None),
            _ if !text.starts_with("tcp:") => Err("is neither \"off\" nor an endpoint like tcp://127.0.0.1:10126".to_owned()),
            _ => text.parse().map(Some).map_err(|error: EndpointError| format!("is wrong: {error}")),
        };
        let endpoint = settings.value(section, KEY, default, parse)?;
        Ok(Self { endpoint, given })
    }
}

/// The key in both sections.
const KEY: &str = "http";

/// Why there are no pages.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve metrics and status at {endpoint}: {source}; [{section}] http names another place, or \"off\"")]
pub struct HttpError {
    endpoint: Endpoint,
    section: &'static str,
    source: io::Error,
}

/// The running listener; ends when dropped.
pub struct Http {
    address: SocketAddr,
    stop: Wake,
}

impl Http {
    /// Binds and starts the threads. Where the configuration names no place, a port that is taken is worth a warning only: a
    /// second worker on the machine has the same default.
    ///
    /// # Errors
    /// When the place that the configuration names cannot be had.
    pub fn start(listen: &Pages, section: &'static str, routes: Vec<Route>) -> Result<Option<Self>, HttpError> {
        let Some(endpoint) = &listen.endpoint else { return Ok(None) };
        match Self::bind(endpoint, routes) {
            Ok(http) => Ok(Some(http)),
            Err(source) => {
                let error = HttpError { endpoint: endpoint.clone(), section, source };
                if listen.given {
                    return Err(error);
                }
                tracing::warn!("{error}");
                Ok(None)
            }
        }
    }

    fn bind(endpoint: &Endpoint, routes: Vec<Route>) -> io::Result<Self> {
        let listener = TcpListener::bind(address(endpoint)?)?;
        // Every thread looks whether there is a connection; the one that comes too late must not wait for the next.
        listener.set_nonblocking(true)?;
        let http = Self { address: listener.local_addr()?, stop: Wake::new()? };
        let shared = Arc::new((listener, routes));
        for _ in 0..THREADS {
            let shared = Arc::clone(&shared);
            let stop = http.stop.clone();
            thread::Builder::new().name("VPollerHttp".to_owned()).spawn(move || run(&shared.0, &stop, &shared.1))?;
        }
        Ok(http)
    }

    /// Its address, with the port that the system chose.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // The descriptor is never drained, so every thread sees it; one that talks to a slow client sees it a little later.
        self.stop.wake();
    }
}

fn address(endpoint: &Endpoint) -> io::Result<SocketAddr> {
    let text = endpoint.as_str().trim_start_matches("tcp://");
    let text = text.strip_suffix(":*").map_or_else(|| text.to_owned(), |host| format!("{host}:0"));
    let text = text.strip_prefix("*:").map_or(text.clone(), |port| format!("0.0.0.0:{port}"));
    text.to_socket_addrs()?.next().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

fn run(listener: &TcpListener, stop: &Wake, routes: &[Route]) {
    loop {
        let mut items = [stop.as_fd(), listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut items, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Ok(_) if items[0].any() != Some(true) => {}
            _ => return,
        }
        match listener.accept() {
            Ok((stream, _)) => serve(stream, routes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Out of descriptors, most likely; asking again at once would only burn time.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Answers one connection; a client that is gone needs no answer.
fn serve(mut stream: TcpStream, routes: &[Route]) {
    let Some(asked) = ask(&mut stream, Instant::now() + ASKING) else { return };
    let response = match &asked {
        ParsedRequest::Page { path, .. } => catch_unwind(AssertUnwindSafe(|| routes::respond(routes, path)))
            .unwrap_or_else(|_| Response::line(500, "this page failed by a defect, see the log")),
        ParsedRequest::Refused(status, text) => Response::line(*status, text),
    };
    let Response { content_type, answer } = response;
    let head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.status,
        reason(answer.status),
        answer.body.len()
    );
    let body = if matches!(asked, ParsedRequest::Page { head_only: true, .. }) { &[] } else { answer.body.as_slice() };
    let _ = write(&mut stream, &[head.as_bytes(), body].concat(), Instant::now() + READING);
}

enum ParsedRequest {
    Page { path: String, head_only: bool },
    Refused(u16, &'static str),
}

/// Reads the head of a request; `None` when the client left or took too long.
fn ask(stream: &mut TcpStream, deadline: Instant) -> Option<ParsedRequest> {
    let mut head = Vec::with_capacity(1024);
    let mut chunk = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(deadline)?)).ok()?;
        let count = match stream.read(&mut chunk) {
            Ok(0) => return None,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        head.extend_from_slice(chunk.get(..count)?);
        match parse(&head) {
            Some(asked) => return Some(asked),
            None if head.len() >= LONGEST_HEAD => return Some(ParsedRequest::Refused(431, "the request's head is too long")),
            None => {}
        }
    }
}

/// `None` as long as the head is not complete.
fn parse(head: &[u8]) -> Option<ParsedRequest> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(status) if status.is_partial() => None,
        Ok(_) => Some(match (request.method, request.path) {
            (Some(method @ ("GET" | "HEAD")), Some(target)) => {
                let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
                ParsedRequest::Page { path, head_only: method == "HEAD" }
            }
            _ => ParsedRequest::Refused(405, "only GET and HEAD are answered"),
        }),
        Err(httparse::Error::TooManyHeaders) => Some(ParsedRequest::Refused(431, "too many headers")),
        Err(_) => Some(ParsedRequest::Refused(400, "that is no HTTP request")),
    }
}

fn write(stream: &mut TcpStream, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        let left = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The time until the deadline; `None` when it has passed.
fn left(deadline: Instant) -> Option<Duration> {
    Some(deadline.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;
    use crate::routes::tests::routes;
    use proptest::prelude::*;
    use std::path::Path;

    fn start() -> Http {
        Http::bind(&"tcp://127.0.0.1:*".parse().unwrap(), routes("running")).unwrap()
    }

    fn talk(http: &Http, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(http.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        // A refused request may be cut off while it is still being sent.
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn pages_are_served_until_the_end() {
        let http = start();
        let answer = talk(&http, b"GET /status?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n{\"status\": \"running\", \"workers\": 0}\n"), "{answer}");
        assert!(talk(&http, b"GET /readyz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        let head = talk(&http, b"HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.contains("text/plain; version=0.0.4") && head.ends_with("\r\n\r\n"), "{head}");
        let address = http.address;
        drop(http);
        // The threads end by themselves; then the port is closed.
        while TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
    }

    #[test]
    fn what_is_no_question_is_refused() {
        let http = start();
        assert!(talk(&http, b"POST /status HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(talk(&http, b"\x16\x03\x01 hello\r\n\r\n").starts_with("HTTP/1.1 400 "));
        assert!(talk(&http, b"GET /nobody HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert!(talk(&http, many.as_bytes()).starts_with("HTTP/1.1 431 "));
        let long = [b"GET /".to_vec(), vec![b'x'; LONGEST_HEAD]].concat();
        assert!(talk(&http, &long).starts_with("HTTP/1.1 431 "));
    }

    #[test]
    fn clients_that_say_nothing_are_cut_off_and_keep_nobody_out() {
        let http = start();
        let mut idle: Vec<_> = (0..2 * THREADS).map(|_| TcpStream::connect(http.address).unwrap()).collect();
        assert!(talk(&http, b"GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        for stream in &mut idle {
            assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed without a word");
        }
    }

    #[test]
    fn the_setting_is_an_endpoint_or_off() {
        let read = |text: &str| {
            let settings = Settings::parse(text, Path::new("v.conf"), Program::Worker).unwrap();
            Pages::read(&settings, "worker", "tcp://127.0.0.1:10126").map_err(|error| error.to_string())
        };
        let at = |text: &str, given| Pages { endpoint: Some(text.parse().unwrap()), given };
        assert_eq!(read(""), Ok(at("tcp://127.0.0.1:10126", false)));
        assert_eq!(read("[worker]\nhttp = tcp://*:9100\n"), Ok(at("tcp://*:9100", true)));
        assert_eq!(read("[worker]\nhttp = Off\n"), Ok(Pages::OFF));
        for wrong in ["9100", "tcp://x", "ipc:///x", "http://x:1"] {
            let error = read(&format!("[worker]\nhttp = {wrong}\n")).unwrap_err();
            assert!(error.contains("line 2: [worker] http"), "{error}");
        }
        assert_eq!(address(&"tcp://*:0".parse().unwrap()).unwrap().to_string(), "0.0.0.0:0");
    }

    #[test]
    fn a_taken_port_matters_only_where_it_was_asked_for() {
        let http = start();
        let mut listen = Pages { endpoint: Some(format!("tcp://{}", http.address).parse().unwrap()), given: true };
        let error = Http::start(&listen, "proxy", routes("running")).err().unwrap().to_string();
        assert!(error.contains("[proxy] http") && error.contains("in use"), "{error}");
        listen.given = false;
        assert!(Http::start(&listen, "proxy", routes("running")).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
