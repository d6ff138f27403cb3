//! All agents of a worker.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value as Json;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::agent::Agent;
use crate::inventory::Inventory;

/// The agents, by the name of their vSphere host. They can be exchanged while requests are under way.
pub struct Agents {
    by_host: RwLock<BTreeMap<String, Arc<Agent>>>,
    capacity: usize,
}

/// However many agents there are, each takes on this many requests.
const SMALLEST_SHARE: usize = 16;

impl Agents {
    /// One agent for each host. Together they take on about `capacity` requests, so that a host that does not answer cannot
    /// keep the others' requests out.
    #[must_use]
    pub fn new(inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>, capacity: usize) -> Self {
        let agents = Self { by_host: RwLock::default(), capacity };
        agents.exchange(inventories, |_| false);
        agents
    }

    /// Makes these the hosts that are served. An agent that is to stay (`keep`, asked by the name of its host) goes on; the
    /// agents returned are no longer found and are to be closed.
    pub fn exchange(
        &self,
        inventories: impl IntoIterator<Item = (String, Arc<dyn Inventory>)>,
        keep: impl Fn(&str) -> bool,
    ) -> Vec<Arc<Agent>> {
        let inventories: BTreeMap<_, _> = inventories.into_iter().collect();
        let mut by_host = self.by_host.write().unwrap_or_else(PoisonError::into_inner);
        let (mut kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut *by_host).into_iter().partition(|(host, _)| keep(host));
        let share = (self.capacity / (inventories.len() + kept.len()).max(1)).max(SMALLEST_SHARE);
        kept.values().for_each(|agent| agent.set_limit(share));
        for (host, inventory) in inventories {
            let agent = Agent::new(&host, inventory, share);
            kept.insert(host, Arc::new(agent));
        }
        *by_host = kept;
        gone.into_values().collect()
    }

    /// The agent of a host.
    #[must_use]
    pub fn get(&self, host: &str) -> Option<Arc<Agent>> {
        self.by_host.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned()
    }

    /// Every agent.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Agent>> {
        self.by_host.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The names of all hosts.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        self.by_host.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Starts what keeps each agent logged in once it is wanted; agents that have it already are left alone.
    pub fn start(&self, runtime: &Handle) {
        self.all().iter().for_each(|agent| agent.start(runtime));
    }

    /// Logs in to these hosts; those not registered here are none of ours.
    pub fn want(&self, hosts: &[String]) {
        hosts.iter().filter_map(|host| self.get(host)).for_each(|agent| agent.want());
    }

    /// Logs in to every host.
    pub fn want_all(&self) {
        self.all().iter().for_each(|agent| agent.want());
    }

    /// Logs out everywhere at once, each within a few seconds.
    pub async fn stop(&self) {
        close(self.all()).await;
    }

    /// What the status page says, one element per agent.
    #[must_use]
    pub fn status(&self) -> Json {
        self.all().iter().map(|agent| agent.status()).collect()
    }
}

/// Closes agents at once, each within a few seconds.
pub(crate) async fn close(agents: Vec<Arc<Agent>>) {
    let mut closing = JoinSet::new();
    for agent in agents {
        closing.spawn(async move { agent.close().await });
    }
    while closing.join_next().await.is_some() {}
}
