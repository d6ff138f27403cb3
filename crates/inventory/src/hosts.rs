//! All vSphere hosts that are served.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::border::Inventory;
use crate::host::Host;

/// vSphere hosts by their names. They can be exchanged while readers are under way.
#[derive(Default)]
pub struct Hosts {
    by_name: RwLock<BTreeMap<String, Arc<Host>>>,
}

impl Hosts {
    /// One host for each inventory, which is given with the host's name.
    #[must_use]
    pub fn new(inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>) -> Self {
        let hosts = Self::default();
        hosts.exchange(inventories, |_| false);
        hosts
    }

    /// Makes these the hosts that are served, beside those that are to stay (`keep`, asked by their names). The hosts returned
    /// are no longer found and are to be closed.
    pub fn exchange(
        &self,
        inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>,
        keep: impl Fn(&str) -> bool,
    ) -> Vec<Arc<Host>> {
        // Before the lock is taken: an inventory may take its time to be made.
        let inventories: BTreeMap<_, _> = inventories.into_iter().collect();
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        let (mut kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut *by_name).into_iter().partition(|(name, _)| keep(name));
        for (name, inventory) in inventories {
            let host = Host::new(&name, inventory);
            kept.insert(name, Arc::new(host));
        }
        *by_name = kept;
        gone.into_values().collect()
    }

    /// The host of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Host>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every host.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Host>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The names of all hosts.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Starts the task of each host that keeps its connection once it is wanted; hosts that have it already are left alone.
    pub fn start(&self, runtime: &Handle) {
        self.all().iter().for_each(|host| host.start(runtime));
    }

    /// Logs in to these hosts; those not registered here are none of ours.
    pub fn want(&self, names: &[String]) {
        names.iter().filter_map(|name| self.get(name)).for_each(|host| host.want());
    }

    /// Logs in to every host.
    pub fn want_all(&self) {
        self.all().iter().for_each(|host| host.want());
    }

    /// Logs out everywhere at once, each within a few seconds.
    pub async fn stop(&self) {
        close(self.all()).await;
    }
}

/// Closes hosts at once, each within a few seconds.
pub async fn close(hosts: Vec<Arc<Host>>) {
    let mut closing = JoinSet::new();
    for host in hosts {
        closing.spawn(async move { host.close().await });
    }
    while closing.join_next().await.is_some() {}
}
