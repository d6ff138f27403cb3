//! What the tests stand on: a vSphere host in memory, proxies, and a worker's process. It holds no test of its own.

pub mod counters;
pub mod host;
pub mod inventory;
pub mod proxies;
pub mod scheduler;
pub mod worker;
