//! The executors of all vSphere hosts, between whom the worker's capacity is divided.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value as Json;
use vpoller_inventory::{Host, Hosts, Inventory};

use crate::execute::Executor;

/// One executor for each vSphere host, by the host's name. The hosts can be exchanged while requests are under way.
pub struct Executors {
    hosts: Arc<Hosts>,
    by_host: RwLock<BTreeMap<String, Arc<Executor>>>,
    capacity: usize,
}

/// However many hosts there are, each takes on this many requests.
const SMALLEST_SHARE: usize = 16;

impl Executors {
    /// One executor for each inventory, which is given with its host's name. Together they take on about `capacity` requests, so
    /// that a host that does not answer cannot keep the others' requests out.
    #[must_use]
    pub fn new(inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>, capacity: usize) -> Self {
        let executors = Self { hosts: Arc::default(), by_host: RwLock::default(), capacity };
        executors.exchange(inventories, |_| false);
        executors
    }

    /// Makes these the hosts that are served, beside those that are to stay (`keep`, asked by their names): the latter notice
    /// nothing. The hosts returned are no longer found and are to be closed.
    pub fn exchange(
        &self,
        inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>,
        keep: impl Fn(&str) -> bool,
    ) -> Vec<Arc<Host>> {
        let gone = self.hosts.exchange(inventories, keep);
        let hosts = self.hosts.all();
        let share = (self.capacity / hosts.len().max(1)).max(SMALLEST_SHARE);
        let mut by_host = self.by_host.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *by_host);
        for host in hosts {
            let kept = before.remove(host.name()).filter(|executor| Arc::ptr_eq(executor.host(), &host));
            let name = host.name().to_owned();
            let executor = kept.unwrap_or_else(|| Arc::new(Executor::new(host, share)));
            executor.set_limit(share);
            by_host.insert(name, executor);
        }
        gone
    }

    /// The vSphere hosts themselves.
    #[must_use]
    pub fn hosts(&self) -> &Arc<Hosts> {
        &self.hosts
    }

    /// The executor of a host.
    pub(crate) fn get(&self, host: &str) -> Option<Arc<Executor>> {
        self.by_host.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// What the status page says, one element for each host.
    #[must_use]
    pub fn status(&self) -> Json {
        let all: Vec<_> = self.by_host.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.iter().map(|executor| executor.status()).collect()
    }
}
