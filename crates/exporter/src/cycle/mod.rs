//! The cycles that ask for samples: one for each host and interval, for all readers of that interval together.

mod asking;
mod disk_sizes;
mod runner;

pub(crate) use runner::run;
