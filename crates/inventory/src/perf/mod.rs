//! Samples of performance counters, asked together.
//!
//! vCenter answers a few large questions about statistics well and many small ones badly. So requests are collected for a few
//! milliseconds and asked in calls of up to 50 objects, a few at a time; a sample is kept until the next one is due; and what a
//! call has room for is filled with what will be asked next: items come round, so when a series will be asked for again is known
//! from when it was asked before. One round of items then costs one call for every 50 objects.
//!
//! [`Scheduler`] does the waiting and calling. What to ask, what to keep and whom to tell is decided by `SchedulerState`, which knows no
//! clock and no vSphere. An object or counter that makes calls fail is found by asking in halves, so it costs no other request its answer; a
//! server that refuses or is slow is asked less at a time, and slowly more again. Series whose samples are rarer than their interval are
//! found out, and only they are asked further back.

mod batch;
mod batch_limits;
mod cached_series;
mod clock;
mod error_policy;
mod group;
mod isolation;
mod object_series;
mod pending_request;
mod rhythm;
mod rhythms;
mod sampling_status;
mod scheduler;
mod scheduler_state;
mod statistics_source;
mod tick;
mod window;

pub use clock::Clock;
pub use sampling_status::SamplingStatus;
pub use scheduler::Scheduler;
pub use statistics_source::StatisticsSource;
