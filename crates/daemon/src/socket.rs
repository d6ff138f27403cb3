//! Making sockets and taking whole messages from them.

use zmq::{Context, Socket, SocketType};

use vpoller_wire::client::uninterrupted;
use vpoller_wire::endpoint::Endpoint;

/// A message of more frames is cut here: no peer of vPoller sends more than a handful, and frames cost memory before they
/// are looked at.
pub const MAX_FRAMES: usize = 16;

/// Why a socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It could not be made or set up.
    #[error("cannot {action} the {role} socket: {source}")]
    Prepare {
        action: &'static str,
        /// What the socket is for.
        role: &'static str,
        source: zmq::Error,
    },
    /// It could not be bound.
    #[error("cannot bind the {role} socket to {endpoint}: {source}{}", bind_advice(*.source))]
    Bind {
        /// What the socket is for.
        role: &'static str,
        /// Where it should have listened.
        endpoint: Endpoint,
        source: zmq::Error,
    },
    /// It could not be connected.
    #[error("cannot connect the {role} socket to {endpoint}: {source}")]
    Connect {
        /// What the socket is for.
        role: &'static str,
        /// Where it should have gone.
        endpoint: Endpoint,
        source: zmq::Error,
    },
}

fn bind_advice(error: zmq::Error) -> &'static str {
    match error {
        zmq::Error::EADDRINUSE => "; another program, perhaps a second one of these, listens there already",
        zmq::Error::EADDRNOTAVAIL | zmq::Error::ENODEV => {
            "; the address does not belong to this machine, tcp://*:<port> means all of them"
        }
        zmq::Error::EACCES => "; ports below 1024 and files need the right to be opened",
        _ => "",
    }
}

pub struct Bound {
    pub socket: Socket,
    /// Where it listens, for people: as configured, or with the port that the system chose.
    pub endpoint: String,
}

/// Makes a socket, lets `setup` set its options, and binds it.
///
/// # Errors
/// When any of it fails; `role` names the socket in the text.
pub fn bind(
    context: &Context,
    kind: SocketType,
    role: &'static str,
    endpoint: &Endpoint,
    setup: impl FnOnce(&Socket) -> zmq::Result<()>,
) -> Result<Bound, SocketError> {
    let socket = prepare(context, kind, role, endpoint, setup)?;
    uninterrupted(|| socket.bind(endpoint.as_str())).map_err(|source| SocketError::Bind {
        role,
        endpoint: endpoint.clone(),
        source,
    })?;
    let endpoint = shown(&socket, endpoint);
    Ok(Bound { socket, endpoint })
}

/// Makes a socket, lets `setup` set its options, and starts connecting (which libzmq does in the background).
///
/// # Errors
/// When any of it fails; `role` names the socket in the text.
pub fn connect(
    context: &Context,
    kind: SocketType,
    role: &'static str,
    endpoint: &Endpoint,
    setup: impl FnOnce(&Socket) -> zmq::Result<()>,
) -> Result<Socket, SocketError> {
    let socket = prepare(context, kind, role, endpoint, setup)?;
    uninterrupted(|| socket.connect(endpoint.as_str())).map_err(|source| SocketError::Connect {
        role,
        endpoint: endpoint.clone(),
        source,
    })?;
    Ok(socket)
}

fn prepare(
    context: &Context,
    kind: SocketType,
    role: &'static str,
    endpoint: &Endpoint,
    setup: impl FnOnce(&Socket) -> zmq::Result<()>,
) -> Result<Socket, SocketError> {
    let fail = |action| move |source| SocketError::Prepare { action, role, source };
    let socket = uninterrupted(|| context.socket(kind)).map_err(fail("make"))?;
    // IPv6 on purpose only: with it, "localhost" may become an address without a listener.
    socket.set_ipv6(endpoint.is_ipv6()).map_err(fail("set up"))?;
    setup(&socket).map_err(fail("set up"))?;
    Ok(socket)
}

fn shown(socket: &Socket, endpoint: &Endpoint) -> String {
    let text = endpoint.as_str();
    let chosen = text.ends_with(":*") || text.ends_with(":0");
    match socket.get_last_endpoint() {
        Ok(Ok(actual)) if chosen => actual,
        _ => text.to_owned(),
    }
}

/// The next whole message, at most [`MAX_FRAMES`] frames of it; `None` when there is none. Never waits.
///
/// # Errors
/// When libzmq fails in another way, which ends the use of the socket.
pub fn receive(socket: &Socket) -> zmq::Result<Option<Vec<Vec<u8>>>> {
    let mut frames = Vec::new();
    loop {
        // Frames of one message arrive together, so only the first can be missing.
        let frame = match uninterrupted(|| socket.recv_msg(zmq::DONTWAIT)) {
            Ok(frame) => frame,
            Err(zmq::Error::EAGAIN) => return Ok(None),
            Err(error) => return Err(error),
        };
        if frames.len() < MAX_FRAMES {
            frames.push(frame.to_vec());
        }
        if !frame.get_more() {
            return Ok(Some(frames));
        }
    }
}

/// Hands a whole message to a socket without waiting.
///
/// # Errors
/// `EAGAIN` when its queue is full, `EHOSTUNREACH` from a ROUTER that does not know the peer (and is set to report that).
pub fn send(socket: &Socket, frames: Vec<Vec<u8>>) -> zmq::Result<()> {
    let last = frames.len().saturating_sub(1);
    for (index, frame) in frames.into_iter().enumerate() {
        let flags = if index < last { zmq::DONTWAIT | zmq::SNDMORE } else { zmq::DONTWAIT };
        uninterrupted(|| socket.send(frame.as_slice(), flags))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> Endpoint {
        "tcp://127.0.0.1:*".parse().unwrap()
    }

    #[test]
    fn messages_arrive_whole_and_long_ones_are_cut() {
        let context = Context::new();
        let bound = bind(&context, zmq::PAIR, "test", &any_port(), |_| Ok(())).unwrap();
        let peer = connect(&context, zmq::PAIR, "test", &bound.endpoint.parse().unwrap(), |_| Ok(())).unwrap();
        assert_eq!(receive(&bound.socket), Ok(None));
        send(&peer, vec![vec![], b"body".to_vec()]).unwrap();
        send(&peer, vec![b"x".to_vec(); MAX_FRAMES + 5]).unwrap();
        send(&peer, vec![b"after".to_vec()]).unwrap();
        let next = || {
            assert_eq!(bound.socket.poll(zmq::POLLIN, 10_000), Ok(1));
            receive(&bound.socket).unwrap().unwrap()
        };
        assert_eq!(next(), [b"".to_vec(), b"body".to_vec()]);
        assert_eq!(next().len(), MAX_FRAMES);
        assert_eq!(next(), [b"after".to_vec()]);
    }

    #[test]
    fn a_taken_port_is_named_with_advice() {
        let context = Context::new();
        let first = bind(&context, zmq::REP, "management", &any_port(), |_| Ok(())).unwrap();
        let second = bind(&context, zmq::REP, "management", &first.endpoint.parse().unwrap(), |_| Ok(()));
        let text = second.err().unwrap().to_string();
        assert!(text.contains("management socket to tcp://127.0.0.1:") && text.contains("listens there already"), "{text}");
    }
}
