//! The workers the proxy knows: which are there, what they serve, how busy they are.
//!
//! A *worker* is one socket of a worker process; the sockets of a process count as one when hosts are given out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vpoller_wire::control::Announcement;
use vpoller_wire::limits::LONGEST_HOST_NAME;

use super::affinity;
use super::worker_names::WorkerNames;

/// The identity a ROUTER gave a worker's socket.
pub type Identity = Vec<u8>;

/// A worker never gets more than this at once, whatever it announces: half of what its socket's queue holds.
pub const MAX_CAPACITY: usize = 1024;
/// More sockets than any installation has. Further workers are refused.
const MAX_WORKERS: usize = 4096;
/// Hosts without a worker that are remembered. Beyond this number an error only says less.
const MAX_GONE: usize = 4096;
/// Workers come in groups; hosts are given out when nothing changed for this long…
const SETTLE: Duration = Duration::from_millis(300);
/// …but not later than this after the first change.
const SETTLE_AT_MOST: Duration = Duration::from_secs(1);
/// A worker answers everything within its own deadlines; what is older than this was lost and blocks its place no longer.
const LEASE: Duration = Duration::from_secs(600);

/// One socket of a worker process.
#[derive(Debug)]
pub(crate) struct Worker {
    /// The process it belongs to.
    pub process: Arc<str>,
    /// Product version it announced.
    pub version: String,
    /// vSphere hosts it can serve.
    pub hosts: HashSet<Arc<str>>,
    /// How many requests it takes at once.
    pub capacity: usize,
    /// Methods not to be sent a second time.
    pub never_repeat: HashSet<String>,
    /// Requests it has and did not answer, abandoned ones included, with the time they were sent.
    pub in_flight: HashMap<u64, Instant>,
    /// When it last said anything.
    pub last_heard: Instant,
    /// It finishes what it has and takes nothing more.
    pub leaving: bool,
    /// Its socket's queue was full; cleared by the next message from it.
    pub congested: bool,
    /// Requests it answered.
    pub answered: u64,
    /// The turn it was last picked in: equals are used alternately.
    last_used: u64,
    /// The hosts in the last `Serve` message to it; `None` when one has to be sent whatever it lists.
    assigned: Option<Vec<Arc<str>>>,
}

impl Worker {
    fn has_room(&self) -> bool {
        !self.leaving && !self.congested && self.in_flight.len() < self.capacity
    }
}

/// Whether a vSphere host can be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Availability {
    /// Workers announce it.
    Served,
    /// No worker announces it, none ever did, but there are workers.
    Unlisted,
    /// The workers that announced it are gone: since when, and how many other connections there are.
    Gone(Instant, usize),
    /// There is no worker at all: since when, or since the start.
    NoWorker(Instant),
}

#[derive(Debug)]
pub(crate) struct WorkerRegistry {
    affinity: usize,
    workers: HashMap<Identity, Worker>,
    /// Sockets by process, leaving ones excluded.
    processes: BTreeMap<Arc<str>, BTreeSet<Identity>>,
    /// Their names.
    names: WorkerNames,
    /// The processes that serve each host, best first.
    picks: HashMap<Arc<str>, Vec<Arc<str>>>,
    /// Hosts whose workers left, and when.
    gone: HashMap<Arc<str>, Instant>,
    /// Since when there is no worker; meaningless while there is one.
    empty_since: Instant,
    /// First and latest change that workers have not heard of.
    unsettled: Option<(Instant, Instant)>,
    turn: u64,
}

impl WorkerRegistry {
    pub(crate) fn new(affinity: usize, now: Instant) -> Self {
        Self {
            affinity,
            workers: HashMap::new(),
            processes: BTreeMap::new(),
            names: WorkerNames::default(),
            picks: HashMap::new(),
            gone: HashMap::new(),
            empty_since: now,
            unsettled: None,
            turn: 0,
        }
    }

    pub(crate) fn get(&self, identity: &[u8]) -> Option<&Worker> {
        self.workers.get(identity)
    }

    pub(crate) fn get_mut(&mut self, identity: &[u8]) -> Option<&mut Worker> {
        self.workers.get_mut(identity)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Identity, &Worker)> {
        self.workers.iter()
    }

    /// Records a sign of life; says whether the worker is known.
    pub(crate) fn heard(&mut self, identity: &[u8], now: Instant) -> bool {
        self.workers.get_mut(identity).is_some_and(|worker| {
            worker.last_heard = now;
            worker.congested = false;
            true
        })
    }

    /// Takes in what a worker says about itself. Says whether its process is new; `None` when there are too many workers.
    pub(crate) fn announce(&mut self, identity: &[u8], announcement: Announcement, now: Instant) -> Option<bool> {
        if !self.workers.contains_key(identity) && self.workers.len() >= MAX_WORKERS {
            return None;
        }
        let process: Arc<str> = announcement.process.into();
        let old = self.workers.remove(identity);
        // The same process keeps its place and its name.
        if let Some(old) = old.as_ref().filter(|old| old.process != process) {
            self.forget_socket(&old.process, identity);
        }
        let hosts =
            announcement.hosts.iter().map(|host| host.trim()).filter(|host| !host.is_empty() && host.len() <= LONGEST_HOST_NAME);
        let (in_flight, answered) = old.map_or_else(Default::default, |old| (old.in_flight, old.answered));
        let worker = Worker {
            process: Arc::clone(&process),
            version: announcement.version,
            hosts: hosts.map(Arc::from).collect(),
            capacity: announcement.capacity.min(MAX_CAPACITY),
            never_repeat: announcement.never_repeat.into_iter().collect(),
            in_flight,
            last_heard: now,
            leaving: false,
            congested: false,
            answered,
            last_used: 0,
            assigned: None,
        };
        let is_new = !self.processes.contains_key(&process);
        self.gone.retain(|host, _| !worker.hosts.contains(host));
        self.workers.insert(identity.to_vec(), worker);
        self.names.assign(&process);
        self.processes.entry(process).or_default().insert(identity.to_vec());
        self.changed(now);
        Some(is_new)
    }

    /// The worker takes nothing more; it stays known until it falls silent.
    pub(crate) fn leave(&mut self, identity: &[u8], now: Instant) {
        let Some(worker) = self.workers.get_mut(identity) else { return };
        if !worker.leaving {
            worker.leaving = true;
            self.withdraw(identity, now);
        }
    }

    pub(crate) fn remove(&mut self, identity: &[u8], now: Instant) -> Option<Worker> {
        if self.workers.get(identity).is_some_and(|worker| !worker.leaving) {
            self.withdraw(identity, now);
        }
        self.workers.remove(identity)
    }

    /// Workers that said nothing since `limit`.
    pub(crate) fn silent_since(&self, limit: Instant) -> Vec<Identity> {
        let silent = self.workers.iter().filter(|(_, worker)| worker.last_heard < limit);
        silent.map(|(identity, _)| identity.clone()).collect()
    }

    /// When the worker that was quiet longest was last heard.
    pub(crate) fn longest_quiet(&self) -> Option<Instant> {
        self.workers.values().map(|worker| worker.last_heard).min()
    }

    /// Counts every worker as heard now: the proxy itself was paused and read nothing.
    pub(crate) fn mark_all_heard(&mut self, now: Instant) {
        self.workers.values_mut().for_each(|worker| worker.last_heard = now);
    }

    /// Frees the places of requests that a worker has had for impossibly long; says how many.
    pub(crate) fn end_leases(&mut self, now: Instant) -> usize {
        let mut ended = 0;
        for worker in self.workers.values_mut() {
            let before = worker.in_flight.len();
            worker.in_flight.retain(|_, sent| now.saturating_duration_since(*sent) < LEASE);
            ended += before - worker.in_flight.len();
        }
        ended
    }

    /// Whether a host can be served.
    pub(crate) fn availability(&self, host: &str) -> Availability {
        if self.picks.contains_key(host) {
            return Availability::Served;
        }
        let gone = self.gone.get(host).copied();
        if self.processes.is_empty() {
            return Availability::NoWorker(gone.unwrap_or(self.empty_since).max(self.empty_since));
        }
        match gone {
            Some(since) => Availability::Gone(since, self.processes.values().map(BTreeSet::len).sum()),
            None => Availability::Unlisted,
        }
    }

    /// The worker to send a request for `host` to; `None` when those that were picked for it have no room.
    pub(crate) fn choose(&mut self, host: &str) -> Option<Identity> {
        let picks = self.picks.get(host)?;
        let least = self.least_loaded(picks.iter(), Some(host))?;
        self.use_worker(least)
    }

    /// Any worker with room, whatever it serves: for requests that only need a documented error.
    pub(crate) fn choose_any(&mut self) -> Option<Identity> {
        let least = self.least_loaded(self.processes.keys(), None)?;
        self.use_worker(least)
    }

    /// A connection with room of the process with that name: `None` when there is no such process, `Some(None)` when it has no room.
    pub(crate) fn choose_named(&mut self, name: &str) -> Option<Option<Identity>> {
        let process = Arc::clone(self.names.process(name)?);
        let least = self.least_loaded(std::iter::once(&process), None);
        Some(least.and_then(|least| self.use_worker(least)))
    }

    pub(crate) const fn names(&self) -> &WorkerNames {
        &self.names
    }

    /// Whether a process could get requests for `host`: it is picked for the host, or no process is.
    pub(crate) fn may_use(&self, process: &Arc<str>, host: &str) -> bool {
        self.picks.get(host).is_none_or(|picks| picks.contains(process))
    }

    /// Whether a process has a connection that is not leaving.
    pub(crate) fn has_process(&self, process: &Arc<str>) -> bool {
        self.processes.contains_key(process)
    }

    /// Whether a process takes anything more at this moment.
    pub(crate) fn has_room(&self, process: &Arc<str>) -> bool {
        let mut sockets = self.processes.get(process).into_iter().flatten();
        sockets.any(|identity| self.workers.get(identity).is_some_and(Worker::has_room))
    }

    /// The lists to send to workers now, once no more changes come: worker and the hosts it is picked for.
    pub(crate) fn settle(&mut self, now: Instant) -> Vec<(Identity, Vec<Arc<str>>)> {
        match self.settle_at() {
            Some(due) if due <= now => self.unsettled = None,
            _ => return Vec::new(),
        }
        let mut lists: HashMap<Arc<str>, Vec<Arc<str>>> = HashMap::new();
        for (host, picks) in &self.picks {
            picks.iter().for_each(|process| lists.entry(Arc::clone(process)).or_default().push(Arc::clone(host)));
        }
        lists.values_mut().for_each(|hosts| hosts.sort_unstable());
        let mut changed = Vec::new();
        for (identity, worker) in self.workers.iter_mut().filter(|(_, worker)| !worker.leaving) {
            let list = lists.get(&worker.process).cloned().unwrap_or_default();
            if worker.assigned.as_ref() != Some(&list) {
                worker.assigned = Some(list.clone());
                changed.push((identity.clone(), list));
            }
        }
        changed
    }

    /// When [`WorkerRegistry::settle`] has lists to send.
    pub(crate) fn settle_at(&self) -> Option<Instant> {
        self.unsettled.map(|(first, latest)| (latest + SETTLE).min(first + SETTLE_AT_MOST))
    }

    /// A list did not reach its worker: it is sent again.
    pub(crate) fn assignment_lost(&mut self, identity: &[u8], now: Instant) {
        if let Some(worker) = self.workers.get_mut(identity) {
            worker.assigned = None;
            self.unsettle(now);
        }
    }

    /// The processes picked for each host.
    pub(crate) fn picks(&self) -> &HashMap<Arc<str>, Vec<Arc<str>>> {
        &self.picks
    }

    /// The least busy process, and in it the least busy socket with room; among equals the one not used for longest.
    fn least_loaded<'a>(&self, processes: impl Iterator<Item = &'a Arc<str>>, host: Option<&str>) -> Option<Identity> {
        let sockets = |process: &Arc<str>| self.processes.get(process).into_iter().flatten();
        let able = |worker: &Worker| worker.has_room() && host.is_none_or(|host| worker.hosts.contains(host));
        processes
            .filter_map(|process| {
                let workers = || sockets(process).filter_map(|identity| Some((identity, self.workers.get(identity)?)));
                let busy: usize = workers().map(|(_, worker)| worker.in_flight.len()).sum();
                let last_used = workers().map(|(_, worker)| worker.last_used).max();
                let best = workers().filter(|(_, worker)| able(worker));
                let (identity, _) = best.min_by_key(|(_, worker)| (worker.in_flight.len(), worker.last_used))?;
                Some(((busy, last_used), identity))
            })
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, identity)| identity.clone())
    }

    fn use_worker(&mut self, identity: Identity) -> Option<Identity> {
        self.turn += 1;
        self.workers.get_mut(&identity)?.last_used = self.turn;
        Some(identity)
    }

    /// What follows when a worker is no longer available.
    fn withdraw(&mut self, identity: &[u8], now: Instant) {
        let Some(worker) = self.workers.get(identity) else { return };
        let (process, hosts) = (Arc::clone(&worker.process), worker.hosts.clone());
        self.forget_socket(&process, identity);
        self.changed(now);
        for host in hosts {
            if !self.picks.contains_key(&host) && self.gone.len() < MAX_GONE {
                self.gone.insert(host, now);
            }
        }
        if self.processes.is_empty() {
            self.empty_since = now;
        }
    }

    fn forget_socket(&mut self, process: &Arc<str>, identity: &[u8]) {
        if let Some(sockets) = self.processes.get_mut(process) {
            sockets.remove(identity);
            if sockets.is_empty() {
                self.processes.remove(process);
                self.names.release(process);
            }
        }
    }

    fn changed(&mut self, now: Instant) {
        self.unsettle(now);
        let mut capable: HashMap<Arc<str>, BTreeSet<&Arc<str>>> = HashMap::new();
        for (process, sockets) in &self.processes {
            for host in sockets.iter().filter_map(|identity| self.workers.get(identity)).flat_map(|worker| &worker.hosts) {
                capable.entry(Arc::clone(host)).or_default().insert(process);
            }
        }
        let picked = capable.into_iter().map(|(host, processes)| {
            let picks = affinity::picks(&host, processes, self.affinity);
            (host, picks)
        });
        self.picks = picked.collect();
    }

    fn unsettle(&mut self, now: Instant) {
        let first = self.unsettled.map_or(now, |(first, _)| first);
        self.unsettled = Some((first, now));
    }
}

#[cfg(test)]
mod tests;
