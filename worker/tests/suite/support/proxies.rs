//! Two proxies for tests: one that only relays, as the original did, and the backend side of one that speaks our protocol.

use std::thread::{self, JoinHandle};
use std::time::Instant;

use vpoller_testkit::wait::SOON;
use vpoller_wire::client::uninterrupted;
use vpoller_wire::control::{Announcement, Control, is_control};
use zmq::{Context, Socket};

/// A ROUTER for clients and a DEALER for workers, whole messages from one to the other.
pub(crate) struct PlainProxy {
    pub frontend: String,
    pub backend: String,
    stop: Socket,
    thread: Option<JoinHandle<()>>,
}

impl PlainProxy {
    pub(crate) fn start() -> Self {
        let context = Context::new();
        let [(front, frontend), (back, backend)] = [zmq::ROUTER, zmq::DEALER].map(|kind| bound(&context, kind));
        let stop = context.socket(zmq::PAIR).unwrap();
        stop.bind("inproc://stop").unwrap();
        let thread = thread::spawn(move || {
            let stop = context.socket(zmq::PAIR).unwrap();
            stop.connect("inproc://stop").unwrap();
            loop {
                let mut items = [&front, &back, &stop].map(|socket| socket.as_poll_item(zmq::POLLIN));
                uninterrupted(|| zmq::poll(&mut items, -1)).unwrap();
                let [from_client, from_worker, ended] = items.map(|item| item.is_readable());
                if ended {
                    return;
                }
                if from_client {
                    back.send_multipart(front.recv_multipart(0).unwrap(), 0).unwrap();
                }
                if from_worker {
                    front.send_multipart(back.recv_multipart(0).unwrap(), 0).unwrap();
                }
            }
        });
        Self { frontend, backend, stop, thread: Some(thread) }
    }
}

impl Drop for PlainProxy {
    fn drop(&mut self) {
        let _ = self.stop.send("", 0);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The backend of a proxy that knows announcements, heartbeats and numbers; single steps under the test's control.
pub(crate) struct Backend {
    pub endpoint: String,
    socket: Socket,
    _context: Context,
}

impl Backend {
    pub(crate) fn bind() -> Self {
        let context = Context::new();
        let (socket, endpoint) = bound(&context, zmq::ROUTER);
        socket.set_router_mandatory(true).unwrap();
        Self { endpoint, socket, _context: context }
    }

    /// The next message for which `pick` has an answer, heartbeating to every worker heard meanwhile if `alive`.
    pub(crate) fn wait<T>(&self, what: &str, alive: bool, mut pick: impl FnMut(&[u8], &[Vec<u8>]) -> Option<T>) -> T {
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            if self.socket.poll(zmq::POLLIN, 100).unwrap_or(0) == 0 {
                continue;
            }
            let mut frames = self.socket.recv_multipart(0).unwrap();
            let worker = frames.remove(0);
            if alive {
                self.send(&worker, Control::Heartbeat.encode());
            }
            if let Some(found) = pick(&worker, &frames) {
                return found;
            }
        }
        panic!("waited {SOON:?} in vain for {what}");
    }

    /// The identity and content of the next announcement.
    pub(crate) fn announcement(&self, alive: bool) -> (Vec<u8>, Announcement) {
        self.wait("an announcement", alive, |worker, frames| match Control::decode(frames) {
            Ok(Control::Announce(announcement)) => Some((worker.to_vec(), announcement)),
            _ => None,
        })
    }

    /// The next message that is no control message.
    pub(crate) fn reply(&self) -> Vec<Vec<u8>> {
        self.wait("a reply", true, |_, frames| (!is_control(frames)).then(|| frames.to_vec()))
    }

    pub(crate) fn send(&self, worker: &[u8], frames: Vec<Vec<u8>>) {
        let _ = self.socket.send_multipart([vec![worker.to_vec()], frames].concat(), 0);
    }
}

fn bound(context: &Context, kind: zmq::SocketType) -> (Socket, String) {
    let socket = context.socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    (socket, endpoint)
}
