//! A client of the VMware vSphere Web Services (SOAP) interface, for vCenter and standalone ESXi.
//!
//! Property values are dynamic ([`Value`]), typed while they are read by a schema table generated from the public API
//! definition; unknown types and members of newer servers become plain values, never errors. One [`Client`] is one vSphere
//! host: it logs in when needed (one login at a time, with pauses after failures), repeats a call once after a lost session,
//! bounds concurrency and answers, and gives every call a deadline. Nothing of vPoller is known here.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arg;
mod backoff;
mod call;
mod certificate;
mod client;
mod collector;
mod config;
mod connection;
mod datetime;
mod declared;
mod error;
mod fault;
mod filter_spec;
mod guest;
mod host_name;
mod intern;
mod names;
mod object_content;
mod page_token;
mod perf;
mod read;
mod renewal;
mod retrieve;
mod schema;
mod session;
mod session_key;
mod session_manager;
mod single_flight;
mod soap;
mod stats;
mod tls;
mod transport;
mod updates;
mod value;
mod version;
mod xml;

pub use arg::{Arg, ArgValue};
pub use certificate::{Certificate, fetch_fingerprint};
pub use client::{Client, ConnectionState};
pub use collector::{Collector, Updates};
pub use config::{Config, Limits, Sha256Fingerprint, Tls};
pub use datetime::DateTime;
pub use declared::{Declared, declared};
pub use error::{Class, Error};
pub use fault::Fault;
pub use filter_spec::{FilterSpec, ObjectSpec, PropertySpec, Traversal};
pub use host_name::check_host_name;
pub use names::printed_type;
pub use object_content::ObjectContent;
pub use perf::{
    Catalogue, Counter, EntitySeries, Identity, Interval, Metric, PerfQuery, Performance, Provider, Sample, Series, ServerClock,
};
pub use retrieve::VIEW_TYPES;
pub use session::{ServiceContent, Session};
pub use single_flight::{Flight, SingleFlight};
pub use soap::read_recorded;
pub use stats::{LATENCY_BOUNDS, MethodStats, Stats};
pub use tls::check_ca_file;
pub use updates::{ChangeOp, FilterUpdate, ObjectUpdate, PropertyChange, UpdateKind, UpdateSet};
pub use value::{MoRef, Struct, Value};

pub use secrecy::SecretString;
