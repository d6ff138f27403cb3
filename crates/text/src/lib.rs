//! How settings, endpoints and JSON are written, and how texts from outside are shown: rules that programs with and without
//! ZeroMQ share.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod endpoint;
pub mod ini;
pub mod json;
mod line;

pub use line::{Controls, one_line, shorten};
