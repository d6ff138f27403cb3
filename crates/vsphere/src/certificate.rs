//! Looking at a server's certificate, for people who decide about trust.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use secrecy::SecretString;
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

use crate::tls::{Offer, Verifier, fingerprint, names};
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
    /// Why a connection can never come about while the certificate is checked in any way, pinned or not: its key, mostly.
    pub unusable: Option<String>,
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
    let failure = match look(&config, Offer::Checked).await {
        Err(failure @ Error::Certificate { .. }) => failure,
        done => return done,
    };
    // A server whose only key cannot be checked agrees with us when we pretend that it can.
    match look(&config, Offer::Every).await {
        Ok(mut certificate) => {
            certificate.unusable.get_or_insert_with(|| failure.to_string());
            Ok(certificate)
        }
        Err(_) => Err(failure),
    }
}

async fn look(config: &Config, offer: Offer) -> Result<Certificate, Error> {
    let transport = Transport::with_verifier(config, Verifier::looking(&config.host, offer))?;
    // The verifier ends the handshake on purpose, so this always fails; what matters is whether it got that far.
    let failure = transport.get("/", config.connect_timeout).await.err();
    let verifier = transport.verifier();
    match (verifier.presented(), verifier.looked(), failure) {
        (Some(certificate), Some(verdict), _) => Ok(describe(&certificate, verdict.err())),
        (_, _, Some(failure)) => Err(failure),
        (_, _, None) => Err(error::config(format!("{} ended no TLS handshake as it should", config.host))),
    }
}

fn describe(der: &CertificateDer<'_>, unusable: Option<String>) -> Certificate {
    let sha256 = fingerprint(der);
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        return Certificate {
            sha256,
            subject: String::new(),
            issuer: String::new(),
            not_before: None,
            not_after: None,
            names: Vec::new(),
            unusable,
        };
    };
    Certificate {
        sha256,
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        not_before: moment(parsed.validity().not_before),
        not_after: moment(parsed.validity().not_after),
        names: names(&parsed),
        unusable,
    }
}

fn moment(time: ASN1Time) -> Option<DateTime> {
    time.timestamp().checked_mul(1_000_000).map(DateTime::from_unix_micros)
}
