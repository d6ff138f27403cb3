//! The HTTP listener of both daemons, for Prometheus and for probes: read only, small, bounded.
//!
//! Every connection has a thread of its own, and gets one answer; none of them touches the sockets that requests come through, so
//! nothing that happens here delays a check. What asks slowly, or too much, is cut off, and where all connections are taken, the one
//! whose client has kept the server waiting longest makes room.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustls::{ServerConnection, StreamOwned};

use crate::crowd::{Crowd, Guest};
use crate::doors::{Doors, PasswordCheck, Refusal, Verdict};
use crate::listen::Listen;
use crate::pages::{Pages, PagesError};
use crate::routes::{self, Response, Route};
use crate::wake::Wake;

/// Connections at the same time.
const CONNECTIONS: usize = 64;
/// A client that keeps the server waiting longer makes room where all connections are taken and there is a further one.
const PATIENCE: Duration = Duration::from_secs(1);
/// Room for TLS, for a page, and for the formatting of numbers.
const STACK: usize = 512 * 1024;
/// The longest head of a request.
const LONGEST_HEAD: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;
/// How long a client may take to ask.
const ASKING: Duration = Duration::from_secs(2);
/// How long a client may take to read the answer.
const READING: Duration = Duration::from_secs(10);
/// Threads that may check a password at the same time, which takes a processor each.
const MOST_CHECKS: usize = 2;
/// After an error of the kernel's, before the next connection is taken.
const PAUSE: Duration = Duration::from_millis(100);

/// The running listener; ends when dropped.
pub struct Http {
    address: SocketAddr,
    is_tls: bool,
    stop: Wake,
}

impl Http {
    /// Binds and starts the threads. Where the configuration names no place, a port that is taken is worth a warning only: a
    /// second daemon on the machine has the same default.
    ///
    /// # Errors
    /// When the place that the configuration names cannot be had, or the files of the doors make no sense.
    pub fn start(pages: &Pages, section: &'static str, routes: Vec<Route>) -> Result<Option<Self>, PagesError> {
        let Some(listen) = &pages.listen else { return Ok(None) };
        let doors = Doors::load(&pages.doors)?;
        Doors::check_scheme(doors.as_ref(), listen)?;
        match Self::bind(listen, routes, doors) {
            Ok(http) => Ok(Some(http)),
            Err(source) => {
                PagesError::Place { listen: listen.clone(), section, source }.unless_built_in(pages)?;
                Ok(None)
            }
        }
    }

    fn bind(listen: &Listen, routes: Vec<Route>, doors: Option<Doors>) -> io::Result<Self> {
        let listener = listen.bind()?;
        // A client may have left between the moment that it is announced and the one that it is taken.
        listener.set_nonblocking(true)?;
        let is_tls = doors.as_ref().is_some_and(Doors::is_tls);
        let http = Self { address: listener.local_addr()?, is_tls, stop: Wake::new()? };
        let site = Arc::new(Site { routes, doors, checks: AtomicUsize::new(0) });
        let stop = http.stop.clone();
        thread(move || run(&listener, &site, &stop))?;
        Ok(http)
    }

    /// Its address, with the port that the system chose.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        // Threads that talk to clients end with them, within the limits of time.
        self.stop.wake();
    }
}

/// What the threads share.
struct Site {
    routes: Vec<Route>,
    doors: Option<Doors>,
    /// Threads that check a password.
    checks: AtomicUsize,
}

fn thread(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("VPollerHttp".to_owned()).stack_size(STACK).spawn(body).map(drop)
}

/// Takes connections until the end.
fn run(listener: &TcpListener, site: &Arc<Site>, stop: &Wake) {
    let crowd = Crowd::new(CONNECTIONS, PATIENCE);
    loop {
        let mut items = [stop.as_fd(), listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut items, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Ok(_) if items[0].any() != Some(true) => {}
            _ => return,
        }
        let taken = match listener.accept() {
            Ok((stream, _)) => begin(stream, &crowd, site),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        };
        if taken.is_err() {
            // Out of descriptors or threads, most likely; asking again at once would only burn time.
            thread::sleep(PAUSE);
        }
    }
}

/// Serves a connection on a thread of its own, as soon as there is room for it.
fn begin(stream: TcpStream, crowd: &Arc<Crowd>, site: &Arc<Site>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let guest = crowd.enter(&stream)?;
    let site = Arc::clone(site);
    thread(move || site.serve(stream, &guest))
}

impl Site {
    /// Answers one connection; a client that is gone needs no answer, and one that cannot agree on TLS was sent an alert.
    fn serve(&self, stream: TcpStream, guest: &Guest) {
        let stream = TimedStream { stream, deadline: Instant::now() + ASKING };
        let Some(tls) = self.doors.as_ref().and_then(Doors::tls) else {
            let mut stream = stream;
            let _ = self.converse(&mut stream, guest, |stream| stream);
            return;
        };
        let Ok(session) = ServerConnection::new(tls) else { return };
        let mut stream = StreamOwned::new(session, stream);
        if self.converse(&mut stream, guest, |stream| &mut stream.sock).is_ok() {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    fn converse<S: Read + Write>(
        &self,
        stream: &mut S,
        guest: &Guest,
        timed: impl Fn(&mut S) -> &mut TimedStream,
    ) -> io::Result<()> {
        let asked = ask(stream)?;
        guest.answering();
        let (response, challenges) = self.answer(&asked);
        let Response { content_type, answer } = response;
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n",
            answer.status,
            reason(answer.status),
            answer.body.len()
        );
        challenges.iter().for_each(|challenge| head += &format!("WWW-Authenticate: {challenge}\r\n"));
        for (name, value) in self.doors.iter().flat_map(Doors::headers) {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        let body = if matches!(asked, ParsedRequest::Page { head_only: true, .. }) { &[] } else { answer.body.as_slice() };
        timed(stream).deadline = Instant::now() + READING;
        guest.waiting();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()
    }

    /// The answer, and the values of `WWW-Authenticate`.
    fn answer(&self, asked: &ParsedRequest) -> (Response, Vec<&'static str>) {
        match asked {
            ParsedRequest::Refused(status, text) => (Response::line(*status, text), Vec::new()),
            ParsedRequest::Page { path, authorization, method_is_known, .. } => match self.admit(authorization.as_deref()) {
                Err(Refusal { status, text, challenges }) => (Response::line(status, text), challenges),
                Ok(()) if !method_is_known => (Response::line(405, "only GET and HEAD are answered"), Vec::new()),
                Ok(()) => {
                    let made = catch_unwind(AssertUnwindSafe(|| routes::respond(&self.routes, path)));
                    let defect = |_| Response::line(500, "this page failed by a defect, see the log");
                    (made.unwrap_or_else(defect), Vec::new())
                }
            },
        }
    }

    fn admit(&self, authorization: Option<&[u8]>) -> Result<(), Refusal> {
        let Some(doors) = &self.doors else { return Ok(()) };
        match doors.check(authorization) {
            Verdict::Allowed => Ok(()),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Unchecked(check) => match self.check(check) {
                None => Err(Refusal::busy()),
                Some(true) => Ok(()),
                Some(false) => Err(doors.unauthorized()),
            },
        }
    }

    /// Whether a password is right; `None` where too many threads check one already.
    fn check(&self, check: PasswordCheck) -> Option<bool> {
        let is_free = self.checks.fetch_add(1, Ordering::Relaxed) < MOST_CHECKS;
        let outcome = is_free.then(|| check.run());
        self.checks.fetch_sub(1, Ordering::Relaxed);
        outcome
    }
}

/// A stream that fails once its deadline has passed.
struct TimedStream {
    stream: TcpStream,
    deadline: Instant,
}

impl TimedStream {
    /// The time until the deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for TimedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

enum ParsedRequest {
    Page {
        path: String,
        head_only: bool,
        /// It is GET or HEAD.
        method_is_known: bool,
        /// The value of the header, if there is exactly one.
        authorization: Option<Vec<u8>>,
    },
    Refused(u16, &'static str),
}

/// Reads the head of a request; an error when the client left or took too long.
fn ask(stream: &mut impl Read) -> io::Result<ParsedRequest> {
    let mut head = Vec::with_capacity(1024);
    let mut chunk = [0; 1024];
    loop {
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        head.extend_from_slice(chunk.get(..count).unwrap_or_default());
        match parse(&head) {
            Some(asked) => return Ok(asked),
            None if head.len() >= LONGEST_HEAD => return Ok(ParsedRequest::Refused(431, "the request's head is too long")),
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
        Ok(_) => {
            let method = request.method.unwrap_or_default();
            let target = request.path.unwrap_or_default();
            let path = target.split_once('?').map_or(target, |(path, _)| path).to_owned();
            let mut given = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("authorization"));
            let authorization = given.next().map(|header| header.value.to_vec()).filter(|_| given.next().is_none());
            let method_is_known = matches!(method, "GET" | "HEAD");
            Some(ParsedRequest::Page { path, head_only: method == "HEAD", method_is_known, authorization })
        }
        Err(httparse::Error::TooManyHeaders) => Some(ParsedRequest::Refused(431, "too many headers")),
        Err(_) => Some(ParsedRequest::Refused(400, "that is no HTTP request")),
    }
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::tests::routes;
    use proptest::prelude::*;

    fn start() -> Http {
        Http::bind(&"tcp://127.0.0.1:*".parse().unwrap(), routes("running"), None).unwrap()
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
        let mut idle: Vec<_> = (0..CONNECTIONS + 2).map(|_| TcpStream::connect(http.address).unwrap()).collect();
        let since = Instant::now();
        assert!(talk(&http, b"GET /healthz HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        assert!(since.elapsed() >= PATIENCE / 2, "all places were taken");
        for stream in &mut idle {
            assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "closed without a word");
        }
    }

    #[test]
    fn a_taken_port_matters_only_where_it_was_asked_for() {
        let http = start();
        let mut pages = Pages::at(format!("tcp://{}", http.address).parse().unwrap());
        let error = Http::start(&pages, "proxy", routes("running")).err().unwrap().to_string();
        assert!(error.contains("[proxy] http") && error.contains("in use"), "{error}");
        pages.given = false;
        assert!(Http::start(&pages, "proxy", routes("running")).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
