//! The certificates of authorities, from the system and from files.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use super::authorities::Trusted;
use super::key;
use crate::{Error, error};

/// The authorities of the system.
pub(super) fn system() -> Result<Trusted, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut trusted = Trusted::new();
    for certificate in found.certs {
        // The system's files hold what no library understands, beside many others.
        let _ = trusted.add(certificate);
    }
    if trusted.is_empty() {
        let cause = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(error::config(format!(
            "cannot load the certificate authorities of this system ({cause}); install ca-certificates, or name a CA file"
        )));
    }
    Ok(trusted)
}

/// Whether a file can be what certificates are checked against: it is there, and holds certificates in PEM form.
///
/// # Errors
/// When it cannot, with the reason and, for other forms, the command that converts it.
pub fn check_ca_file(path: &Path) -> Result<(), Error> {
    file(path).map(drop)
}

/// The authorities in a PEM file.
pub(super) fn file(path: &Path) -> Result<Trusted, Error> {
    let refused = |cause: String| error::config(format!("cannot use the CA file {}: {cause}", path.display()));
    let bytes = std::fs::read(path).map_err(|cause| refused(cause.to_string()))?;
    let text = text(&bytes);
    let mut trusted = Trusted::new();
    for (at, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        let unread = |cause: String| refused(format!("certificate {} in it cannot be read: {cause}", at + 1));
        let certificate = certificate.map_err(|cause| unread(unfinished(&cause)))?;
        trusted.add(certificate).map_err(unread)?;
    }
    if trusted.is_empty() {
        return Err(refused(instead(&bytes, &text, path)));
    }
    Ok(trusted)
}

/// What is wrong with the lines around a certificate. The library prints them as numbers.
fn unfinished(cause: &pem::Error) -> String {
    match cause {
        pem::Error::MissingSectionEnd { .. } => "its END line is missing, or no line of its own".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "its BEGIN line is cut off".to_owned(),
        other => other.to_string(),
    }
}

/// The file's text without a byte order mark, and with today's name for a certificate.
fn text(bytes: &[u8]) -> String {
    let wide = |read: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(read).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => wide(u16::from_be_bytes, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.replace("-----BEGIN X509 CERTIFICATE-----", "-----BEGIN CERTIFICATE-----")
        .replace("-----END X509 CERTIFICATE-----", "-----END CERTIFICATE-----")
}

/// What a file without a certificate in PEM form holds instead, and how to convert it.
fn instead(bytes: &[u8], text: &str, path: &Path) -> String {
    let file = path.display();
    let target = path.with_extension("converted.pem");
    let target = target.display();
    let has = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if has("PKCS7") || has("CMS") {
        return format!("it is PKCS#7; convert it: openssl pkcs7 -print_certs -in {file} -out {target}");
    }
    if has("TRUSTED CERTIFICATE") {
        return format!("it is in a form of OpenSSL's own; convert it: openssl x509 -in {file} -out {target}");
    }
    if key::of(bytes).is_some() {
        return format!("it is in DER form; convert it: openssl x509 -inform DER -in {file} -out {target}");
    }
    // Object identifiers of signed data, and of data, which the outer frame of PKCS#12 has in its first bytes.
    let start = bytes.get(..64).unwrap_or(bytes);
    let holds = |identifier: &[u8]| start.windows(identifier.len()).any(|window| window == identifier);
    if bytes.first() == Some(&0x30) && holds(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]) {
        return format!("it is PKCS#7 in DER form; convert it: openssl pkcs7 -inform DER -print_certs -in {file} -out {target}");
    }
    if bytes.first() == Some(&0x30) && holds(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]) {
        return format!("it is PKCS#12; convert it: openssl pkcs12 -nokeys -in {file} -out {target}");
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return "it is a ZIP archive; unpack it, and name a file in it (of vCenter's download: certs/lin/*.0)".to_owned();
    }
    let labels: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")).collect();
    match labels.first() {
        Some(&"CERTIFICATE") => "it holds no certificate in PEM form: its BEGIN line does not begin a line".to_owned(),
        Some(label) => format!("it holds no certificate in PEM form, but a {}", label.to_lowercase()),
        None => "it holds no certificate in PEM form".to_owned(),
    }
}
