//! `vpoller-proxy`: the broker between clients and workers.
//!
//! [`broker`] is a pure state machine (events and a clock in, sends out) and knows all the rules; the module `broker_thread` is the thread
//! that owns the two sockets and feeds it; [`manager`] starts that thread, answers management and ends everything. Bodies
//! pass as they came; no method name is known here.
#![forbid(unsafe_code)]

pub mod broker;
mod broker_thread;
pub mod cli;
pub mod config;
pub mod manager;
mod status;

pub use config::Config;
pub use manager::{Manager, ProxyError};
