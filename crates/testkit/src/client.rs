//! A client with nothing of ours in it: a bare ZeroMQ REQ socket, as any program in any language has one.

use std::time::{Duration, Instant};

use serde_json::Value;

/// A REQ socket to one endpoint. After an answer that did not come the next question gets a fresh socket.
pub struct Client {
    context: zmq::Context,
    endpoint: String,
    socket: Option<zmq::Socket>,
}

impl Client {
    /// A client of `endpoint`, e.g. `tcp://127.0.0.1:10123`; connects with the first question.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { context: zmq::Context::new(), endpoint: endpoint.into(), socket: None }
    }

    /// Sends bytes and returns the answer's bytes; none when none came within `limit`.
    ///
    /// # Panics
    /// When ZeroMQ refuses the endpoint or the message.
    #[track_caller]
    pub fn exchange(&mut self, body: &[u8], limit: Duration) -> Option<Vec<u8>> {
        let socket = self.socket.take().unwrap_or_else(|| self.connect());
        socket.send(body, 0).expect("send a request");
        let millis = i64::try_from(limit.as_millis()).expect("limit in milliseconds");
        if uninterrupted(|| socket.poll(zmq::POLLIN, millis)).expect("wait for a reply") == 0 {
            return None;
        }
        let reply = socket.recv_bytes(0).expect("receive a reply");
        self.socket = Some(socket);
        Some(reply)
    }

    /// Sends a JSON message and returns the JSON answer.
    ///
    /// # Panics
    /// When none came within `limit`, or one that is not JSON.
    #[track_caller]
    pub fn ask(&mut self, message: &Value, limit: Duration) -> Value {
        let asked = Instant::now();
        let reply = self.exchange(message.to_string().as_bytes(), limit);
        let reply = reply.unwrap_or_else(|| panic!("no reply from {} within {:?} to {message}", self.endpoint, asked.elapsed()));
        serde_json::from_slice(&reply)
            .unwrap_or_else(|error| panic!("reply to {message} is no JSON ({error}): {}", String::from_utf8_lossy(&reply)))
    }

    fn connect(&self) -> zmq::Socket {
        let socket = self.context.socket(zmq::REQ).expect("REQ socket");
        socket.set_linger(0).expect("linger");
        socket.connect(&self.endpoint).unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.endpoint));
        socket
    }
}

/// Repeats a ZeroMQ call that a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> zmq::Result<T>) -> zmq::Result<T> {
    loop {
        match call() {
            Err(zmq::Error::EINTR) => {}
            done => return done,
        }
    }
}
