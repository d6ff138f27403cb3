//! Management: one JSON object asks for status or shutdown, on a REP socket.
//!
//! Both daemons answer alike, with the texts users match on, and still take the method names of the first releases
//! (`proxy.status`, …). A shutdown is honoured from this machine only, unless the configuration names others: the port
//! carries no password.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use vpoller_wire::client::{ClientError, VPollerClient, uninterrupted};
use vpoller_wire::endpoint::Endpoint;
use vpoller_wire::json::{self, Style};
use vpoller_wire::{Reply, text};
use zmq::{Context, Socket};

use crate::Program;
use crate::socket::{self, SocketError};
use crate::status;

/// A management request is a few dozen bytes; a peer that sends more than this is disconnected.
const MAX_REQUEST: i64 = 64 * 1024;
/// How long the last reply may take to leave when the program ends.
const LINGER: i32 = 500;
const ATTEMPTS: u32 = 3;
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(1);

/// What management is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// The status document.
    Status,
    /// An orderly end.
    Shutdown,
}

impl Command {
    /// Its method name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A command and the way it was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ManagementRequest {
    /// What is wanted.
    pub command: Command,
    /// ManagementRequest as the first releases did (`proxy.status`): the reply has their texts and member names too.
    pub old_form: bool,
}

/// Reads a management request to `program`.
///
/// # Errors
/// The reply to give when it is none.
pub fn parse(program: Program, body: &[u8]) -> Result<ManagementRequest, Reply> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return Err(Reply::failure(text::INVALID_MESSAGE));
    };
    let method = match members.get("method") {
        None | Some(Value::Null) => return Err(Reply::failure("Missing method name")),
        Some(method) => method.as_str().unwrap_or_default(),
    };
    let old_form = method.strip_prefix(program.section()).and_then(|rest| rest.strip_prefix('.'));
    [Command::Status, Command::Shutdown]
        .into_iter()
        .find(|command| command.name() == old_form.unwrap_or(method))
        .map(|command| ManagementRequest { command, old_form: old_form.is_some() })
        .ok_or_else(|| Reply::failure("Unknown method name received"))
}

/// Who may shut a daemon down: this machine always, others when listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allow {
    networks: Vec<IpNet>,
    anybody: bool,
}

impl Allow {
    /// What holds where nothing is configured; this machine may in any case.
    pub const BUILT_IN: &str = "127.0.0.1";

    /// Reads the value of `mgmt_allow`: `any`, or addresses and networks (`10.1.2.3, 10.0.0.0/8`) separated by commas.
    ///
    /// # Errors
    /// A text that says which part is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("any") {
            return Ok(Self { anybody: true, ..Self::default() });
        }
        let networks = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network).collect::<Result<_, _>>()?;
        Ok(Self { networks, anybody: false })
    }

    fn permits(&self, peer: &Peer) -> bool {
        match peer {
            Peer::Local => true,
            Peer::Address(address) => {
                self.anybody || address.is_loopback() || self.networks.iter().any(|network| network.contains(address))
            }
            Peer::Unknown => self.anybody,
        }
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("holds {text:?}, which is no address, no network like 10.0.0.0/8 and not \"any\""))
}

/// Where a request came from.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Peer {
    /// A transport that does not leave the machine.
    Local,
    Address(IpAddr),
    /// libzmq did not say; treated as far away.
    Unknown,
}

impl Peer {
    fn of(message: &mut zmq::Message, local_transport: bool) -> Self {
        if local_transport {
            return Self::Local;
        }
        match message.gets("Peer-Address").map(str::parse::<IpAddr>) {
            Some(Ok(address)) => Self::Address(address.to_canonical()),
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("this machine"),
            Self::Address(address) => address.fmt(f),
            Self::Unknown => f.write_str("an unknown address"),
        }
    }
}

/// A daemon's management socket.
pub struct Management {
    socket: Socket,
    endpoint: String,
    local_transport: bool,
    program: Program,
    allow: Allow,
}

impl Management {
    /// Binds the socket.
    ///
    /// # Errors
    /// When the endpoint cannot be had.
    pub fn bind(context: &Context, endpoint: &Endpoint, program: Program, allow: Allow) -> Result<Self, SocketError> {
        let bound = socket::bind(context, zmq::REP, "management", endpoint, |socket| {
            socket.set_linger(LINGER)?;
            socket.set_maxmsgsize(MAX_REQUEST)
        })?;
        let local_transport = !endpoint.as_str().starts_with("tcp:");
        Ok(Self { socket: bound.socket, endpoint: bound.endpoint, local_transport, program, allow })
    }

    /// Where it listens: as configured, or with the port that the system chose.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The entry for `zmq::poll`; when it is readable, call [`Management::serve`].
    #[must_use]
    pub fn poll_item(&self) -> zmq::PollItem<'_> {
        self.socket.as_poll_item(zmq::POLLIN)
    }

    /// Answers what is waiting, never waits itself. `status` makes the `result` of a status reply. Says whether a shutdown was
    /// asked for and granted (and answered).
    ///
    /// # Errors
    /// When libzmq fails, which ends the use of the socket.
    pub fn serve(&self, mut status: impl FnMut() -> Map<String, Value>) -> zmq::Result<bool> {
        let mut shutdown = false;
        while let Some((body, peer)) = self.receive()? {
            let asked = parse(self.program, &body);
            let reply = match asked {
                Err(reply) => reply.to_bytes(Style::Line),
                Ok(ManagementRequest { command: Command::Status, old_form }) => {
                    self.status_reply(old_form, status()).to_bytes(Style::Line)
                }
                Ok(ManagementRequest { command: Command::Shutdown, .. }) if !self.allow.permits(&peer) => {
                    self.refuse(&peer).to_bytes(Style::Line)
                }
                Ok(ManagementRequest { command: Command::Shutdown, old_form }) => {
                    shutdown = true;
                    self.shutdown_reply(old_form)
                }
            };
            match uninterrupted(|| self.socket.send(reply.as_slice(), zmq::DONTWAIT)) {
                // The asker is gone, or never reads.
                Ok(()) | Err(zmq::Error::EAGAIN | zmq::Error::EHOSTUNREACH) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(shutdown)
    }

    fn receive(&self) -> zmq::Result<Option<(Vec<u8>, Peer)>> {
        let mut message = match uninterrupted(|| self.socket.recv_msg(zmq::DONTWAIT)) {
            Ok(message) => message,
            Err(zmq::Error::EAGAIN) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (body, peer) = (message.to_vec(), Peer::of(&mut message, self.local_transport));
        // Whatever follows the first frame is no part of a request; the socket cannot answer before all of it is read.
        while message.get_more() {
            message = uninterrupted(|| self.socket.recv_msg(zmq::DONTWAIT))?;
        }
        Ok(Some((body, peer)))
    }

    fn status_reply(&self, old_form: bool, mut result: Map<String, Value>) -> Reply {
        if !old_form {
            return Reply::success(format!("vPoller {} status", self.program.title()), Value::Object(result));
        }
        for (new, old) in OLD_MEMBERS {
            if let Some(value) = result.get(*new).cloned() {
                result.insert((*old).to_owned(), value);
            }
        }
        Reply::success(format!("vPoller {} Status", self.program.title()), Value::Object(result))
    }

    fn shutdown_reply(&self, old_form: bool) -> Vec<u8> {
        let msg = if old_form {
            format!("vPoller {} is shutting down", self.program.title())
        } else {
            "Shutdown time has arrived".to_owned()
        };
        // The one successful reply without a result.
        json::line(&json!({ "success": 0, "msg": msg }))
    }

    fn refuse(&self, peer: &Peer) -> Reply {
        let section = self.program.section();
        tracing::warn!("Refused a shutdown asked for by {peer}; [{section}] mgmt_allow would permit it");
        Reply::failure(format!(
            "shutdown refused: it is honoured from the machine {} runs on, and this came from {peer}; ask there, or list the address in [{section}] mgmt_allow",
            self.program.binary()
        ))
    }
}

/// Members of the status document that had other names in the first releases.
const OLD_MEMBERS: &[(&str, &str)] = &[
    ("frontend", "frontend_endpoint"),
    ("backend", "backend_endpoint"),
    ("proxy", "proxy_endpoint"),
    ("mgmt", "mgmt_endpoint"),
    ("db", "connector_db"),
];

/// Asks a daemon from outside: three attempts of a second, as `stop` and `status` always did. The reply comes as received;
/// silence becomes the documented failure reply.
///
/// # Errors
/// When a socket operation failed.
pub fn ask(endpoint: &Endpoint, command: Command) -> Result<Vec<u8>, ClientError> {
    let mut client = VPollerClient::new(endpoint.clone()).retries(ATTEMPTS).timeout(ATTEMPT_TIMEOUT);
    let retry = |attempt| tracing::warn!("No reply from {endpoint}, attempt {attempt} of {ATTEMPTS}");
    match client.ask(&json::line(&json!({ "method": command.name() })), retry) {
        Err(ClientError::NoReply { .. }) => Ok(Reply::failure(text::NO_RESPONSE).to_bytes(Style::Line)),
        result => result,
    }
}

/// Asks a daemon for its status, as [`ask`] does, and judges by it. The text is its own word for it.
///
/// # Errors
/// When no daemon answers, when the reply is no status, or when the daemon itself says that something is wrong: the reason.
pub fn health(endpoint: &Endpoint) -> Result<String, String> {
    let reply = ask(endpoint, Command::Status).map_err(|error| error.to_string())?;
    let Ok(Value::Object(reply)) = serde_json::from_slice(&reply) else {
        return Err("its answer to management is no JSON object; is another program there?".to_owned());
    };
    match (reply.get("success").and_then(Value::as_i64), reply.get("result")) {
        (Some(0), Some(Value::Object(document))) => status::health(document),
        _ => Err(reply.get("msg").and_then(Value::as_str).unwrap_or("its answer to management is no status").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::thread;

    fn check(program: Program, body: &str, expected: Result<(Command, bool), &str>) {
        let asked = parse(program, body.as_bytes());
        let asked = asked.as_ref().map(|asked| (asked.command, asked.old_form)).map_err(Reply::msg);
        assert_eq!(asked, expected, "{body}");
    }

    #[test]
    fn requests_of_all_ages_are_understood() {
        check(Program::Proxy, r#"{"method": "status"}"#, Ok((Command::Status, false)));
        check(Program::Worker, r#"{"method": "shutdown", "more": 1}"#, Ok((Command::Shutdown, false)));
        check(Program::Proxy, r#"{"method": "proxy.status"}"#, Ok((Command::Status, true)));
        check(Program::Worker, r#"{"method": "worker.shutdown"}"#, Ok((Command::Shutdown, true)));
        check(Program::Worker, r#"{"method": "proxy.shutdown"}"#, Err("Unknown method name received"));
        check(Program::Proxy, r#"{"method": "reboot"}"#, Err("Unknown method name received"));
        check(Program::Proxy, r#"{"method": 5}"#, Err("Unknown method name received"));
        check(Program::Proxy, r#"{"method": null}"#, Err("Missing method name"));
        check(Program::Proxy, "{}", Err("Missing method name"));
        check(Program::Proxy, "[1]", Err("Invalid message received"));
        check(Program::Proxy, "\u{1}", Err("Invalid message received"));
    }

    #[test]
    fn shutdown_is_for_this_machine_unless_others_are_listed() {
        let peer = |text: &str| Peer::Address(text.parse().unwrap());
        let closed = Allow::default();
        assert!(closed.permits(&Peer::Local) && closed.permits(&peer("127.0.0.1")) && closed.permits(&peer("::1")));
        assert!(!closed.permits(&peer("10.1.2.3")) && !closed.permits(&Peer::Unknown));
        let some = Allow::parse("10.1.0.0/16, 192.0.2.7,2001:db8::/32").unwrap();
        for (address, permitted) in [("10.1.2.3", true), ("10.2.0.1", false), ("192.0.2.7", true), ("2001:db8::1", true)] {
            assert_eq!(some.permits(&peer(address)), permitted, "{address}");
        }
        assert!(!some.permits(&Peer::Unknown));
        assert!(Allow::parse("Any").unwrap().permits(&peer("8.8.8.8")));
        assert!(Allow::parse("10.1.2.3, monitoring").unwrap_err().contains("\"monitoring\""));
    }

    fn with_daemon<T>(talk: impl FnOnce(&Endpoint) -> T) -> T {
        with_status("running", talk)
    }

    /// Serves one request after the other on a thread, until a shutdown is granted, and returns what `talk` made of it.
    fn with_status<T>(word: &'static str, talk: impl FnOnce(&Endpoint) -> T) -> T {
        let context = Context::new();
        let endpoint = "tcp://127.0.0.1:*".parse().unwrap();
        let management = Management::bind(&context, &endpoint, Program::Proxy, Allow::default()).unwrap();
        let actual = management.endpoint().parse().unwrap();
        let daemon = thread::spawn(move || {
            let status = || json!({"status": word, "mgmt": "m"}).as_object().cloned().unwrap();
            loop {
                zmq::poll(&mut [management.poll_item()], 10_000).unwrap();
                if management.serve(status).unwrap() {
                    break;
                }
            }
        });
        let result = talk(&actual);
        daemon.join().unwrap();
        result
    }

    #[test]
    fn a_daemon_answers_with_the_documented_texts() {
        let replies = with_daemon(|endpoint| {
            let raw = |body: &str| VPollerClient::new(endpoint.clone()).ask(body.as_bytes(), |_| ()).unwrap();
            [
                ask(endpoint, Command::Status).unwrap(),
                raw(r#"{"method": "proxy.status"}"#),
                raw("garbage"),
                ask(endpoint, Command::Shutdown).unwrap(),
            ]
            .map(|reply| String::from_utf8(reply).unwrap())
        });
        assert_eq!(
            replies,
            [
                r#"{"success": 0, "msg": "vPoller Proxy status", "result": {"status": "running", "mgmt": "m"}}"#,
                r#"{"success": 0, "msg": "vPoller Proxy Status", "result": {"status": "running", "mgmt": "m", "mgmt_endpoint": "m"}}"#,
                r#"{"success": 1, "msg": "Invalid message received"}"#,
                r#"{"success": 0, "msg": "Shutdown time has arrived"}"#,
            ]
        );
    }

    #[test]
    fn health_is_what_the_status_says() {
        for (word, expected) in
            [("running", Ok("running".to_owned())), ("thread socket-1 is stuck", Err("thread socket-1 is stuck".to_owned()))]
        {
            let judged = with_status(word, |endpoint| {
                let judged = health(endpoint);
                ask(endpoint, Command::Shutdown).unwrap();
                judged
            });
            assert_eq!(judged, expected);
        }
    }

    #[test]
    fn further_frames_do_not_confuse_the_socket() {
        let reply = with_daemon(|endpoint| {
            let context = Context::new();
            let socket = context.socket(zmq::REQ).unwrap();
            socket.connect(endpoint.as_str()).unwrap();
            socket.send_multipart([&br#"{"method": "status"}"#[..], b"more", b""], 0).unwrap();
            assert_eq!(socket.poll(zmq::POLLIN, 10_000), Ok(1));
            let reply = socket.recv_bytes(0).unwrap();
            ask(endpoint, Command::Shutdown).unwrap();
            reply
        });
        assert!(reply.starts_with(br#"{"success": 0"#));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(body in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(Program::Worker, &body);
        }
    }
}
