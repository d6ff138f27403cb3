//! Readers of the inventory as a whole: what they see, and which paths they have watched.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use vpoller_inventory::{CacheSettings, Cached, Direct, Host, Hosts, Inventory, Kind, Property, View};
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Client, Config, SecretString, Tls, Value};

const VC: &str = "vc01.example.org";
const VM: Kind = Kind::VirtualMachine;
const POWER: &str = "runtime.powerState";
const GUEST: &str = "config.guestId";

/// A vSphere host that is followed, and that no request asks about.
pub(super) struct Followed {
    pub(super) simulator: Simulator,
    pub(super) hosts: Hosts,
    pub(super) host: Arc<Host>,
}

pub(super) fn client(simulator: &Simulator) -> Client {
    client_at(simulator.address())
}

pub(super) fn client_at(address: SocketAddr) -> Client {
    let mut config = Config::new(VC, USER, SecretString::from(PASSWORD));
    config.address = Some(address);
    config.tls = Tls::Off;
    Client::new(config).unwrap()
}

impl Followed {
    async fn start(vms: usize, settings: CacheSettings) -> Self {
        Self::at(Simulator::start(&SimOptions { vms, ..SimOptions::default() }), settings).await
    }

    pub(super) async fn at(simulator: Simulator, settings: CacheSettings) -> Self {
        let client = client(&simulator);
        let followed = Self::begin(simulator, client, settings);
        followed.until("the first load", |_| true).await;
        followed
    }

    /// Follows by this client; nothing is known yet.
    pub(super) fn begin(simulator: Simulator, client: Client, settings: CacheSettings) -> Self {
        let inventory: Arc<dyn Inventory> = Arc::new(Cached::new(client, &settings));
        let hosts = Hosts::new([(VC.to_owned(), inventory)]);
        hosts.start(&Handle::current());
        let host = hosts.get(VC).unwrap();
        assert!(host.inventory().view().is_none(), "nothing is known yet");
        hosts.want_all();
        Self { simulator, hosts, host }
    }

    /// Waits until a view is like this, and returns it.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&View) -> bool) -> View {
        let end = Instant::now() + SOON;
        loop {
            if let Some(view) = self.host.inventory().view().filter(&is_so) {
                return view;
            }
            assert!(Instant::now() < end, "waited {SOON:?} in vain for {what}: {:?}", self.host.connection());
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn calls_of(&self, method: &str) -> u64 {
        self.simulator.calls_of(method)
    }
}

/// Settings that let a test see the next change soon.
pub(super) fn quick() -> CacheSettings {
    CacheSettings { update_interval: Duration::from_millis(20), ..CacheSettings::default() }
}

/// How many virtual machines have a value of the path.
fn values(view: &View, path: &str) -> usize {
    let Some(column) = view.column(VM, path) else { return 0 };
    view.objects(VM).filter(|vm| matches!(vm.get(column), Property::Set(_))).count()
}

/// Where the value of a path lies in memory, by object.
fn addresses<'v>(view: &'v View, path: &str) -> BTreeMap<&'v str, *const Value> {
    let column = view.column(VM, path).unwrap();
    let address = |property| match property {
        Property::Set(value) => std::ptr::from_ref(value),
        other => panic!("no value: {other:?}"),
    };
    view.objects(VM).map(|vm| (&*vm.reference().id, address(vm.get(column)))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_has_what_vsphere_has_and_never_changes() {
    let followed = Followed::start(10_000, quick()).await;
    let view = followed.until("the first load", |_| true).await;
    let direct = Direct::new(client(&followed.simulator)).forgetful();
    for kind in [VM, Kind::HostSystem, Kind::ClusterComputeResource, Kind::Datastore, Kind::Folder] {
        let name = view.column(kind, "name").unwrap();
        let mut seen = BTreeMap::new();
        for object in view.objects(kind) {
            let Property::Set(value) = object.get(name) else { panic!("{} has no name", object.reference()) };
            seen.insert(object.reference().clone(), value.clone());
        }
        let rows = direct.list(kind, &["name"]).await.unwrap();
        let expected: BTreeMap<_, _> =
            rows.into_iter().map(|row| (row.object.clone(), row.readable("name").unwrap().clone())).collect();
        assert_eq!(seen, expected, "{kind:?}");
    }
    assert!(view.column(VM, GUEST).is_none(), "no request asked for it");
    let before = view.objects(VM).count();
    followed.simulator.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
    let later = followed.until("the new machine", |view| view.objects(VM).count() > before).await;
    assert_eq!(view.objects(VM).count(), before, "a version never changes");
    assert!(later.confirmed() >= view.confirmed());
    // The later version shares what did not change: neither of the two is a copy.
    let (old, new) = (addresses(&view, POWER), addresses(&later, POWER));
    assert!(old.iter().all(|(id, address)| new.get(id) == Some(address)));
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_paths_are_watched_at_once_and_dropped_some_time_after_the_guard() {
    let settings = CacheSettings { ttl: Duration::from_secs(1), housekeeping: Duration::from_millis(200), ..quick() };
    let followed = Followed::start(20, settings).await;
    let inventory = followed.host.inventory();
    let all = inventory.view().unwrap().objects(VM).count();
    followed.simulator.reset_calls();
    let pinned = inventory.pin(VM, &[GUEST, POWER, "config.hardware.device"]);
    let view = followed.until("the pinned path", |view| values(view, GUEST) == all).await;
    assert!(view.column(VM, "config.hardware.device").is_none(), "it is never watched");
    let read = |method| followed.calls_of(method);
    assert_eq!((read("RetrievePropertiesEx"), read("CreateFilter")), (0, 1), "it was not learned by missing it");
    // A path that is asked for and not pinned is dropped; the pinned one outlives that.
    let object = view.objects(VM).next().unwrap().reference().clone();
    for _ in 0..3 {
        inventory.read(std::slice::from_ref(&object), &["config.version"]).await.unwrap();
    }
    followed.until("a learned path", |view| values(view, "config.version") > 0).await;
    followed.until("its end", |view| view.column(VM, "config.version").is_none()).await;
    assert_eq!(values(&inventory.view().unwrap(), GUEST), all);
    drop(pinned);
    assert_eq!(values(&inventory.view().unwrap(), GUEST), all, "it is not dropped at once");
    followed.until("the end of the pinned path", |view| view.column(VM, GUEST).is_none()).await;
    assert_eq!(values(&inventory.view().unwrap(), POWER), all, "what is always watched stays");
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_property_is_told_from_an_unset_one() {
    let followed = Followed::start(0, quick()).await;
    followed.simulator.deny("VirtualMachine", GUEST, Some("VirtualMachine.Config.Settings"));
    let _pinned = followed.host.inventory().pin(VM, &[GUEST]);
    let has_all = |view: &View| {
        let Some(column) = view.column(VM, GUEST) else { return false };
        view.objects(VM).all(|vm| matches!(vm.get(column), Property::Refused(_)))
    };
    let view = followed.until("the refusals", has_all).await;
    assert!(view.objects(VM).count() > 0, "{}", json!(followed.host.inventory().health()));
    followed.hosts.stop().await;
}
