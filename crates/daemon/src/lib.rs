//! What `vpoller-proxy`, `vpoller-worker` and `vpoller-exporter` share.
//!
//! The frame from command line to exit code ([`frame`]): log lines ([`log`]), the command line ([`cli`]), the configuration file
//! ([`config`]), signals ([`signal`]), waking a thread that polls sockets ([`wake`]), the management socket and its client
//! ([`mgmt`]), socket set-up ([`socket`]), the status document ([`status`]) and what is shown of it over HTTP ([`http`],
//! [`routes`], [`metrics`]), where ([`listen`], [`pages`]) and to whom ([`doors`]). No method and no vSphere type is known here.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
mod crowd;
pub mod doors;
#[cfg(feature = "sockets")]
pub mod frame;
pub mod http;
pub mod listen;
pub mod log;
pub mod metrics;
#[cfg(feature = "sockets")]
pub mod mgmt;
pub mod notify;
pub mod pages;
pub mod routes;
pub mod signal;
#[cfg(feature = "sockets")]
pub mod socket;
pub mod status;
pub mod wake;

/// For the macros of this crate.
#[doc(hidden)]
pub use tracing;

/// Which of the daemons speaks: names it in texts and picks its section of the configuration.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    Proxy,
    Worker,
    Exporter,
}

impl Program {
    /// The word in texts such as `vPoller Proxy status`.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Proxy => "Proxy",
            Self::Worker => "Worker",
            Self::Exporter => "Exporter",
        }
    }

    /// Its section in the configuration, and the prefix of its old management methods.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Worker => "worker",
            Self::Exporter => "exporter",
        }
    }

    /// The name of its executable.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Proxy => "vpoller-proxy",
            Self::Worker => "vpoller-worker",
            Self::Exporter => "vpoller-exporter",
        }
    }
}
