//! Free TCP ports for programs that cannot be told "any port".

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::wait_until;

/// `N` different ports of 127.0.0.1 on which nothing listens.
///
/// All are held at once before any is given back, so they differ. Somebody else may take one before the program under test
/// does; the system hands out ephemeral ports in turn, which makes that rare. Use port 0 wherever a program reports its port.
///
/// # Panics
/// When the system has no free port.
#[must_use]
pub fn free<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("no free TCP port on 127.0.0.1"));
    held.map(|listener| listener.local_addr().expect("address of a bound socket").port())
}

/// Waits until something accepts connections at `address`.
///
/// # Panics
/// When nothing does within `limit`.
#[track_caller]
pub fn wait_open(address: SocketAddr, limit: Duration) {
    wait_until(limit, &format!("somebody listening at {address}"), || {
        TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_differ_and_can_be_taken() {
        let ports: [u16; 8] = free();
        for (index, port) in ports.iter().enumerate() {
            assert!(!ports[..index].contains(port));
            TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap();
        }
    }
}
