//! A worker that gives every request back unread: what remains is the cost of the proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use vpoller_wire::client::uninterrupted;
use vpoller_wire::control::{Announcement, Control, HEARTBEAT, is_control};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::envelope::Envelope;

/// The running echo worker; dropping it takes it off the proxy.
pub struct Worker {
    host: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Connects to the proxy's backend and waits until the proxy knows the worker.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub fn start(context: &zmq::Context, backend: &Endpoint) -> anyhow::Result<Self> {
        // A host name of its own: no other worker gets these requests, and no other bench this worker's.
        let host = format!("vpoller-bench-{}.echo", std::process::id());
        let socket = context.socket(zmq::DEALER).context("cannot create a socket")?;
        socket.set_linger(LINGER_MS).context("cannot set up a socket")?;
        socket.connect(backend.as_str()).with_context(|| format!("cannot connect to {backend}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (heard, first_sign) = sync_channel(1);
        let echo = Echo { socket, host: host.clone(), stop: Arc::clone(&stop), heard };
        let thread =
            std::thread::Builder::new().name("echo".into()).spawn(move || echo.run()).context("cannot start a thread")?;
        let worker = Self { host, stop, thread: Some(thread) };
        let silent = || anyhow!("no sign of a vpoller-proxy at {backend} within {PATIENCE:?}; is that its *backend* endpoint?");
        first_sign.recv_timeout(PATIENCE).map_err(|_| silent())?;
        Ok(worker)
    }

    /// The vSphere host that the worker says it serves.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed; there is nothing to add.
            drop(thread.join());
        }
    }
}

struct Echo {
    socket: zmq::Socket,
    host: String,
    stop: Arc<AtomicBool>,
    heard: SyncSender<()>,
}

impl Echo {
    fn run(&self) {
        // A failing socket ends the worker; the proxy notices the silence and the clients count the failures.
        let _ = self.serve();
        let _ = self.send(Control::Goodbye.encode());
    }

    fn serve(&self) -> zmq::Result<()> {
        self.announce()?;
        let mut next_heartbeat = Instant::now() + HEARTBEAT;
        while !self.stop.load(Ordering::Relaxed) {
            let left = next_heartbeat.saturating_duration_since(Instant::now()).as_millis();
            let readable = uninterrupted(|| self.socket.poll(zmq::POLLIN, i64::try_from(left).unwrap_or_default()))? > 0;
            if readable {
                self.answer(uninterrupted(|| self.socket.recv_multipart(0))?)?;
            }
            if Instant::now() >= next_heartbeat {
                self.send(Control::Heartbeat.encode())?;
                next_heartbeat = Instant::now() + HEARTBEAT;
            }
        }
        Ok(())
    }

    fn answer(&self, frames: Vec<Vec<u8>>) -> zmq::Result<()> {
        if is_control(&frames) {
            // Only the first sign is waited for; for the others the channel is full or its end is gone.
            let _ = self.heard.try_send(());
            return if Control::decode(&frames) == Ok(Control::WhoAreYou) { self.announce() } else { Ok(()) };
        }
        match Envelope::split(frames) {
            Some(envelope) => {
                let body = envelope.body.clone();
                self.send(envelope.reply(body))
            }
            None => Ok(()),
        }
    }

    fn announce(&self) -> zmq::Result<()> {
        let announcement = Announcement {
            process: self.host.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hosts: vec![self.host.clone()],
            capacity: CAPACITY,
            never_repeat: Vec::new(),
        };
        self.send(Control::Announce(announcement).encode())
    }

    fn send(&self, frames: Vec<Vec<u8>>) -> zmq::Result<()> {
        uninterrupted(|| self.socket.send_multipart(&frames, zmq::DONTWAIT))
    }
}

/// How long the proxy may take to answer the announcement.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many requests the worker takes at once, as real ones do.
const CAPACITY: usize = 512;
/// How long the goodbye may take to leave.
const LINGER_MS: i32 = 100;
