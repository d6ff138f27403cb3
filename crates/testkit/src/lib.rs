//! What the tests of vPoller stand on: processes that end with the test, the simulated vCenter, certificates, a relay that
//! breaks connections on purpose, whole stacks of proxy and workers, and the real Zabbix daemons.
//!
//! Everything here panics with a message that says what to do, because that is how a test reports an error. Nothing waits a fixed
//! time; [`wait_until`] waits for a condition with a limit. Ports are given out by the system. This crate knows nothing of the
//! code under test (no other crate of the workspace is used), because a test double made with it would prove nothing.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "the whole crate is test support: a panic is its error report")]

pub mod browser;
pub mod certificates;
pub mod client;
pub mod exposition;
pub mod http;
pub mod peer;
pub mod ports;
pub mod process;
pub mod relay;
pub mod responder;
pub mod simulator;
pub mod stack;
pub mod terminal;
pub mod wait;
pub mod workspace;
pub mod zabbix;

pub use client::Client;
pub use peer::Peer;
pub use process::Process;
pub use relay::Relay;
pub use simulator::{Bed, SimOptions, Simulator};
pub use stack::{Host, Stack};
pub use wait::{wait_for, wait_until};
