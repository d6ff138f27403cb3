//! Asks an exporter on this machine whether it lives.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use vpoller_daemon::listen::Listen;

/// How long connecting, asking and reading may take, each.
const LIMIT: Duration = Duration::from_secs(5);
/// The first line of an answer is no longer.
const LONGEST: u64 = 64;

/// The page that says only whether the exporter lives.
pub(crate) const ALIVE: &str = "/-/healthy";

/// Whether the page answers with 200. To learn whether the exporter lives, a connection is enough where there is TLS (who the exporter
/// is says its certificate to others, not to itself), and so is the question for a password. Of any other page neither says anything.
pub(crate) fn ask(listen: &Listen, is_tls: bool, path: &str) -> io::Result<()> {
    let mut stream = connect(&listen.local()?)?;
    let is_enough = |reason: &str| if path == ALIVE { Ok(()) } else { Err(io::Error::other(reason.to_owned())) };
    if is_tls {
        return is_enough("it speaks TLS, and this command does not; ask with curl");
    }
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.lines().next().unwrap_or_default() {
        line if line.starts_with("HTTP/1.1 200 ") => Ok(()),
        line if line.starts_with("HTTP/1.1 401 ") => {
            is_enough("it wants a password or a token, and this command has none; ask with curl")
        }
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
