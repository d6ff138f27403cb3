//! A proxy in this process, and workers made of bare sockets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use vpoller_daemon::mgmt::{self, Command};
use vpoller_daemon::pages::Pages;
use vpoller_daemon::socket::SocketError;
use vpoller_proxy::broker::Rules;
use vpoller_proxy::{Config, Manager, ProxyError};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, wait_for};
use vpoller_wire::control::{Announcement, Control, is_control};

const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// A running proxy. Dropping it stops it.
pub(crate) struct Proxy {
    pub frontend: String,
    pub backend: String,
    pub mgmt: String,
    thread: Option<JoinHandle<Result<(), ProxyError>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        Self::with(Rules::default())
    }

    pub(crate) fn with(rules: Rules) -> Self {
        Self::at(ANY_PORT, ANY_PORT, rules)
    }

    pub(crate) fn at(frontend: &str, backend: &str, rules: Rules) -> Self {
        Self::of(&Config { rules, ..Config::at(frontend, backend, ANY_PORT).unwrap() })
    }

    pub(crate) fn with_pages() -> Self {
        let http = Pages::at(ANY_PORT.parse().unwrap());
        Self::of(&Config { http, ..Config::at(ANY_PORT, ANY_PORT, ANY_PORT).unwrap() })
    }

    fn of(config: &Config) -> Self {
        // Children that other tests fork hold the ports of a proxy that just ended until they execute their program.
        let manager = wait_for(SOON, "the proxy's ports", || match Manager::start(config) {
            Err(ProxyError::Socket(SocketError::Bind { source: zmq::Error::EADDRINUSE, .. })) => None,
            started => Some(started.unwrap()),
        });
        let (frontend, backend) = (manager.frontend().to_owned(), manager.backend().to_owned());
        let mgmt = manager.mgmt().to_owned();
        let thread = Some(thread::spawn(move || manager.run(None)));
        Self { frontend, backend, mgmt, thread }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.frontend)
    }

    /// The `result` of its status.
    pub(crate) fn status(&self) -> Value {
        let reply = mgmt::ask(&self.mgmt.parse().unwrap(), Command::Status).unwrap();
        serde_json::from_slice::<Value>(&reply).unwrap()["result"].take()
    }

    /// A counter of its status, for example `/dropped/late_replies`; one that is not there is 0.
    pub(crate) fn counter(&self, path: &str) -> u64 {
        self.status()["counters"].pointer(path).and_then(Value::as_u64).unwrap_or_default()
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(mut self) -> Result<(), ProxyError> {
        self.ask_to_stop();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn ask_to_stop(&self) {
        mgmt::ask(&self.mgmt.parse().unwrap(), Command::Shutdown).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.ask_to_stop();
            let ended = thread.join();
            assert!(thread::panicking() || matches!(ended, Ok(Ok(()))), "{ended:?}");
        }
    }
}

/// A request as a client writes it.
pub(crate) fn request(host: &str) -> Vec<u8> {
    format!(r#"{{"method": "get", "hostname": "{host}"}}"#).into_bytes()
}

/// A worker's socket in the hands of a test. It says only what it is told to, so it is silent unless somebody waits on it.
pub(crate) struct Worker {
    socket: zmq::Socket,
    _context: zmq::Context,
    process: String,
    hosts: Vec<String>,
    last_beat: Instant,
    /// Control messages it got.
    pub told: Vec<Control>,
}

impl Worker {
    /// Connects and announces itself; `once` must not be repeated.
    pub(crate) fn join(backend: &str, process: &str, hosts: &[&str]) -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::DEALER).unwrap();
        socket.set_linger(0).unwrap();
        socket.connect(backend).unwrap();
        let hosts = hosts.iter().map(ToString::to_string).collect();
        let worker =
            Self { socket, _context: context, process: process.to_owned(), hosts, last_beat: Instant::now(), told: Vec::new() };
        worker.announce();
        worker
    }

    pub(crate) fn announce(&self) {
        self.say(&Control::Announce(Announcement {
            process: self.process.clone(),
            version: "test".into(),
            hosts: self.hosts.clone(),
            capacity: 64,
            never_repeat: vec!["once".into()],
        }));
    }

    pub(crate) fn say(&self, message: &Control) {
        self.socket.send_multipart(message.encode(), 0).unwrap();
    }

    pub(crate) fn send(&self, frames: &[&[u8]]) {
        self.socket.send_multipart(frames, 0).unwrap();
    }

    /// The next message within the time, heartbeats sent meanwhile.
    fn receive(&mut self, limit: Duration) -> Option<Vec<Vec<u8>>> {
        let deadline = Instant::now() + limit;
        loop {
            if self.last_beat.elapsed() > Duration::from_millis(100) {
                self.last_beat = Instant::now();
                self.say(&Control::Heartbeat);
            }
            if self.socket.poll(zmq::POLLIN, 20).unwrap() > 0 {
                return Some(self.socket.recv_multipart(0).unwrap());
            }
            if Instant::now() >= deadline {
                return None;
            }
        }
    }

    /// The next request within the time, as it came.
    pub(crate) fn poll_request(&mut self, limit: Duration) -> Option<Vec<Vec<u8>>> {
        let deadline = Instant::now() + limit;
        while let Some(frames) = self.receive(deadline.saturating_duration_since(Instant::now())) {
            if !is_control(&frames) {
                assert_eq!(frames.len(), 3, "number, delimiter, body");
                return Some(frames);
            }
            self.told.push(Control::decode(&frames).unwrap());
            if self.told.last() == Some(&Control::WhoAreYou) {
                self.announce();
            }
        }
        None
    }

    #[track_caller]
    pub(crate) fn request(&mut self) -> Vec<Vec<u8>> {
        self.poll_request(SOON).expect("a request")
    }

    /// Answers a request as it came.
    pub(crate) fn reply(&self, mut request: Vec<Vec<u8>>, body: &[u8]) {
        *request.last_mut().unwrap() = body.to_vec();
        self.socket.send_multipart(request, 0).unwrap();
    }

    /// Answers one request after the other with its own body and the process's name, until the result is dropped.
    pub(crate) fn serve(mut self) -> Serving {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(request) = self.poll_request(Duration::from_millis(20)) {
                    let answer = [request[2].as_slice(), b" by ", self.process.as_bytes()].concat();
                    self.reply(request, &answer);
                }
            }
        });
        Serving { stop, thread: Some(thread) }
    }
}

/// A worker that answers on a thread.
pub(crate) struct Serving {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}

/// Asks on a thread, so that the test can play the worker meanwhile. Gives the answer and how long it took.
pub(crate) fn ask(proxy: &Proxy, body: Vec<u8>) -> JoinHandle<(String, Duration)> {
    let mut client = proxy.client();
    thread::spawn(move || {
        let start = Instant::now();
        let reply = client.exchange(&body, SOON).expect("an answer");
        (String::from_utf8(reply).unwrap(), start.elapsed())
    })
}
