//! Zabbix: its API over HTTP, what differs between its versions, and its objects.

pub mod api;
pub mod dialect;
pub mod state;
mod transport;
