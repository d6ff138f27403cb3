//! vPoller's worker: answers requests from vSphere.
//!
//! [`methods::METHODS`] is the table of what can be asked. A [`Dispatcher`] takes a request on, the executor of its vSphere host
//! performs it against an [`vpoller_inventory::Inventory`], and a [`helpers::Helper`] prints the reply.
#![forbid(unsafe_code)]

mod actions;
pub mod catalogue;
pub mod cli;
pub mod config;
mod dispatch;
mod execute;
mod executors;
mod exporter;
mod failure;
pub mod helpers;
mod host_files;
mod latency;
mod local;
mod log_limits;
pub mod manager;
mod method;
pub mod methods;
mod policy;
mod proxy_liveness;
mod reread;
mod response;
pub mod sets;
mod socket;
mod status;

pub use dispatch::{Dispatcher, LARGEST_REQUEST, Step};
pub use executors::Executors;
pub use failure::Failure;
pub use host_files::{Found, HostsError, Registered};
pub use local::Local;
pub use method::{Answer, Perform, Task};
pub use policy::Policy;
pub use response::{Content, ObjectList, Response};
pub use status::DESCRIPTORS;
