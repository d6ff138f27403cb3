//! The worker's tests: one binary, a module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod cases;
mod limits;
mod memory;
mod program;
mod relay;
mod snapshot;
mod sockets;
mod table;
mod worker;
