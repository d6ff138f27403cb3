//! The blocking REQ client: a fresh socket after every silence, one deadline for every step, EINTR never counted as failure.

use std::time::{Duration, Instant};

use crate::endpoint::Endpoint;
use crate::limits::CLIENT_PATIENCE;
use crate::text;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer came in time.
    #[error("no reply from {endpoint} within {waited:?} ({attempts} attempt(s)); is vpoller-proxy running there?")]
    NoReply {
        /// Where the request went.
        endpoint: String,
        /// How long was waited in all.
        waited: Duration,
        /// How often it was sent.
        attempts: u32,
    },
    /// A socket operation failed.
    #[error("cannot {action} {endpoint}: {source}")]
    Socket {
        /// What was attempted.
        action: &'static str,
        /// On which endpoint.
        endpoint: String,
        /// What libzmq said.
        source: zmq::Error,
    },
}

impl ClientError {
    fn socket(action: &'static str, endpoint: &Endpoint) -> impl FnOnce(zmq::Error) -> Self {
        let endpoint = endpoint.to_string();
        move |source| Self::Socket { action, endpoint, source }
    }
}

/// Repeats a zmq call that a signal interrupted; the caller's deadline bounds the calls themselves.
///
/// # Errors
/// Whatever the call returns other than EINTR.
pub fn uninterrupted<T>(mut call: impl FnMut() -> zmq::Result<T>) -> zmq::Result<T> {
    loop {
        match call() {
            Err(zmq::Error::EINTR) => {}
            result => return result,
        }
    }
}

/// A time as `zmq_poll` takes it, in milliseconds. Rounded up, so that the last fraction of a millisecond is waited for; rounded
/// down, the caller's loop would spin through it.
#[must_use]
pub fn poll_timeout(time: Duration) -> i64 {
    i64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// A connected REQ socket for one exchange after the other. After a failed or timed-out exchange it must be dropped: a late
/// answer then has nowhere to arrive.
pub struct Connection {
    socket: zmq::Socket,
    endpoint: Endpoint,
}

impl Connection {
    /// Makes the socket and starts connecting (which libzmq does in the background).
    ///
    /// # Errors
    /// When libzmq cannot make the socket or refuses the endpoint.
    pub fn open(context: &zmq::Context, endpoint: &Endpoint) -> Result<Self, ClientError> {
        let fail = |action| ClientError::socket(action, endpoint);
        let socket = uninterrupted(|| context.socket(zmq::REQ)).map_err(fail("create a socket for"))?;
        let set_up = || {
            socket.set_linger(0)?;
            // ZMQ_IMMEDIATE stays off: with it, a reply that is here but not yet read is lost when the peer closes.
            socket.set_ipv6(endpoint.is_ipv6())
        };
        uninterrupted(set_up).map_err(fail("set up a socket for"))?;
        uninterrupted(|| socket.connect(endpoint.as_str())).map_err(fail("connect to"))?;
        Ok(Self { socket, endpoint: endpoint.clone() })
    }

    /// Sends a request and waits for its reply until `deadline`; `None` when the time ran out.
    ///
    /// # Errors
    /// When libzmq fails; the connection is of no use then.
    pub fn exchange(&self, request: &[u8], deadline: Instant) -> Result<Option<Vec<u8>>, ClientError> {
        if !self.wait(zmq::POLLOUT, deadline)? {
            return Ok(None);
        }
        uninterrupted(|| self.socket.send(request, zmq::DONTWAIT)).map_err(ClientError::socket("send to", &self.endpoint))?;
        if !self.wait(zmq::POLLIN, deadline)? {
            return Ok(None);
        }
        let frames = uninterrupted(|| self.socket.recv_multipart(zmq::DONTWAIT))
            .map_err(ClientError::socket("receive from", &self.endpoint))?;
        Ok(Some(frames.into_iter().next().unwrap_or_default()))
    }

    fn wait(&self, events: zmq::PollEvents, deadline: Instant) -> Result<bool, ClientError> {
        loop {
            let timeout = poll_timeout(deadline.saturating_duration_since(Instant::now()));
            match self.socket.poll(events, timeout) {
                Ok(0) if timeout == 0 => return Ok(false),
                Ok(0) | Err(zmq::Error::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(source) => return Err(ClientError::socket("wait for", &self.endpoint)(source)),
            }
        }
    }
}

/// Asks a proxy, trying again on a new socket after each silence.
///
/// Retries are counted per call: a client that timed out once is as good as new.
///
/// ```no_run
/// use std::time::Duration;
/// use vpoller_wire::Request;
/// use vpoller_wire::client::VPollerClient;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = VPollerClient::new("tcp://localhost:10123".parse()?).retries(1).timeout(Duration::from_secs(1));
/// let mut request = Request::new("vm.get", "vc01.example.org");
/// request.name = Some("vm01.example.org".to_owned());
/// request.properties = vec!["runtime.powerState".to_owned()];
/// println!("{}", client.run(&request)?);
/// # Ok(())
/// # }
/// ```
pub struct VPollerClient {
    context: zmq::Context,
    endpoint: Endpoint,
    attempts: u32,
    timeout: Duration,
    connection: Option<Connection>,
}

impl VPollerClient {
    /// A client with the documented defaults: 3 attempts of 10 s.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { context: zmq::Context::new(), endpoint, attempts: 3, timeout: CLIENT_PATIENCE, connection: None }
    }

    /// How often a request is sent before giving up; at least once.
    #[must_use]
    pub fn retries(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How long one attempt waits.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends the bytes of a request and returns those of its reply. `on_retry` hears of every silent attempt but the last.
    ///
    /// # Errors
    /// When no attempt was answered, or a socket operation failed.
    pub fn ask(&mut self, request: &[u8], mut on_retry: impl FnMut(u32)) -> Result<Vec<u8>, ClientError> {
        let start = Instant::now();
        for attempt in 1..=self.attempts {
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => Connection::open(&self.context, &self.endpoint)?,
            };
            if let Some(reply) = connection.exchange(request, Instant::now() + self.timeout)? {
                self.connection = Some(connection);
                return Ok(reply);
            }
            if attempt < self.attempts {
                on_retry(attempt);
            }
        }
        Err(ClientError::NoReply { endpoint: self.endpoint.to_string(), waited: start.elapsed(), attempts: self.attempts })
    }

    /// Sends a request and returns the reply's text. Silence becomes the documented failure reply, as it always did.
    ///
    /// # Errors
    /// When a socket operation failed.
    pub fn run(&mut self, request: &crate::Request) -> Result<String, ClientError> {
        match self.ask(&request.to_bytes(), |_| ()) {
            Ok(reply) => Ok(String::from_utf8_lossy(&reply).into_owned()),
            Err(ClientError::NoReply { .. }) => {
                let reply = crate::Reply::failure(text::NO_RESPONSE).to_bytes(crate::json::Style::Line);
                Ok(String::from_utf8_lossy(&reply).into_owned())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn server(context: &zmq::Context, kind: zmq::SocketType) -> (zmq::Socket, Endpoint) {
        let socket = context.socket(kind).unwrap();
        socket.set_linger(0).unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap();
        (socket, endpoint.parse().unwrap())
    }

    #[test]
    fn asks_again_on_a_new_socket_and_never_takes_a_late_answer() {
        let context = zmq::Context::new();
        let (socket, endpoint) = server(&context, zmq::ROUTER);
        let server = thread::spawn(move || {
            // The first request is answered only after the second arrived: its socket is gone by then.
            let first = socket.recv_multipart(0).unwrap();
            let second = socket.recv_multipart(0).unwrap();
            for (mut request, answer) in [(first, "late"), (second, "right")] {
                *request.last_mut().unwrap() = answer.into();
                socket.send_multipart(request, 0).unwrap();
            }
        });
        let mut retries = 0;
        let mut client = VPollerClient::new(endpoint).retries(2).timeout(Duration::from_secs(1));
        assert_eq!(client.ask(b"x", |_| retries += 1).unwrap(), b"right");
        assert_eq!(retries, 1);
        server.join().unwrap();
    }

    #[test]
    fn addresses_of_ipv6_work() {
        let context = zmq::Context::new();
        let socket = context.socket(zmq::REP).unwrap();
        socket.set_ipv6(true).unwrap();
        socket.bind("tcp://[::1]:*").unwrap();
        let endpoint = socket.get_last_endpoint().unwrap().unwrap().parse().unwrap();
        let server = thread::spawn(move || {
            let request = socket.recv_bytes(0).unwrap();
            socket.send(request, 0).unwrap();
        });
        let mut client = VPollerClient::new(endpoint).retries(1).timeout(Duration::from_secs(10));
        assert_eq!(client.ask(b"x", |_| ()).unwrap(), b"x");
        server.join().unwrap();
    }

    #[test]
    fn silence_is_the_documented_reply() {
        let context = zmq::Context::new();
        let (_socket, endpoint) = server(&context, zmq::ROUTER);
        let mut client = VPollerClient::new(endpoint).retries(1).timeout(Duration::from_millis(20));
        let reply = client.run(&crate::Request::new("about", "vc01")).unwrap();
        assert_eq!(reply, r#"{"success": 1, "msg": "Did not receive response, aborting..."}"#);
    }
}
