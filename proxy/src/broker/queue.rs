//! Requests that wait, by vSphere host: bounded per host and in all, hosts served in turn.
//!
//! One vCenter that answers slowly fills its own queue and no other one. Requests are known by number; numbers rise with
//! arrival, so a request that comes back (its worker died) takes its old place again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// How much may wait and be held.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Requests that wait for one vSphere host.
    pub host_requests: usize,
    /// Bytes of all requests, waiting or at a worker, for one vSphere host.
    pub host_bytes: usize,
    /// Requests that wait in all.
    pub total_requests: usize,
    /// Bytes of all requests, waiting or at a worker.
    pub total_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self { host_requests: 4096, host_bytes: 64 * MIB, total_requests: 16384, total_bytes: 256 * MIB }
    }
}

/// Which bound a request would break.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Full {
    /// Too many wait for its host.
    HostRequests(usize),
    /// Those for its host take too much memory.
    HostBytes(usize),
    /// Too many wait in all.
    TotalRequests(usize),
    /// All together take too much memory.
    TotalBytes(usize),
}

/// What is known of one host; gone when nothing of it is held.
#[derive(Debug, Default)]
struct Host {
    waiting: BTreeSet<u64>,
    bytes: usize,
}

/// The waiting requests, and the memory of those that are held at all.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    hosts: HashMap<Arc<str>, Host>,
    /// Hosts with waiting requests, the one whose turn it is first.
    turns: VecDeque<Arc<str>>,
    waiting: usize,
    bytes: usize,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, hosts: HashMap::new(), turns: VecDeque::new(), waiting: 0, bytes: 0 }
    }

    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting
    }

    /// Bytes of all requests that are held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many requests wait for `host`.
    pub(crate) fn waiting_for(&self, host: &str) -> usize {
        self.hosts.get(host).map_or(0, |host| host.waiting.len())
    }

    /// Hosts with waiting requests, and how many.
    pub(crate) fn depths(&self) -> impl Iterator<Item = (&Arc<str>, usize)> {
        self.turns.iter().map(|host| (host, self.waiting_for(host)))
    }

    /// All that wait for the hosts that `wanted` picks; those of one host in order.
    pub(crate) fn numbers(&self, wanted: impl Fn(&str) -> bool) -> Vec<u64> {
        let hosts = self.hosts.iter().filter(|(name, host)| !host.waiting.is_empty() && wanted(name));
        hosts.flat_map(|(_, host)| &host.waiting).copied().collect()
    }

    /// Takes the memory of a new request, unless a bound forbids it. [`Queue::release`] gives it back.
    pub(crate) fn admit(&mut self, host: &Arc<str>, bytes: usize) -> Result<(), Full> {
        let bounds = self.bounds;
        let (waiting, held) = self.hosts.get(host).map_or((0, 0), |host| (host.waiting.len(), host.bytes));
        if waiting >= bounds.host_requests {
            return Err(Full::HostRequests(bounds.host_requests));
        }
        if held.saturating_add(bytes) > bounds.host_bytes {
            return Err(Full::HostBytes(bounds.host_bytes));
        }
        if self.waiting >= bounds.total_requests {
            return Err(Full::TotalRequests(bounds.total_requests));
        }
        if self.bytes.saturating_add(bytes) > bounds.total_bytes {
            return Err(Full::TotalBytes(bounds.total_bytes));
        }
        self.bytes += bytes;
        self.hosts.entry(Arc::clone(host)).or_default().bytes += bytes;
        Ok(())
    }

    /// Gives back the memory of a request that is done with (and no longer waits).
    pub(crate) fn release(&mut self, host: &str, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(entry) = self.hosts.get_mut(host) {
            entry.bytes = entry.bytes.saturating_sub(bytes);
            if entry.bytes == 0 && entry.waiting.is_empty() {
                self.hosts.remove(host);
            }
        }
    }

    /// Lets an admitted request wait in its place.
    pub(crate) fn wait(&mut self, host: &Arc<str>, number: u64) {
        let entry = self.hosts.entry(Arc::clone(host)).or_default();
        if entry.waiting.is_empty() {
            self.turns.push_back(Arc::clone(host));
        }
        if entry.waiting.insert(number) {
            self.waiting += 1;
        }
    }

    /// Takes a request out; nothing happens when it does not wait.
    pub(crate) fn remove(&mut self, host: &str, number: u64) {
        let Some(entry) = self.hosts.get_mut(host) else { return };
        if entry.waiting.remove(&number) {
            self.waiting -= 1;
            if entry.waiting.is_empty() {
                self.turns.retain(|turn| &**turn != host);
            }
        }
    }

    /// The oldest request of the host whose turn it is; the next host has its turn then. Call it at most
    /// [`Queue::turns`] times to see each host once.
    pub(crate) fn next_turn(&mut self) -> Option<u64> {
        let host = self.turns.pop_front()?;
        let number = self.hosts.get(&host).and_then(|host| host.waiting.first().copied());
        self.turns.push_back(host);
        number
    }

    /// How many hosts have waiting requests.
    pub(crate) fn turns(&self) -> usize {
        self.turns.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(Bounds { host_requests: 3, host_bytes: 100, total_requests: 5, total_bytes: 150 })
    }

    fn put(queue: &mut Queue, host: &str, number: u64) -> Result<(), Full> {
        let host = host.into();
        queue.admit(&host, 10)?;
        queue.wait(&host, number);
        Ok(())
    }

    #[test]
    fn bounds_hold_per_host_and_in_all() {
        let mut queue = queue();
        assert_eq!(queue.admit(&"a".into(), 101), Err(Full::HostBytes(100)));
        assert_eq!((1..=3).try_for_each(|number| put(&mut queue, "a", number)), Ok(()));
        assert_eq!(put(&mut queue, "a", 4), Err(Full::HostRequests(3)));
        assert_eq!((4..=5).try_for_each(|number| put(&mut queue, "b", number)), Ok(()));
        assert_eq!(put(&mut queue, "c", 6), Err(Full::TotalRequests(5)));
        queue.remove("a", 2);
        assert_eq!(queue.admit(&"b".into(), 91), Err(Full::HostBytes(100)));
        assert_eq!(queue.admit(&"c".into(), 100), Ok(()));
        assert_eq!(queue.admit(&"d".into(), 1), Err(Full::TotalBytes(150)));
        assert_eq!((queue.len(), queue.bytes()), (4, 150));
    }

    #[test]
    fn hosts_have_their_turn_and_old_requests_their_place() {
        let mut queue = queue();
        for (host, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 4)] {
            assert_eq!(put(&mut queue, host, number), Ok(()));
        }
        let take = |queue: &mut Queue| {
            let number = queue.next_turn();
            queue.remove("a", number.unwrap_or_default());
            queue.remove("b", number.unwrap_or_default());
            number
        };
        assert_eq!([take(&mut queue), take(&mut queue), take(&mut queue)], [Some(1), Some(4), Some(2)]);
        queue.wait(&"a".into(), 1);
        assert_eq!([take(&mut queue), take(&mut queue), take(&mut queue)], [Some(1), Some(3), None]);
    }

    #[test]
    fn nothing_is_kept_of_hosts_that_are_done() {
        let mut queue = queue();
        assert_eq!(put(&mut queue, "a", 1), Ok(()));
        queue.remove("a", 1);
        queue.release("a", 10);
        assert!(queue.hosts.is_empty() && queue.turns.is_empty());
        assert_eq!((queue.len(), queue.bytes()), (0, 0));
    }
}
