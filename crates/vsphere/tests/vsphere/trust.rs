//! Which certificates are accepted, and what people read when one is not.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use vpoller_testkit::certificates::{Authority, ServerCertificate};
use vpoller_testkit::simulator::{SimOptions, Simulator};
use vpoller_vsphere::{Class, Client, Error, Sha256Fingerprint, Tls, fetch_fingerprint};

use crate::config;

fn serve(certificate: &ServerCertificate) -> Simulator {
    Simulator::start(&SimOptions { certificate: Some(certificate), ..SimOptions::default() })
}

async fn connect(simulator: &Simulator, tls: Tls) -> Result<(), Error> {
    let mut config = config(simulator.address());
    config.tls = tls;
    Client::new(config)?.session().await.map(|_| ())
}

/// The error text of a connection that must not come about.
async fn refused(simulator: &Simulator, tls: Tls) -> String {
    let error = connect(simulator, tls).await.unwrap_err();
    assert_eq!(error.class(), Class::Transport, "{error}");
    assert_eq!(simulator.calls().total, 0, "nothing was sent");
    error.to_string()
}

async fn seen(simulator: &Simulator) -> vpoller_vsphere::Certificate {
    let address = simulator.address();
    fetch_fingerprint(&address.ip().to_string(), address.port(), Duration::from_secs(10)).await.unwrap()
}

#[tokio::test]
async fn a_self_signed_certificate_needs_a_decision() {
    let simulator = serve(&ServerCertificate::self_signed(&["vc01.example.org"]));
    let text = refused(&simulator, Tls::Verify).await;
    assert!(text.contains("`vconnector-cli -H vc01.example.org trust`"), "{text}");
    assert!(text.contains("self-signed or of an unknown authority"), "{text}");
    let certificate = seen(&simulator).await;
    assert!(text.contains(&certificate.sha256.to_string()), "the text names what to compare: {text}");
    connect(&simulator, Tls::Off).await.unwrap();
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_and_no_other() {
    let simulator = serve(&ServerCertificate::self_signed(&["another.name"]));
    let certificate = seen(&simulator).await;
    let text = refused(&simulator, Tls::Pin(Sha256Fingerprint([7; 32]))).await;
    assert!(text.contains("another one than the pinned one") && text.contains("trust"), "{text}");
    connect(&simulator, Tls::Pin(certificate.sha256)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_accepted() {
    let authority = Authority::new();
    let simulator = serve(&authority.server(&["vc01.example.org"]));
    connect(&simulator, Tls::CaFile(authority.file())).await.unwrap();
    let other = Authority::new();
    simulator.reset_calls();
    assert!(refused(&simulator, Tls::CaFile(other.file())).await.contains("unknown authority"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let simulator = serve(&authority.server(&["vc02.example.org"]));
    let text = refused(&simulator, Tls::CaFile(authority.file())).await;
    assert!(text.contains("made for another name"), "{text}");
}

#[tokio::test]
async fn a_certificate_can_be_looked_at_without_trust() {
    let authority = Authority::new();
    let simulator = serve(&authority.server(&["vc01.example.org", "127.0.0.1"]));
    let certificate = seen(&simulator).await;
    assert_eq!(certificate.names, ["vc01.example.org", "127.0.0.1"]);
    assert!(certificate.issuer.contains("vPoller test authority"), "{certificate:?}");
    assert!(certificate.not_before < certificate.not_after, "{certificate:?}");
    assert_eq!(simulator.calls().total, 0);
}

#[tokio::test]
async fn ports_that_do_not_speak_tls_are_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").unwrap();
        // The client has to read this before the connection ends.
        std::io::copy(&mut stream, &mut std::io::sink())
    });
    let error = Client::new(config(address)).unwrap().session().await.unwrap_err();
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
    let _ = server.join().unwrap();
    let error = fetch_fingerprint("127.0.0.1", address.port(), Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error:?}");
}

#[test]
fn names_that_are_none_are_refused_at_once() {
    for host in ["", "vc01/evil", "root@vc01", "vc 01"] {
        for tls in [Tls::Verify, Tls::Off] {
            let mut config = config("127.0.0.1:1".parse().unwrap());
            config.host = host.to_owned();
            config.tls = tls;
            let error = Client::new(config).unwrap_err();
            assert!(error.to_string().contains("neither a host name nor an address"), "{host:?}: {error}");
        }
    }
}

#[tokio::test]
async fn files_without_certificates_are_refused_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = config("127.0.0.1:1".parse().unwrap());
    config.tls = Tls::CaFile(file.path().to_owned());
    let error = Client::new(config.clone()).unwrap_err();
    assert!(error.to_string().contains("holds no certificate in PEM form"), "{error}");
    config.tls = Tls::CaFile("/does/not/exist.pem".into());
    assert!(Client::new(config).unwrap_err().to_string().contains("/does/not/exist.pem"));
}

/// A server that shows a certificate without owning its key: it signs with another one.
fn impostor(shown: &ServerCertificate, protocol: &'static rustls::SupportedProtocolVersion) -> SocketAddr {
    let own = ServerCertificate::self_signed(&["vc01.example.org"]);
    let key = PrivateKeyDer::Pkcs8(own.key_der.clone().into());
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let chain = vec![CertificateDer::from(shown.der.clone())];
    let resolver = rustls::sign::SingleCertAndKey::from(rustls::sign::CertifiedKey::new(chain, key));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[protocol])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let _ = connection.complete_io(&mut stream);
        }
    });
    address
}

#[tokio::test]
async fn a_server_has_to_own_the_key_of_what_it_shows() {
    let shown = ServerCertificate::self_signed(&["vc01.example.org"]);
    for protocol in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let address = impostor(&shown, protocol);
        let digest = ring::digest::digest(&ring::digest::SHA256, &shown.der);
        let pin = Tls::Pin(Sha256Fingerprint(digest.as_ref().try_into().unwrap()));
        for tls in [pin, Tls::CaFile(shown.file())] {
            let mut config = config(address);
            config.tls = tls;
            let text = Client::new(config).unwrap().session().await.unwrap_err().to_string();
            assert!(text.contains("does not prove that it owns the certificate's key"), "{text}");
            assert!(!text.contains("another one than the pinned one"), "{text}");
        }
        let looked = fetch_fingerprint("127.0.0.1", address.port(), Duration::from_secs(10)).await;
        assert!(looked.is_err(), "{looked:?}");
    }
}
