//! ZeroMQ endpoint syntax, checked before libzmq sees it: its own refusal is a bare `Invalid argument`.

use std::fmt;
use std::str::FromStr;

/// An endpoint that libzmq will understand, kept as the user wrote it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Endpoint(String);

/// Why a text is no endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("endpoint {text:?} {reason}; write it like tcp://host:10123, ipc:///path/to/socket or inproc://name")]
pub struct EndpointError {
    text: String,
    reason: &'static str,
}

impl Endpoint {
    /// The text to bind or connect with.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the address is one of IPv6, in brackets: libzmq needs an option for it.
    #[must_use]
    pub fn is_ipv6(&self) -> bool {
        self.0.starts_with("tcp://[")
    }

    /// An endpoint to connect to. `*` is none: it is copied from settings of listeners, and libzmq refuses it late.
    ///
    /// # Errors
    /// When the text is no endpoint, or only good for listening.
    pub fn peer(text: &str) -> Result<Self, EndpointError> {
        let endpoint: Self = text.parse()?;
        let address = endpoint.0.strip_prefix("tcp://").and_then(|address| address.rsplit_once(':'));
        match address {
            Some(("*", _) | (_, "*" | "0")) => Err(EndpointError { text: endpoint.0, reason: "is good for listening only" }),
            _ => Ok(endpoint),
        }
    }

    /// The endpoint by which this machine reaches what listens at this one.
    ///
    /// # Errors
    /// When the system chose the port.
    pub fn local(&self) -> Result<Self, EndpointError> {
        let address = self.0.strip_prefix("tcp://").and_then(|address| address.rsplit_once(':'));
        match address {
            Some(("*" | "0.0.0.0", port)) => Self::peer(&format!("tcp://127.0.0.1:{port}")),
            Some(("[::]", port)) => Self::peer(&format!("tcp://[::1]:{port}")),
            _ => Self::peer(&self.0),
        }
    }

    /// The endpoints of a comma separated list, in order.
    ///
    /// # Errors
    /// When the list is empty or one of them is no endpoint.
    pub fn list(text: &str) -> Result<Vec<Self>, EndpointError> {
        text.split(',').map(|part| part.trim().parse()).collect()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(reason) => Err(EndpointError { text: text.to_owned(), reason }),
        }
    }
}

fn fault(text: &str) -> Option<&'static str> {
    let Some((transport, address)) = text.split_once("://") else { return Some("has no transport") };
    match transport {
        _ if text.contains(|c: char| c.is_whitespace() || c.is_control()) => Some("contains a blank or control character"),
        "ipc" | "inproc" => address.is_empty().then_some("has no address"),
        "tcp" => tcp_fault(address),
        _ => Some("has an unknown transport"),
    }
}

fn tcp_fault(address: &str) -> Option<&'static str> {
    let Some((host, port)) = address.rsplit_once(':') else { return Some("has no port") };
    if host.is_empty() {
        return Some("has no host");
    }
    if host.contains('/') {
        return Some("has a / in its host");
    }
    match port {
        "*" => None,
        _ => port.parse::<u16>().is_err().then_some("has a port that is no number from 0 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accepts_what_users_write() {
        for text in ["tcp://*:10123", "tcp://localhost:10124", "tcp://[::1]:9999", "tcp://*:*", "ipc:///run/x", "inproc://a"] {
            assert_eq!(text.parse::<Endpoint>().map(|e| e.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Endpoint::list("tcp://a:1, tcp://b:2").map(|list| list.len()), Ok(2));
    }

    #[test]
    fn a_machine_reaches_its_own_listeners() {
        for (text, expected) in [
            ("tcp://*:9999", "tcp://127.0.0.1:9999"),
            ("tcp://0.0.0.0:9999", "tcp://127.0.0.1:9999"),
            ("tcp://[::]:9999", "tcp://[::1]:9999"),
            ("tcp://192.0.2.1:9999", "tcp://192.0.2.1:9999"),
            ("ipc:///run/x", "ipc:///run/x"),
        ] {
            let local = text.parse::<Endpoint>().and_then(|endpoint| endpoint.local());
            assert_eq!(local.map(|local| local.to_string()).as_deref(), Ok(expected));
        }
        assert!("tcp://*:*".parse::<Endpoint>().and_then(|endpoint| endpoint.local()).is_err());
    }

    #[test]
    fn nobody_connects_to_a_star() {
        for text in ["tcp://localhost:10124", "tcp://[::1]:9999", "ipc:///run/x", "ipc://*", " tcp://h:1 "] {
            assert!(Endpoint::peer(text).is_ok(), "{text}");
        }
        for text in ["tcp://*:10124", "tcp://h:*", "tcp://h:0", "tcp://*:*"] {
            let error = Endpoint::peer(text).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|message| message.contains("good for listening only")), "{text}: {error:?}");
            assert!(text.parse::<Endpoint>().is_ok(), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("localhost:10123", "no transport"),
            ("tcp://localhost", "no port"),
            ("tcp://:1", "no host"),
            ("tcp://tcp://*:1", "a / in its host"),
            ("tcp://h:99999", "65535"),
            ("pgm://x:1", "unknown transport"),
            ("", "no transport"),
            ("tcp://a b:1", "blank"),
        ] {
            let error = text.parse::<Endpoint>().map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|message| message.contains(part)), "{text}: {error:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Endpoint>();
        }
    }
}
