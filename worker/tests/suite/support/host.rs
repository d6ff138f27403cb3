//! A vSphere host of a test: how it is registered, followed and asked in this process.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::runtime::Handle;
use vpoller_inventory::{CacheSettings, Inventory};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_worker::{Dispatcher, Executors, Policy, Registered, Step};

/// The vSphere host of the documents.
pub(crate) const HOST: &str = "vc01.example.org";

/// No answer from memory.
pub(crate) fn direct() -> CacheSettings {
    CacheSettings { enabled: false, ..CacheSettings::default() }
}

/// The simulator under the name of the documents.
pub(crate) fn registered(simulator: &Simulator) -> Registered {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    config.address = Some(simulator.address());
    config.tls = Tls::Off;
    Registered::new(HOST, config)
}

pub(crate) fn dispatcher(inventory: Arc<dyn Inventory>) -> Dispatcher {
    Dispatcher::new(Arc::new(Executors::new([(HOST.to_owned(), inventory)], 64)))
}

pub(crate) async fn answer(dispatcher: &Dispatcher, body: &[u8]) -> Vec<u8> {
    match dispatcher.dispatch(body) {
        Step::Now(bytes) => bytes,
        Step::Later(reply) => reply.await,
    }
}

/// An agent that follows a vSphere host.
pub(crate) struct Followed {
    pub executors: Arc<Executors>,
    pub dispatcher: Dispatcher,
}

/// Settings that let a test see the next change soon.
pub(crate) fn quick() -> CacheSettings {
    CacheSettings { update_interval: Duration::from_millis(20), ..CacheSettings::default() }
}

impl Followed {
    /// Follows, and waits until the first load is done.
    pub(crate) async fn start(host: &Registered, cache: CacheSettings) -> Self {
        let followed = Self::begin(host, cache);
        if cache.enabled {
            followed.until("the first load", |cache| cache["state"] == "live").await;
        }
        followed
    }

    /// Follows; nothing is known yet.
    pub(crate) fn begin(host: &Registered, cache: CacheSettings) -> Self {
        let executors = Arc::new(Executors::new([(HOST.to_owned(), host.inventory(&cache))], 4096));
        executors.hosts().start(&Handle::current());
        executors.hosts().want_all();
        Self { dispatcher: Dispatcher::new(Arc::clone(&executors)), executors }
    }

    /// What the status page says of the snapshot.
    pub(crate) fn cache(&self) -> Json {
        self.executors.status()[0]["vsphere"]["cache"].clone()
    }

    /// Waits until the status page says so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl FnMut(&Json) -> bool) {
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let cache = self.cache();
            if is_so(&cache) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "waited {SOON:?} in vain for {what}: {}", self.executors.status());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The reply to a request.
    pub(crate) async fn ask(&self, method: &str, name: Option<&str>, properties: &[&str]) -> Json {
        let request = json!({"method": method, "hostname": HOST, "name": name, "properties": properties});
        serde_json::from_slice(&answer(&self.dispatcher, request.to_string().as_bytes()).await).unwrap()
    }

    /// The value of a property of a virtual machine.
    pub(crate) async fn vm(&self, name: &str, path: &str) -> Json {
        self.ask("vm.get", Some(name), &[path]).await["result"][0][path].clone()
    }

    /// Waits until a request is answered like this.
    pub(crate) async fn until_answered(
        &self,
        method: &str,
        name: Option<&str>,
        properties: &[&str],
        is_so: impl Fn(&Json) -> bool,
    ) {
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let reply = self.ask(method, name, properties).await;
            if is_so(&reply) {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "waited {SOON:?} in vain: {method} {name:?} gives {reply}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for paths often enough that they are watched, and waits until they are.
    pub(crate) async fn learn(&self, method: &str, name: Option<&str>, properties: &[&str]) {
        for _ in 0..2 {
            assert_eq!(self.ask(method, name, properties).await["success"], 0);
        }
        let misses = |cache: &Json| cache["misses"].as_u64().unwrap();
        let end = tokio::time::Instant::now() + SOON;
        loop {
            let before = misses(&self.cache());
            self.ask(method, name, properties).await;
            if misses(&self.cache()) == before {
                return;
            }
            assert!(tokio::time::Instant::now() < end, "waited {SOON:?} in vain for {properties:?}: {}", self.cache());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn stop(self) {
        self.executors.hosts().stop().await;
    }
}

/// Calls besides the wait for changes.
pub(crate) fn calls(simulator: &Simulator) -> u64 {
    let calls = simulator.calls();
    calls.total - calls.methods.get("WaitForUpdatesEx").copied().unwrap_or(0)
}

/// A simulator and what asks it, in this process.
pub(crate) struct CountedHost {
    pub simulator: Simulator,
    pub executors: Arc<Executors>,
    dispatcher: Dispatcher,
    host: String,
}

impl CountedHost {
    pub(crate) fn start(options: &SimOptions<'_>) -> Self {
        let simulator = Simulator::start(options);
        let registered = registered(&simulator);
        Self::of(simulator, registered)
    }

    /// The simulator, asked by another way than the straight one.
    pub(crate) fn of(simulator: Simulator, registered: vpoller_worker::Registered) -> Self {
        let executors = Arc::new(Executors::new([(registered.name.clone(), registered.inventory(&direct()))], 64));
        Self { simulator, dispatcher: Dispatcher::new(Arc::clone(&executors)), executors, host: registered.name }
    }

    pub(crate) fn masking_keys(self) -> Self {
        Self { dispatcher: self.dispatcher.with_policy(Policy { mask_session_keys: true }), ..self }
    }

    pub(crate) async fn reply(&self, method: &str, fields: Json) -> Json {
        let mut request = fields;
        (request["method"], request["hostname"]) = (json!(method), json!(self.host));
        serde_json::from_slice(&answer(&self.dispatcher, request.to_string().as_bytes()).await).unwrap()
    }

    /// The result of a request that succeeds.
    pub(crate) async fn result(&self, method: &str, fields: Json) -> Json {
        let reply = self.reply(method, fields).await;
        assert_eq!(reply["success"], 0, "{method}: {reply}");
        reply["result"].clone()
    }

    /// The calls that a request that succeeds costs, by name.
    pub(crate) async fn cost(&self, method: &str, fields: Json) -> Vec<(String, u64)> {
        self.simulator.reset_calls();
        self.result(method, fields).await;
        self.simulator.calls().methods.into_iter().collect()
    }
}
