//! `zabbix-vsphere-import`: against what goes wrong ([`failures`]), and in a real vPoller and Zabbix of both series ([`real`]).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod errors;
mod failures;
mod frontend;
mod hostile;
mod real;
mod run;
mod setup;
mod usage;
