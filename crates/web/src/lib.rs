//! The HTTP server of worker and exporter: `axum` behind limits.
//!
//! [`Server::bind`] opens the listeners before anything else runs; [`Server::serve`] answers until it is stopped. Whatever is
//! served, a connection is bounded in its headers and its time ([`Limits`]), request bodies are refused, and where all
//! connections are taken, the one whose client has kept the server waiting longest makes room.
#![forbid(unsafe_code)]

mod connection;
mod crowd;
pub mod pages;
mod server;
mod timed;

use std::time::Duration;

pub use server::{Error, Server};
pub use vpoller_daemon::listen::Listen;

/// What a client may take of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at the same time. Where all are taken, see [`Limits::patience`].
    pub connections: usize,
    /// The longest head of a request, in bytes; below 8192 it is 8192.
    pub header_bytes: usize,
    /// The most headers of a request.
    pub headers: usize,
    /// How long a client may take from connecting, or from the first byte of a further request, to the end of the head. The
    /// handshake of TLS counts.
    pub header_time: Duration,
    /// How long an answer may take to be made; then it is 503.
    pub request_time: Duration,
    /// How long a client may take to read one answer.
    pub write_time: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_time: Duration,
    /// A connection whose client keeps the server waiting longer than this is closed when all connections are taken and there is
    /// a further one. Until then the further one waits.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            header_bytes: 16 * 1024,
            headers: 64,
            header_time: Duration::from_secs(5),
            request_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(120),
            patience: Duration::from_secs(1),
        }
    }
}
