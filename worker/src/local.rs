//! Executing requests in one's own process, without proxy, sockets or worker.

use std::sync::Arc;

use vpoller_inventory::CacheSettings;
use vpoller_vsphere::Config;
use vpoller_wire::{Reply, Request};

use crate::dispatch::{Dispatcher, Step};
use crate::executors::Executors;
use crate::helpers::external::Externals;
use crate::host_files::Registered;
use crate::policy::Policy;

/// vSphere hosts to which this process talks itself.
///
/// Logs in with the first request. Needs a tokio runtime.
///
/// ```no_run
/// use vpoller_vsphere::{Config, SecretString};
/// use vpoller_wire::Request;
/// use vpoller_worker::Local;
///
/// # async fn example() {
/// let password = SecretString::from("p4ssw0rd");
/// let local = Local::new([Config::new("vc01.example.org", "root", password)]);
/// let reply = local.ask(&Request::new("vm.discover", "vc01.example.org")).await;
/// println!("{}", reply.msg());
/// local.close().await;
/// # }
/// ```
pub struct Local {
    executors: Arc<Executors>,
    dispatcher: Dispatcher,
}

/// Requests at the same time at most, over all hosts.
const AT_ONCE: usize = 256;

impl Local {
    /// Serves these vSphere hosts.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = Config>) -> Self {
        Self::of(hosts.into_iter().map(|config| Registered::new(config.host.clone(), config)))
    }

    /// Serves these registered vSphere hosts.
    #[must_use]
    pub fn of(hosts: impl IntoIterator<Item = Registered>) -> Self {
        // Requests come one by one here; following a vCenter's changes for them would cost more than it saves.
        let cache = CacheSettings { enabled: false, ..CacheSettings::default() };
        let inventories = hosts.into_iter().map(|host| (host.name.clone(), host.inventory(&cache)));
        let executors = Arc::new(Executors::new(inventories, AT_ONCE));
        Self { dispatcher: Dispatcher::new(Arc::clone(&executors)), executors }
    }

    /// The same with a say in what may be shown.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { dispatcher: self.dispatcher.with_policy(policy), ..self }
    }

    /// Prints with these helpers too.
    #[must_use]
    pub fn with_helpers(self, externals: Externals) -> Self {
        Self { dispatcher: self.dispatcher.with_helpers(Arc::new(externals)), ..self }
    }

    /// Performs a request and prints the reply as a worker would, by the helper that the request names.
    pub async fn run(&self, request: &Request) -> Vec<u8> {
        match self.dispatcher.dispatch_request(request.as_received()) {
            Step::Now(bytes) => bytes,
            Step::Later(reply) => reply.await,
        }
    }

    /// Performs a request; a helper it names is left aside.
    pub async fn ask(&self, request: &Request) -> Reply {
        self.dispatcher.ask(request.as_received()).await
    }

    /// Logs out.
    pub async fn close(&self) {
        self.executors.hosts().stop().await;
    }
}
