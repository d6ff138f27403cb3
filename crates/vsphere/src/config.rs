//! Settings of a client: the server, the account, trust, and limits.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::{Error, error};

/// Settings of one vSphere host's client.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host name or address of the vCenter or ESXi host; also the name its certificate must carry.
    pub host: String,
    /// TCP port of the web service; 443.
    pub port: u16,
    /// Name of the account, such as `monitoring@vsphere.local`.
    pub user: String,
    /// Its password; exposed only while the login is written.
    pub password: SecretString,
    /// How the server's certificate is checked.
    pub tls: Tls,
    /// Longest time for connecting, TLS included; 10 s.
    pub connect_timeout: Duration,
    /// Longest time for one call, answer included; 60 s.
    pub request_timeout: Duration,
    /// Calls that run at the same time at most; further ones wait (within their deadline). 8.
    pub max_concurrency: usize,
    /// What administrators see in the session list, `vPoller/<version>`.
    pub user_agent: String,
    /// Connect here instead of resolving `host`; the certificate must still carry `host`. For tests and forwarders.
    pub address: Option<SocketAddr>,
    /// API version to speak, such as `8.0.2.0`; negotiated when not given.
    pub api_version: Option<String>,
    /// Bounds on answers and on objects named in one read.
    pub limits: Limits,
}

/// Bounds that protect this program from a server's answers, and the server from our questions.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest answer read, in bytes; 256 MiB.
    pub response_bytes: usize,
    /// Deepest nesting of elements in an answer; 200.
    pub depth: usize,
    /// Objects named in one read at most, further ones go into further calls; 100, which is one page everywhere.
    pub objects_per_call: usize,
    /// Pages of one answer at most; 100,000. Ends reads from a server whose pages never end.
    pub pages: usize,
    /// Objects per page of an answer, `maxObjects`, 100; nothing leaves the choice to the server, which may answer in one piece.
    pub page_size: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { response_bytes: 256 << 20, depth: 200, objects_per_call: 100, pages: 100_000, page_size: Some(100) }
    }
}

/// How the server's certificate is checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Tls {
    /// Against the certificate authorities of the system, with the host name.
    #[default]
    Verify,
    /// Against the certificate authorities in this PEM file, with the host name.
    CaFile(PathBuf),
    /// The server must present exactly the certificate with this fingerprint; name, issuer and dates do not matter.
    Pin(Sha256Fingerprint),
    /// Not at all: whatever is in between the two can read the password.
    Off,
}

/// SHA-256 over a certificate's DER bytes. `Display` gives upper-case hex pairs with colons.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Sha256Fingerprint(pub [u8; 32]);

impl Config {
    /// Settings with their defaults.
    pub fn new(host: impl Into<String>, user: impl Into<String>, password: SecretString) -> Self {
        Self {
            host: host.into(),
            port: 443,
            user: user.into(),
            password,
            tls: Tls::Verify,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            max_concurrency: 8,
            user_agent: concat!("vPoller/", env!("CARGO_PKG_VERSION")).to_owned(),
            address: None,
            api_version: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Display for Sha256Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(out, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sha256Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Reads 64 hex digits, in any case, with or without colons between the pairs.
impl FromStr for Sha256Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || error::config(format!("{text:?} is not a SHA-256 fingerprint (64 hex digits, colons allowed)"));
        let digits: String = text.trim().chars().filter(|character| *character != ':').collect();
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let pair = digits.get(2 * at..2 * at + 2).ok_or_else(refused)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_read_back() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        let fingerprint = Sha256Fingerprint(bytes);
        let printed = fingerprint.to_string();
        assert!(printed.starts_with("00:07:0E:15:"), "{printed}");
        assert_eq!(printed.parse::<Sha256Fingerprint>().unwrap(), fingerprint);
        assert_eq!(printed.replace(':', "").to_lowercase().parse::<Sha256Fingerprint>().unwrap(), fingerprint);
        for text in ["", "00:07", &printed[1..], &"é".repeat(32)] {
            assert!(text.parse::<Sha256Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let config = Config::new("vc01", "root", SecretString::from("s3cr3t-word"));
        assert!(!format!("{config:?}").contains("s3cr3t-word"));
    }
}
