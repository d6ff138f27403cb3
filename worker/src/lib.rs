//! vPoller's worker: answers requests from vSphere.
//!
//! [`methods::METHODS`] is the table of what can be asked. A [`Dispatcher`] takes a request on, the [`Agent`] of its vSphere host
//! performs it against an [`inventory::Inventory`], and a [`helpers::Helper`] prints the reply.
#![forbid(unsafe_code)]

mod actions;
mod agent;
mod agents;
mod catch;
mod dispatch;
mod failure;
pub mod helpers;
pub mod inventory;
mod kind;
pub mod methods;

pub use actions::{Answer, Perform, Performing, Task};
pub use agent::Agent;
pub use agents::Agents;
pub use dispatch::{Dispatcher, LARGEST_REQUEST, Step};
pub use failure::Failure;
pub use kind::Kind;
