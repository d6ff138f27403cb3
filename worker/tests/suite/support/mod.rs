//! What the tests stand on: a vSphere host in memory, proxies, and a worker's process. It holds no test of its own.

pub(crate) mod counters;
pub(crate) mod host;
pub(crate) mod inventory;
pub(crate) mod proxies;
pub(crate) mod scheduler;
pub(crate) mod worker;
