//! What rustls is set to by the web configuration file, and how it judges certificates of clients.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, NamedGroup, RootCertStore, ServerConfig, SignatureScheme,
    SupportedCipherSuite, SupportedProtocolVersion, version,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use secrecy::ExposeSecret as _;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::web_config::{ClientPolicy, Pem, TlsSection, TlsVersion};

/// The most that is read of a file.
pub(super) const LARGEST_FILE: u64 = 1024 * 1024;

/// Suites that Go knows and this program does not speak, for they are weak.
const WEAK: [&str; 16] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// The curves of the format.
const CURVES: [(&str, Option<NamedGroup>); 5] = [
    ("CurveP256", Some(NamedGroup::secp256r1)),
    ("CurveP384", Some(NamedGroup::secp384r1)),
    ("CurveP521", None),
    ("X25519", Some(NamedGroup::X25519)),
    ("X25519MLKEM768", None),
];

/// What TLS is set to, and what of the section is left out.
pub(super) struct TlsSettings {
    pub(super) config: Arc<ServerConfig>,
    pub(super) warnings: Vec<String>,
}

impl TlsSection {
    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().filter_map(|pem| match pem {
            Pem::File(path) => Some(path.as_path()),
            Pem::Inline(_) => None,
        })
    }

    /// The private key stands in the web configuration file itself.
    pub(super) const fn has_inline_key(&self) -> bool {
        matches!(self.key, Pem::Inline(_))
    }

    /// Reads the files and sets rustls up.
    pub(super) fn settings(&self) -> Result<TlsSettings, String> {
        let mut warnings = Vec::new();
        let provider = Arc::new(self.provider(&mut warnings)?);
        let certificates = certificates("certificate", &self.certificate)?;
        let key = read(&self.key).and_then(|pem| {
            PrivateKeyDer::from_pem_slice(&pem)
                .map_err(|_| format!("there is no private key without a password in {}", name(&self.key)))
        })?;
        if let Pem::File(path) = &self.key
            && is_readable_by_others(path)
        {
            let path = path.display();
            warnings.push(format!("every user of this machine can read the private key {path}; run \"chmod o-r {path}\""));
        }
        let first = certificates.first().and_then(|first| parse_x509_certificate(first).ok());
        if first.is_some_and(|(_, first)| !first.validity().is_valid()) {
            let place = name(&self.certificate);
            warnings.push(format!("the certificate in {place} is not valid at this time; clients will refuse it"));
        }
        let versions: Vec<&SupportedProtocolVersion> =
            [(TlsVersion::Tls12, &version::TLS12), (TlsVersion::Tls13, &version::TLS13)]
                .into_iter()
                .filter(|(version, _)| (self.min_version..=self.max_version).contains(version))
                .map(|(_, version)| version)
                .collect();
        if self.min_version < TlsVersion::Tls12 {
            warnings.push("tls_server_config.min_version is older than TLS12, which is the oldest that is spoken".to_owned());
        }
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(|error| format!("tls_server_config leaves nothing to speak: {error}"))?;
        let builder = match self.verifier(&provider)? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                format!("the key in {} does not belong to the certificate in {}", name(&self.key), name(&self.certificate))
            }
            error => format!("the certificate in {} cannot be used: {error}", name(&self.certificate)),
        })?;
        config.ignore_client_order = self.prefer_server_order;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsSettings { config: Arc::new(config), warnings })
    }

    fn provider(&self, warnings: &mut Vec<String>) -> Result<CryptoProvider, String> {
        let mut provider = provider::default_provider();
        if !self.cipher_suites.is_empty() {
            let mut suites: Vec<SupportedCipherSuite> = Vec::new();
            for wanted in &self.cipher_suites {
                // Go has names without the hash for some.
                let is_wanted = |name: &str| name == wanted || name.strip_suffix("_SHA256") == Some(wanted);
                match provider.cipher_suites.iter().find(|suite| is_wanted(&suite_name(suite))) {
                    Some(suite) => suites.push(*suite),
                    None if WEAK.contains(&wanted.as_str()) => {
                        warnings.push(format!("tls_server_config.cipher_suites: {wanted} is weak, and left out"));
                    }
                    None => return Err("tls_server_config.cipher_suites has a suite that does not exist".to_owned()),
                }
            }
            // The list is about versions up to TLS 1.2; the suites of TLS 1.3 are always there.
            let of_tls13 = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_some());
            suites.extend(of_tls13.filter(|suite| !suites.contains(suite)).copied().collect::<Vec<_>>());
            provider.cipher_suites = suites;
        }
        if !self.curves.is_empty() {
            let mut groups = Vec::new();
            for wanted in &self.curves {
                let (known, group) = CURVES
                    .iter()
                    .find(|(known, _)| known == wanted)
                    .ok_or("tls_server_config.curve_preferences has a curve that does not exist")?;
                match group.and_then(|group| provider.kx_groups.iter().find(|known| known.name() == group)) {
                    Some(group) => groups.push(*group),
                    None => warnings.push(format!("tls_server_config.curve_preferences: {known} is not spoken, and left out")),
                }
            }
            if groups.is_empty() {
                return Err(
                    "tls_server_config.curve_preferences leaves no curve; X25519, CurveP256 and CurveP384 are spoken".to_owned()
                );
            }
            provider.kx_groups = groups;
        }
        Ok(provider)
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        if self.clients == ClientPolicy::None {
            return Ok(None);
        }
        let authorities = match self.client_ca.as_ref().filter(|_| self.clients.verifies()) {
            None => None,
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("client_ca", pem)? {
                    roots.add(certificate).map_err(|error| format!("a certificate in {} cannot be used: {error}", name(pem)))?;
                }
                let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
                let verifier =
                    builder.build().map_err(|error| format!("the certificates in {} cannot be used: {error}", name(pem)))?;
                Some(verifier)
            }
        };
        Ok(Some(Arc::new(ClientVerifier {
            authorities,
            is_mandatory: self.clients.requires(),
            allowed_sans: self.allowed_sans.clone(),
            provider: Arc::clone(provider),
        })))
    }
}

/// The name that IANA gave a suite: rustls' own has its version in it.
fn suite_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1)
}

fn name(pem: &Pem) -> String {
    match pem {
        Pem::File(path) => path.display().to_string(),
        Pem::Inline(_) => "the web configuration file".to_owned(),
    }
}

fn read(pem: &Pem) -> Result<Vec<u8>, String> {
    match pem {
        Pem::File(path) => read_file(path),
        Pem::Inline(text) => Ok(text.expose_secret().as_bytes().to_vec()),
    }
}

/// The contents of a file of moderate size.
pub(super) fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    let mut contents = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut contents));
    match read {
        Ok(_) if u64::try_from(contents.len()).is_ok_and(|length| length > LARGEST_FILE) => {
            Err(format!("{} is larger than 1 MiB", path.display()))
        }
        Ok(_) => Ok(contents),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// Whether every user of the machine can read a file.
pub(super) fn is_readable_by_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o004 != 0)
}

fn certificates(kind: &str, pem: &Pem) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(pem)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("there is no {kind} in PEM form in {}", name(pem))),
    }
}

/// Judges the certificates of clients by the policy.
#[derive(Debug)]
struct ClientVerifier {
    /// `None` where any certificate will do.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
    is_mandatory: bool,
    /// One of these names must be in the certificate; empty for any.
    allowed_sans: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl ClientVerifier {
    fn check_names(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        if self.allowed_sans.is_empty() {
            return Ok(());
        }
        let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let names = parsed.subject_alternative_name().map_err(|_| CertificateError::BadEncoding)?;
        let names = names.map_or(&[][..], |extension| extension.value.general_names.as_slice());
        if names.iter().filter_map(text_of).any(|name| self.allowed_sans.contains(&name)) {
            return Ok(());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }
}

/// A name of a certificate as the format writes it.
fn text_of(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok();
            v4.or_else(|| <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok()).map(|address| address.to_string())
        }
        _ => None,
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.is_mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.as_ref().map_or(&[], |authorities| authorities.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if let Some(authorities) = &self.authorities {
            authorities.verify_client_cert(end_entity, intermediates, now)?;
        }
        self.check_names(end_entity)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
