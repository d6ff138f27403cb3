//! The worker's tests: one binary, a module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod answers_from_memory;
mod cases;
mod counters_at_the_simulator;
mod counters_oversized;
mod counters_scheduled;
mod counters_sparse;
mod docs;
mod esxi;
mod events;
mod helpers;
mod learning;
mod limits;
mod local;
mod loss;
mod model;
mod names;
mod privileges;
mod program;
mod request_costs;
mod rights;
mod sessions;
mod sockets;
mod support;
mod table;
mod vanishing;
