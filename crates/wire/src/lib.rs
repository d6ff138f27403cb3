//! What travels between vPoller's programs, and how it is written down.
//!
//! Messages ([`Request`], [`Reply`], management), the JSON text rules ([`json`]), the control messages between proxy and
//! worker ([`control`]), the configuration file syntax ([`ini`]), endpoint syntax ([`endpoint`]), the bounds that all programs
//! keep to ([`limits`]) and the blocking REQ client ([`client`]) that the Zabbix module and the command line tools share. No vSphere type is known here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod client;
pub mod control;
pub mod envelope;
pub mod limits;
mod outcome;
pub mod password;
mod reply;
mod request;
pub mod text;

pub use vpoller_text::{endpoint, ini, json};

pub use outcome::{Outcome, append_outcome, split_outcome};
pub use reply::Reply;
pub use request::{Field, Request, RequestError, Route, Secret, split_properties};
