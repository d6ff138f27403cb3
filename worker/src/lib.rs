//! vPoller's worker: answers requests from vSphere.
//!
//! [`methods::METHODS`] is the table of what can be asked. A [`Dispatcher`] takes a request on, the executor of its vSphere host
//! performs it against an [`inventory::Inventory`], and a [`helpers::Helper`] prints the reply.
#![forbid(unsafe_code)]

mod actions;
pub mod catalogue;
mod catch;
pub mod cli;
pub mod config;
mod dispatch;
mod execute;
mod executors;
mod failure;
pub mod helpers;
mod host;
mod host_files;
mod hosts;
pub mod inventory;
mod kind;
mod latency;
mod link;
mod local;
pub mod manager;
pub mod methods;
mod overview;
pub mod perf;
mod policy;
mod reread;
mod row;
mod seen;
pub mod sets;
mod snapshot;
mod socket;

pub use dispatch::{Dispatcher, LARGEST_REQUEST, Pending, Step};
pub use executors::Executors;
pub use failure::Failure;
pub use host::{Connection, Host};
pub use host_files::{Found, HostsError, Registered};
pub use hosts::Hosts;
pub use kind::Kind;
pub use local::Local;
pub use policy::Policy;
pub use row::{Answer, Perform, Performing, Task};
pub use snapshot::Cache;
