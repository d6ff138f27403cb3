//! The exporter at simulated vSphere hosts: one binary, a module per subject.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod bed;
mod ceilometer_config;
mod own;
mod program;
mod vmware;
mod zroc;
