//! Trust: how a server's certificate is checked, and how a refusal is explained.
//!
//! Own verifiers are needed for pinned certificates (ESXi hosts have self-signed ones with arbitrary names). The handshake's
//! signature is checked with the bare key of the certificate, because a certificate that is pinned may have any form: the server
//! must own the key of the certificate it shows. With [`Tls::Off`] nothing is checked at all.

mod authorities;
mod ca_file;
mod key;
mod names;
mod reasons;
mod refusal;

pub use ca_file::check_ca_file;
pub(crate) use names::names;

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerMisbehaved, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};

use crate::{Error, Sha256Fingerprint, Tls, error};
use authorities::Authorities;
use reasons::Case;
use refusal::Refusal;

/// Checks the certificates of one vSphere host.
#[derive(Debug)]
pub(crate) struct Verifier {
    policy: Policy,
    host: String,
    provider: Arc<CryptoProvider>,
    /// The last handshake, for the error text and for [`crate::fetch_fingerprint`].
    seen: Mutex<Seen>,
}

#[derive(Debug)]
enum Policy {
    /// An authority must have signed it for this name.
    Authorities(Box<Authorities>),
    /// It must be this one.
    Pinned(Sha256Fingerprint),
    /// Any will do.
    Anything,
    /// None will do: the handshake is only for looking.
    Look(Offer),
}

/// Signature schemes that are offered to the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Offer {
    /// Those that can be checked.
    Checked,
    /// Every one that there is.
    Every,
}

/// What a handshake showed.
#[derive(Debug, Default)]
struct Seen {
    /// The server's certificate, and what it sent with it.
    chain: Vec<CertificateDer<'static>>,
    /// How the handshake was signed.
    signature: Option<Result<(), rustls::Error>>,
}

impl Verifier {
    /// As configured.
    pub(crate) fn new(tls: &Tls, host: &str) -> Result<Arc<Self>, Error> {
        let policy = match tls {
            Tls::Verify => Policy::Authorities(Box::new(Authorities::new(ca_file::system()?, host)?)),
            Tls::CaFile(path) => Policy::Authorities(Box::new(Authorities::new(ca_file::file(path)?, host)?)),
            Tls::Pin(fingerprint) => Policy::Pinned(*fingerprint),
            Tls::Off => Policy::Anything,
        };
        Ok(Self::with_policy(policy, host))
    }

    /// Lets the server prove its certificate and then ends the connection.
    pub(crate) fn looking(host: &str, offer: Offer) -> Arc<Self> {
        Self::with_policy(Policy::Look(offer), host)
    }

    fn with_policy(policy: Policy, host: &str) -> Arc<Self> {
        let provider = Arc::new(provider::default_provider());
        Arc::new(Self { policy, host: host.to_owned(), provider, seen: Mutex::default() })
    }

    /// TLS settings with this verifier.
    pub(crate) fn client_config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|cause| error::config(format!("cannot set up TLS for {}: {cause}", self.host)))?;
        Ok(builder.dangerous().with_custom_certificate_verifier(self.clone()).with_no_client_auth())
    }

    /// The certificate of the last handshake.
    pub(crate) fn presented(&self) -> Option<CertificateDer<'static>> {
        self.seen().chain.first().cloned()
    }

    /// After a handshake for looking: why a pin of this certificate can never connect, or nothing. None before the handshake got
    /// that far, or when the server does not own the certificate.
    pub(crate) fn looked(&self) -> Option<Result<(), String>> {
        match self.seen().signature.clone()? {
            Ok(()) => Some(Ok(())),
            Err(rustls::Error::InvalidCertificate(cause)) => match refusal::refusal(&cause) {
                Some(Refusal::Key(reason)) => Some(Err(format!("it has {reason}"))),
                _ => None,
            },
            Err(rustls::Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)) => {
                Some(Err("the server signs its handshakes in no way that is supported".to_owned()))
            }
            Err(_) => None,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error of a failed connection if TLS is the cause.
    pub(crate) fn explain(&self, failure: &(dyn StdError + 'static)) -> Option<Error> {
        let failure = tls_error(failure)?;
        let (cause, hint) = match (failure, reasons::of_connection(failure, &self.host)) {
            (_, Some(explained)) => explained,
            (rustls::Error::InvalidCertificate(cause), None) => (self.refusal(cause), self.hint(cause)),
            (other, None) => (other.to_string(), String::new()),
        };
        Some(Error::Certificate { host: self.host.clone(), cause, hint })
    }

    fn refusal(&self, cause: &CertificateError) -> String {
        let chain = self.seen().chain.clone();
        let presented = chain.first().map_or_else(|| "unknown".to_owned(), |certificate| fingerprint(certificate).to_string());
        let roots: Option<&RootCertStore> = match &self.policy {
            Policy::Authorities(authorities) => Some(authorities.roots()),
            _ => None,
        };
        let reason = reasons::of_certificate(cause, Case { host: &self.host, chain: &chain, roots });
        format!("its certificate (SHA-256 {presented}) is not accepted: {reason}")
    }

    /// What to do about a certificate that is not accepted.
    fn hint(&self, cause: &CertificateError) -> String {
        let host = &self.host;
        if reasons::is_hopeless(cause) {
            return format!(
                "give the server another certificate (keys: {}), or connect whatever it shows with `vconnector-cli -H {host} \
                 trust --off`: whatever is in between can then read the password",
                key::SUPPORTED
            );
        }
        format!("`vconnector-cli -H {host} trust` shows the certificate and pins it")
    }

    /// Checks a handshake's signature with the certificate's bare key.
    fn verify_signature(
        &self,
        certificate: &CertificateDer<'_>,
        check: impl Fn(&SubjectPublicKeyInfoDer<'_>) -> Result<HandshakeSignatureValid, rustls::Error>,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if matches!(self.policy, Policy::Anything) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let verdict = bare_key(certificate).and_then(|key| check(&key));
        let verdict = verdict.map_err(|cause| match cause {
            rustls::Error::InvalidCertificate(CertificateError::BadSignature) => Refusal::Unproved.into(),
            other => other,
        });
        if let Policy::Look(_) = self.policy {
            self.seen().signature = Some(verdict.map(drop));
            // Ends the handshake after the server has proved its key and before anything is sent.
            return Err(Refusal::Looked.into());
        }
        verdict
    }

    fn verify_tls12(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = self.provider.signature_verification_algorithms.mapping;
        let found = supported.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let (_, algorithms) = found.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let key = webpki::RawPublicKeyEntity::try_from(key).map_err(library_error)?;
        // TLS 1.2 does not say which curve it is, so that several algorithms share a scheme.
        let mut last = webpki::Error::InvalidSignatureForPublicKey;
        for algorithm in *algorithms {
            match key.verify_signature(*algorithm, message, signature.signature()) {
                Ok(()) => return Ok(HandshakeSignatureValid::assertion()),
                Err(cause @ webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => last = cause,
                Err(cause) => return Err(library_error(cause)),
            }
        }
        Err(library_error(last))
    }
}

/// The public key of a certificate, if signatures made with it can be checked.
fn bare_key<'c>(certificate: &'c CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'c>, rustls::Error> {
    let key = key::of(certificate).ok_or_else(|| Refusal::Key("no public key that can be read".to_owned()))?;
    match key::unsupported(key) {
        Some(reason) => Err(Refusal::Key(reason).into()),
        None => Ok(SubjectPublicKeyInfoDer::from(key)),
    }
}

fn library_error(cause: webpki::Error) -> rustls::Error {
    match cause {
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature.into(),
        other => CertificateError::Other(OtherError(Arc::new(other))).into(),
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
        let chain = std::iter::once(certificate).chain(intermediates);
        *self.seen() = Seen { chain: chain.map(|it| it.clone().into_owned()).collect(), signature: None };
        match &self.policy {
            Policy::Authorities(authorities) => authorities.verify(certificate, intermediates, ocsp, now),
            Policy::Pinned(expected) if fingerprint(certificate) != *expected => Err(Refusal::NotPinned.into()),
            Policy::Pinned(_) | Policy::Anything | Policy::Look(_) => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(certificate, |key| self.verify_tls12(message, key, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let supported = &self.provider.signature_verification_algorithms;
        self.verify_signature(certificate, |key| verify_tls13_signature_with_raw_key(message, key, signature, supported))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.provider.signature_verification_algorithms.supported_schemes();
        if matches!(self.policy, Policy::Anything | Policy::Look(Offer::Every)) {
            schemes.extend(UNCHECKED);
        }
        schemes
    }
}

/// Signature schemes that cannot be checked, the better ones first.
const UNCHECKED: [SignatureScheme; 14] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    // RSA keys that are for PSS only, with SHA-256, SHA-384, SHA-512.
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    // Brainpool's curves in TLS 1.3, of 256, 384 and 512 bits.
    SignatureScheme::Unknown(0x081a),
    SignatureScheme::Unknown(0x081b),
    SignatureScheme::Unknown(0x081c),
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
    // RSA with SHA-224.
    SignatureScheme::Unknown(0x0301),
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::ECDSA_SHA1_Legacy,
];

/// SHA-256 of a certificate.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> Sha256Fingerprint {
    let mut bytes = [0; 32];
    // The digest has the length of the array.
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Sha256Fingerprint(bytes)
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
