//! One registered vSphere host.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// Where vSphere listens unless the host says otherwise.
pub const DEFAULT_PORT: u16 = 443;

/// A vSphere host (vCenter or ESXi) and how to log in to it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Name or address, exactly as registered: requests name it like this.
    pub host: String,
    /// vSphere user.
    pub user: String,
    /// The user's password.
    pub password: SecretString,
    /// Whether workers serve this host.
    pub enabled: bool,
    /// TCP port of its API.
    pub port: u16,
    /// How its certificate is checked.
    pub tls: TlsChoice,
}

/// Two hosts are equal when nothing that matters for a connection differs; a reload compares with this.
impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        let plain = |host: &Self| (host.host.clone(), host.user.clone(), host.enabled, host.port, host.tls.clone());
        plain(self) == plain(other) && self.password.expose_secret() == other.password.expose_secret()
    }
}

/// How a host's certificate is checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum TlsChoice {
    /// No choice was made: a row of the original tool, which never checked certificates. Workers connect unverified, and warn.
    #[default]
    Unset,
    /// Against the system's certificate authorities; the choice for hosts that `vconnector-cli` adds.
    Verify,
    /// Against the authorities in this PEM file.
    CaFile(PathBuf),
    /// Exactly the certificate with this SHA-256 fingerprint, written `AB:CD:…`.
    Pin(String),
    /// Not at all, by decision: no warning.
    Off,
}

impl TlsChoice {
    /// A pin from a SHA-256 fingerprint as tools print it, with or without colons, in either case.
    ///
    /// # Errors
    /// When the text is not 32 bytes in hexadecimal.
    pub fn pin(fingerprint: &str) -> Result<Self, Error> {
        let digits: Vec<char> = fingerprint.trim().chars().filter(|c| *c != ':').map(|c| c.to_ascii_uppercase()).collect();
        if digits.len() != 64 || !digits.iter().all(char::is_ascii_hexdigit) {
            let value = fingerprint.to_owned();
            return Err(Error::Value { what: "fingerprint", value, reason: "is no SHA-256 fingerprint (64 hexadecimal digits)" });
        }
        let pairs: Vec<String> = digits.chunks(2).map(|pair| pair.iter().collect()).collect();
        Ok(Self::Pin(pairs.join(":")))
    }

    /// The two columns in which the choice is stored.
    pub(crate) fn columns(&self) -> Result<(Option<&'static str>, Option<String>), Error> {
        Ok(match self {
            Self::Unset => (None, None),
            Self::Verify => (Some("verify"), None),
            Self::CaFile(path) => (Some("ca-file"), Some(absolute(path)?)),
            Self::Pin(fingerprint) => match Self::pin(fingerprint)? {
                Self::Pin(normal) => (Some("pin"), Some(normal)),
                _ => (None, None),
            },
            Self::Off => (Some("off"), None),
        })
    }

    /// The reverse of [`TlsChoice::columns`]. A word we do not know, or one whose detail is missing, means the strictest check:
    /// a damaged row must not switch checking off.
    pub(crate) fn from_columns(word: Option<&str>, detail: Option<String>) -> Self {
        match (word, detail) {
            (None, _) => Self::Unset,
            (Some("off"), _) => Self::Off,
            (Some("ca-file"), Some(path)) => Self::CaFile(path.into()),
            (Some("pin"), Some(fingerprint)) => Self::pin(&fingerprint).unwrap_or(Self::Verify),
            _ => Self::Verify,
        }
    }
}

/// One or two words for the table of `vconnector-cli`.
impl fmt::Display for TlsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unverified"),
            Self::Verify => f.write_str("verify"),
            Self::CaFile(path) => write!(f, "CA file {}", path.display()),
            Self::Pin(fingerprint) => write!(f, "pin {fingerprint}"),
            Self::Off => f.write_str("off"),
        }
    }
}

/// Workers have another working directory than the tool, so the path must be absolute.
fn absolute(path: &std::path::Path) -> Result<String, Error> {
    let full = std::path::absolute(path).map_err(Error::io("resolve", path))?;
    let refused =
        |path: PathBuf| Error::Value { what: "CA file", value: path.display().to_string(), reason: "is not named in UTF-8" };
    full.into_os_string().into_string().map_err(|name| refused(name.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_have_one_form() {
        let expected = TlsChoice::Pin(["AB"; 32].join(":"));
        assert_eq!(TlsChoice::pin(&"ab".repeat(32)).unwrap(), expected);
        assert_eq!(TlsChoice::pin(&["aB"; 32].join(":")).unwrap(), expected);
        for wrong in ["", "ab", &"zz".repeat(32), &"ab".repeat(20)] {
            assert!(TlsChoice::pin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_damaged_row_never_switches_checking_off() {
        for (word, detail) in [("pin", None), ("pin", Some("xx")), ("ca-file", None), ("OFF", None), ("later", Some("x"))] {
            assert_eq!(TlsChoice::from_columns(Some(word), detail.map(str::to_owned)), TlsChoice::Verify, "{word}");
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let host = Host {
            host: "vc01".into(),
            user: "root".into(),
            password: "p4ssw0rd".into(),
            enabled: true,
            port: DEFAULT_PORT,
            tls: TlsChoice::Verify,
        };
        assert!(!format!("{host:?}").contains("p4ssw0rd"));
        assert_eq!(host, host.clone());
        assert_ne!(host, Host { password: "other".into(), ..host.clone() });
    }
}
