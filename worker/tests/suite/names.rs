//! Objects whose names look like something else, and datastores whose URLs are spelt in several ways: every method finds the one
//! that is meant.

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};

use crate::support::host::{Followed, HOST, answer, direct, quick, registered};

const ODD: &[&str] = &["-fixtures", "odd"];

async fn reply(followed: &Followed, method: &str, fields: Json) -> Json {
    let mut request = fields;
    request["properties"] = request["properties"].take();
    request["method"] = json!(method);
    request["hostname"] = json!(HOST);
    serde_json::from_slice(&answer(&followed.dispatcher, request.to_string().as_bytes()).await).unwrap()
}

/// The ids of the objects that `perf.get` answers for.
async fn with_counters(followed: &Followed, name: &str, kind: &str) -> Vec<String> {
    let fields = json!({"name": name, "key": kind, "counter-name": "cpu.usage.average"});
    let reply = reply(followed, "perf.get", fields).await;
    let rows = reply["result"].as_array().unwrap_or_else(|| panic!("{name}: {reply}"));
    rows.iter().map(|row| row["moid"].as_str().unwrap().to_owned()).collect()
}

async fn id_of(followed: &Followed, method: &str, name: &str) -> Json {
    let reply = reply(followed, method, json!({"name": name, "properties": "moid"})).await;
    assert_eq!(reply["success"], 0, "{name}: {reply}");
    reply["result"][0]["moid"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_mean_what_they_name() {
    let simulator = Simulator::start(&SimOptions { flags: ODD, ..SimOptions::default() });
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        names_go_before_patterns_and_places(&followed).await;
        names_are_found_by_either_spelling(&followed).await;
        the_primary_of_a_pair_is_meant(&followed).await;
        urls_are_accepted_in_every_spelling(&followed).await;
        followed.stop().await;
    }
}

async fn names_go_before_patterns_and_places(followed: &Followed) {
    for (name, id) in [
        ("vm0*", "vm-301"),
        ("*", "vm-302"),
        ("vm?1", "vm-303"),
        ("[vm01]", "vm-304"),
        ("host: old", "vm-305"),
        ("cluster:2", "vm-306"),
        ("folder:x", "vm-307"),
        (" padded ", "vm-313"),
    ] {
        assert_eq!(with_counters(followed, name, "vm").await, [id], "{name}");
        assert_eq!(id_of(followed, "vm.get", name).await, id);
    }
    // An id is an id, whatever is called like it.
    assert_eq!(with_counters(followed, "moid:vm-101", "vm").await, ["vm-101"]);
    // What no object is called is a pattern or a place still.
    assert_eq!(with_counters(followed, "vm01*", "vm").await, ["vm-101"]);
    assert_eq!(with_counters(followed, "a/*", "vm").await, ["vm-310"]);
    assert_eq!(with_counters(followed, "folder: dept/A", "vm").await, ["vm-334"]);
    assert!(with_counters(followed, "cluster:cluster01", "vm").await.len() > 10);
}

async fn names_are_found_by_either_spelling(followed: &Followed) {
    for (method, typed, id) in [
        ("vm.get", "a/b", "vm-310"),
        ("vm.get", "a%2fb", "vm-310"),
        ("vm.get", "c\\d", "vm-311"),
        ("vm.get", "c%5Cd", "vm-311"),
        ("vm.get", "100% sure", "vm-312"),
        ("vm.get", "/datacenter01/vm/dept%2fA/in-folder", "vm-334"),
        ("vm.get", "/datacenter01/vm/dept/A/in-folder", "vm-334"),
        ("vm.get", "/datacenter01/vm/a/b", "vm-310"),
        ("vm.get", "/vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/broken/broken.vmx", "vm-333"),
        ("datastore.get", "nfs/share", "datastore-303"),
        ("datastore.get", "host: old", "datastore-306"),
    ] {
        assert_eq!(id_of(followed, method, typed).await, id, "{typed}");
    }
    let reply = reply(followed, "datacenter.get", json!({"name": "dc/empty"})).await;
    assert_eq!(reply["result"], json!([{"name": "dc%2fempty"}]));
}

/// Both have the name and the UUIDs, the secondary the lower id.
async fn the_primary_of_a_pair_is_meant(followed: &Followed) {
    let own = reply(followed, "vm.get", json!({"name": "ft-pair", "properties": "moid,config.uuid,config.instanceUuid"})).await;
    let own = &own["result"][0];
    assert_eq!(own["moid"], "vm-332");
    for path in ["config.uuid", "config.instanceUuid"] {
        assert_eq!(id_of(followed, "vm.get", own[path].as_str().unwrap()).await, "vm-332", "{path}");
    }
    assert_eq!(with_counters(followed, "ft-pair", "vm").await, ["vm-332"]);
    let listed = reply(followed, "vm.discover", json!({"properties": "@vm.list"})).await;
    let role = |moid: &str| {
        let row = listed["result"].as_array().unwrap().iter().find(|row| row["moid"] == moid);
        row.unwrap_or_else(|| panic!("no {moid}"))["config.ftInfo.role"].clone()
    };
    assert_eq!([role("vm-331"), role("vm-332"), role("vm-101")], [json!(2), json!(1), Json::Null]);
}

/// What `datastore.discover` answers, and what the other sort of server would have answered.
async fn urls_are_accepted_in_every_spelling(followed: &Followed) {
    let listed = reply(followed, "datastore.discover", json!({"properties": "moid,summary.url"})).await;
    let rows = listed["result"].as_array().unwrap();
    assert!(rows.len() >= 11, "{listed}");
    for row in rows {
        let volume = row["summary.url"].as_str().unwrap();
        let volume = volume.trim_start_matches("ds://").trim_end_matches('/').trim_start_matches("/vmfs/volumes/");
        for form in ["ds:///vmfs/volumes/{}/", "ds:///vmfs/volumes/{}", "/vmfs/volumes/{}/", "/vmfs/volumes/{}"] {
            let url = form.replace("{}", volume);
            assert_eq!(id_of(followed, "datastore.get", &url).await, row["moid"], "{url}");
            assert_eq!(reply(followed, "datastore.host.get", json!({"name": url})).await["success"], 0, "{url}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_whose_roles_may_not_be_read_is_an_error() {
    let simulator = Simulator::start(&SimOptions { flags: ODD, ..SimOptions::default() });
    simulator.deny("VirtualMachine", "config.ftInfo", Some("System.Read"));
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        for method in ["vm.get", "vm.host.get", "vm.snapshot.summary.get"] {
            let refused = reply(&followed, method, json!({"name": "ft-pair", "properties": "name"})).await;
            let text = refused["msg"].as_str().unwrap();
            assert!(text.contains("NoPermission (property config.ftInfo.role) (object vim.VirtualMachine:vm-33"), "{text}");
            assert!(text.contains("2 objects have this name, so name one by its id: moid:vm-331, moid:vm-332"), "{text}");
        }
        assert_eq!(id_of(&followed, "vm.get", "moid:vm-332").await, "vm-332");
        assert_eq!(id_of(&followed, "vm.get", "vm0*").await, "vm-301", "a name that one machine has");
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_host_finds_its_datastore_by_the_url_that_it_answers() {
    let simulator = Simulator::start(&SimOptions { esx: true, flags: ODD, ..SimOptions::default() });
    for cache in [direct(), quick()] {
        its_own_url_is_accepted(&Followed::start(&registered(&simulator), cache).await).await;
    }
}

async fn its_own_url_is_accepted(followed: &Followed) {
    let listed = reply(followed, "datastore.discover", json!({"properties": "info.url"})).await;
    let url = listed["result"][0]["info.url"].as_str().unwrap();
    assert!(url.starts_with("/vmfs/volumes/"), "{listed}");
    for name in [url.to_owned(), format!("{url}/"), format!("ds://{url}"), format!("ds://{url}/"), format!("DS://{url}/")] {
        for method in ["datastore.get", "datastore.host.get", "datastore.vm.get", "datastore.alarm.get"] {
            assert_eq!(reply(followed, method, json!({"name": name})).await["success"], 0, "{method} {name}");
        }
        let sample = json!({"name": "esxi-vm01", "counter-name": "datastore.read.average", "instance": name});
        let sample = reply(followed, "vm.perf.metric.get", sample).await;
        assert_eq!(sample["result"].as_array().map(Vec::len), Some(1), "{name}: {sample}");
    }
}
