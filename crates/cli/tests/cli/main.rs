//! The programs as users meet them: real processes, real sockets, real files; exit codes and output by the byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bench;
mod cclient;
mod client;
mod program;
mod trust;
mod usage;
mod vconnector;
