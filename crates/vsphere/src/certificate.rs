//! Looking at a server's certificate, to decide about trust (skeleton).

use std::time::Duration;

use crate::{DateTime, Error, Sha256Fingerprint, error};

/// What a server's own certificate says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// SHA-256 over its DER bytes.
    pub sha256: Sha256Fingerprint,
    /// Whom it names, such as `CN=vc01.example.org,OU=VMware`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// First moment of validity.
    pub not_before: Option<DateTime>,
    /// Last moment of validity.
    pub not_after: Option<DateTime>,
    /// Host names and addresses it is made for.
    pub names: Vec<String>,
}

/// Fetches the certificate a server presents, without judging it and without sending anything but the TLS handshake.
///
/// # Errors
/// When no TLS connection comes about within `timeout`.
pub async fn fetch_fingerprint(host: &str, port: u16, timeout: Duration) -> Result<Certificate, Error> {
    let _ = (host, port, timeout);
    Err(error::config("not written yet"))
}
