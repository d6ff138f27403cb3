//! Where something listens for HTTP, in every spelling that operators know: `:9272` and `127.0.0.1:9272` of Prometheus' exporters,
//! `tcp://*:9272` of this project's own files, `http://127.0.0.1:9272` of browsers, `https://…` where there is TLS.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::str::FromStr;

/// An address to listen at, checked, and kept as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listen {
    text: String,
    host: ListenHost,
    port: u16,
    scheme: Option<ListenScheme>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum ListenHost {
    /// No host: every address of the machine, of both families.
    Every,
    /// `*`: every IPv4 address of the machine, as ZeroMQ understands it.
    EveryIpv4,
    /// A name or an address.
    Named(String),
}

/// What an address says about TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenScheme {
    /// `http://`: there is none.
    Plain,
    /// `https://`: there is.
    Tls,
}

/// Why a text is no address to listen at.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("address {text:?} {reason}; write it like 127.0.0.1:10126, :10126, [::1]:10126, tcp://*:10126 or http://127.0.0.1:10126")]
pub struct ListenError {
    text: String,
    reason: &'static str,
}

impl Listen {
    /// Opens the listener. A name is looked up, and its IPv4 addresses come first.
    ///
    /// # Errors
    /// When the name is unknown, or none of its addresses can be had.
    pub fn bind(&self) -> io::Result<TcpListener> {
        let every = SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port));
        let addresses = match &self.host {
            // A machine without IPv6 has only the second.
            ListenHost::Every => vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port)), every],
            ListenHost::EveryIpv4 => vec![every],
            ListenHost::Named(name) => {
                let mut found: Vec<_> = (name.as_str(), self.port).to_socket_addrs()?.collect();
                found.sort_by_key(SocketAddr::is_ipv6);
                found
            }
        };
        TcpListener::bind(addresses.as_slice())
    }

    /// The addresses by which this machine reaches it.
    ///
    /// # Errors
    /// When the name is unknown.
    pub fn local(&self) -> io::Result<Vec<SocketAddr>> {
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        Ok(match &self.host {
            ListenHost::Every => vec![SocketAddr::from((Ipv6Addr::LOCALHOST, self.port)), own],
            ListenHost::EveryIpv4 => vec![own],
            ListenHost::Named(name) => {
                let found = (name.as_str(), self.port).to_socket_addrs()?;
                let local = |address: SocketAddr| match address {
                    SocketAddr::V4(address) if address.ip().is_unspecified() => own,
                    SocketAddr::V6(address) if address.ip().is_unspecified() => {
                        SocketAddr::from((Ipv6Addr::LOCALHOST, self.port))
                    }
                    other => other,
                };
                found.map(local).collect()
            }
        })
    }

    /// What it says about TLS; `None` when it leaves that open.
    #[must_use]
    pub const fn scheme(&self) -> Option<ListenScheme> {
        self.scheme
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let text = text.trim();
        // What stands before an @ may be a password.
        let shown = || text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"));
        parse(text).map_err(|reason| ListenError { text: shown(), reason })
    }
}

fn parse(text: &str) -> Result<Listen, &'static str> {
    let (scheme, rest) = match text.split_once("://") {
        None => (None, text),
        Some(("tcp", rest)) => (None, rest),
        Some(("http", rest)) => (Some(ListenScheme::Plain), rest.strip_suffix('/').unwrap_or(rest)),
        Some(("https", rest)) => (Some(ListenScheme::Tls), rest.strip_suffix('/').unwrap_or(rest)),
        Some(_) => return Err("has an unknown scheme"),
    };
    if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("contains a blank or control character");
    }
    if rest.contains('@') {
        return Err("has a user, which belongs into the file of the users");
    }
    if rest.contains(['/', '?', '#']) {
        return Err("has a path, which no listener has");
    }
    let (host, port) = rest.rsplit_once(':').ok_or("has no port")?;
    let host = match host {
        "" => ListenHost::Every,
        "*" => ListenHost::EveryIpv4,
        _ => ListenHost::Named(name(host)?.to_owned()),
    };
    let port = match port {
        "*" => 0,
        _ if port.is_empty() => return Err("has no port"),
        // A sign is taken by the parser of numbers.
        _ if !port.bytes().all(|byte| byte.is_ascii_digit()) => return Err("has a port that is no number from 0 to 65535"),
        _ => port.parse().map_err(|_| "has a port that is no number from 0 to 65535")?,
    };
    Ok(Listen { text: text.to_owned(), host, port, scheme })
}

fn name(host: &str) -> Result<&str, &'static str> {
    match host.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']').ok_or("has no ] behind its IPv6 address")?;
            let (address, zone) = inner.split_once('%').unwrap_or((inner, "0"));
            if address.parse::<Ipv6Addr>().is_err() || zone.is_empty() {
                return Err("has no IPv6 address between its brackets");
            }
            Ok(inner)
        }
        None if host.contains(':') => Err("has an IPv6 address without brackets"),
        None if host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) => Ok(host),
        None => Err("has a host that is neither a name nor an address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Listen {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_machine_reaches_its_own_listeners() {
        let local = |text: &str| {
            let addresses = text.parse::<Listen>().unwrap().local().unwrap();
            addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(local(":9272"), ["[::1]:9272", "127.0.0.1:9272"]);
        assert_eq!(local("0.0.0.0:9272"), ["127.0.0.1:9272"]);
        assert_eq!(local("tcp://*:9272"), ["127.0.0.1:9272"]);
        assert_eq!(local("http://127.0.0.2:1"), ["127.0.0.2:1"]);
        assert_eq!(local("[::]:9272"), ["[::1]:9272"]);
    }

    #[test]
    fn every_spelling_means_the_address_it_says() {
        let at = |text: &str| read(text).bind().unwrap().local_addr().unwrap().ip().to_string();
        for text in ["127.0.0.1:0", "tcp://127.0.0.1:*", "http://127.0.0.1:0", "http://127.0.0.1:0/", "https://localhost:0"] {
            assert_eq!(at(text), "127.0.0.1", "{text}");
        }
        assert_eq!(at("tcp://*:0"), "0.0.0.0");
        assert!(["::", "0.0.0.0"].contains(&at(":0").as_str()));
        assert!(["[::1]:0", "tcp://[::1]:0"].iter().all(|text| read(text).host == ListenHost::Named("::1".to_owned())));
        assert_eq!(read("[fe80::1%eth0]:9").host, ListenHost::Named("fe80::1%eth0".to_owned()));
        assert_eq!((read(" :9272 ").port, read("tcp://*:65535").port), (9272, 65535));
        assert_eq!(read("https://h:1").scheme(), Some(ListenScheme::Tls));
        assert_eq!(read("http://h:1").scheme(), Some(ListenScheme::Plain));
        assert_eq!(read("tcp://h:1").scheme(), None);
        assert_eq!(read(" http://h:1/ ").to_string(), "http://h:1/");
    }

    #[test]
    fn no_host_hears_both_families() {
        let listener = read(":0").bind().unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (text, reason) in [
            ("", "has no port"),
            ("9272", "has no port"),
            ("localhost", "has no port"),
            ("h:", "has no port"),
            ("h:65536", "no number from 0"),
            ("h:+80", "no number from 0"),
            ("h:http", "no number from 0"),
            ("h:99999999999999999999", "no number from 0"),
            ("ipc:///run/x", "unknown scheme"),
            ("HTTP://h:1", "unknown scheme"),
            ("http://h:1/metrics", "has a path"),
            ("h:1?x", "has a path"),
            ("h /x:1", "blank"),
            ("h\u{7}:1", "control character"),
            ("::1:9272", "without brackets"),
            ("[::1:9272", "no ] behind"),
            ("[h]:9272", "no IPv6 address between"),
            ("[::1%]:9272", "no IPv6 address between"),
            ("h\u{e9}:1", "neither a name nor an address"),
            ("a,b:1", "neither a name nor an address"),
        ] {
            let error = text.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("write it like"), "{text}: {error}");
        }
        let error = "http://user:hunter2@h:1".parse::<Listen>().unwrap_err().to_string();
        assert!(error.contains("has a user") && !error.contains("hunter2"), "{error}");
        assert!("tcp://no.such.host.invalid:1".parse::<Listen>().unwrap().bind().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in any::<String>(), host in "[a-z0-9.-]{1,20}", port in any::<u16>()) {
            let _ = text.parse::<Listen>();
            for scheme in ["", "tcp://", "http://", "https://"] {
                let written = format!("{scheme}{host}:{port}");
                let listen = read(&written);
                prop_assert_eq!(listen.to_string(), written);
                prop_assert_eq!((listen.host, listen.port), (ListenHost::Named(host.clone()), port));
            }
        }
    }
}
