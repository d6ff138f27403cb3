//! The check against authorities: of the system, or of a file.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring as provider;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{fingerprint, key};
use crate::{Error, Sha256Fingerprint, error};

/// Authorities and the name that certificates must carry.
#[derive(Debug)]
pub(super) struct Authorities {
    /// None when none of the given certificates can be an authority's.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    roots: Arc<RootCertStore>,
    /// Every certificate that was given. A server may present one of them as its own.
    given: HashSet<Sha256Fingerprint>,
    name: ServerName<'static>,
    host: String,
}

/// Certificates that are trusted.
#[derive(Debug)]
pub(super) struct Trusted {
    roots: RootCertStore,
    given: HashSet<Sha256Fingerprint>,
}

impl Trusted {
    pub(super) fn new() -> Self {
        Self { roots: RootCertStore::empty(), given: HashSet::new() }
    }

    /// Takes a certificate. One that no authority can have still counts as a server's own, if it has a key.
    ///
    /// # Errors
    /// When it is no certificate.
    pub(super) fn add(&mut self, certificate: CertificateDer<'static>) -> Result<(), String> {
        let has_key = key::of(&certificate).is_some();
        let fingerprint = fingerprint(&certificate);
        let added = self.roots.add(certificate);
        if !has_key {
            return Err(added.err().map_or_else(|| "it has no public key".to_owned(), |cause| cause.to_string()));
        }
        self.given.insert(fingerprint);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

impl Authorities {
    pub(super) fn new(trusted: Trusted, host: &str) -> Result<Self, Error> {
        let Trusted { roots, given } = trusted;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| crate::host_name::refused(host))?;
        let roots = Arc::new(roots);
        let verifier = match roots.is_empty() {
            true => None,
            false => {
                let builder = WebPkiServerVerifier::builder_with_provider(roots.clone(), Arc::new(provider::default_provider()));
                let cannot = |cause| error::config(format!("cannot check certificates of {host}: {cause}"));
                Some(builder.build().map_err(cannot)?)
            }
        };
        Ok(Self { verifier, roots, given, name, host: host.to_owned() })
    }

    pub(super) fn roots(&self) -> &RootCertStore {
        &self.roots
    }

    /// An authority has to have signed it for the configured name, whatever address the connection was made to. Or it is itself
    /// one of the given certificates, its name fits and it is in date.
    pub(super) fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = match &self.verifier {
            Some(verifier) => verifier.verify_server_cert(certificate, intermediates, &self.name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        match judged {
            Err(cause) if self.given.contains(&fingerprint(certificate)) => self.own(certificate, now, cause),
            judged => judged,
        }
    }

    /// The check of a certificate that is one of the given ones byte for byte; `cause` is what the library had against it.
    fn own(
        &self,
        certificate: &CertificateDer<'_>,
        now: UnixTime,
        cause: rustls::Error,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Err(cause) };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < parsed.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > parsed.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        if !name_fits(&parsed, &self.host) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }
}

/// Whether a certificate is made for a host. The common name counts where there are no alternative names: many a certificate
/// that was made by hand has nothing else.
fn name_fits(certificate: &X509Certificate<'_>, host: &str) -> bool {
    let address = host.parse::<IpAddr>().ok();
    let host = host.strip_suffix('.').unwrap_or(host);
    let Ok(extension) = certificate.subject_alternative_name() else { return false };
    let Some(extension) = extension else {
        return certificate.subject().iter_common_name().any(|name| name.as_str().is_ok_and(|name| dns_fits(name, host)));
    };
    extension.value.general_names.iter().any(|name| match (name, address) {
        (GeneralName::DNSName(name), None) => dns_fits(name, host),
        (GeneralName::IPAddress(bytes), Some(address)) => match address {
            IpAddr::V4(address) => *bytes == address.octets(),
            IpAddr::V6(address) => *bytes == address.octets(),
        },
        _ => false,
    })
}

/// `*.example.org` stands for one label before `.example.org`.
fn dns_fits(pattern: &str, host: &str) -> bool {
    let same = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
    let Some(domain) = pattern.strip_prefix("*.") else { return same(pattern, host) };
    host.parse::<IpAddr>().is_err() && host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && same(domain, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (pattern, host) in
            [("vc01.example.org", "VC01.example.org"), ("*.example.org", "vc01.example.org"), ("10.0.0.1", "10.0.0.1")]
        {
            assert!(dns_fits(pattern, host), "{pattern} {host}");
        }
        for (pattern, host) in [
            ("vc01.example.org", "vc02.example.org"),
            ("*.example.org", "a.vc01.example.org"),
            ("*.example.org", "example.org"),
            ("*.example.org", ".example.org"),
            ("vc*.example.org", "vc01.example.org"),
            ("*", "vc01"),
            ("*.0.0.1", "10.0.0.1"),
            ("", "vc01"),
        ] {
            assert!(!dns_fits(pattern, host), "{pattern} {host}");
        }
    }
}
