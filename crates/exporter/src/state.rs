//! What pages are made from.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use vpoller_inventory::{Host, Hosts, View};

use crate::page_cache::PageCache;
use crate::reader::Reader;
use crate::samples::{Gathered, Plan, plans};
use crate::settings::Settings;

/// The hosts, the settings, and what the cycles brought last.
pub(crate) struct ExporterState {
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) settings: Settings,
    pub(crate) readers: Vec<Reader>,
    pub(crate) plans: Vec<Plan>,
    /// For each plan, what its last cycle brought of each host, by the host's name.
    gathered: Vec<ArcSwap<HashMap<Arc<str>, Arc<Gathered>>>>,
    pub(crate) started: Instant,
    /// zROC's page, for all hosts (the empty name) and for single ones.
    pub(crate) zroc_pages: PageCache,
}

/// One host, as a page sees it.
pub(crate) struct HostData {
    pub(crate) host: Arc<Host>,
    /// Its inventory as it is now; none while it cannot be said.
    pub(crate) view: Option<View>,
    /// What the last cycle for the reader brought; none before the first.
    pub(crate) gathered: Option<Arc<Gathered>>,
}

impl ExporterState {
    pub(crate) fn new(hosts: Arc<Hosts>, settings: Settings, readers: Vec<Reader>) -> Self {
        let plans = plans(&readers);
        let gathered = plans.iter().map(|_| ArcSwap::default()).collect();
        Self { hosts, settings, readers, plans, gathered, started: Instant::now(), zroc_pages: PageCache::default() }
    }

    /// Every host with what was gathered for this reader, in the order of their names.
    pub(crate) fn read(&self, reader: &str) -> Vec<HostData> {
        let place = self.plans.iter().position(|plan| plan.readers.contains(&reader));
        let gathered = place.and_then(|place| Some(self.gathered.get(place)?.load()));
        let data = |host: Arc<Host>| {
            let view = host.inventory().view();
            let gathered = gathered.as_ref().and_then(|by_host| by_host.get(host.name()).cloned());
            HostData { host, view, gathered }
        };
        self.hosts.all().into_iter().map(data).collect()
    }

    /// What the last cycle of a plan brought of a host, however old.
    pub(crate) fn last(&self, plan: usize, host: &str) -> Option<Arc<Gathered>> {
        self.gathered.get(plan)?.load().get(host).cloned()
    }

    /// Publishes what a cycle brought.
    pub(crate) fn publish(&self, plan: usize, host: &Arc<str>, gathered: Gathered) {
        let Some(place) = self.gathered.get(plan) else { return };
        let gathered = Arc::new(gathered);
        place.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(Arc::clone(host), Arc::clone(&gathered));
            all
        });
    }

    /// Forgets hosts that are served no more.
    pub(crate) fn keep_only(&self, names: &[String]) {
        for place in &self.gathered {
            if place.load().keys().any(|known| names.iter().all(|name| **name != **known)) {
                place.rcu(|all| {
                    let mut all = HashMap::clone(all);
                    all.retain(|known, _| names.iter().any(|name| **name == **known));
                    all
                });
            }
        }
    }
}
