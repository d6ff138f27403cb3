//! Trust: how a server's certificate is checked, and how a refusal is explained.
//!
//! Own verifiers are needed for pinned certificates (ESXi hosts have self-signed ones with arbitrary names). Whatever the
//! choice, the handshake's signature is checked: the server must own the key of the certificate it shows.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::{Error, Sha256Fingerprint, Tls, error};

/// Checks the certificates of one vSphere host.
#[derive(Debug)]
pub(crate) struct Verifier {
    policy: Policy,
    host: String,
    provider: Arc<CryptoProvider>,
    /// The certificate of the last handshake, for the error text and for [`crate::fetch_fingerprint`].
    presented: Mutex<Option<CertificateDer<'static>>>,
}

#[derive(Debug)]
enum Policy {
    /// An authority must have signed it for this name.
    Authorities(Arc<WebPkiServerVerifier>, ServerName<'static>),
    /// It must be this one.
    Pinned(Sha256Fingerprint),
    /// Any will do.
    Anything,
    /// None will do: the handshake is only for looking.
    Look,
}

impl Verifier {
    /// As configured.
    pub(crate) fn new(tls: &Tls, host: &str) -> Result<Arc<Self>, Error> {
        let policy = match tls {
            Tls::Verify => Policy::authorities(system_roots()?, host)?,
            Tls::CaFile(path) => Policy::authorities(file_roots(path)?, host)?,
            Tls::Pin(fingerprint) => Policy::Pinned(*fingerprint),
            Tls::Off => Policy::Anything,
        };
        Ok(Self::with_policy(policy, host))
    }

    /// Lets the server prove its certificate and then ends the connection.
    pub(crate) fn looking(host: &str) -> Arc<Self> {
        Self::with_policy(Policy::Look, host)
    }

    fn with_policy(policy: Policy, host: &str) -> Arc<Self> {
        let provider = Arc::new(provider::default_provider());
        Arc::new(Self { policy, host: host.to_owned(), provider, presented: Mutex::default() })
    }

    /// TLS settings with this verifier.
    pub(crate) fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| error::config(format!("cannot set up TLS for {}: {cause}", self.host)))?;
        Ok(builder.dangerous().with_custom_certificate_verifier(self.clone()).with_no_client_auth())
    }

    /// The certificate of the last handshake.
    pub(crate) fn presented(&self) -> Option<CertificateDer<'static>> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error of a failed connection if TLS is the cause.
    pub(crate) fn explain(&self, failure: &(dyn StdError + 'static)) -> Option<Error> {
        let trust = format!("`vconnector-cli -H {} trust` shows the certificate and pins it", self.host);
        let (cause, hint) = match tls_error(failure)? {
            rustls::Error::InvalidCertificate(cause) => (self.refusal(cause), trust),
            rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_) => (
                "it agrees on no TLS version and cipher with us".to_owned(),
                "servers that know only TLS 1.1 or RSA key exchange are not supported, TLS 1.2 with ECDHE is needed".to_owned(),
            ),
            rustls::Error::InvalidMessage(_) => ("it does not speak TLS".to_owned(), "check host name and port".to_owned()),
            other => (other.to_string(), trust),
        };
        Some(Error::Certificate { host: self.host.clone(), cause, hint })
    }

    fn refusal(&self, cause: &CertificateError) -> String {
        let presented =
            self.presented().map_or_else(|| "unknown".to_owned(), |certificate| fingerprint(&certificate).to_string());
        let reason = match (&self.policy, cause) {
            (Policy::Pinned(_), _) => "it is another one than the pinned one, so it was replaced or somebody is in between",
            (_, CertificateError::UnknownIssuer) => "it is self-signed or of an unknown authority",
            (_, CertificateError::BadSignature) => {
                "it bears the name of a known authority but was signed by an unknown authority"
            }
            (_, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
                "it is made for another name"
            }
            (_, CertificateError::Expired | CertificateError::ExpiredContext { .. }) => "it has expired",
            (_, CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
                "it is not valid yet, or the clock here is wrong"
            }
            // webpki wraps its own errors: a self-signed certificate that is an authority at the same time comes here.
            (_, CertificateError::Other(_)) => "it is no certificate for a server (often self-signed)",
            (_, other) => return format!("its certificate (SHA-256 {presented}) is not accepted: {other}"),
        };
        format!("its certificate (SHA-256 {presented}) is not accepted: {reason}")
    }
}

impl Policy {
    fn authorities(roots: RootCertStore, host: &str) -> Result<Self, Error> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| error::config(format!("{host:?} is neither a host name nor an address")))?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider::default_provider()));
        let verifier =
            verifier.build().map_err(|cause| error::config(format!("cannot check certificates of {host}: {cause}")))?;
        Ok(Self::Authorities(verifier, name))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _requested: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.presented.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate.clone().into_owned());
        match &self.policy {
            // The configured name counts, whatever address the connection was made to.
            Policy::Authorities(verifier, name) => verifier.verify_server_cert(certificate, intermediates, name, ocsp, now),
            Policy::Pinned(expected) if fingerprint(certificate) != *expected => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            Policy::Pinned(_) | Policy::Anything | Policy::Look => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
            .and_then(|valid| self.go_on(valid))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
            .and_then(|valid| self.go_on(valid))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Ends a handshake that is only for looking, after the server has proved its key and before anything is sent.
    fn go_on(&self, valid: HandshakeSignatureValid) -> Result<HandshakeSignatureValid, rustls::Error> {
        match self.policy {
            Policy::Look => Err(CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(valid),
        }
    }
}

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Sha256Fingerprint {
    let mut bytes = [0; 32];
    // The digest has the length of the array.
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Sha256Fingerprint(bytes)
}

fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let cause = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(error::config(format!(
            "cannot load the certificate authorities of this system ({cause}); install ca-certificates, or name a CA file"
        )));
    }
    Ok(roots)
}

/// Whether a file can be what certificates are checked against: it is there, and holds certificates in PEM form.
///
/// # Errors
/// When it cannot, with the reason.
pub fn check_ca_file(path: &Path) -> Result<(), Error> {
    file_roots(path).map(drop)
}

fn file_roots(path: &Path) -> Result<RootCertStore, Error> {
    let refused = |cause: String| error::config(format!("cannot use the CA file {}: {cause}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|cause| refused(cause.to_string()))? {
        let certificate = certificate.map_err(|cause| refused(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| refused(cause.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}

/// The TLS error in a chain of causes. Errors of input and output hide what they wrap from the chain.
fn tls_error<'e>(failure: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(failure);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            return tls_error(inner);
        }
        next = error.source();
    }
    None
}
