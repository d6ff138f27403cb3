//! A stand-in for vPoller: a ROUTER that answers each request as the request's own method says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// How long the peer waits for a request before it looks whether it should end.
const POLL_MS: i64 = 20;

/// Ends with the test. Methods: see [`reply`].
pub(super) struct Peer {
    /// Where it listens.
    pub endpoint: String,
    received: Arc<Mutex<Vec<Value>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Starts to listen on a free port.
    pub(super) fn start() -> Self {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::ROUTER).unwrap();
        socket.set_linger(0).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        let (received, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (received, stop) = (Arc::clone(&received), Arc::clone(&stop));
            move || serve(&socket, &received, &stop)
        });
        Self { endpoint, received, stop, thread: Some(thread) }
    }

    /// The bodies of all requests so far.
    pub(super) fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its panic has been printed
        }
    }
}

fn serve(socket: &zmq::Socket, received: &Mutex<Vec<Value>>, stop: &AtomicBool) {
    let mut late = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        if socket.poll(zmq::POLLIN, POLL_MS).unwrap() == 0 {
            continue;
        }
        let mut frames = socket.recv_multipart(0).unwrap();
        assert_eq!(frames.len(), 3, "identity, empty frame, body");
        let request: Value = serde_json::from_slice(&frames[2]).unwrap();
        received.lock().unwrap().push(request.clone());
        while let Some(answer) = late.pop_front() {
            // Its client may be gone.
            let _: zmq::Result<()> = socket.send_multipart::<_, Vec<u8>>(answer, 0);
        }
        match request["method"].as_str().unwrap() {
            "never" => {}
            "late" => {
                frames[2] = b"late answer\0\0".to_vec();
                late.push_back(frames);
            }
            method => {
                frames[2] = reply(method, &request);
                socket.send_multipart(frames, 0).unwrap();
            }
        }
    }
}

/// `name`: the object's name as the value. `fail`: the same as a failure. `body`: the request itself. `hex`: the bytes that the
/// name spells. `big`: a megabyte. Not answered here: `never`, and `late`, which is answered when the next request has come.
fn reply(method: &str, request: &Value) -> Vec<u8> {
    let name = request["name"].as_str().unwrap_or_default();
    match method {
        "name" => format!("{name}\0\0").into_bytes(),
        "fail" => format!("{name}\0\u{1}").into_bytes(),
        "body" => format!("{request}\0\0").into_bytes(),
        "hex" => {
            (0..name.len()).step_by(2).map(|at| u8::from_str_radix(&name[at..at + 2], 16).expect("two hex digits")).collect()
        }
        "big" => [vec![b'x'; 1 << 20], vec![0, 0]].concat(),
        other => panic!("the peer does not know {other}"),
    }
}
