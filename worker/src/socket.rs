//! One thread with one socket to the proxy. The log and the status call it a process, as the original did; to the proxy a
//! process is the whole worker.
//!
//! The thread never waits for vSphere and renders nothing large: it takes messages, hands requests to the dispatcher, sends the
//! replies that tasks hand back, and says that it is alive. So a slow vSphere host delays neither heartbeats nor requests for other hosts.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};
use tokio::runtime::Handle;
use vpoller_daemon::notify::Pulse;
use vpoller_daemon::socket as sockets;
use vpoller_daemon::socket::SocketError;
use vpoller_daemon::wake::Wake;
use vpoller_inventory::Hosts;
use vpoller_wire::client::{poll_timeout, uninterrupted};
use vpoller_wire::control::{Announcement, Control, is_control};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::envelope::Envelope;
use zmq::{Context, Socket};

use crate::dispatch::{self, Dispatcher, Step};
use crate::failure::Failure;
use crate::proxy_liveness::{Change, Due, ProxyLiveness};

/// Most requests in work on one socket.
pub(crate) const CAPACITY: usize = 512;
/// Messages taken before the thread looks at replies and heartbeats again.
const TURN: usize = 64;
/// How long requests in work may take when the worker stops.
const GRACE: Duration = Duration::from_secs(5);
/// How long after our goodbye a request may still be on its way to us.
const CROSSING: Duration = Duration::from_millis(100);
/// How long the last replies may take to leave.
const LINGER: i32 = 500;

/// What one thread needs. Cloneable parts are shared with the manager.
#[derive(Clone)]
pub(crate) struct SocketThread {
    /// From 1; part of the thread's name.
    pub number: usize,
    pub context: Context,
    pub endpoint: Endpoint,
    pub dispatcher: Dispatcher,
    pub hosts: Arc<Hosts>,
    pub runtime: Handle,
    /// Without the hosts, which may change.
    pub announcement: Announcement,
    /// Built-in modules that the configuration lists, for the log.
    pub modules: Vec<String>,
    pub shared: Arc<ThreadState>,
}

/// What the manager and the thread share: orders to the thread, and what the status document says of it.
pub(crate) struct ThreadState {
    pub wake: Wake,
    /// Beats at every turn, which our heartbeats to the proxy keep from ever taking long.
    pub pulse: Pulse,
    stop: AtomicBool,
    running: AtomicBool,
    /// The hosts changed since they were announced.
    changed: AtomicBool,
    in_work: AtomicUsize,
    requests: AtomicU64,
    replies: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    unsent: AtomicU64,
    replaced: AtomicU64,
    link: Mutex<&'static str>,
}

impl ThreadState {
    pub(crate) fn new(wake: Wake, pulse: Pulse) -> Self {
        Self {
            wake,
            pulse,
            stop: AtomicBool::new(false),
            running: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            in_work: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            replies: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            link: Mutex::new("starting"),
        }
    }

    /// Asks the thread to finish.
    pub(crate) fn finish(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    /// Has the hosts announced again.
    pub(crate) fn announce(&self) {
        self.changed.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    /// Records that the thread begins, or has ended.
    pub(crate) fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    /// Whether there is a thread.
    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// The thread's members of the status document.
    pub(crate) fn status(&self) -> Map<String, Json> {
        let count = |counter: &AtomicU64| json!(counter.load(Ordering::Relaxed));
        let members = [
            ("link", json!(*self.link.lock().unwrap_or_else(PoisonError::into_inner))),
            ("in_work", json!(self.in_work.load(Ordering::Relaxed))),
            ("requests", count(&self.requests)),
            ("replies", count(&self.replies)),
            ("dropped", count(&self.dropped)),
            ("refused", count(&self.refused)),
            ("unsent", count(&self.unsent)),
            ("reconnects", count(&self.replaced)),
        ];
        members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
    }
}

impl SocketThread {
    /// Serves until the manager orders the end.
    ///
    /// # Errors
    /// When the socket cannot be made or breaks.
    pub(crate) fn run(self) -> Result<(), SocketError> {
        tracing::info!("Worker process is starting");
        self.modules.iter().for_each(|module| tracing::info!("Loading {module}"));
        tracing::info!("Creating Worker sockets");
        // Answers that are in memory are computed on this thread.
        let _runtime = self.runtime.enter();
        let mut connection = ProxyConnection::open(&self)?;
        if self.number == 1 {
            self.hosts.names().iter().for_each(|host| tracing::info!("Created vSphere Agent for {host}"));
        }
        tracing::info!("Worker process is ready and running");
        connection.announce();
        while !self.shared.stop.load(Ordering::Relaxed) {
            connection.turn()?;
        }
        tracing::info!("Worker process is shutting down");
        connection.drain()?;
        tracing::info!("Closing Worker process sockets");
        Ok(())
    }
}

/// The open socket and what is under way on it.
struct ProxyConnection<'a> {
    thread: &'a SocketThread,
    socket: BackendSocket,
    liveness: ProxyLiveness,
    in_work: usize,
    outbox: Receiver<Vec<Vec<u8>>>,
    /// Cloned into each task; replies come back by it. Bounded by the requests in work.
    inbox: Sender<Vec<Vec<u8>>>,
}

impl<'a> ProxyConnection<'a> {
    fn open(thread: &'a SocketThread) -> Result<Self, SocketError> {
        let (inbox, outbox) = channel();
        let socket = BackendSocket::open(thread)?;
        Ok(Self { thread, socket, liveness: ProxyLiveness::new(Instant::now()), in_work: 0, outbox, inbox })
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self) -> Result<(), SocketError> {
        let timeout = poll_timeout(self.liveness.wait(Instant::now()));
        let bell = zmq::PollItem::from_fd(self.thread.shared.wake.fd(), zmq::POLLIN);
        let mut items = [self.socket.socket.as_poll_item(zmq::POLLIN), self.socket.monitor.as_poll_item(zmq::POLLIN), bell];
        uninterrupted(|| zmq::poll(&mut items, timeout)).map_err(broken("wait for"))?;
        self.thread.shared.pulse.beat();
        self.thread.shared.wake.drain();
        self.hand_over();
        if self.thread.shared.changed.swap(false, Ordering::Relaxed) {
            self.announce();
        }
        self.watch()?;
        for _ in 0..TURN {
            let Some(frames) = sockets::receive(&self.socket.socket).map_err(broken("receive on"))? else { break };
            self.take(frames);
        }
        self.due()
    }

    /// Sends what tasks have finished.
    fn hand_over(&mut self) {
        while let Ok(frames) = self.outbox.try_recv() {
            self.in_work = self.in_work.saturating_sub(1);
            self.send(frames);
        }
        self.thread.shared.in_work.store(self.in_work, Ordering::Relaxed);
    }

    /// Connection events of the transport.
    fn watch(&mut self) -> Result<(), SocketError> {
        while let Some(frames) = sockets::receive(&self.socket.monitor).map_err(broken("watch"))? {
            match frames.first().and_then(|frame| frame.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes)) {
                Some(CONNECTED) => self.liveness.connected(Instant::now()),
                Some(DISCONNECTED) => self.liveness.disconnected(),
                _ => {}
            }
        }
        Ok(())
    }

    /// One message from the proxy.
    fn take(&mut self, frames: Vec<Vec<u8>>) {
        let control = is_control(&frames);
        match self.liveness.heard(Instant::now(), control) {
            Change::None => {}
            Change::Found => tracing::debug!("The proxy at {} sends heartbeats", self.thread.endpoint),
            Change::Back => tracing::info!("The proxy at {} is back", self.thread.endpoint),
        }
        if control {
            return self.take_control(&frames);
        }
        self.thread.shared.requests.fetch_add(1, Ordering::Relaxed);
        match Envelope::split(frames) {
            Some(envelope) => self.request(envelope),
            None => self.drop_message("a message without an empty frame before its body cannot be answered"),
        }
    }

    fn take_control(&mut self, frames: &[Vec<u8>]) {
        match Control::decode(frames) {
            Ok(Control::Heartbeat) => {}
            Ok(Control::WhoAreYou) => self.announce(),
            Ok(Control::Serve(hosts)) => self.thread.hosts.want(&hosts),
            Ok(Control::Announce(_) | Control::Goodbye) => self.drop_message("a control message that only workers send"),
            Err(error) => self.drop_message(&error.to_string()),
        }
    }

    fn drop_message(&self, reason: &str) {
        self.thread.shared.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("Dropped a message from the proxy: {reason}");
    }

    fn request(&mut self, envelope: Envelope) {
        let dispatcher = &self.thread.dispatcher;
        if envelope.trailing {
            return self.answer(envelope, dispatch::refuse(Failure::TrailingFrames));
        }
        if self.in_work >= self.thread.announcement.capacity {
            self.thread.shared.refused.fetch_add(1, Ordering::Relaxed);
            let bytes = dispatcher.turn_away(&envelope.body, Failure::Busy(self.in_work));
            return self.answer(envelope, bytes);
        }
        match dispatcher.dispatch(&envelope.body) {
            Step::Now(bytes) => self.answer(envelope, bytes),
            Step::Later(reply) => {
                self.in_work += 1;
                let pending =
                    PendingReply { envelope: Some(envelope), inbox: self.inbox.clone(), wake: self.thread.shared.wake.clone() };
                self.thread.runtime.spawn(async move { pending.fill(reply.await) });
            }
        }
    }

    fn answer(&self, envelope: Envelope, bytes: Vec<u8>) {
        self.send(envelope.reply(bytes));
    }

    fn send(&self, frames: Vec<Vec<u8>>) {
        let shared = &self.thread.shared;
        match sockets::send(&self.socket.socket, frames) {
            Ok(()) => shared.replies.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!("A reply to the proxy at {} was lost: {error}", self.thread.endpoint);
                shared.unsent.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    fn announce(&self) {
        let hosts = self.thread.hosts.names();
        self.say(&Control::Announce(Announcement { hosts, ..self.thread.announcement.clone() }));
    }

    /// Control messages may be lost: they are repeated, or asked for.
    fn say(&self, control: &Control) {
        if let Err(error) = sockets::send(&self.socket.socket, control.encode()) {
            tracing::debug!("Not said to the proxy at {}: {error}", self.thread.endpoint);
        }
    }

    fn due(&mut self) -> Result<(), SocketError> {
        let endpoint = &self.thread.endpoint;
        for due in self.liveness.due(Instant::now()) {
            match due {
                Due::Beat => self.say(&Control::Heartbeat),
                Due::Gone => {
                    tracing::warn!("No sign of life from the proxy at {endpoint}; waiting for it to come back");
                }
                Due::Mute => {
                    tracing::info!("The proxy at {endpoint} sends no heartbeats, as those before 1.0; connecting all agents");
                    self.thread.hosts.want_all();
                }
                Due::Replace => {
                    tracing::debug!("Connecting to {endpoint} anew");
                    self.thread.shared.replaced.fetch_add(1, Ordering::Relaxed);
                    self.socket = BackendSocket::open(self.thread)?;
                    self.announce();
                }
            }
        }
        *self.thread.shared.link.lock().unwrap_or_else(PoisonError::into_inner) = self.liveness.word();
        Ok(())
    }

    /// Says goodbye and finishes what is in work, within limits.
    fn drain(&mut self) -> Result<(), SocketError> {
        self.say(&Control::Goodbye);
        let start = Instant::now();
        while self.in_work > 0 || start.elapsed() < CROSSING {
            if start.elapsed() >= GRACE {
                tracing::warn!("{} requests were still in work after {} s and got no reply", self.in_work, GRACE.as_secs());
                break;
            }
            self.turn()?;
        }
        Ok(())
    }
}

/// The DEALER to the proxy, and the socket on which libzmq reports that it is connected.
struct BackendSocket {
    socket: Socket,
    monitor: Socket,
    /// A name that no monitor has.
    unwatched: String,
}

const ROLE: &str = "backend";
const CONNECTED: u16 = 0x0001;
const DISCONNECTED: u16 = 0x0200;

impl BackendSocket {
    fn open(thread: &SocketThread) -> Result<Self, SocketError> {
        // A name of its own for each monitor: the old one may still be closing.
        let instance = thread.shared.replaced.load(Ordering::Relaxed);
        let name = format!("inproc://monitor-{}-{}-{instance}", thread.announcement.process, thread.number);
        // Room for every reply and then some, so that only a proxy that takes nothing for long loses any.
        let room = i32::try_from(thread.announcement.capacity * 2 + TURN).unwrap_or(i32::MAX);
        let socket = sockets::connect(&thread.context, zmq::DEALER, ROLE, &thread.endpoint, |socket| {
            socket.set_linger(LINGER)?;
            socket.set_sndhwm(room)?;
            socket.set_rcvhwm(room)?;
            socket.monitor(&name, i32::from(CONNECTED | DISCONNECTED))
        })?;
        let monitor = uninterrupted(|| thread.context.socket(zmq::PAIR)).map_err(broken("watch"))?;
        uninterrupted(|| monitor.set_linger(0)).map_err(broken("watch"))?;
        uninterrupted(|| monitor.connect(&name)).map_err(broken("watch"))?;
        Ok(Self { socket, monitor, unwatched: format!("{name}-over") })
    }
}

impl Drop for BackendSocket {
    /// A socket lingers, and may connect while it does. Its event would go to a monitor that is no longer read. ZeroMQ's own thread
    /// would wait for that for ever, and with it every socket of this process. So the socket reports no events from here on.
    fn drop(&mut self) {
        if let Err(error) = uninterrupted(|| self.socket.monitor(&self.unwatched, 0)) {
            tracing::debug!("A socket that is closed could not be left unwatched: {error}");
        }
    }
}

fn broken(action: &'static str) -> impl FnOnce(zmq::Error) -> SocketError {
    move |source| SocketError::Prepare { action, role: ROLE, source }
}

/// The place of one reply: whatever becomes of the task, something comes back.
struct PendingReply {
    envelope: Option<Envelope>,
    inbox: Sender<Vec<Vec<u8>>>,
    wake: Wake,
}

impl PendingReply {
    fn fill(mut self, bytes: Vec<u8>) {
        self.hand_in(bytes);
    }

    fn hand_in(&mut self, bytes: Vec<u8>) {
        if let Some(envelope) = self.envelope.take() {
            // The thread may have ended; then the reply has no reader.
            let _ = self.inbox.send(envelope.reply(bytes));
            self.wake.wake();
        }
    }
}

impl Drop for PendingReply {
    fn drop(&mut self) {
        self.hand_in(dispatch::refuse(Failure::Stopping));
    }
}
