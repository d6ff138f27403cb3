//! The worker's tests: one binary, a module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod calls;
mod cases;
mod docs;
mod esxi;
mod events;
mod helpers;
mod learning;
mod limits;
mod local;
mod loss;
mod memory;
mod model;
mod perf;
mod program;
mod relay;
mod scheduler;
mod scheduling;
mod snapshot;
mod sockets;
mod statistics;
mod table;
mod worker;
