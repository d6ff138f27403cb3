//! The cycles that ask for samples: one for each host and interval, for all readers of that interval together.

mod asking;
mod machine_details;
mod runner;

pub(crate) use runner::run;
