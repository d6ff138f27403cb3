//! Zabbix: its API over HTTP, what differs between its versions, and what it has.

pub mod api;
pub mod dialect;
pub mod state;
mod transport;
