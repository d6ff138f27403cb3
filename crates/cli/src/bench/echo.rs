//! A worker that returns every request unread: a measurement of it has the cost of the proxy only.

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
pub(super) struct EchoWorker {
    host: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl EchoWorker {
    /// Connects to the proxy's backend and waits until the proxy has registered the worker.
    ///
    /// # Errors
    /// When there is no such proxy.
    pub(super) fn start(context: &zmq::Context, backend: &Endpoint) -> anyhow::Result<Self> {
        // A host name of its own: no other worker gets these requests, and another vpoller-bench does not get this worker.
        let host = format!("vpoller-bench-{}.echo", std::process::id());
        let socket = context.socket(zmq::DEALER).context("cannot create a socket")?;
        socket.set_linger(LINGER_MS).context("cannot set up a socket")?;
        socket.connect(backend.as_str()).with_context(|| format!("cannot connect to {backend}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let (heard, first_sign) = sync_channel(1);
        let echo = EchoLoop { socket, host: host.clone(), stop: Arc::clone(&stop), heard };
        let thread =
            std::thread::Builder::new().name("echo".into()).spawn(move || echo.run()).context("cannot start a thread")?;
        let worker = Self { host, stop, thread: Some(thread) };
        let silent =
            || anyhow!("no sign of a vpoller-proxy at {backend} within {PROXY_SIGN_LIMIT:?}; is that its *backend* endpoint?");
        first_sign.recv_timeout(PROXY_SIGN_LIMIT).map_err(|_| silent())?;
        Ok(worker)
    }

    /// The vSphere host that the worker announces.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for EchoWorker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already.
            drop(thread.join());
        }
    }
}

struct EchoLoop {
    socket: zmq::Socket,
    host: String,
    stop: Arc<AtomicBool>,
    heard: SyncSender<()>,
}

impl EchoLoop {
    fn run(&self) {
        // A socket error ends the worker. The proxy misses its heartbeats, and the clients count the failures.
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
            // Only the first message is waited for; later the channel is full or its receiver is gone.
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

/// Limit of the proxy's answer to the announcement.
const PROXY_SIGN_LIMIT: Duration = Duration::from_secs(5);
/// Requests in flight that the worker announces, as real ones do.
const CAPACITY: usize = 512;
/// Milliseconds for the goodbye message to be sent when the socket is closed.
const LINGER_MS: i32 = 100;
