//! One thread with one socket to the proxy: what users know as a worker process.
//!
//! The thread never waits for vSphere and renders nothing large: it takes messages, hands requests to the dispatcher, sends the
//! replies that tasks hand back, and says that it is alive. So a slow vSphere host delays neither heartbeats nor anybody else.

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
use crate::proxy_liveness::{Change, Due, Link};

/// Requests in work on one socket at most, unless tests want it smaller.
pub const CAPACITY: usize = 512;
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
pub(crate) struct Port {
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
    pub shared: Arc<Shared>,
}

/// What the manager sees of a thread, and tells it.
pub(crate) struct Shared {
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

impl Shared {
    pub fn new(wake: Wake, pulse: Pulse) -> Self {
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
    pub fn finish(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    /// Has the hosts announced again.
    pub fn announce(&self) {
        self.changed.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    /// Notes that the thread begins, or has ended.
    pub fn set_running(&self, running: bool) {
        self.running.store(running, Ordering::Relaxed);
    }

    /// Whether there is a thread.
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// What the status page says.
    pub fn status(&self) -> Map<String, Json> {
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

impl Port {
    /// Serves until told to stop.
    ///
    /// # Errors
    /// When the socket cannot be made or breaks.
    pub fn run(self) -> Result<(), SocketError> {
        tracing::info!("Worker process is starting");
        self.modules.iter().for_each(|module| tracing::info!("Loading {module}"));
        tracing::info!("Creating Worker sockets");
        // Answers that are in memory are computed on this thread.
        let _runtime = self.runtime.enter();
        let mut line = Line::open(&self)?;
        if self.number == 1 {
            self.hosts.names().iter().for_each(|host| tracing::info!("Created vSphere Agent for {host}"));
        }
        tracing::info!("Worker process is ready and running");
        line.announce();
        while !self.shared.stop.load(Ordering::Relaxed) {
            line.turn()?;
        }
        tracing::info!("Worker process is shutting down");
        line.drain()?;
        tracing::info!("Closing Worker process sockets");
        Ok(())
    }
}

/// The open socket and what is under way on it.
struct Line<'a> {
    port: &'a Port,
    wire: Wire,
    link: Link,
    in_work: usize,
    outbox: Receiver<Vec<Vec<u8>>>,
    /// Cloned into each task; replies come back by it. Bounded by the requests in work.
    inbox: Sender<Vec<Vec<u8>>>,
}

impl<'a> Line<'a> {
    fn open(port: &'a Port) -> Result<Self, SocketError> {
        let (inbox, outbox) = channel();
        let wire = Wire::open(port)?;
        Ok(Self { port, wire, link: Link::new(Instant::now()), in_work: 0, outbox, inbox })
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self) -> Result<(), SocketError> {
        let timeout = poll_timeout(self.link.wait(Instant::now()));
        let bell = zmq::PollItem::from_fd(self.port.shared.wake.fd(), zmq::POLLIN);
        let mut items = [self.wire.socket.as_poll_item(zmq::POLLIN), self.wire.monitor.as_poll_item(zmq::POLLIN), bell];
        uninterrupted(|| zmq::poll(&mut items, timeout)).map_err(broken("wait for"))?;
        self.port.shared.pulse.beat();
        self.port.shared.wake.drain();
        self.hand_over();
        if self.port.shared.changed.swap(false, Ordering::Relaxed) {
            self.announce();
        }
        self.watch()?;
        for _ in 0..TURN {
            let Some(frames) = sockets::receive(&self.wire.socket).map_err(broken("receive on"))? else { break };
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
        self.port.shared.in_work.store(self.in_work, Ordering::Relaxed);
    }

    /// Connection events of the transport.
    fn watch(&mut self) -> Result<(), SocketError> {
        while let Some(frames) = sockets::receive(&self.wire.monitor).map_err(broken("watch"))? {
            match frames.first().and_then(|frame| frame.first_chunk()).map(|bytes| u16::from_ne_bytes(*bytes)) {
                Some(CONNECTED) => self.link.connected(Instant::now()),
                Some(DISCONNECTED) => self.link.disconnected(),
                _ => {}
            }
        }
        Ok(())
    }

    /// One message from the proxy.
    fn take(&mut self, frames: Vec<Vec<u8>>) {
        let control = is_control(&frames);
        match self.link.heard(Instant::now(), control) {
            Change::None => {}
            Change::Found => tracing::debug!("The proxy at {} sends heartbeats", self.port.endpoint),
            Change::Back => tracing::info!("The proxy at {} is back", self.port.endpoint),
        }
        if control {
            return self.obey(&frames);
        }
        self.port.shared.requests.fetch_add(1, Ordering::Relaxed);
        match Envelope::split(frames) {
            Some(envelope) => self.request(envelope),
            None => self.drop_message("a message without an empty frame before its body cannot be answered"),
        }
    }

    fn obey(&mut self, frames: &[Vec<u8>]) {
        match Control::decode(frames) {
            Ok(Control::Heartbeat) => {}
            Ok(Control::WhoAreYou) => self.announce(),
            Ok(Control::Serve(hosts)) => self.port.hosts.want(&hosts),
            Ok(Control::Announce(_) | Control::Goodbye) => self.drop_message("a control message that only workers send"),
            Err(error) => self.drop_message(&error.to_string()),
        }
    }

    fn drop_message(&self, reason: &str) {
        self.port.shared.dropped.fetch_add(1, Ordering::Relaxed);
        tracing::debug!("Dropped a message from the proxy: {reason}");
    }

    fn request(&mut self, envelope: Envelope) {
        let dispatcher = &self.port.dispatcher;
        if envelope.trailing {
            return self.answer(envelope, dispatch::refuse(Failure::TrailingFrames));
        }
        if self.in_work >= self.port.announcement.capacity {
            self.port.shared.refused.fetch_add(1, Ordering::Relaxed);
            let bytes = dispatcher.turn_away(&envelope.body, Failure::Busy(self.in_work));
            return self.answer(envelope, bytes);
        }
        match dispatcher.dispatch(&envelope.body) {
            Step::Now(bytes) => self.answer(envelope, bytes),
            Step::Later(reply) => {
                self.in_work += 1;
                let slot = Slot { envelope: Some(envelope), inbox: self.inbox.clone(), wake: self.port.shared.wake.clone() };
                self.port.runtime.spawn(async move { slot.fill(reply.await) });
            }
        }
    }

    fn answer(&self, envelope: Envelope, bytes: Vec<u8>) {
        self.send(envelope.reply(bytes));
    }

    fn send(&self, frames: Vec<Vec<u8>>) {
        let shared = &self.port.shared;
        match sockets::send(&self.wire.socket, frames) {
            Ok(()) => shared.replies.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!("A reply to the proxy at {} was lost: {error}", self.port.endpoint);
                shared.unsent.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    fn announce(&self) {
        let hosts = self.port.hosts.names();
        self.say(&Control::Announce(Announcement { hosts, ..self.port.announcement.clone() }));
    }

    /// Control messages may be lost: they are repeated, or asked for.
    fn say(&self, control: &Control) {
        if let Err(error) = sockets::send(&self.wire.socket, control.encode()) {
            tracing::debug!("Not said to the proxy at {}: {error}", self.port.endpoint);
        }
    }

    fn due(&mut self) -> Result<(), SocketError> {
        let endpoint = &self.port.endpoint;
        for due in self.link.due(Instant::now()) {
            match due {
                Due::Beat => self.say(&Control::Heartbeat),
                Due::Gone => {
                    tracing::warn!("No sign of life from the proxy at {endpoint}; waiting for it to come back");
                }
                Due::Mute => {
                    tracing::info!("The proxy at {endpoint} sends no heartbeats, as those before 1.0; connecting all agents");
                    self.port.hosts.want_all();
                }
                Due::Replace => {
                    tracing::debug!("Connecting to {endpoint} anew");
                    self.port.shared.replaced.fetch_add(1, Ordering::Relaxed);
                    self.wire = Wire::open(self.port)?;
                    self.announce();
                }
            }
        }
        *self.port.shared.link.lock().unwrap_or_else(PoisonError::into_inner) = self.link.word();
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

/// The DEALER to the proxy, and the socket that tells when it is connected.
struct Wire {
    socket: Socket,
    monitor: Socket,
    /// A name that no monitor has.
    unwatched: String,
}

const ROLE: &str = "backend";
const CONNECTED: u16 = 0x0001;
const DISCONNECTED: u16 = 0x0200;

impl Wire {
    fn open(port: &Port) -> Result<Self, SocketError> {
        // A name of its own for each monitor: the old one may still be closing.
        let instance = port.shared.replaced.load(Ordering::Relaxed);
        let name = format!("inproc://monitor-{}-{}-{instance}", port.announcement.process, port.number);
        // Room for every reply and then some, so that only a proxy that takes nothing for long loses any.
        let room = i32::try_from(port.announcement.capacity * 2 + TURN).unwrap_or(i32::MAX);
        let socket = sockets::connect(&port.context, zmq::DEALER, ROLE, &port.endpoint, |socket| {
            socket.set_linger(LINGER)?;
            socket.set_sndhwm(room)?;
            socket.set_rcvhwm(room)?;
            socket.monitor(&name, i32::from(CONNECTED | DISCONNECTED))
        })?;
        let monitor = uninterrupted(|| port.context.socket(zmq::PAIR)).map_err(broken("watch"))?;
        uninterrupted(|| monitor.set_linger(0)).map_err(broken("watch"))?;
        uninterrupted(|| monitor.connect(&name)).map_err(broken("watch"))?;
        Ok(Self { socket, monitor, unwatched: format!("{name}-over") })
    }
}

impl Drop for Wire {
    /// A socket lingers, and may connect while it does. Its event would go to a monitor that nobody reads any more, and ZeroMQ's
    /// own thread would wait for that for ever, with every socket of this process: so nothing is to be told from here on.
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
struct Slot {
    envelope: Option<Envelope>,
    inbox: Sender<Vec<Vec<u8>>>,
    wake: Wake,
}

impl Slot {
    fn fill(mut self, bytes: Vec<u8>) {
        self.hand_in(bytes);
    }

    fn hand_in(&mut self, bytes: Vec<u8>) {
        if let Some(envelope) = self.envelope.take() {
            // The thread may have ended; then nobody waits for the reply.
            let _ = self.inbox.send(envelope.reply(bytes));
            self.wake.wake();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.hand_in(dispatch::refuse(Failure::Stopping));
    }
}
