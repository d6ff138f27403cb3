//! Free TCP ports for programs that cannot choose one by themselves (port 0).

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that the system gives to outgoing connections and to "any port", which other tests take all the time.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// `N` different ports of 127.0.0.1 on which nothing listens; within a test process none is given twice.
///
/// Test processes begin at different places of the range. Use port 0 wherever a program reports its port.
///
/// # Panics
/// When no port of the range is free.
#[must_use]
pub fn free<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let width = u32::from(RANGE.end - RANGE.start);
    std::array::from_fn(|_| {
        (0..width)
            .map(|_| std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % width)
            .filter_map(|offset| u16::try_from(offset).ok().map(|offset| RANGE.start + offset))
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
            .expect("no free TCP port on 127.0.0.1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::{SOON, wait_until};

    #[test]
    fn ports_differ_and_can_be_taken() {
        let ports: [u16; 8] = free();
        for (index, port) in ports.iter().enumerate() {
            assert!(!ports[..index].contains(port));
            // A program that another test starts right now has a copy of the listener that looked, until it executes.
            let can_be_taken = || TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
            wait_until(SOON, "a port that can be taken", can_be_taken);
        }
    }
}
