//! Samples of performance counters, asked together.
//!
//! vCenter answers a few large questions about statistics well and many small ones badly. So requests are collected for a few
//! milliseconds and asked in calls of up to 50 objects, a few at a time; a sample is kept until the next one is due; and what a
//! call has room for is filled with what will be asked next: items come round, so when a series will be asked again can be told
//! from when it was asked before. One round of items then costs one call for every 50 objects.
//!
//! [`Scheduler`] does the waiting and calling. What to ask, what to keep and whom to tell is decided by `Board`, which knows no
//! clock and no vSphere. An object or counter that makes calls fail is found by asking in halves, so it fails nobody else; a
//! server that refuses or is slow is asked less at a time, and slowly more again.

mod blame;
mod board;
mod call;
mod cell;
mod clock;
mod entity;
mod group;
mod pace;
mod reaction;
mod scheduler;
mod source;
mod status;
mod waiter;
mod window;

pub use clock::Clock;
pub use scheduler::Scheduler;
pub use source::{Asking, Source};
pub use status::Status;
