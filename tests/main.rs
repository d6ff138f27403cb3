//! Integration tests of the whole product.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

mod bad_scrapes;
mod browser;
mod ceilometer;
mod command_lines;
mod compat;
mod curl;
mod doors;
mod end_to_end;
mod endurance;
mod estate;
mod exporter;
mod failure;
mod first_release;
mod host;
mod interop;
mod layering;
mod legacy;
mod metrics;
mod packaging;
mod rights;
mod scrapes;
mod structure;
mod templates;
mod zabbix;
mod zabbix_server;
