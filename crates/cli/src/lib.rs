//! vPoller's command line tools; the programs in `src/bin` only parse their arguments and call one function here.
//!
//! Options, texts, output and exit codes of `vpoller-client`, `vpoller-cclient` and `vconnector-cli` are those of the original
//! tools of these names, because scripts depend on them. What is new stands behind options of its own.
//!
//! The frame of a tool is for `zabbix-vsphere-import`, too: [`main`], [`ask`], [`log`] and [`output`].
#![forbid(unsafe_code)]

mod args;
pub mod ask;
pub mod bench;
pub mod cclient;
pub mod client;
mod local;
pub mod log;
pub mod output;
pub mod vconnector;

pub use args::{USAGE, main};
