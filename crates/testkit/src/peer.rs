//! What stands at the other end of a client: a ROUTER socket that gives prepared replies, or none.

use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(20);

/// A peer on a free port; ends with the test.
pub struct Peer {
    /// Where it listens.
    pub endpoint: String,
    requests: Receiver<Vec<u8>>,
    stop: zmq::Socket,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Gives every request the same reply.
    pub fn answering(reply: impl Into<Vec<u8>>) -> Self {
        let reply = reply.into();
        Self::start(move |_| Some(reply.clone()))
    }

    /// Never replies.
    pub fn silent() -> Self {
        Self::start(|_| None)
    }

    /// Asks `reply` what to answer.
    pub fn start(mut reply: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let context = zmq::Context::new();
        let (socket, endpoint) = bind(&context, zmq::ROUTER);
        let (stop, stopped) = stop_pair(&context);
        let (sender, requests) = channel();
        let thread = std::thread::spawn(move || {
            while wait(&[&socket, &stopped]) == Some(0) {
                let mut frames = socket.recv_multipart(0).unwrap();
                assert_eq!(frames.len(), 3, "a request is one frame behind the delimiter");
                let request = frames.pop().unwrap();
                let answer = reply(&request);
                let _ = sender.send(request);
                if let Some(answer) = answer {
                    frames.push(answer);
                    socket.send_multipart(frames, 0).unwrap();
                }
            }
        });
        Self { endpoint, requests, stop, thread: Some(thread) }
    }

    /// The next request as JSON.
    #[track_caller]
    pub fn request(&self) -> Value {
        serde_json::from_slice(&self.requests.recv_timeout(LIMIT).unwrap()).unwrap()
    }

    /// How many requests came that were not taken with [`Peer::request`].
    pub fn count(&self) -> usize {
        self.requests.try_iter().count()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.stop.send("", zmq::DONTWAIT);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the peer failed");
        }
    }
}

/// A socket on a free port of 127.0.0.1.
pub fn bind(context: &zmq::Context, kind: zmq::SocketType) -> (zmq::Socket, String) {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    (socket, endpoint)
}

/// Two ends of a pair; a message on it means stop.
pub fn stop_pair(context: &zmq::Context) -> (zmq::Socket, zmq::Socket) {
    let (ours, endpoint) = bind(context, zmq::PAIR);
    let theirs = context.socket(zmq::PAIR).unwrap();
    theirs.set_linger(0).unwrap();
    theirs.connect(&endpoint).unwrap();
    (ours, theirs)
}

/// Which socket has something to read.
pub fn wait(sockets: &[&zmq::Socket]) -> Option<usize> {
    let mut items: Vec<_> = sockets.iter().map(|socket| socket.as_poll_item(zmq::POLLIN)).collect();
    zmq::poll(&mut items, i64::try_from(LIMIT.as_millis()).unwrap()).unwrap();
    items.iter().position(zmq::PollItem::is_readable)
}
