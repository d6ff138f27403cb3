//! Minimal blocking HTTP requests: for the pages of the simulator and of the daemons, the API of Zabbix, and for looking at what a
//! server presents.
//!
//! Blocking and without a runtime, so that it works in plain tests and inside asynchronous ones. Certificates are not checked.
//! Written by hand, because tests of broken connections want what arrived of an answer that was cut, which HTTP libraries drop.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::exposition;

/// No answer takes longer, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Reads a page by plain HTTP, such as `http://127.0.0.1:10126/metrics`.
///
/// # Panics
/// When it does not answer in HTTP, or shows metrics of ours that are against the format ([`exposition::check`]).
#[must_use]
#[track_caller]
pub fn get(url: &str) -> (u16, String) {
    let target = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = target.split_once('/').unwrap_or((target, ""));
    let read = || {
        let address = host.parse().map_err(io::Error::other)?;
        exchange(connect(address)?, &format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n"))
    };
    let Answer { status, head, body } = read().unwrap_or_else(|error| panic!("{url}: {error}"));
    if status == 200 {
        exposition::check(&head, &body);
    }
    (status, body)
}

/// Sends one request by HTTPS and returns the status and the body.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let config = Arc::new(trusting_client());
    let session = ClientConnection::new(config, ServerName::IpAddress(address.ip().into())).map_err(io::Error::other)?;
    let stream = StreamOwned::new(session, connect(address)?);
    let message = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    exchange(stream, &message).map(|answer| (answer.status, answer.body))
}

/// Posts by plain HTTP, with more headers, and returns the status and the body.
pub(crate) fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<(u16, String)> {
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {address}\r\n{more}Content-Length: {}\r\n\r\n", body.len());
    exchange(connect(address)?, &(head + body)).map(|answer| (answer.status, answer.body))
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect_timeout(&address, LIMIT)?;
    tcp.set_read_timeout(Some(LIMIT))?;
    tcp.set_write_timeout(Some(LIMIT))?;
    Ok(tcp)
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// HTTP/1.0, so that the body ends where the connection does.
fn exchange(mut stream: impl Read + Write, message: &str) -> io::Result<Answer> {
    stream.write_all(message.as_bytes())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // Servers may close without the TLS farewell.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        _ => {}
    }
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("not an HTTP answer"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// TLS settings of a client that takes any certificate.
pub(crate) fn trusting_client() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("ring supports the default protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
        .with_no_client_auth()
}

#[derive(Debug)]
struct TrustAll(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAll {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
