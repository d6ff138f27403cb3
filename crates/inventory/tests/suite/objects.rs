//! Members that only a subtype has, and objects that are there without their values.

use std::collections::BTreeSet;

use serde_json::json;
use vpoller_inventory::{Direct, Inventory, Kind, Property, Refusal, Row, View};
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::relay::{Fault, Rule};
use vpoller_testkit::{Bed, Relay, SimOptions, Simulator};
use vpoller_vsphere::{MoRef, Value};

use super::view::{Followed, client, client_at, quick};

const CLUSTER: Kind = Kind::ClusterComputeResource;
const VM: Kind = Kind::VirtualMachine;
/// The first three are declared; of the others only a part is.
const PATHS: [&str; 8] = [
    "name",
    "summary.numHosts",
    "summary.totalCpu",
    "summary.currentFailoverLevel",
    "summary.numVmotions",
    "configurationEx.dasConfig.enabled",
    "configurationEx.drsConfig.enabled",
    "configurationEx.drsConfig.defaultVmBehavior",
];

/// What is watched of clusters because it was asked for.
fn learned(followed: &Followed) -> BTreeSet<String> {
    let health = followed.host.inventory().health();
    let paths = health["cache"]["paths"].as_array().unwrap();
    let of_clusters = paths.iter().filter(|path| path["type"] == "ComputeResource" && path["stage"] == "watched");
    of_clusters.map(|path| path["path"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_subtype_has_is_read_and_watched_with_its_declared_part() {
    // The library's own updates get lost with a wait that is given up, so the bed that sends its own is asked.
    {
        let bed = Bed::Packaged;
        let followed = Followed::at(Simulator::start(&SimOptions { bed, ..SimOptions::default() }), quick()).await;
        let inventory = followed.host.inventory();
        let direct = Direct::new(client(&followed.simulator)).forgetful();
        let expected = direct.list(CLUSTER, &PATHS).await.unwrap();
        assert!(expected[0].readable("configurationEx.drsConfig.enabled").is_some(), "{bed:?}: {expected:?}");
        let unknown = direct.list(CLUSTER, &["summary.novelty"]).await.unwrap();
        let is_invalid = unknown[0].refusal("summary.novelty").is_some_and(Refusal::is_invalid);
        assert!(is_invalid, "{bed:?}: what no type has is invalid: {unknown:?}");
        let cluster = [expected[0].object.clone()];
        // Declared first, so that it is watched on its own before the whole is.
        for _ in 0..2 {
            inventory.read(&cluster, &PATHS[..3]).await.unwrap();
        }
        followed.until("the declared paths", |_| learned(&followed).len() == 2).await;
        for _ in 0..2 {
            assert_eq!(inventory.read(&cluster, &PATHS).await.unwrap(), expected[..1], "{bed:?}");
        }
        let whole = BTreeSet::from(["configurationEx".to_owned(), "summary".to_owned()]);
        followed.until("the whole paths", |view| learned(&followed) == whole && is_told(view, "summary.totalCpu")).await;
        followed.simulator.reset_calls();
        assert_eq!(inventory.read(&cluster, &PATHS).await.unwrap(), expected[..1], "{bed:?}");
        assert_eq!(followed.simulator.calls_of("RetrievePropertiesEx"), 0, "{bed:?}");
        followed.simulator.set("ClusterComputeResource", "cluster01", "summary.numVmotions", &json!(4711));
        let is_new = |view: &View| {
            let Some(column) = view.column(CLUSTER, "summary.numVmotions") else { return false };
            view.objects(CLUSTER).any(|cluster| cluster.get(column) == Property::Set(&Value::Int(4711)))
        };
        followed.until("the change", is_new).await;
        assert_eq!(learned(&followed), whole, "{bed:?}");
        followed.hosts.stop().await;
    }
}

fn is_told(view: &View, path: &str) -> bool {
    let Some(column) = view.column(CLUSTER, path) else { return false };
    view.objects(CLUSTER).all(|cluster| matches!(cluster.get(column), Property::Set(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_other_subtypes_are_read_too() {
    let simulator = Simulator::start(&SimOptions::default());
    let direct = Direct::new(client(&simulator)).forgetful();
    for (kind, path, whole) in [
        (Kind::Datastore, "info.vmfs.name", "info"),
        (Kind::DistributedVirtualSwitch, "config.maxMtu", "config"),
        (Kind::DistributedVirtualPortgroup, "config.defaultPortConfig.vlan", "config.defaultPortConfig"),
    ] {
        let rows = direct.list(kind, &[path, whole]).await.unwrap();
        let rest = path.strip_prefix(whole).unwrap().trim_start_matches('.');
        let part = |row: &Row| row.readable(whole).and_then(|value| value.part(rest)).cloned();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.readable(path).cloned() == part(row)), "{path}: {rows:?}");
    }
}

/// Makes a machine that has these properties alone.
fn half_made(simulator: &Simulator, name: &str, only: &[&str]) -> MoRef {
    let made = simulator.page("POST", "/vm/create", &json!({"name": name, "only": only}).to_string());
    MoRef::new("VirtualMachine", made["moid"].as_str().unwrap())
}

fn lists(view: &View, object: &MoRef) -> bool {
    view.objects(VM).any(|vm| vm.reference() == object)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_its_values_is_dropped_and_counted_until_it_has_them() {
    let followed = Followed::at(Simulator::start(&SimOptions::default()), quick()).await;
    let simulator = &followed.simulator;
    let half_made_count = |view: &View, expected: u64| {
        let health = followed.host.inventory().health();
        view.objects(VM).count() > 0 && health["cache"]["half_made"] == json!(expected)
    };
    let before = followed.host.inventory().view().unwrap().objects(VM).count();
    let bare = half_made(simulator, "bare", &[]);
    let named = half_made(simulator, "named", &["name"]);
    // One that no server knows any more when it is asked for.
    let gone = json!({"kind": "enter", "type": "VirtualMachine", "moid": "vm-9001", "values": {"name": "clone"}});
    simulator.page("POST", "/update", &gone.to_string());
    let view = followed.until("three that are not whole", |view| half_made_count(view, 3)).await;
    assert_eq!(view.objects(VM).count(), before, "{}", followed.host.inventory().health());
    simulator.reset_calls();
    let known = MoRef::new("VirtualMachine", "vm-101");
    let rows = followed.host.inventory().read(std::slice::from_ref(&known), &["name"]).await.unwrap();
    assert_eq!((rows.len(), simulator.calls_of("RetrievePropertiesEx")), (1, 0), "they are not read again and again");
    for object in [&bare, &named] {
        simulator.page("POST", "/mask", &json!({"type": "VirtualMachine", "moid": &*object.id}).to_string());
    }
    followed.until("their values", |view| lists(view, &bare) && lists(view, &named) && half_made_count(view, 1)).await;
    simulator.page("POST", "/vm/destroy", &json!({"moid": &*bare.id}).to_string());
    followed.until("the end of one", |view| !lists(view, &bare)).await;
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn first_values_that_come_as_removed_are_unset() {
    let simulator = Simulator::start(&SimOptions { flags: &["-unset-removed"], ..SimOptions::default() });
    let followed = Followed::at(simulator, quick()).await;
    let inventory = followed.host.inventory();
    let paths = ["guest.disk", "config.annotation", "runtime.bootTime"];
    let _pinned = inventory.pin(VM, &paths);
    let is_told = |view: &View| {
        let columns: Option<Vec<_>> = paths.iter().map(|path| view.column(VM, path)).collect();
        columns
            .is_some_and(|columns| view.objects(VM).all(|vm| columns.iter().all(|column| vm.get(*column) != Property::Unknown)))
    };
    followed.until("the first values", is_told).await;
    let by_id = |mut rows: Vec<Row>| {
        rows.sort_by(|a, b| a.object.cmp(&b.object));
        rows
    };
    let direct = Direct::new(client(&followed.simulator)).forgetful();
    let (ours, theirs) = (inventory.list(VM, &paths).await.unwrap(), direct.list(VM, &paths).await.unwrap());
    assert_eq!(by_id(ours), by_id(theirs));
    followed.hosts.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_read_fails_is_refused_and_the_others_answer() {
    let simulator = Simulator::start(&SimOptions { vms: 300, ..SimOptions::default() });
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    let followed = Followed::begin(simulator, client_at(relay.address()), quick());
    followed.until("the first load", |_| true).await;
    let inventory = followed.host.inventory();
    let expected = inventory.list(VM, &["name", "config.version"]).await.unwrap();
    let read = || Rule::new(Fault::Status(500)).for_method("RetrievePropertiesEx");
    let bad = MoRef::new("VirtualMachine", "vm-101");
    relay.add(read().about(">vm-101<"));
    // The read of the whole view fails as one that names the object does.
    relay.add(read().about("TraversalSpec").times(1));
    let rows = inventory.list(VM, &["name", "config.guestFullName"]).await.unwrap();
    assert_eq!(rows.len(), expected.len());
    for row in &rows {
        let refusal = row.refusal("config.guestFullName").map(Refusal::fault);
        assert_eq!(refusal, (row.object == bad).then_some("HTTP status 500"), "{row:?}");
    }
    let calls = relay.calls_of("RetrievePropertiesEx");
    assert!(calls < 40, "{calls} calls for {} machines", rows.len());
    // Asked for alone it is an error, of this object: the connection stands, and memory answers.
    let error = inventory.read(std::slice::from_ref(&bad), &["config.files"]).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 500, and other reads as usual"), "{error}");
    followed.host.failed(&error);
    assert!(followed.host.is_connected(), "{:?}", followed.host.connection());
    let other = [MoRef::new("VirtualMachine", "vm-102")];
    assert!(inventory.read(&other, &["config.files"]).await.unwrap()[0].readable("config.files").is_some());
    assert_eq!(followed.simulator.calls_of("Login"), 1);
    // A search that finds too much is given up.
    relay.add(read().about("config.extraConfig"));
    relay.reset_calls();
    let machines: Vec<MoRef> = rows.into_iter().map(|row| row.object).collect();
    let error = inventory.read(&machines, &["config.extraConfig"]).await.unwrap_err();
    assert!(error.to_string().contains("HTTP status 500"), "{error}");
    assert!(relay.calls_of("RetrievePropertiesEx") <= 2 * 17, "{:?}", relay.calls());
    assert!(followed.host.is_connected());
    followed.hosts.stop().await;
}

/// What a server answers that does not find the root folder.
const NO_ROOT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>It has gone.</faultstring><detail>
<ManagedObjectNotFoundFault xmlns="urn:vim25" xsi:type="ManagedObjectNotFound"><obj type="Folder">group-d1</obj>
</ManagedObjectNotFoundFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_root_folder_that_is_not_found_is_watched_by_no_filter() {
    let simulator = Simulator::start(&SimOptions::default());
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    relay.add(Rule::new(Fault::Answer(500, NO_ROOT.to_owned())).for_method("CreateFilter").about(">group-d1<"));
    let followed = Followed::begin(simulator, client_at(relay.address()), quick());
    let view = followed.until("the first load", |view| view.objects(VM).count() > 0).await;
    assert!(view.objects(Kind::Folder).count() > 3);
    // One that names no object would be one on the whole view.
    assert_eq!(followed.simulator.calls_of("CreateFilter"), 1, "{:?}", relay.calls());
    assert!(relay.calls_of("CreateFilter") > 1 && followed.host.is_connected());
    followed.hosts.stop().await;
}
