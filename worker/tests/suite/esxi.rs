//! Every method against a standalone ESXi host: it works there too, or its error says why not.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_wire::text;
use vpoller_worker::methods::METHODS;

/// What is expected of a request.
enum Expected {
    /// This result.
    Result(Json),
    /// A result, whatever it holds: it differs from run to run.
    Some,
    /// A failure with this text.
    Failure(&'static str),
    /// This result from memory, a failure with this text where nothing is remembered.
    Remembered(Json, &'static str),
}

use Expected::{Failure, Remembered, Result, Some as Something};
use vpoller_inventory::CacheSettings;

use crate::support::host::{Followed, answer, direct, quick, registered};

const HOST: &str = "esxi-standalone.example.org";
const VM: &str = "esxi-vm01";
const STORE: &str = "esxi-datastore1";
const URL: &str = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079f/";
const NOT_FOLLOWED: &str = "Cannot collect properties: NotSupported: what may not be read is known only of an inventory that is \
    followed, and the cache is off";
const NO_CLUSTER: &str = "Cannot find object cluster01";

/// Method, further fields, what is expected.
fn table() -> Vec<(&'static str, Json, Expected)> {
    let named = |name: &str| json!({"name": name, "properties": null});
    let sample =
        |name: &str, counter: &str, interval: &str| json!({"name": name, "counter-name": counter, "perf-interval": interval});
    let vms = || json!([{"name": VM}, {"name": "esxi-vm02"}]);
    vec![
        ("about", json!({"properties": "apiType"}), Result(json!([{"apiType": "HostAgent"}]))),
        ("event.latest", json!({}), Something),
        (
            "event.get",
            json!({"key": "1000 limit=1"}),
            Result(json!([{
                "key": 1001, "time": "2015-02-10 15:48:40+00:00", "type": "esx.audit.net.firewall.port.hooked", "severity": null,
                "user": "", "entity": null, "message": "esx.audit.net.firewall.port.hooked (1 vmk0, 2 esxi-vm01)",
            }])),
        ),
        ("alarm.get", json!({}), Result(json!([]))),
        ("session.get", json!({}), Something),
        ("privilege.missing.get", json!({}), Remembered(json!([]), NOT_FOLLOWED)),
        ("perf.counter.info", json!({}), Something),
        ("perf.metric.info", json!({}), Something),
        (
            "perf.interval.info",
            json!({}),
            Result(json!([{
                "key": 1, "samplingPeriod": 300, "name": "PastDay", "length": 129_600, "level": 1, "enabled": true,
            }])),
        ),
        ("perf.get", json!({"counter-name": "cpu.usage.average"}), Something),
        ("object.discover", json!({"key": "ComputeResource"}), Something),
        (
            "object.get",
            json!({"key": "Folder", "name": "/ha-datacenter/vm", "properties": "childType"}),
            Result(json!([{"ref": "vim.Folder:ha-folder-vm", "name": "vm", "childType": ["VirtualMachine"]}])),
        ),
        ("net.discover", json!({}), Result(json!([{"name": "VM Network"}]))),
        ("net.get", named("VM Network"), Result(json!([{"name": "VM Network"}]))),
        ("net.host.get", named("VM Network"), Result(json!({"name": "VM Network", "host": [{"name": HOST}]}))),
        ("net.vm.get", named("VM Network"), Result(json!({"name": "VM Network", "vm": vms()}))),
        ("datacenter.discover", json!({}), Result(json!([{"name": "ha-datacenter"}]))),
        ("datacenter.get", named("ha-datacenter"), Result(json!([{"name": "ha-datacenter"}]))),
        ("datacenter.alarm.get", named("ha-datacenter"), Result(json!([]))),
        ("datacenter.perf.counter.info", named("ha-datacenter"), Result(json!([]))),
        ("datacenter.perf.metric.info", named("ha-datacenter"), Result(json!([]))),
        ("datacenter.perf.metric.get", sample("ha-datacenter", "cpu.usage", "PastDay"), Result(json!([]))),
        (
            "datacenter.summary.get",
            json!({"name": "ha-datacenter", "properties": "hosts,vms.on,cpu.total,datastores"}),
            Result(json!([{"hosts": 1, "vms.on": 1, "cpu.total": 18_400_000_000_i64, "datastores": 1}])),
        ),
        ("cluster.discover", json!({}), Result(json!([]))),
        ("cluster.get", named("cluster01"), Failure(NO_CLUSTER)),
        ("cluster.alarm.get", named("cluster01"), Failure(NO_CLUSTER)),
        ("cluster.perf.counter.info", named("cluster01"), Failure(NO_CLUSTER)),
        ("cluster.perf.metric.info", named("cluster01"), Failure(NO_CLUSTER)),
        ("cluster.perf.metric.get", sample("cluster01", "cpu.usage", "1"), Failure("Cannot find object: cluster01")),
        ("cluster.summary.get", named("cluster01"), Failure(NO_CLUSTER)),
        ("resource.pool.discover", json!({}), Result(json!([{"name": "Resources"}]))),
        ("resource.pool.get", named("Resources"), Result(json!([{"name": "Resources"}]))),
        (
            "resource.pool.vm.get",
            named("Resources"),
            Result(json!([
                {"name": VM, "resourcePool.name": "Resources"}, {"name": "esxi-vm02", "resourcePool.name": "Resources"},
            ])),
        ),
        ("host.discover", json!({}), Result(json!([{"name": HOST}]))),
        ("host.get", named(HOST), Result(json!([{"name": HOST}]))),
        ("host.alarm.get", named(HOST), Result(json!([]))),
        ("host.cluster.get", named(HOST), Result(json!([{"name": HOST, "cluster": HOST}]))),
        ("host.vm.get", named(HOST), Result(vms())),
        ("host.net.get", named(HOST), Result(json!({"name": HOST, "network": [{"name": "VM Network"}]}))),
        ("host.datastore.get", named(HOST), Result(json!([{"name": STORE, "info.url": URL}]))),
        ("host.perf.counter.info", named(HOST), Something),
        ("host.perf.metric.info", named(HOST), Something),
        ("host.perf.metric.get", sample(HOST, "cpu.usage.average", ""), Something),
        ("host.perf.metric.get", sample(HOST, "mem.usage.average", "Past day"), Something),
        ("vm.discover", json!({}), Result(vms())),
        ("vm.get", named(VM), Result(json!([{"name": VM}]))),
        (
            "vm.get",
            json!({"name": VM, "properties": "customValue.Owner"}),
            Failure("Cannot collect properties: NotSupported: a host without vCenter has no custom attributes"),
        ),
        ("vm.alarm.get", named(VM), Result(json!([]))),
        ("vm.disk.discover", named(VM), Result(json!([{"name": VM, "disk": [{"diskPath": "/"}]}]))),
        ("vm.disk.get", json!({"name": VM, "key": "/"}), Result(json!([{"name": VM, "disk": {"diskPath": "/"}}]))),
        ("vm.guest.net.get", named(VM), Result(json!({"name": VM, "net": [{"network": "VM Network"}]}))),
        ("vm.net.get", named(VM), Result(json!({"name": VM, "network": [{"name": "VM Network"}]}))),
        ("vm.datastore.get", named(VM), Result(json!([{"name": STORE, "info.url": URL}]))),
        ("vm.host.get", named(VM), Result(json!([{"name": VM, "host": HOST}]))),
        ("vm.process.get", json!({"name": VM, "username": "root", "password": "p4ssw0rd"}), Something),
        ("vm.cpu.usage.percent", named(VM), Something),
        ("vm.snapshot.get", named(VM), Failure("No snapshots found for: esxi-vm01")),
        ("vm.snapshot.summary.get", named(VM), Result(json!([{"name": VM, "count": 0, "age": 0, "size": 0}]))),
        ("vm.perf.counter.info", named(VM), Something),
        ("vm.perf.metric.info", named(VM), Something),
        ("vm.perf.metric.get", sample(VM, "cpu.usage.average", ""), Something),
        ("datastore.discover", json!({}), Result(json!([{"name": STORE}]))),
        ("datastore.get", named(URL), Result(json!([{"name": STORE, "info.url": URL}]))),
        ("datastore.alarm.get", named(STORE), Result(json!([]))),
        ("datastore.host.get", named(STORE), Result(json!([{"name": HOST}]))),
        ("datastore.vm.get", named(STORE), Result(vms())),
        ("datastore.perf.counter.info", named(STORE), Result(json!([]))),
        ("datastore.perf.metric.info", named(STORE), Result(json!([]))),
        (
            "datastore.perf.metric.get",
            sample(STORE, "disk.used", ""),
            Failure("No historical performance interval provided for entity esxi-datastore1"),
        ),
        (
            "vsan.health.get",
            named(HOST),
            Result(json!([{
                "name": HOST, "uuid": null, "nodeUuid": "72c0d73b-3b63-5e2e-ac04-a8b2d2509866", "health": "unknown",
            }])),
        ),
        (text::STATUS, json!({"properties": "agents.0.restarts"}), Result(json!({"agents.0.restarts": 0}))),
    ]
}

#[test]
fn no_method_is_left_out() {
    let asked: BTreeSet<&str> = table().iter().map(|(method, ..)| *method).collect();
    assert_eq!(asked, METHODS.iter().map(|method| method.name).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_host_is_served_too() {
    for cache in [direct(), quick()] {
        serves_everything(cache).await;
    }
}

async fn serves_everything(cache: CacheSettings) {
    let simulator = Simulator::start(&SimOptions { esx: true, ..SimOptions::default() });
    let registered = registered(&simulator);
    let followed = Followed::start(&registered, cache).await;
    let mut wrong = Vec::new();
    for (method, mut request, expected) in table() {
        (request["method"], request["hostname"]) = (json!(method), json!(registered.name));
        let reply: Json = serde_json::from_slice(&answer(&followed.dispatcher, request.to_string().as_bytes()).await).unwrap();
        let right = match expected {
            Result(result) => reply["result"] == result,
            Something => reply["result"].as_array().is_some_and(|rows| !rows.is_empty()),
            Remembered(result, _) if cache.enabled => reply["result"] == result,
            Failure(text) | Remembered(_, text) => reply["msg"] == text && reply["success"] == 1,
        };
        if !right {
            wrong.push(format!("{request}: {reply}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    followed.stop().await;
}
