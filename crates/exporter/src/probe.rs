//! Asks an exporter on this machine whether it lives.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use vpoller_daemon::listen::Listen;

/// How long connecting, asking and reading may take, each.
const LIMIT: Duration = Duration::from_secs(5);
/// The first line of an answer is no longer.
const LONGEST: u64 = 64;

/// Whether the page answers with 200. Where there is TLS, a connection is enough: who the exporter is says its certificate to
/// others, not to itself.
pub(crate) fn ask(listen: &Listen, is_tls: bool, path: &str) -> io::Result<()> {
    let mut stream = connect(&listen.local()?)?;
    if is_tls {
        return Ok(());
    }
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.lines().next().unwrap_or_default() {
        // Somebody is there and asks for a password.
        line if line.starts_with("HTTP/1.1 200 ") || line.starts_with("HTTP/1.1 401 ") => Ok(()),
        "" => Err(io::Error::other("an answer without a word")),
        line => Err(io::Error::other(format!("{line:?}"))),
    }
}

fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}
