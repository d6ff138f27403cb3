//! An exporter that serves, and the vSphere hosts that it reads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use vpoller_exporter::{Exporter, Settings};
use vpoller_inventory::{CacheSettings, Cached, Hosts, Inventory};
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::{Simulator, http};
use vpoller_vsphere::{Client, Config, SecretString, Tls};

/// An exporter under test; it ends with its runtime.
pub(crate) struct ExporterBed {
    address: SocketAddr,
    _runtime: Runtime,
}

impl ExporterBed {
    /// Serves pages about these simulators, which go by these names.
    pub(crate) fn start(vcenters: &[(&str, &Simulator)], settings: Settings) -> Self {
        let runtime = Runtime::new().unwrap();
        let inventory = |(name, simulator): &(&str, &Simulator)| {
            let mut config = Config::new(*name, USER, SecretString::from(PASSWORD));
            config.address = Some(simulator.address());
            config.tls = Tls::Off;
            let cache = CacheSettings { update_interval: Duration::from_millis(20), ..CacheSettings::default() };
            let inventory: Arc<dyn Inventory> = Arc::new(Cached::new(Client::new(config).unwrap(), &cache));
            ((*name).to_owned(), inventory)
        };
        let hosts = Arc::new(Hosts::new(vcenters.iter().map(inventory)));
        let exporter = Exporter::new(Arc::clone(&hosts), settings);
        let address = runtime.block_on(async {
            hosts.start(&Handle::current());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = exporter.router();
            tokio::spawn(async move { axum::serve(listener, router).await });
            tokio::spawn(async move { exporter.run(std::future::pending()).await });
            address
        });
        Self { address, _runtime: runtime }
    }

    /// Status and body of a page.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        http::get(&format!("http://{}{path}", self.address))
    }
}
