//! vPoller's command line tools; the programs in `src/bin` only parse their arguments and call one function here.
//!
//! Options, texts, output and exit codes of `vpoller-client`, `vpoller-cclient`, `vconnector-cli` and `zabbix-vsphere-import` are those of the original
//! tools of these names, because scripts depend on them. What is new stands behind options of its own.
#![forbid(unsafe_code)]

mod args;
mod ask;
pub mod bench;
pub mod cclient;
pub mod client;
pub mod importer;
mod local;
mod log;
mod output;
pub mod vconnector;

pub use args::{USAGE, main};
