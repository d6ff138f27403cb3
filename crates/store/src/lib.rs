//! `vconnector.db`: the registered vSphere hosts and how to log in to them.
//!
//! The file and its table `hosts(host TEXT UNIQUE, user TEXT, pwd TEXT, enabled INTEGER)` belong to the original tool as much as
//! to us: it may read and write them at any time, while we have them open too. So the table is never altered, the journal mode is
//! left alone, and what we store besides (port, certificate check) lives in a table of our own that the original never looks at.
//! A host without a row there was added by the original: [`TlsChoice::Unset`].
#![forbid(unsafe_code)]

mod error;
mod file;
mod host;
mod store;

pub use error::Error;
pub use file::readable_by_others;
pub use host::{DEFAULT_PORT, Host, TlsChoice};
pub use store::Store;

/// Where the database is when the operator names no other file.
pub const DEFAULT_PATH: &str = "/var/lib/vconnector/vconnector.db";
