//! `vconnector-cli trust` against servers with certificates of their own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustls::ServerConnection;
use vpoller_store::{Store, TlsChoice};
use vpoller_testkit::certificates::{ServerCertificate, server_config};

use crate::program::{Finished, on_terminal, run};

const PROGRAM: &str = "vconnector-cli";
const QUESTION: &str = "shall it be pinned? [y/N] ";

/// A TLS server with a new certificate, which every client gets; ends with the test.
struct TlsServer {
    address: SocketAddr,
    sha256: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl TlsServer {
    fn start(at: SocketAddr) -> Self {
        let certificate = ServerCertificate::self_signed(&["vc01.example.org", "127.0.0.1"]);
        let sha256 = ring::digest::digest(&ring::digest::SHA256, &certificate.der);
        let sha256 = sha256.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let config = server_config(&certificate);
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let mut connection = ServerConnection::new(Arc::new(config.clone())).unwrap();
                // The tool breaks the handshake off when it has seen the certificate.
                let _ = connection.complete_io(&mut stream.unwrap());
            }
        });
        Self { address, sha256, stop, thread: Some(thread) }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = std::net::TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A database with one host, 127.0.0.1 at the server's port.
struct OneHostDatabase {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl OneHostDatabase {
    fn new(port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vconnector.db");
        let store = Store::create(&path).unwrap();
        store.add("127.0.0.1", "root", &"p4ssw0rd".into()).unwrap();
        store.set_port("127.0.0.1", port).unwrap();
        Self { path, _folder: folder }
    }

    fn arguments(&self) -> [&str; 5] {
        ["-d", self.path.to_str().unwrap(), "-H", "127.0.0.1", "trust"]
    }

    #[track_caller]
    fn trust(&self, options: &[&str]) -> Finished {
        run(PROGRAM, &[&self.arguments(), options].concat())
    }

    fn tls(&self) -> TlsChoice {
        Store::open(&self.path).unwrap().hosts().unwrap().remove(0).tls
    }
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[test]
fn shows_the_certificate_and_changes_nothing_without_a_yes() {
    let server = TlsServer::start(any_port());
    let database = OneHostDatabase::new(server.address.port());
    let finished = database.trust(&[]);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("nothing was changed") && finished.stderr.contains("--yes"), "{}", finished.stderr);
    assert!(finished.stdout.starts_with(&format!("Certificate of {}\n", server.address)), "{}", finished.stdout);
    for line in [
        "  subject     CN=vc01.example.org\n",
        "  issuer      CN=vc01.example.org\n",
        &format!("  SHA-256     {}\n", server.sha256),
    ] {
        assert!(finished.stdout.contains(line), "{line}: {}", finished.stdout);
    }
    assert!(!finished.stdout.contains('?'), "{}", finished.stdout);
    assert_eq!(database.tls(), TlsChoice::Verify);
}

#[test]
fn pins_with_yes_and_notices_another_certificate() {
    let server = TlsServer::start(any_port());
    let database = OneHostDatabase::new(server.address.port());
    let finished = database.trust(&["--yes"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let first = TlsChoice::Pin(server.sha256.clone());
    assert_eq!(database.tls(), first);
    let again = database.trust(&[]);
    assert_eq!(again.code, 0);
    assert!(again.stdout.ends_with("It is pinned already.\n"), "{}", again.stdout);

    let address = server.address;
    drop(server);
    let other = TlsServer::start(address);
    let finished = database.trust(&[]);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.contains("presents another certificate than the pinned one"), "{}", finished.stderr);
    assert_eq!(database.tls(), first);
    assert_eq!(database.trust(&["--yes"]).code, 0);
    assert_eq!(database.tls(), TlsChoice::Pin(other.sha256.clone()));
}

#[test]
fn asks_at_a_terminal() {
    let server = TlsServer::start(any_port());
    let database = OneHostDatabase::new(server.address.port());
    let finished = on_terminal(PROGRAM, &database.arguments(), QUESTION, "n", false);
    assert_eq!(finished.code, 1, "{}", finished.stdout);
    assert!(finished.stdout.contains("nothing was changed"), "{}", finished.stdout);
    assert_eq!(database.tls(), TlsChoice::Verify);

    let finished = on_terminal(PROGRAM, &database.arguments(), QUESTION, "y", false);
    assert_eq!(finished.code, 0, "{}", finished.stdout);
    assert_eq!(database.tls(), TlsChoice::Pin(server.sha256.clone()));
}

#[test]
fn a_host_that_does_not_answer_is_named() {
    let address = TcpListener::bind(any_port()).unwrap().local_addr().unwrap();
    let database = OneHostDatabase::new(address.port());
    let finished = database.trust(&["--yes"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.contains(&format!("cannot get the certificate of {address}: ")), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert_eq!(database.tls(), TlsChoice::Verify);
}

/// OpenSSL as a server whose key no signature can be checked with; ends with the test.
struct CurveServer {
    process: std::process::Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl CurveServer {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port] = vpoller_testkit::ports::free();
        let openssl = |arguments: &str| {
            let mut command = std::process::Command::new("openssl");
            command.current_dir(folder.path()).args(arguments.split(' '));
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        };
        let made = openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=vc01",
        );
        assert!(made.wait_with_output().unwrap().status.success());
        let process = openssl(&format!("s_server -quiet -accept 127.0.0.1:{port} -cert cert.pem -key key.pem"));
        vpoller_testkit::wait_until(vpoller_testkit::wait::SOON, "openssl that listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { process, port, _folder: folder }
    }
}

impl Drop for CurveServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_key_that_can_never_be_checked_is_not_pinned() {
    let server = CurveServer::start();
    let database = OneHostDatabase::new(server.port);
    let finished = database.trust(&["--yes"]);
    assert_eq!(finished.code, 1);
    assert!(finished.stdout.contains("  subject     CN=vc01\n"), "what it is about is shown: {}", finished.stdout);
    for text in
        ["this certificate can never be used: it has an elliptic curve key of P-521", "nothing was changed", "trust --off"]
    {
        assert!(finished.stderr.contains(text), "{text}: {}", finished.stderr);
    }
    assert_eq!(database.tls(), TlsChoice::Verify);
}
