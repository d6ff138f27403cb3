//! The broker's part of the status document.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use super::registry::Worker;
use super::{Broker, Counters};

/// Waiting queues listed by host; the deepest ones.
const LISTED_QUEUES: usize = 100;

/// The state of the broker.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The workers, one entry per connection.
    pub workers: Vec<WorkerReport>,
    /// The processes picked for each vSphere host.
    pub serving: BTreeMap<String, Vec<String>>,
    /// Requests not answered yet.
    pub pending: usize,
    /// Those of them that wait for a worker.
    pub waiting: usize,
    /// The memory of all of them, in bytes.
    pub bytes: usize,
    /// Waiting requests by vSphere host.
    pub queues: BTreeMap<String, usize>,
    pub counters: Counters,
}

/// One connection of a worker process.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerReport {
    pub process: String,
    /// The name of that process which the next one in its place will have, too: a request for `@worker:` and the name goes to it.
    /// Empty when it is leaving.
    pub name: String,
    /// Which of the process's connections it is, from 1.
    pub socket: usize,
    pub version: String,
    /// The vSphere hosts it can serve.
    pub hosts: Vec<String>,
    /// Requests it takes at once.
    pub capacity: usize,
    /// Requests it has.
    pub in_flight: usize,
    /// Requests it answered.
    pub answered: u64,
    /// When it was last heard, in milliseconds before now.
    pub last_heard_ms: u64,
    /// Whether it takes nothing more.
    pub leaving: bool,
}

impl Broker {
    /// The state at this moment.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report {
        // In an order that lasts as long as the connections do.
        let mut connections: Vec<_> = self.registry.iter().collect();
        connections.sort_by_key(|(identity, _)| *identity);
        let name =
            |process: &std::sync::Arc<str>| self.registry.names().name_of(process).map(ToString::to_string).unwrap_or_default();
        let report = |worker: &Worker| WorkerReport { name: name(&worker.process), ..worker_report(worker, now) };
        let mut workers: Vec<_> = connections.into_iter().map(|(_, worker)| report(worker)).collect();
        workers.sort_by(|a, b| a.process.cmp(&b.process));
        for same in workers.chunk_by_mut(|a, b| a.process == b.process) {
            (1..).zip(same).for_each(|(socket, worker)| worker.socket = socket);
        }
        let names = |processes: &[std::sync::Arc<str>]| processes.iter().map(ToString::to_string).collect();
        let mut depths: Vec<_> = self.queue.depths().map(|(host, depth)| (host.to_string(), depth)).collect();
        depths.sort_by_key(|(_, depth)| std::cmp::Reverse(*depth));
        depths.truncate(LISTED_QUEUES);
        Report {
            workers,
            serving: self.registry.picks().iter().map(|(host, processes)| (host.to_string(), names(processes))).collect(),
            pending: self.pending.len(),
            waiting: self.queue.len(),
            bytes: self.queue.bytes(),
            queues: depths.into_iter().collect(),
            counters: self.counters.clone(),
        }
    }
}

fn worker_report(worker: &Worker, now: Instant) -> WorkerReport {
    let mut hosts: Vec<_> = worker.hosts.iter().map(ToString::to_string).collect();
    hosts.sort_unstable();
    let quiet = now.saturating_duration_since(worker.last_heard);
    WorkerReport {
        process: worker.process.to_string(),
        name: String::new(),
        socket: 0,
        version: worker.version.clone(),
        hosts,
        capacity: worker.capacity,
        in_flight: worker.in_flight.len(),
        answered: worker.answered,
        last_heard_ms: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX),
        leaving: worker.leaving,
    }
}
