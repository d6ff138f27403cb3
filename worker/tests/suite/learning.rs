//! Which paths are watched, what that costs, and what is not watched.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::CacheSettings;
use vpoller_testkit::responder::{Act, Responder, healthy, object, objects, updates};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_worker::Step;

use crate::loss::{at, changed, enter, of_filter};
use crate::support::host::{Followed, HOST, calls, quick, registered};

const VM: Option<&str> = Some("vm01.example.org");
const CPU: &str = "summary.quickStats.overallCpuUsage";

/// What the status page says of a path.
fn stage(cache: &Json, path: &str) -> String {
    let paths = cache["paths"].as_array().unwrap();
    let found = paths.iter().find(|row| row["path"] == path).unwrap_or(&Json::Null);
    found["stage"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_at_the_same_time_is_read_once() {
    let simulator = Simulator::start(&SimOptions { delay: Duration::from_millis(200), ..SimOptions::default() });
    let followed = Arc::new(Followed::start(&registered(&simulator), quick()).await);
    simulator.reset_calls();
    let ask = |_| {
        let followed = Arc::clone(&followed);
        tokio::spawn(async move { followed.vm("vm01.example.org", CPU).await })
    };
    for asked in (0..20).map(ask).collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), 230);
    }
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 1);
    assert_eq!(followed.cache()["shared"], 19);
    followed.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_watched_for_all_objects_from_the_second_question_on() {
    let simulator = Simulator::start(&SimOptions { vms: 20, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.reset_calls();
    assert_eq!(followed.vm("vm01.example.org", CPU).await, 230);
    assert_eq!(stage(&followed.cache(), CPU), "asked");
    assert!(followed.vm("vm-00001", CPU).await.is_number());
    followed.until("the path to be watched", |cache| stage(cache, CPU) == "watched").await;
    followed.until("its values", |cache| cache["learned_values"].as_u64() >= Some(20)).await;
    assert_eq!((simulator.calls_of("CreateFilter"), simulator.calls_of("RetrievePropertiesEx")), (1, 2));
    for number in 1..=20 {
        assert!(followed.vm(&format!("vm-{number:05}"), CPU).await.is_number());
    }
    let all = followed.ask("vm.discover", None, &[CPU, "runtime.powerState"]).await;
    assert_eq!(all["result"].as_array().unwrap().len(), 34);
    // One that is made later has its values, too.
    simulator.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
    followed.until_answered("vm.get", Some("vm-new"), &[CPU], |reply| reply["success"] == 0).await;
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 2, "{:?}", simulator.calls());
    let cache = followed.cache();
    assert!(cache["hits"].as_u64() >= Some(22) && cache["misses"] == 2, "{cache}");
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_groups_become_one_and_what_nobody_asks_for_is_dropped() {
    let simulator = Simulator::start(&SimOptions::default());
    let paths =
        ["guest.ipAddress", "guest.hostName", "config.version", "config.guestId", "config.annotation", "guest.guestState", CPU];
    let cache = CacheSettings { housekeeping: Duration::from_secs(3600), ..quick() };
    let followed = Followed::start(&registered(&simulator), cache).await;
    simulator.reset_calls();
    for path in paths {
        followed.learn("vm.get", VM, &[path]).await;
    }
    assert_eq!(simulator.calls_of("CreateFilter"), 7, "the last one has all paths");
    assert_eq!(simulator.calls_of("DestroyPropertyFilter"), 6);
    simulator.reset_calls();
    for path in paths {
        simulator.set("VirtualMachine", "vm01.example.org", path, &if path == CPU { json!(77) } else { json!("changed") });
        followed
            .until_answered("vm.get", VM, &[path], |reply| {
                ["changed", "77"].contains(&reply["result"][0][path].to_string().trim_matches('"'))
            })
            .await;
    }
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 0, "{:?}", simulator.calls());
    followed.stop().await;

    let cache = CacheSettings { ttl: Duration::from_secs(1), housekeeping: Duration::from_millis(200), ..quick() };
    let followed = Followed::start(&registered(&simulator), cache).await;
    followed.learn("vm.get", VM, &[CPU, "guest.hostName"]).await;
    simulator.reset_calls();
    followed.until("the paths to be dropped", |cache| cache["watched_paths"]["learned"] == 0).await;
    assert_eq!((simulator.calls_of("DestroyPropertyFilter"), followed.cache()["learned_values"].clone()), (1, json!(0)));
    assert_eq!(followed.vm("vm01.example.org", CPU).await, 77, "vSphere is asked again");
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 1);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_path_costs_its_requester_only_and_is_not_asked_for_again() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let refused = json!({"no.such.path": {"fault": "InvalidProperty"}});
    simulator.reset_calls();
    let reply = followed.ask("vm.get", VM, &["runtime.powerState", "no.such.path"]).await;
    assert_eq!(reply["result"][0]["refused"], refused, "{reply}");
    // vSphere fails the whole read for it, so what is left is read once more.
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 2);
    for _ in 0..3 {
        let reply = followed.ask("vm.get", VM, &["runtime.powerState", "no.such.path"]).await;
        let row = &reply["result"][0];
        assert_eq!((&row["runtime.powerState"], &row["refused"]), (&json!("poweredOn"), &refused), "{reply}");
        let alone = followed.ask("vm.get", VM, &["no.such.path"]).await;
        let text = "Cannot collect properties: InvalidProperty: no.such.path is no property of vim.VirtualMachine:vm-101";
        assert_eq!(alone["msg"], text);
    }
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 2, "it does not get better by asking again");
    let all = followed.ask("vm.discover", None, &["no.such.path"]).await;
    assert_eq!(all["msg"], "Cannot collect properties: InvalidProperty: no.such.path is no property of vim.VirtualMachine");
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 2);
    followed.learn("vm.get", VM, &[CPU]).await;
    assert_eq!(followed.vm("vm01.example.org", CPU).await, 230);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_huge_is_read_when_asked_for_and_good_for_a_moment() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.reset_calls();
    let host = Some("esxi01.example.org");
    for _ in 0..10 {
        assert_eq!(followed.ask("host.get", host, &["config.storageDevice"]).await["success"], 0);
    }
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 1);
    assert_eq!(stage(&followed.cache(), "config.storageDevice"), "never watched");
    assert_eq!(simulator.calls_of("CreateFilter"), 0);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_no_room_for_is_read_each_time() {
    let simulator = Simulator::start(&SimOptions { vms: 20, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), CacheSettings { maxsize: 40, ..quick() }).await;
    followed.learn("vm.get", VM, &[CPU]).await;
    for _ in 0..2 {
        followed.vm("vm01.example.org", "guest.hostName").await;
    }
    followed.until("the refusal", |cache| cache["counters"]["refused"] == 1).await;
    assert_eq!(stage(&followed.cache(), "guest.hostName"), "no room");
    simulator.reset_calls();
    for _ in 0..3 {
        assert_eq!(followed.ask("vm.get", VM, &["guest.hostName", CPU]).await["success"], 0);
        assert_eq!(followed.vm("vm01.example.org", CPU).await, 230);
        assert_eq!(followed.vm("vm01.example.org", "config.uuid").await.as_str().map(str::len), Some(36));
    }
    assert_eq!(calls(&simulator), 3, "{:?}", simulator.calls());
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_and_their_names_cost_no_call() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    followed.learn("alarm.get", None, &[]).await;
    simulator.reset_calls();
    let count = async |method, name| followed.ask(method, name, &[]).await["result"].as_array().map(Vec::len);
    assert_eq!(count("datacenter.alarm.get", Some("datacenter01")).await, Some(2));
    assert_eq!(count("alarm.get", None).await, Some(3), "the root folder has one of its own");
    let state = json!([{"key": "k", "entity": "VirtualMachine:vm-101", "alarm": "Alarm:alarm-102", "overallStatus": "red",
        "time": "2015-02-13T09:16:50Z"}]);
    simulator.set("Datacenter", "datacenter01", "triggeredAlarmState", &state);
    let is_new = |reply: &Json| {
        reply["result"].as_array().is_some_and(|alarms| alarms.len() == 1 && alarms[0]["entity"] == "vm01.example.org")
    };
    followed.until_answered("datacenter.alarm.get", Some("datacenter01"), &[], is_new).await;
    assert_eq!(calls(&simulator), 0, "{:?}", simulator.calls());
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_quick_succession_are_fetched_together() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(
        &registered(&simulator),
        CacheSettings { update_interval: Duration::from_secs(20), ..CacheSettings::default() },
    )
    .await;
    let before = simulator.calls_of("WaitForUpdatesEx");
    for round in 0..100 {
        simulator.set("VirtualMachine", "vm01.example.org", "config.annotation", &json!(round.to_string()));
        simulator.set(
            "VirtualMachine",
            "vm01.example.org",
            "overallStatus",
            &json!(if round % 2 == 0 { "red" } else { "green" }),
        );
    }
    // At most the wait that was under way: the next one comes later than any change here.
    assert!(simulator.calls_of("WaitForUpdatesEx") <= before + 1);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_objects_are_answered_at_once_and_everything_else_later() {
    let simulator = Simulator::start(&SimOptions { vms: 50, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let step = |method: &str, name: Option<&str>, properties: &[&str]| {
        let request = json!({"method": method, "hostname": HOST, "name": name, "properties": properties});
        followed.dispatcher.dispatch(request.to_string().as_bytes())
    };
    for (method, name, properties) in [
        ("vm.get", VM, &["runtime.powerState", "config.uuid"][..]),
        ("vm.get", Some("vm-nowhere"), &["runtime.powerState"]),
        ("vm.host.get", VM, &[]),
        ("host.cluster.get", Some("esxi01.example.org"), &[]),
        ("about", None, &[]),
    ] {
        let Step::Now(_) = step(method, name, properties) else { panic!("{method} {name:?} must be answered at once") };
    }
    for (method, name, properties) in
        [("vm.discover", None, &[][..]), ("vm.get", VM, &[CPU]), ("datastore.vm.get", Some("datastore1"), &[])]
    {
        let Step::Later(reply) = step(method, name, properties) else { panic!("{method} must not keep others") };
        let reply: Json = serde_json::from_slice(&reply.await).unwrap();
        assert_eq!(reply["success"], 0, "{method}");
    }
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_part_has_the_whole_read_again() {
    const NET: &str = "guest.net";
    let server = Responder::start(|seen| match (seen.method.as_str(), seen.before) {
        ("WaitForUpdatesEx", 0) => updates("1", false, &enter("vm-1", "vm01", "poweredOn")),
        // The first filters are of the base set and of the root folder.
        ("WaitForUpdatesEx", 2) => of_filter("filter-2", updates("2", false, &changed("enter", "vm-1", &[(NET, Some("told"))]))),
        ("WaitForUpdatesEx", 3) => {
            let part = changed("modify", "vm-1", &[("guest.net[\"4000\"].connected", Some("true"))]);
            of_filter("filter-2", updates("3", false, &part))
        }
        ("WaitForUpdatesEx", _) => Act::Stall("x".repeat(10), 1),
        ("RetrievePropertiesEx", _) => objects(&object("VirtualMachine", "vm-1", NET, "read")),
        _ => healthy(seen),
    });
    let followed = Followed::start(&at(server.address()), quick()).await;
    for _ in 0..2 {
        assert_eq!(followed.vm("vm01", NET).await, "read");
    }
    followed.until("all to be told", |cache| cache["counters"]["updates"] == 3).await;
    followed.until_answered("vm.get", Some("vm01"), &[NET], |reply| reply["result"][0][NET] == "read").await;
    followed.until("the value", |cache| cache["learned_values"] == 1).await;
    let before = server.count("RetrievePropertiesEx");
    assert_eq!(followed.vm("vm01", NET).await, "read");
    assert_eq!(server.count("RetrievePropertiesEx"), before);
    followed.stop().await;
}
