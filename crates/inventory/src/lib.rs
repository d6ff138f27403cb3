//! One vSphere host as it is known: what can be asked about it, and where the answers come from.
//!
//! Readers see an [`Inventory`]. [`Direct`] answers each question by calls to vSphere, [`Cached`] from a snapshot in memory that
//! vSphere itself keeps true; no reader notices the difference. Performance counters are asked for together ([`perf`]). A [`Host`]
//! is an inventory with its name and a task that keeps it connected, [`Hosts`] are all of them.
//!
//! Nothing here knows requests, methods or sockets: programs that answer requests and programs that read everything now and then
//! are two kinds of readers of the same.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod border;
mod host;
mod hosts;
mod lock;
mod panic;
pub mod perf;
mod retrieve;
mod snapshot;
mod source;

pub use border::{
    Ancestors, Column, Event, EventFilter, EventList, GuestAccount, Inventory, Kind, MissingPrivilege, ObjectName, ObjectView,
    Performance, Pinned, Property, Reached, ReadError, Refusal, Row, Rows, SampleQuery, SampleResult, Services, Severity, View,
    Window, decoded_name, find_by_name, is_within, property, upward,
};
pub use host::{Connection, Host};
pub use hosts::{Hosts, close};
pub use panic::panic_message;
pub use snapshot::CacheSettings;
pub use source::{Broken, Cached, Direct};
