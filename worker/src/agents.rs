//! All agents of a worker.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use crate::agent::Agent;
use crate::inventory::Inventory;

/// The agents, by the name of their vSphere host.
pub struct Agents {
    by_host: BTreeMap<String, Arc<Agent>>,
    keepers: Mutex<Vec<JoinHandle<()>>>,
}

/// However many agents there are, each takes on this many requests.
const SMALLEST_SHARE: usize = 16;

impl Agents {
    /// One agent for each host. Together they take on about `capacity` requests, so that a host that does not answer cannot
    /// keep the others' requests out.
    #[must_use]
    pub fn new(inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>, capacity: usize) -> Self {
        let inventories: BTreeMap<_, _> = inventories.into_iter().collect();
        let share = (capacity / inventories.len().max(1)).max(SMALLEST_SHARE);
        let agents = inventories.into_iter().map(|(host, inventory)| {
            let agent = Agent::new(&host, inventory, share);
            (host, Arc::new(agent))
        });
        Self { by_host: agents.collect(), keepers: Mutex::default() }
    }

    /// The agent of a host.
    #[must_use]
    pub fn get(&self, host: &str) -> Option<&Arc<Agent>> {
        self.by_host.get(host)
    }

    /// Every agent.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.by_host.values()
    }

    /// The names of all hosts.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.by_host.keys().cloned().collect()
    }

    /// Starts what keeps each agent logged in once it is wanted.
    pub fn start(&self, runtime: &Handle) {
        let keepers = self.iter().map(|agent| runtime.spawn(Arc::clone(agent).supervise()));
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).extend(keepers);
    }

    /// Logs in to these hosts; those not registered here are none of ours.
    pub fn want(&self, hosts: &[String]) {
        hosts.iter().filter_map(|host| self.get(host)).for_each(|agent| agent.want());
    }

    /// Logs in to every host.
    pub fn want_all(&self) {
        self.iter().for_each(|agent| agent.want());
    }

    /// Logs out everywhere at once, each within a few seconds.
    pub async fn stop(&self) {
        for keeper in self.keepers.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            keeper.abort();
        }
        let mut closing = JoinSet::new();
        for agent in self.iter() {
            let agent = Arc::clone(agent);
            closing.spawn(async move { agent.close().await });
        }
        while closing.join_next().await.is_some() {}
    }

    /// What the status page says, one element per agent.
    #[must_use]
    pub fn status(&self) -> Json {
        self.iter().map(|agent| agent.status()).collect()
    }
}
