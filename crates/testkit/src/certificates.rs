//! Certificates for tests: an authority of our own, servers it vouches for, and servers that vouch for themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

/// A certificate authority that exists for one test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
    folder: TempDir,
}

impl Authority {
    /// Makes a new authority; its certificate is written to [`Authority::file`].
    ///
    /// # Panics
    /// When no key can be made or written.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("vPoller test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("key of an authority");
        let certificate = params.self_signed(&key).expect("certificate of an authority");
        let folder = tempfile::tempdir().expect("folder for an authority");
        fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("file of an authority");
        Self { issuer: Issuer::new(params, key), certificate, folder }
    }

    /// PEM file with the authority's certificate; gone when the authority is dropped.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server certificate for host names and addresses.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    #[track_caller]
    pub fn server(&self, names: &[&str]) -> ServerCertificate {
        let key = KeyPair::generate().expect("key of a server");
        let certificate = server_params(names).signed_by(&key, &self.issuer).expect("certificate of a server");
        ServerCertificate::new(&certificate, &key)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A server's certificate and key, as files for programs and as bytes for servers inside the test.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The private key in PKCS #8 DER.
    pub key_der: Vec<u8>,
    folder: TempDir,
}

impl ServerCertificate {
    /// A certificate that vouches for itself, as a fresh vCenter or ESXi host has.
    ///
    /// # Panics
    /// When a name is none.
    #[must_use]
    #[track_caller]
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("key of a server");
        let certificate = server_params(names).self_signed(&key).expect("certificate of a server");
        Self::new(&certificate, &key)
    }

    /// PEM file with the certificate.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// PEM file with the private key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn new(certificate: &Certificate, key: &KeyPair) -> Self {
        let folder = tempfile::tempdir().expect("folder for a certificate");
        let write = |name: &str, text: String| fs::write(Path::join(folder.path(), name), text).expect("file of a certificate");
        write("cert.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
        Self { der: certificate.der().to_vec(), key_der: key.serialize_der(), folder }
    }
}

fn server_params(names: &[&str]) -> CertificateParams {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).expect("names of a server");
    params.distinguished_name = named(names.first().copied().unwrap_or("localhost"));
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
/// TLS settings of a server that presents the certificate.
pub fn server_config(certificate: &ServerCertificate) -> ServerConfig {
    let chain = vec![CertificateDer::from(certificate.der.clone())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key_der.clone()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("certificate of a test server")
}
