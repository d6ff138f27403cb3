//! An exporter that serves, and the vSphere hosts that it reads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use vpoller_exporter::{Exporter, MetricsPage, PageChoice, Settings, ZrocSettings};
use vpoller_inventory::{CacheSettings, Cached, Hosts, Inventory};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_testkit::{Simulator, http};
use vpoller_vsphere::{Client, Config, SecretString, Tls};

/// An exporter under test; it ends with its runtime.
pub(crate) struct ExporterBed {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

/// zROC's page at `/metrics`, with a cycle so often.
pub(crate) fn zroc_every(poll_interval: Duration) -> Settings {
    let zroc = ZrocSettings { poll_interval, ..ZrocSettings::default() };
    let page = PageChoice::Auto { fallback: MetricsPage::Zroc };
    Settings { page, zroc: Some(zroc), ..Settings::default() }
}

impl ExporterBed {
    /// Serves pages about these simulators, which go by these names.
    pub(crate) fn start(vcenters: &[(&str, &Simulator)], settings: Settings) -> Self {
        let accounts: Vec<_> = vcenters.iter().map(|(name, simulator)| (*name, simulator.address(), USER, PASSWORD)).collect();
        Self::with_accounts(&accounts, settings)
    }

    /// The same for names, addresses, users and passwords.
    pub(crate) fn with_accounts(vcenters: &[(&str, SocketAddr, &str, &str)], settings: Settings) -> Self {
        let runtime = Runtime::new().unwrap();
        let inventory = |(name, address, user, password): &(&str, SocketAddr, &str, &str)| {
            let mut config = Config::new(*name, *user, SecretString::from(*password));
            config.address = Some(*address);
            config.tls = Tls::Off;
            let cache = CacheSettings {
                update_interval: Duration::from_millis(20),
                max_stale: Duration::from_secs(2),
                ..CacheSettings::default()
            };
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

    /// Waits for the first cycle.
    #[track_caller]
    pub(crate) fn ready(self) -> Self {
        wait_until(SOON, "the first cycle", || self.get("/-/ready").0 == 200);
        self
    }

    /// A page of metrics, which holds to the format.
    #[track_caller]
    pub(crate) fn metrics(&self, path: &str) -> Exposition {
        let (status, page) = self.get(path);
        assert_eq!(status, 200, "{page}");
        Exposition::read(&page)
    }

    /// Waits until zROC's page is like this, and returns it.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut(&Exposition) -> bool) -> Exposition {
        let mut last = None;
        wait_until(SOON, what, || {
            let page = self.metrics("/metrics/zroc");
            let done = is_so(&page);
            last = Some(page);
            done
        });
        last.unwrap()
    }
}
