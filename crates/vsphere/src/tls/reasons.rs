//! Why a handshake failed, in words for the operator.

use std::borrow::Cow;

use rustls::{AlertDescription, CertificateError, InvalidMessage, OtherError, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::asn1_rs::{Sequence, ToDer};
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::key;
use super::names::{names, printed};
use super::refusal::{Refusal, refusal};

/// What is spoken.
const PROTOCOLS: &str = "supported are TLS 1.3, and TLS 1.2 with ECDHE and AES-GCM or ChaCha20";
/// Extensions that are understood, so that they may be critical: key usage, alternative names, basic constraints, name
/// constraints, distribution points of revocation lists, extended key usage.
const UNDERSTOOD: [&str; 6] = ["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.37"];
/// Alternative names shown at most.
const SHOWN_NAMES: usize = 5;

/// What a server presented, and against what it was judged.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// The name or address that was configured.
    pub host: &'a str,
    /// The server's certificate and what it sent with it.
    pub chain: &'a [CertificateDer<'static>],
    /// The authorities, where there are any.
    pub roots: Option<&'a RootCertStore>,
}

/// What went wrong, and what to do. `None` for errors that say something about the certificate.
pub(super) fn of_connection(failure: &rustls::Error, host: &str) -> Option<(String, String)> {
    let not_ours = format!("servers that know only TLS 1.1 or RSA key exchange are not; keys: {}", key::SUPPORTED);
    match failure {
        rustls::Error::InvalidCertificate(_) => None,
        rustls::Error::AlertReceived(alert) => Some(of_alert(*alert, host)),
        rustls::Error::PeerIncompatible(reason) => {
            Some((format!("it agrees on no TLS version and cipher with us ({reason:?})"), format!("{PROTOCOLS}; {not_ours}")))
        }
        rustls::Error::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge) => {
            Some(("the certificates that it sends are larger than 64 KiB".to_owned(), "let it send fewer".to_owned()))
        }
        rustls::Error::InvalidMessage(_) => Some(("it does not speak TLS".to_owned(), "check host name and port".to_owned())),
        other => Some((other.to_string(), format!("{PROTOCOLS}; keys: {}", key::SUPPORTED))),
    }
}

fn of_alert(alert: AlertDescription, host: &str) -> (String, String) {
    let name = alert_name(alert);
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => (
            format!("it agrees on no TLS version and cipher with us (TLS alert {name})"),
            format!(
                "{PROTOCOLS}; keys: {}; servers that know only TLS 1.1 or RSA key exchange are not supported, TLS 1.2 with ECDHE \
                 is needed, nor are servers that want a certificate of their clients; `vconnector-cli -H {host} trust` says whether the key is the reason",
                key::SUPPORTED
            ),
        ),
        AlertDescription::UnrecognisedName => (
            format!("it has no certificate for this name (TLS alert {name})"),
            "name the host as its certificate does".to_owned(),
        ),
        AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::AccessDenied => (
            format!("it refuses us (TLS alert {name})"),
            "a server that wants a certificate of its clients is not supported; let it accept passwords".to_owned(),
        ),
        _ => (format!("it ends the handshake (TLS alert {name})"), "its own log says why".to_owned()),
    }
}

/// The name of an alert as the standard writes it, with its number: `handshake_failure, 40`.
fn alert_name(alert: AlertDescription) -> String {
    let number = u8::from(alert);
    let name = match alert {
        AlertDescription::UnrecognisedName => "unrecognized_name".to_owned(),
        AlertDescription::Unknown(_) => return format!("number {number}"),
        alert => snake(&format!("{alert:?}")),
    };
    format!("{name}, {number}")
}

/// `UnknownPSKIdentity` becomes `unknown_psk_identity`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at.checked_sub(1).and_then(|at| letters.get(at)).is_some_and(|before| before.is_lowercase());
        let before_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && at > 0 && (after_lower || before_lower) {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Why a certificate is not accepted; follows "is not accepted:".
pub(super) fn of_certificate(cause: &CertificateError, case: Case<'_>) -> String {
    if let Some(refusal) = refusal(cause) {
        return refusal.to_string();
    }
    match cause {
        CertificateError::UnknownIssuer => "it is self-signed or of an unknown authority".to_owned(),
        CertificateError::BadSignature => case
            .weak_authority()
            .unwrap_or_else(|| "it bears the name of a known authority but was signed by an unknown authority".to_owned()),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => case.other_name(),
        CertificateError::ExpiredContext { not_after, .. } => {
            let who = case.who(|certificate| certificate.validity().not_after.timestamp() == seconds(*not_after));
            format!("{who} has expired")
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            let who = case.who(|certificate| certificate.validity().not_before.timestamp() == seconds(*not_before));
            format!("{who} is not valid yet, or the clock here is wrong")
        }
        CertificateError::Expired => match case.find(|it| it.validity().not_after < it.validity().not_before) {
            Some(who) => format!("{who} expires before it becomes valid"),
            None => "it has expired".to_owned(),
        },
        CertificateError::NotValidYet => "it is not valid yet, or the clock here is wrong".to_owned(),
        CertificateError::BadEncoding => match case.find(before_1970) {
            Some(who) => format!("{who} has dates before 1970, which are not supported"),
            None => "it is damaged, or written in a way that is not understood".to_owned(),
        },
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            let name = key::algorithm_name(signature_algorithm_id);
            let signed = |it: &X509Certificate<'_>| key::name(&it.signature_algorithm.algorithm) == name;
            let who = case.who(signed);
            format!("{who} is signed with {name}; RSA or ECDSA with SHA-256, SHA-384 or SHA-512, and Ed25519 are supported")
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => case.weak_authority().unwrap_or_else(|| {
            let key = key::algorithm_name(public_key_algorithm_id);
            let signature = key::algorithm_name(signature_algorithm_id);
            format!("its authority has a key of {key}, with which {signature} is not supported; keys: {}", key::SUPPORTED)
        }),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not made for servers (extended key usage)".to_owned()
        }
        CertificateError::Other(OtherError(inner)) => match inner.downcast_ref::<webpki::Error>() {
            Some(cause) => case.of_library(cause),
            None => inner.to_string(),
        },
        other => other.to_string(),
    }
}

/// Whether only the server's owner can mend it: with another key, or another certificate.
pub(super) fn is_hopeless(cause: &CertificateError) -> bool {
    matches!(refusal(cause), Some(Refusal::Key(_) | Refusal::Unproved))
}

impl Case<'_> {
    fn of_library(self, cause: &webpki::Error) -> String {
        match cause {
            webpki::Error::UnsupportedCertVersion => {
                let version = |it: &X509Certificate<'_>| it.version() != X509Version::V3;
                let number = self.parsed().find(version).map_or(0, |it| it.version().0.saturating_add(1));
                let who = self.who(version);
                format!("{who} is an X.509 certificate of version {number}; under an authority version 3 is needed")
            }
            webpki::Error::UnsupportedCriticalExtension => {
                let found: Option<String> = self.parsed().find_map(|it| critical(&it));
                let who = self.who(|it| critical(it).is_some());
                let extension = found.unwrap_or_else(|| "unknown".to_owned());
                format!("{who} has a critical extension that is not understood: {extension}")
            }
            webpki::Error::NameConstraintViolation => {
                "its authority may not sign for the names in it (name constraint)".to_owned()
            }
            webpki::Error::PathLenConstraintViolated => {
                "more authorities stand in its chain than one of them allows (path length constraint)".to_owned()
            }
            webpki::Error::CaUsedAsEndEntity => {
                "it is no certificate for a server but an authority's (often self-signed)".to_owned()
            }
            webpki::Error::EndEntityUsedAsCa => "it was signed with a certificate that is not an authority's".to_owned(),
            webpki::Error::MaximumPathDepthExceeded
            | webpki::Error::MaximumPathBuildCallsExceeded
            | webpki::Error::MaximumSignatureChecksExceeded
            | webpki::Error::MaximumNameConstraintComparisonsExceeded => "its chain of authorities is too long".to_owned(),
            other => format!("it is not well made ({other})"),
        }
    }

    /// The certificates that can be read.
    fn parsed(&self) -> impl Iterator<Item = X509Certificate<'_>> {
        self.chain.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, certificate)| certificate)
    }

    /// The first certificate in question: "it", or which authority.
    fn find(&self, is_it: impl Fn(&X509Certificate<'_>) -> bool) -> Option<Cow<'static, str>> {
        let position = self.parsed().position(|certificate| is_it(&certificate))?;
        match position {
            0 => Some(Cow::Borrowed("it")),
            _ => self.parsed().nth(position).map(|found| Cow::Owned(format!("its authority {}", printed(found.subject())))),
        }
    }

    fn who(&self, is_it: impl Fn(&X509Certificate<'_>) -> bool) -> Cow<'static, str> {
        self.find(is_it).unwrap_or(Cow::Borrowed("it"))
    }

    /// The key of an authority is what makes a signature look wrong when it is too short for us.
    fn weak_authority(&self) -> Option<String> {
        let sent = self.parsed().skip(1).find_map(|it| {
            let reason = key::unsupported(it.public_key().raw)?;
            Some((printed(it.subject()), reason))
        });
        let known = || {
            let issuers: Vec<Vec<u8>> = self.parsed().map(|it| it.issuer().as_raw().to_vec()).collect();
            self.roots?.roots.iter().find_map(|root| {
                let subject = sequence(&root.subject)?;
                let reason = key::unsupported(&sequence(&root.subject_public_key_info)?)?;
                let (_, name) = x509_parser::x509::X509Name::from_der(&subject).ok()?;
                issuers.contains(&subject).then(|| (printed(&name), reason))
            })
        };
        let (subject, reason) = sent.or_else(known)?;
        Some(format!("the authority that signed it, {subject}, has {reason}"))
    }

    fn other_name(&self) -> String {
        let Some(certificate) = self.parsed().next() else { return "it is made for another name".to_owned() };
        let found = names(&certificate);
        if found.is_empty() {
            return "it is made for another name: it has no alternative names, and the common name does not count".to_owned();
        }
        if found.iter().any(|name| name == self.host) {
            return format!("it is made for another name: {} is in it as a name, not as an address", self.host);
        }
        let mut shown: Vec<&str> = found.iter().take(SHOWN_NAMES).map(String::as_str).collect();
        if found.len() > SHOWN_NAMES {
            shown.push("…");
        }
        format!("it is made for another name: {}", shown.join(", "))
    }
}

/// The first critical extension that is not understood.
fn critical(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut extensions = certificate.extensions().iter();
    let unknown = extensions.find(|it| it.critical && !UNDERSTOOD.contains(&it.oid.to_id_string().as_str()))?;
    Some(key::name(&unknown.oid))
}

fn before_1970(certificate: &X509Certificate<'_>) -> bool {
    certificate.validity().not_before.timestamp() < 0 || certificate.validity().not_after.timestamp() < 0
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// The library keeps what is inside a sequence.
fn sequence(content: &[u8]) -> Option<Vec<u8>> {
    Sequence::new(content.into()).to_der_vec().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_standard() {
        for (alert, name) in [
            (AlertDescription::HandshakeFailure, "handshake_failure, 40"),
            (AlertDescription::UnknownCA, "unknown_ca, 48"),
            (AlertDescription::UnrecognisedName, "unrecognized_name, 112"),
            (AlertDescription::UnknownPSKIdentity, "unknown_psk_identity, 115"),
            (AlertDescription::Unknown(200), "number 200"),
        ] {
            assert_eq!(alert_name(alert), name);
        }
    }
}
