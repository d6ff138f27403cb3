//! Looking at a server's certificate, for people who decide about trust.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use secrecy::SecretString;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use crate::tls::{Verifier, fingerprint};
use crate::transport::Transport;
use crate::{Config, DateTime, Error, Sha256Fingerprint, error};

/// What a server's own certificate says.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// SHA-256 over its DER bytes.
    pub sha256: Sha256Fingerprint,
    /// Its subject, such as `CN=vc01.example.org, OU=VMware`. Empty, as all that follows, when the certificate cannot be read.
    pub subject: String,
    /// The authority that signed it, in the same form.
    pub issuer: String,
    /// First moment of validity.
    pub not_before: Option<DateTime>,
    /// Last moment of validity.
    pub not_after: Option<DateTime>,
    /// Host names and addresses it is made for.
    pub names: Vec<String>,
}

/// Fetches the certificate a server presents, without judging it. The server has to prove that it owns the key; nothing but
/// the TLS handshake is sent.
///
/// # Errors
/// When no TLS handshake comes about within `timeout`.
pub async fn fetch_fingerprint(host: &str, port: u16, timeout: Duration) -> Result<Certificate, Error> {
    let mut config = Config::new(host, "", SecretString::default());
    config.port = port;
    config.connect_timeout = timeout;
    let transport = Transport::with_verifier(&config, Verifier::looking(host))?;
    // The verifier ends the handshake on purpose, so this always fails; what matters is whether it got that far.
    let failure = transport.get("/", timeout).await.err();
    match (transport.verifier().presented(), failure) {
        (Some(certificate), Some(Error::Certificate { .. })) => Ok(describe(&certificate)),
        (_, Some(failure)) => Err(failure),
        (_, None) => Err(error::config(format!("{host} ended no TLS handshake as it should"))),
    }
}

fn describe(der: &CertificateDer<'_>) -> Certificate {
    let sha256 = fingerprint(der);
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return Certificate {
            sha256,
            subject: String::new(),
            issuer: String::new(),
            not_before: None,
            not_after: None,
            names: Vec::new(),
        };
    };
    Certificate {
        sha256,
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        not_before: moment(parsed.validity().not_before),
        not_after: moment(parsed.validity().not_after),
        names: names(&parsed),
    }
}

fn moment(time: ASN1Time) -> Option<DateTime> {
    time.timestamp().checked_mul(1_000_000).map(DateTime::from_unix_micros)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match **bytes {
                [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
            },
            _ => None,
        })
        .collect()
}
