//! The broker's thread: owns the frontend and the backend socket, feeds the state machine, carries out its actions.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use vpoller_daemon::notify::Pulse;
use vpoller_daemon::socket::{self, Bound};
use vpoller_wire::client::poll_timeout;
use zmq::{Context, Socket};

use crate::broker::{Action, Broker, Fault, LogEvent, MAX_CAPACITY, Severity};
use crate::status::ProxyStatus;
use crate::thread_command::{Commands, ThreadCommand};
use crate::{Config, ProxyError};

/// How long requests in flight may still be answered after a stop was asked for.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(3);

/// Messages taken from a socket before the other one and the clock have their turn.
const BATCH: usize = 200;
/// Answers that wait for one client. A REQ client has one; a bulk client that does not read loses what exceeds this.
const CLIENT_QUEUE: i32 = 1000;
/// Requests that wait for one worker's connection: never reached, a worker's capacity is half of it.
const WORKER_QUEUE: i32 = 2 * MAX_CAPACITY as i32;
/// Messages that wait to be read from one connection; then TCP slows the peer down.
const READ_QUEUE: i32 = 1000;
/// A client that sends more in one frame is disconnected. Less, but too much, gets an error as answer.
const MAX_CLIENT_FRAME: i64 = 64 * 1024 * 1024;
/// A worker that sends more in one frame is disconnected.
const MAX_WORKER_FRAME: i64 = 256 * 1024 * 1024;
/// How long the last answers may take to leave.
const CLIENT_LINGER: i32 = 1000;

/// The broker, its sockets, and what connects the thread with the others.
pub(crate) struct BrokerThread {
    frontend: Bound,
    backend: Bound,
    commands: Commands,
    /// Beats at every turn; the broker's heartbeats see to it that a turn never takes long.
    pulse: Pulse,
    status: Arc<ProxyStatus>,
    broker: Broker,
}

impl BrokerThread {
    /// Binds both sockets.
    pub(crate) fn bind(
        context: &Context,
        config: &Config,
        commands: Commands,
        pulse: Pulse,
        status: Arc<ProxyStatus>,
    ) -> Result<Self, ProxyError> {
        tracing::info!("Proxy process is starting");
        tracing::info!("Creating Proxy process sockets");
        let frontend = socket::bind(context, zmq::ROUTER, "frontend", &config.frontend, set_up_frontend)?;
        let backend = socket::bind(context, zmq::ROUTER, "backend", &config.backend, |socket| {
            socket.set_sndhwm(WORKER_QUEUE)?;
            socket.set_maxmsgsize(MAX_WORKER_FRAME)?;
            socket.set_linger(0)?;
            set_up_router(socket)
        })?;
        let broker = Broker::new(config.rules, first_number(), Instant::now());
        Ok(Self { frontend, backend, commands, pulse, status, broker })
    }

    /// Where clients connect.
    pub(crate) fn frontend(&self) -> &str {
        &self.frontend.endpoint
    }

    /// Where workers connect.
    pub(crate) fn backend(&self) -> &str {
        &self.backend.endpoint
    }

    /// Serves until the manager orders a stop.
    pub(crate) fn run(mut self) -> Result<(), ProxyError> {
        tracing::info!("Proxy process is ready and running");
        let mut stop_by: Option<Instant> = None;
        loop {
            self.wait(stop_by)?;
            self.pulse.beat();
            // Workers first: what they say keeps them alive and frees places.
            self.read_backend()?;
            if self.take_commands() && stop_by.is_none() {
                stop_by = Some(self.begin_stop()?);
            }
            self.read_frontend()?;
            self.broker.tick(Instant::now());
            self.act()?;
            if stop_by.is_some_and(|limit| self.broker.pending() == 0 || limit <= Instant::now()) {
                break;
            }
        }
        self.broker.give_up(Instant::now());
        self.act()?;
        tracing::info!("Closing Proxy process sockets");
        Ok(())
    }

    fn begin_stop(&mut self) -> Result<Instant, ProxyError> {
        tracing::info!("Proxy process is shutting down");
        let now = Instant::now();
        // The frontend stays bound: with libzmq, unbinding takes the connections along, and with them the answers.
        self.broker.stop(now);
        self.act()?;
        Ok(now + STOP_LIMIT)
    }

    fn wait(&self, limit: Option<Instant>) -> Result<(), ProxyError> {
        let until = limit.map_or_else(|| self.broker.next_due(), |limit| limit.min(self.broker.next_due()));
        let timeout = poll_timeout(until.saturating_duration_since(Instant::now()));
        let mut items = [
            self.frontend.socket.as_poll_item(zmq::POLLIN),
            self.backend.socket.as_poll_item(zmq::POLLIN),
            zmq::PollItem::from_fd(self.commands.fd(), zmq::POLLIN),
        ];
        match zmq::poll(&mut items, timeout) {
            Ok(_) | Err(zmq::Error::EINTR) => Ok(()),
            Err(source) => Err(ProxyError::Failed { role: "frontend or backend", source }),
        }
    }

    fn read_backend(&mut self) -> Result<(), ProxyError> {
        for _ in 0..BATCH {
            let Some(frames) = socket::receive(&self.backend.socket).map_err(ProxyError::failed("backend"))? else { break };
            self.broker.worker(frames, Instant::now());
            self.act()?;
        }
        Ok(())
    }

    fn read_frontend(&mut self) -> Result<(), ProxyError> {
        for _ in 0..BATCH {
            let Some(frames) = socket::receive(&self.frontend.socket).map_err(ProxyError::failed("frontend"))? else { break };
            self.broker.client(frames, Instant::now());
            self.act()?;
        }
        Ok(())
    }

    /// Carries out the commands that have come; says whether a stop was among them.
    fn take_commands(&mut self) -> bool {
        let mut stop = false;
        for command in self.commands.take() {
            match command {
                // The thread that asked may have stopped waiting.
                ThreadCommand::Report(answer) => _ = answer.send(self.broker.report(Instant::now())),
                ThreadCommand::Stop => stop = true,
            }
        }
        stop
    }

    fn act(&mut self) -> Result<(), ProxyError> {
        while let Some(action) = self.broker.next_action() {
            match action {
                Action::ToClient(frames) => self.answer(frames)?,
                Action::AnswerStatus(question) => {
                    let body = self.status.answer(&question.body, &self.broker.report(Instant::now()));
                    self.answer(question.reply(body))?;
                }
                Action::ToWorker { delivery, frames } => {
                    if let Some(fault) = send(&self.backend.socket, frames).map_err(ProxyError::failed("backend"))? {
                        self.broker.undelivered(delivery, fault, Instant::now());
                    }
                }
                Action::Log(event) => log(&event),
            }
        }
        Ok(())
    }

    fn answer(&mut self, frames: Vec<Vec<u8>>) -> Result<(), ProxyError> {
        if let Some(fault) = send(&self.frontend.socket, frames).map_err(ProxyError::failed("frontend"))? {
            self.broker.client_lost(fault);
        }
        Ok(())
    }
}

fn set_up_frontend(socket: &Socket) -> zmq::Result<()> {
    socket.set_sndhwm(CLIENT_QUEUE)?;
    socket.set_maxmsgsize(MAX_CLIENT_FRAME)?;
    socket.set_linger(CLIENT_LINGER)?;
    // Off: Go's zmq4 hands a PING to its program as the reply, Rust's zeromq breaks the connection.
    socket.set_heartbeat_ivl(0)?;
    set_up_router(socket)
}

fn set_up_router(socket: &Socket) -> zmq::Result<()> {
    // A message that cannot be delivered is an event, not silence.
    socket.set_router_mandatory(true)?;
    socket.set_rcvhwm(READ_QUEUE)?;
    // Peers that vanished without a word (power, cable) are noticed within two minutes.
    socket.set_tcp_keepalive(1)?;
    socket.set_tcp_keepalive_idle(60)?;
    socket.set_tcp_keepalive_intvl(15)?;
    socket.set_tcp_keepalive_cnt(4)
}

/// Hands a message over; says why not, if the peer is the reason.
fn send(socket: &Socket, frames: Vec<Vec<u8>>) -> zmq::Result<Option<Fault>> {
    match socket::send(socket, frames) {
        Ok(()) => Ok(None),
        Err(zmq::Error::EHOSTUNREACH) => Ok(Some(Fault::Unreachable)),
        Err(zmq::Error::EAGAIN) => Ok(Some(Fault::Full)),
        Err(error) => Err(error),
    }
}

fn log(event: &LogEvent) {
    match event.severity() {
        Severity::Debug => tracing::debug!("{event}"),
        Severity::Info => tracing::info!("{event}"),
        Severity::Warning => tracing::warn!("{event}"),
    }
}

/// Requests are numbered from here: no earlier proxy on this machine came near, and no later one will.
fn first_number() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_no_heartbeats() {
        let socket = zmq::Context::new().socket(zmq::ROUTER).unwrap();
        socket.set_heartbeat_ivl(1000).unwrap();
        set_up_frontend(&socket).unwrap();
        assert_eq!(socket.get_heartbeat_ivl(), Ok(0));
    }
}
