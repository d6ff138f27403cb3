//! Filters that vSphere takes and of which it sends no values.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::{Instant, sleep};
use vpoller_inventory::{CacheSettings, Direct, Inventory, Kind, Property, View};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Client, Config, MoRef, SecretString, Tls};

use super::view::{Followed, client, quick};

const VM: Kind = Kind::VirtualMachine;

/// Waits of a second, so that two states without values are over soon.
fn impatient() -> CacheSettings {
    CacheSettings { max_stale: Duration::from_secs(2), ..quick() }
}

/// The next filters on virtual machines bring no values.
fn silence(simulator: &Simulator, next: u32) {
    simulator.page("POST", "/filters/silence", &json!({"next": next, "type": "VirtualMachine"}).to_string());
}

fn cache(followed: &Followed) -> Json {
    followed.host.inventory().health()["cache"].clone()
}

/// How far a path of virtual machines has come.
fn stage(followed: &Followed, path: &str) -> String {
    let cache = cache(followed);
    let mut paths = cache["paths"].as_array().unwrap().iter();
    let own = paths.find(|own| own["type"] == "VirtualMachine" && own["path"] == path);
    own.map_or_else(String::new, |own| own["stage"].as_str().unwrap().to_owned())
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "waited {SOON:?} in vain for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

fn has_all(view: &View, path: &str) -> bool {
    let Some(column) = view.column(VM, path) else { return false };
    view.objects(VM).all(|vm| vm.get(column) != Property::Unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_without_values_is_noticed_and_its_paths_are_read_for_a_while() {
    let followed = Followed::at(Simulator::start(&SimOptions::default()), impatient()).await;
    let (inventory, simulator) = (followed.host.inventory(), &followed.simulator);
    let object = [MoRef::new("VirtualMachine", "vm-101")];
    // What no machine has is reported: nothing of it counts as silence.
    let _pinned = inventory.pin(VM, &["config.vAppConfig"]);
    followed.until("what is unset", |view| has_all(view, "config.vAppConfig")).await;
    silence(simulator, 1);
    for _ in 0..2 {
        inventory.read(&object, &["config.guestId"]).await.unwrap();
    }
    followed.until("the values by another collector", |view| has_all(view, "config.guestId")).await;
    assert_eq!(simulator.calls_of("CreatePropertyCollector"), 2);
    silence(simulator, 1);
    for _ in 0..2 {
        inventory.read(&object, &["config.version"]).await.unwrap();
    }
    followed.until("the end of the silent filter", |_| stage(&followed, "config.version") == "no values").await;
    simulator.reset_calls();
    for _ in 0..3 {
        assert!(inventory.read(&object, &["config.version"]).await.unwrap()[0].readable("config.version").is_some());
    }
    let calls = simulator.calls().methods;
    assert_eq!((calls.get("RetrievePropertiesEx"), calls.get("CreatePropertyCollector")), (Some(&1), None));
    let view = inventory.view().unwrap();
    assert!(has_all(&view, "config.guestId") && view.column(VM, "config.version").is_none());
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_base_set_nothing_is_published_and_answers_are_kept_for_a_moment() {
    let simulator = Simulator::start(&SimOptions::default());
    silence(&simulator, 1);
    let followed = Followed::at(simulator, impatient()).await;
    let view = followed.host.inventory().view().unwrap();
    assert!(view.objects(VM).count() > 10 && has_all(&view, "name"), "by another collector");
    assert_eq!(followed.simulator.calls_of("CreatePropertyCollector"), 2);
    followed.hosts.stop().await;
    // The second filter on machines is the base set of the collector that is made anew.
    let simulator = Simulator::start(&SimOptions::default());
    silence(&simulator, 2);
    let asking = client(&simulator);
    let followed = Followed::begin(simulator, asking, impatient());
    let inventory = followed.host.inventory();
    let expected = Direct::new(client(&followed.simulator)).list(VM, &["name"]).await.unwrap();
    until("the second collector is silent", || followed.simulator.calls_of("WaitForUpdatesEx") > 6).await;
    assert!(inventory.view().is_none());
    assert_eq!(cache(&followed)["state"], "empty");
    followed.simulator.reset_calls();
    for _ in 0..3 {
        assert_eq!(inventory.list(VM, &["name"]).await.unwrap(), expected);
    }
    assert_eq!(followed.simulator.calls_of("RetrievePropertiesEx"), 1);
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_sees_nothing_is_followed() {
    let simulator = Simulator::start(&SimOptions::default());
    let nothing = json!({"user": "nothing", "password": "x", "below": ["Folder:group-d1"], "alone": true});
    simulator.page("POST", "/account", &nothing.to_string());
    let mut config = Config::new("vc01.example.org", "nothing", SecretString::from("x"));
    config.address = Some(simulator.address());
    config.tls = Tls::Off;
    let followed = Followed::begin(simulator, Client::new(config).unwrap(), impatient());
    let view = followed.until("the empty estate", |_| true).await;
    assert_eq!((view.objects(VM).count(), cache(&followed)["state"].as_str()), (0, Some("live")));
    let whole = json!({"user": "nothing"});
    followed.simulator.page("POST", "/account", &whole.to_string());
    followed.simulator.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
    followed.until("machines", |view| view.objects(VM).count() > 0).await;
    assert_eq!(followed.simulator.calls_of("CreatePropertyCollector"), 1, "nothing was silent");
    followed.hosts.stop().await;
}
