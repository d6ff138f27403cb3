//! `vpoller-proxy`: the broker between clients and workers.
//!
//! [`broker`] is a pure state machine (events and a clock in, sends out) and knows all the rules. The module `broker_thread` is the
//! thread that owns the two sockets and feeds it; `thread_command` is how other threads reach it. [`manager`] starts that thread,
//! answers management and ends everything. Bodies pass as they came; no method name is known here.
#![forbid(unsafe_code)]

pub mod broker;
mod broker_thread;
pub mod cli;
pub mod config;
mod error;
pub mod manager;
mod status;
mod thread_command;

pub use config::Config;
pub use error::ProxyError;
pub use manager::Manager;
pub use status::DESCRIPTORS;
