//! Zabbix: its API over HTTP, what differs between its versions, and its objects.

pub(crate) mod api;
pub(crate) mod dialect;
pub(crate) mod state;
mod transport;
