//! Answers from memory: what they cost vSphere, and that they are true.

use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::CacheSettings;
use vpoller_testkit::{Bed, SimOptions, Simulator};

use crate::support::host::{Followed, calls, quick, registered};

#[tokio::test(flavor = "multi_thread")]
async fn checks_cost_no_call_once_they_are_known() {
    let simulator = Simulator::start(&SimOptions { vms: 50, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let paths = ["summary.quickStats.overallCpuUsage", "guest.disk", "config.hardware.memoryMB"];
    followed.learn("vm.get", Some("vm-00001"), &paths).await;
    followed.learn("datastore.get", Some("datastore1"), &["summary.capacity", "summary.freeSpace"]).await;
    simulator.reset_calls();
    for round in 0..20 {
        for number in 1..=50 {
            let name = format!("vm-{number:05}");
            let path = paths[(round + number) % paths.len()];
            assert_eq!(followed.ask("vm.get", Some(&name), &[path]).await["success"], 0);
            assert_eq!(followed.ask("vm.get", Some(&name), &["runtime.powerState"]).await["success"], 0);
        }
        for (method, name) in [
            ("vm.discover", None),
            ("host.discover", None),
            ("vm.host.get", Some("vm-00001")),
            ("host.vm.get", Some("esxi01.example.org")),
            ("datastore.vm.get", Some("datastore1")),
            ("datastore.host.get", Some("datastore1")),
            ("net.host.get", Some("dvpg01")),
            ("host.cluster.get", Some("esxi01.example.org")),
            ("resource.pool.vm.get", Some("pool01")),
        ] {
            assert_eq!(followed.ask(method, name, &[]).await["success"], 0, "{method}");
        }
        assert_eq!(followed.ask("datastore.get", Some("datastore1"), &["summary.freeSpace"]).await["success"], 0);
    }
    assert_eq!(calls(&simulator), 0, "{:?}", simulator.calls());
    assert_eq!(followed.ask("vm.get", Some("vm-00001"), &["guest.guestFamily"]).await["success"], 0);
    assert_eq!(calls(&simulator), 1, "only what nobody asked for before is read: {:?}", simulator.calls());
    followed.stop().await;
}

fn set(simulator: &Simulator, kind: &str, name: &str, path: &str, value: Json) {
    simulator.set(kind, name, path, &value);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_seen() {
    for bed in Bed::ALL.into_iter().filter(|bed| bed.program().is_some()) {
        let simulator = Simulator::start(&SimOptions { bed, ..SimOptions::default() });
        let followed = Followed::start(&registered(&simulator), quick()).await;
        let vm = Some("vm01.example.org");
        let learned = ["summary.quickStats.overallCpuUsage", "config.annotation"];
        if bed == Bed::Packaged {
            // The other one does not tell what filters have that are added later; that costs calls, and no truth.
            followed.learn("vm.get", vm, &learned).await;
        }
        simulator.reset_calls();
        for (path, value) in [
            ("runtime.powerState", json!("poweredOff")),
            ("runtime.powerState", json!("poweredOn")),
            ("summary.quickStats.overallCpuUsage", json!(1234)),
            ("config.annotation", json!("Größe\n\"x\"")),
        ] {
            set(&simulator, "VirtualMachine", "vm01.example.org", path, value.clone());
            followed.until_answered("vm.get", vm, &[path], |reply| reply["result"][0][path] == value).await;
        }
        set(&simulator, "VirtualMachine", "vm01.example.org", "runtime.bootTime", Json::Null);
        followed
            .until_answered("vm.get", vm, &["runtime.bootTime"], |reply| reply["result"][0].get("runtime.bootTime").is_none())
            .await;

        set(&simulator, "VirtualMachine", "vm01.example.org", "name", json!("renamed"));
        followed.until_answered("vm.get", Some("renamed"), &[], |reply| reply["success"] == 0).await;
        assert_eq!(followed.ask("vm.get", vm, &[]).await["msg"], "Cannot find object vm01.example.org");

        let listed = |name: &'static str| move |reply: &Json| reply["result"].to_string().contains(&format!("\"{name}\""));
        simulator.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
        followed.until_answered("vm.get", Some("vm-new"), &["runtime.powerState"], |reply| reply["success"] == 0).await;
        assert!(listed("vm-new")(&followed.ask("vm.discover", None, &[]).await));
        let host = followed.ask("vm.host.get", Some("vm-new"), &[]).await["result"][0]["host"].as_str().unwrap().to_owned();
        assert!(listed("vm-new")(&followed.ask("host.vm.get", Some(&host), &[]).await));
        simulator.page("POST", "/vm/destroy", r#"{"name": "vm-new"}"#);
        followed.until_answered("vm.get", Some("vm-new"), &[], |reply| reply["success"] == 1).await;
        assert!(!listed("vm-new")(&followed.ask("vm.discover", None, &[]).await));
        assert!(!listed("vm-new")(&followed.ask("host.vm.get", Some(&host), &[]).await));
        assert_eq!(simulator.calls_of("CreateContainerView"), 0, "{bed:?}");
        followed.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_moves_is_on_its_new_host_only() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    let vms = async |host: &str| followed.ask("host.vm.get", Some(host), &[]).await["result"].to_string();
    let (from, to) = ("esxi01.example.org", "esxi02.example.org");
    let target = followed.ask("host.get", Some(to), &["moid"]).await["result"][0]["moid"].as_str().unwrap().to_owned();
    assert!(vms(from).await.contains("vm01.example.org") && !vms(to).await.contains("vm01.example.org"));
    set(&simulator, "VirtualMachine", "vm01.example.org", "runtime.host", json!(format!("HostSystem:{target}")));
    followed.until_answered("vm.host.get", Some("vm01.example.org"), &[], |reply| reply["result"][0]["host"] == to).await;
    assert!(!vms(from).await.contains("vm01.example.org") && vms(to).await.contains("vm01.example.org"));
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_costs_no_call_and_is_read_again_when_it_may() {
    const POWER: &str = "runtime.powerState";
    let simulator = Simulator::start(&SimOptions { vms: 150, ..SimOptions::default() });
    simulator.deny("VirtualMachine", POWER, Some("System.Read"));
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.reset_calls();
    for number in [1, 150] {
        let name = format!("vm-{number:05}");
        let reply = followed.ask("vm.get", Some(&name), &[POWER]).await;
        let text = reply["msg"].as_str().unwrap();
        assert!(text.contains(&format!("NoPermission (property {POWER}) (object vim.VirtualMachine:")), "{text}");
        assert!(text.ends_with("(privilege System.Read): the account of vPoller lacks this privilege there"), "{text}");
    }
    assert_eq!(calls(&simulator), 0);
    followed.stop().await;

    // How long a refusal is believed is how old an answer may be.
    let followed = Followed::start(&registered(&simulator), CacheSettings { max_stale: Duration::from_secs(1), ..quick() }).await;
    assert_eq!(followed.ask("vm.get", Some("vm-00150"), &[POWER]).await["success"], 1);
    simulator.reset_calls();
    simulator.deny("VirtualMachine", POWER, None);
    let answered = |reply: &Json| reply["result"][0][POWER] == "poweredOn";
    followed.until_answered("vm.get", Some("vm-00150"), &[POWER], answered).await;
    followed.until_answered("vm.get", Some("vm-00001"), &[POWER], answered).await;
    let read = simulator.calls().methods["RetrievePropertiesEx"];
    assert!(read <= 4, "150 machines, a hundred at once, and a second look that was under way: {read}");
    followed.stop().await;
}
