//! Accounts that may not read everything: what is refused is never taken for what is not there.

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_worker::Registered;

use crate::support::host::{Followed, HOST, answer, calls, direct, quick, registered};

#[tokio::test(flavor = "multi_thread")]
async fn missing_privileges_are_told_from_memory_the_root_folders_too() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    assert_eq!(followed.ask("privilege.missing.get", None, &[]).await["result"], json!([]));
    followed.stop().await;

    simulator.deny("Folder", "triggeredAlarmState", Some("System.Read"));
    simulator.deny("Datastore", "summary.url", Some("Datastore.Browse"));
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.reset_calls();
    let reply = followed.ask("privilege.missing.get", None, &[]).await;
    assert_eq!(calls(&simulator), 0);
    let missing = |privilege: &str| -> Json {
        let rows = reply["result"].as_array().unwrap();
        rows.iter().find(|row| row["privilege"] == privilege).unwrap_or_else(|| panic!("{privilege}: {reply}")).clone()
    };
    assert_eq!(
        missing("Datastore.Browse"),
        json!({
            "privilege": "Datastore.Browse", "fault": "NoPermission", "objects": 2, "types": ["Datastore"], "paths": ["summary.url"],
        })
    );
    // Four folders in each of two datacenters, and the root folder, which is in no view.
    let read = missing("System.Read");
    let seen = (&read["objects"], &read["types"], &read["paths"]);
    assert_eq!(seen, (&json!(9), &json!(["Folder"]), &json!(["triggeredAlarmState"])));
    followed.stop().await;
}

/// The first row of a result.
async fn row(followed: &Followed, method: &str, name: &str, properties: &[&str]) -> Json {
    let reply = followed.ask(method, Some(name), properties).await;
    assert_eq!(reply["success"], 0, "{method} {name}: {reply}");
    reply["result"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_say_how_many_objects_are_not_in_them_and_lists_that_cannot_be_whole_fail() {
    let simulator = Simulator::start(&SimOptions { flags: &["-missing-privileges"], ..SimOptions::default() });
    let moid = {
        let direct = Followed::start(&registered(&simulator), direct()).await;
        let moid = row(&direct, "host.get", "esxi01.example.org", &["moid"]).await["moid"].as_str().unwrap().to_owned();
        direct.stop().await;
        moid
    };
    let host = format!("HostSystem:{moid}");
    let deny = |kind: &str, path: &str, below: &str| {
        let body = json!({"type": kind, "path": path, "privilege": "System.Read", "below": below});
        simulator.page("POST", "/deny", &body.to_string());
    };
    deny("HostSystem", "summary.hardware.memorySize", &host);
    deny("HostSystem", "parent", &host);
    deny("VirtualMachine", "runtime.powerState", "VirtualMachine:vm-101");
    deny("VirtualMachine", "runtime.host", "VirtualMachine:vm-102");
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        let gap = |objects: usize| json!({"fault": "NoPermission", "privilege": "System.Read", "objects": objects});
        let cluster = row(&followed, "cluster.summary.get", "cluster01", &["hosts", "memory.total", "vms.on", "vms"]).await;
        assert_eq!(cluster["refused"], json!({"memory.total": gap(1), "vms.on": gap(1)}), "{cluster}");
        assert!(cluster["hosts"] == 3 && cluster["memory.total"].as_i64().unwrap() > 0, "{cluster}");
        let datacenter = row(&followed, "datacenter.summary.get", "datacenter01", &["hosts"]).await;
        assert_eq!(datacenter, json!({"hosts": 2, "refused": {"hosts": gap(1)}}));
        // One machine does not say where it runs: memory knows no host's machines, and the host is asked itself.
        let listed = followed.ask("host.vm.get", Some("esxi01.example.org"), &[]).await;
        let asked = row(&followed, "host.get", "esxi01.example.org", &["vm"]).await;
        assert_eq!(listed["result"].as_array().map(Vec::len), asked["vm"].as_array().map(Vec::len), "{listed}");
        followed.stop().await;
    }
}

/// What the Zabbix helper prints for a request.
async fn printed(followed: &Followed, method: &str, name: Option<&str>, more: Json) -> String {
    let mut request = json!({"method": method, "hostname": HOST, "name": name, "helper": "vpoller.helpers.zabbix"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    String::from_utf8(answer(&followed.dispatcher, request.to_string().as_bytes()).await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_place_for_a_gap_shows_no_number_that_has_one() {
    let simulator = Simulator::start(&SimOptions::default());
    for (path, object) in [("runtime.powerState", "vm-101"), ("name", "vm-102")] {
        let below = format!("VirtualMachine:{object}");
        let body = json!({"type": "VirtualMachine", "path": path, "privilege": "System.Read", "below": below});
        simulator.page("POST", "/deny", &body.to_string());
    }
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        let total = printed(&followed, "cluster.summary.get", Some("cluster01"), json!({"properties": ["vms.on"]})).await;
        assert!(total.contains("NoPermission (property vms.on)"), "{total}");
        assert!(total.contains("; 1 objects could not be read, without them it is "), "{total}");
        // vPoller does not answer that an object has gone whose name the account may not read.
        let listed = followed.ask("vm.discover", None, &["moid"]).await;
        let rows = listed["result"].as_array().unwrap();
        let hidden = rows.iter().find(|row| row["moid"] == "vm-102").unwrap_or_else(|| panic!("{listed}"));
        assert_eq!(hidden["refused"], json!({"name": {"fault": "NoPermission", "privilege": "System.Read"}}));
        let discovered = printed(&followed, "vm.discover", None, json!({"properties": ["moid"]})).await;
        assert!(discovered.contains("vm-103") && !discovered.contains("vm-102"), "{discovered}");
        let unknown = followed.ask("vm.get", Some("vm99.example.org"), &["moid"]).await["msg"].to_string();
        assert!(unknown.contains("NoPermission (property name) (object vim.VirtualMachine:vm-102)"), "{unknown}");
        let counters = json!({"method": "perf.get", "hostname": HOST, "name": "vm0*", "counter-name": "cpu.usage.average"});
        let counters: Json =
            serde_json::from_slice(&answer(&followed.dispatcher, counters.to_string().as_bytes()).await).unwrap();
        let gap =
            "Successfully retrieved performance metrics; objects that could not be read: 1, the first because of NoPermission";
        assert!(counters["msg"].as_str().is_some_and(|msg| msg.starts_with(gap)), "{counters}");
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_goes_while_it_is_listed_costs_no_other_one_its_answer() {
    let simulator = Simulator::start(&SimOptions { vms: 250, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), direct()).await;
    let all = followed.ask("vm.discover", None, &[]).await["result"].as_array().unwrap().len();
    // More than a read names at once, and more than it used to leave out.
    for number in (1..=8).chain(200..=208) {
        let body = json!({"type": "VirtualMachine", "name": format!("vm-{number:05}")});
        simulator.page("POST", "/vanish", &body.to_string());
    }
    for _ in 0..2 {
        let listed = followed.ask("vm.discover", None, &["runtime.powerState"]).await;
        assert_eq!(listed["result"].as_array().map(Vec::len), Some(all - 17), "{listed}");
        let other = followed.ask("vm.get", Some("vm01.example.org"), &["runtime.powerState"]).await;
        assert_eq!(other["result"][0]["runtime.powerState"], "poweredOn", "{other}");
    }
    let gone = followed.ask("vm.get", Some("moid:vm-00001"), &["runtime.powerState"]).await;
    assert_eq!(gone["success"], 1, "{gone}");
    let body = json!({"method": "perf.get", "hostname": HOST, "name": "vm0*", "counter-name": "cpu.usage.average"});
    let counters: Json = serde_json::from_slice(&answer(&followed.dispatcher, body.to_string().as_bytes()).await).unwrap();
    assert!(counters["result"].as_array().is_some_and(|rows| !rows.is_empty()), "{counters}");
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_on_what_cannot_be_seen_are_listed_and_named_by_what_there_is() {
    let simulator = Simulator::start(&SimOptions::default());
    let entities: Vec<String> = (0..8).map(|number| format!("VirtualMachine:vm-99{number}")).collect();
    for (name, system, entities) in [("", "alarm.systemName", &entities[..]), ("Named", "alarm.other", &entities[..1])] {
        let body = json!({"on": "Folder:group-d1", "entities": entities, "status": "red", "name": name, "systemName": system});
        simulator.page("POST", "/alarm", &body.to_string());
    }
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        let reply = followed.ask("alarm.get", None, &[]).await;
        let of = |info: &str| -> Vec<Json> {
            let rows = reply["result"].as_array().unwrap_or_else(|| panic!("{reply}"));
            rows.iter().filter(|row| row["info"] == info).map(|row| row["entity"].clone()).collect()
        };
        assert_eq!(of("alarm.systemName"), vec![Json::Null; 8], "{reply}");
        assert_eq!(of("Named"), [Json::Null], "{reply}");
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_name_may_not_be_read_is_not_taken_for_one_that_has_gone() {
    let simulator = Simulator::start(&SimOptions::default());
    simulator.deny("Datastore", "name", Some("System.Read"));
    let body = json!({"type": "VirtualMachine", "path": "name", "privilege": "System.Read", "below": "VirtualMachine:vm-102"});
    simulator.page("POST", "/deny", &body.to_string());
    // One has no name at all.
    simulator.page("POST", "/mask", &json!({"type": "VirtualMachine", "name": "vm03.example.org", "hide": ["name"]}).to_string());
    let refused = json!({"name": {"fault": "NoPermission", "privilege": "System.Read"}});
    for cache in [direct(), quick()] {
        let followed = Followed::start(&registered(&simulator), cache).await;
        let machines = followed.ask("vm.discover", None, &["moid"]).await;
        let hidden = json!({"moid": "vm-102", "refused": refused});
        assert!(machines["result"].as_array().unwrap().contains(&hidden), "{machines}");
        let pool = followed.ask("resource.pool.vm.get", Some("pool01"), &["runtime.powerState"]).await;
        assert_eq!(pool["result"][0]["refused"], refused, "{pool}");

        // A discovery object has no place to say it: what has a name is in it, and it fails where nothing has.
        let machines = printed(&followed, "net.vm.get", Some("VM Network"), json!({})).await;
        assert!(machines.contains("vm01.example.org") && !machines.contains("{}"), "{machines}");
        for (method, name) in [("datastore.discover", None), ("host.datastore.get", Some("esxi01.example.org"))] {
            let stores = printed(&followed, method, name, json!({})).await;
            assert!(stores.contains("NoPermission (property name)"), "{method}: {stores}");
        }
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datacenter_that_the_account_does_not_see_into_has_no_numbers() {
    let simulator = Simulator::start(&SimOptions::default());
    let pool = {
        let direct = Followed::start(&registered(&simulator), direct()).await;
        let pool = row(&direct, "resource.pool.get", "pool01", &["moid"]).await["moid"].as_str().unwrap().to_owned();
        direct.stop().await;
        pool
    };
    let account = json!({"user": "tenant", "password": "x", "below": [format!("ResourcePool:{pool}")]});
    simulator.page("POST", "/account", &account.to_string());
    let mut config = Config::new(HOST, "tenant", SecretString::from("x"));
    config.address = Some(simulator.address());
    config.tls = Tls::Off;
    for cache in [direct(), quick()] {
        let followed = Followed::start(&Registered::new(HOST, config.clone()), cache).await;
        for fields in [&["hosts", "vms.on", "memory.total"][..], &[]] {
            let reply = followed.ask("datacenter.summary.get", Some("datacenter01"), fields).await;
            let text = reply["msg"].as_str().unwrap();
            assert!(reply["success"] == 1 && text.contains("NoPermission (property datastore)"), "{reply}");
        }
        // The newest event is of nothing that the account sees: another one is its newest.
        simulator.page("POST", "/event", &json!({"_type": "VmPoweredOnEvent", "fullFormattedMessage": "on"}).to_string());
        let newest = followed.ask("event.latest", None, &[]).await;
        assert_eq!(newest["result"][0]["event"], "Cannot power on vm02.example.org: not enough memory", "{newest}");
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_that_may_not_be_read_any_more_are_not_none() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let vm = Some("vm01.example.org");
    let list = "snapshot.rootSnapshotList";
    followed.until_answered("vm.get", vm, &[list], |reply| reply["result"][0][list].is_array()).await;
    followed.until_answered("vm.snapshot.summary.get", vm, &[], |reply| reply["result"][0]["count"] == 4).await;
    simulator.deny("VirtualMachine", "snapshot", Some("System.Read"));
    // What changes is reported again, so vSphere says of it that it may not be read.
    simulator.set("VirtualMachine", "vm01.example.org", "snapshot", &Json::Null);
    let is_refused = |reply: &Json| reply["msg"].as_str().is_some_and(|text| text.contains("NoPermission (property snapshot"));
    for (method, paths) in [("vm.snapshot.summary.get", &[][..]), ("vm.get", &[list][..])] {
        followed
            .until_answered(method, vm, paths, |reply| {
                let row = &reply["result"][0];
                assert!(reply["success"] != 0 || row["count"] == 4 || row[list].is_array(), "{reply}");
                is_refused(reply)
            })
            .await;
    }
    let hides = |reply: &Json| reply["result"][0]["paths"].as_array().is_some_and(|paths| paths.contains(&json!("snapshot")));
    followed.until_answered("privilege.missing.get", None, &[], hides).await;
    followed.stop().await;
}
