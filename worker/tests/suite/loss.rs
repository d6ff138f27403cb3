//! What becomes of answers from memory when vSphere is lost, comes back, or is another one.

use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_inventory::CacheSettings;
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::relay::{Fault, Rule};
use vpoller_testkit::responder::{Act, Responder, fault, healthy, updates};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Relay, SimOptions, Simulator, wait_until};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_worker::Registered;

use crate::support::host::{Followed, HOST, quick, registered};

const VM: Option<&str> = Some("vm01.example.org");
const POWER: &str = "runtime.powerState";

/// What stands in the place of a simulator, under the name of the documents.
pub(crate) fn at(address: std::net::SocketAddr) -> Registered {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    (config.address, config.tls) = (Some(address), Tls::Off);
    Registered::new(HOST, config)
}

fn relay(simulator: &Simulator) -> Relay {
    Relay::start(simulator.address(), &ServerCertificate::self_signed(&[HOST]))
}

fn counter(cache: &Json, name: &str) -> u64 {
    cache["counters"][name].as_u64().unwrap()
}

/// Changes a power state at the simulator and waits until it is seen.
async fn sees_a_change(simulator: &Simulator, followed: &Followed, value: &str) {
    simulator.set("VirtualMachine", "vm01.example.org", POWER, &json!(value));
    followed.until_answered("vm.get", VM, &[POWER], |reply| reply["result"][0][POWER] == value).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_session_costs_no_answer_and_is_replaced() {
    let simulator = Simulator::start(&SimOptions { vms: 120, ..SimOptions::default() });
    let followed = Followed::start(&registered(&simulator), quick()).await;
    followed.learn("vm.get", VM, &["summary.quickStats.overallCpuUsage"]).await;
    for round in 1..=2 {
        simulator.reset_calls();
        simulator.drop_sessions();
        // From the loss to the next whole state every check has its answer.
        let mut answers = 0;
        while counter(&followed.cache(), "loads") <= round {
            let reply = followed.ask("vm.get", VM, &["summary.quickStats.overallCpuUsage", POWER]).await;
            assert_eq!(reply["success"], 0, "{reply}");
            answers += 1;
            tokio::task::yield_now().await;
        }
        assert!(answers > 0);
        assert_eq!(simulator.calls_of("Login"), 1);
        assert_eq!(simulator.calls_of("RetrievePropertiesEx"), 1, "only to find out whether the session is lost indeed");
        assert_eq!(simulator.calls_of("CreateFilter"), 3, "base, learned and aside");
        sees_a_change(&simulator, &followed, if round == 1 { "poweredOff" } else { "suspended" }).await;
    }
    assert_eq!(counter(&followed.cache(), "losses"), 2);
    followed.stop().await;
    assert!(simulator.sessions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_cut_is_taken_up_again() {
    let simulator = Simulator::start(&SimOptions::default());
    let relay = relay(&simulator);
    let followed = Followed::start(&at(relay.address()), quick()).await;
    for value in ["poweredOff", "suspended", "poweredOn"] {
        relay.cut();
        sees_a_change(&simulator, &followed, value).await;
    }
    assert_eq!((relay.calls_of("CreateFilter"), relay.calls_of("Login")), (2, 1), "the line still stands: {:?}", relay.calls());
    assert_eq!(counter(&followed.cache(), "loads"), 1);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_go_on_for_a_while_when_vsphere_is_away_and_then_say_why_not() {
    let simulator = Simulator::start(&SimOptions::default());
    let relay = relay(&simulator);
    let cache = CacheSettings { max_stale: Duration::from_secs(3), ..quick() };
    let followed = Followed::start(&at(relay.address()), cache).await;
    assert_eq!(followed.ask("about", None, &[]).await["success"], 0);
    relay.add(Rule::new(Fault::Refuse));
    relay.cut();
    followed.until("the loss to be noticed", |cache| cache["state"] == "stale").await;
    assert_eq!(followed.vm("vm01.example.org", POWER).await, "poweredOn");
    let about = followed.ask("about", None, &[]).await;
    assert!(about["success"] == 1 && about["msg"].as_str().unwrap().contains("cannot reach vc01"), "{about}");
    assert_eq!(followed.executors.status()[0]["state"], "failed");
    followed.until("the answers to be too old", |cache| cache["state"] == "expired").await;
    let reply = followed.ask("vm.get", VM, &[POWER]).await;
    let text = reply["msg"].as_str().unwrap();
    assert!(reply["success"] == 1 && text.contains("vc01.example.org") && text.contains("what is remembered is"), "{reply}");
    relay.clear();
    sees_a_change(&simulator, &followed, "poweredOff").await;
    followed.until("the state", |cache| cache["state"] == "live").await;
    assert_eq!(followed.ask("about", None, &[]).await["success"], 0);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_first_load_is_done_vsphere_answers() {
    let simulator = Simulator::start(&SimOptions { vms: 250, ..SimOptions::default() });
    let relay = relay(&simulator);
    // The second page never comes; then the session goes, too.
    relay.add(Rule::new(Fault::Delay(Duration::ZERO)).for_method("WaitForUpdatesEx").times(1));
    relay.add(Rule::new(Fault::Hang).for_method("WaitForUpdatesEx").times(1));
    let followed = Followed::begin(&at(relay.address()), quick());
    wait_until(SOON, "the second page to be asked for", || relay.calls_of("WaitForUpdatesEx") == 2);
    assert_eq!(followed.cache()["state"], "empty");
    assert_eq!(followed.vm("vm-00250", POWER).await, "poweredOn");
    assert_eq!(followed.ask("vm.discover", None, &[]).await["result"].as_array().unwrap().len(), 250 + 14);
    simulator.drop_sessions();
    relay.cut();
    followed.until("the first load", |cache| cache["state"] == "live").await;
    assert_eq!(counter(&followed.cache(), "loads"), 1);
    let before = simulator.calls_of("RetrievePropertiesEx");
    assert_eq!(followed.ask("vm.discover", None, &[]).await["result"].as_array().unwrap().len(), 250 + 14);
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), before);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_vcenter_said_is_void() {
    let uuid = ["-instance-uuid", "11111111-1111-1111-1111-111111111111"];
    let first = Simulator::start(&SimOptions { vms: 1, flags: &uuid, ..SimOptions::default() });
    let address = first.address();
    let followed = Followed::start(&at(address), quick()).await;
    assert_eq!(followed.vm("vm-00001", POWER).await, "poweredOn");
    drop(first);
    followed.until("the loss to be noticed", |cache| cache["state"] == "stale").await;
    assert_eq!(followed.vm("vm-00001", POWER).await, "poweredOn", "as long as nobody else is there");

    // The same machine came back: what was known goes on to be good.
    let same = Simulator::start(&SimOptions { vms: 1, listen: address, flags: &uuid, ..SimOptions::default() });
    followed.until("the same vCenter", |cache| cache["state"] == "live").await;
    assert_eq!(counter(&followed.cache(), "loads"), 2);
    drop(same);
    followed.until("the loss to be noticed", |cache| cache["state"] == "stale").await;

    // A restored one: its objects have nothing to do with those before, whatever their names.
    let uuid = ["-instance-uuid", "22222222-2222-2222-2222-222222222222"];
    let hang = Simulator::start(&SimOptions { fixtures: false, listen: address, flags: &uuid, ..SimOptions::default() });
    followed.until_answered("vm.get", Some("vm-00001"), &[POWER], |reply| reply["msg"] == "Cannot find object vm-00001").await;
    followed.until("the other vCenter", |cache| cache["state"] == "live").await;
    assert_eq!(followed.ask("vm.discover", None, &[]).await["result"], json!([]));
    drop(hang);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_cache_every_answer_is_read() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), CacheSettings { enabled: false, ..quick() }).await;
    for _ in 0..3 {
        assert_eq!(followed.vm("vm01.example.org", POWER).await, "poweredOn");
    }
    let calls = simulator.calls();
    assert_eq!(calls.methods.get("RetrievePropertiesEx"), Some(&6), "{calls:?}");
    assert_eq!(calls.methods.get("CreatePropertyCollector"), None);
    assert_eq!(followed.cache(), Json::Null);
    followed.stop().await;
}

/// A virtual machine that enters, as `objectSet`.
pub(crate) fn enter(id: &str, name: &str, power: &str) -> String {
    changed("enter", id, &[("name", Some(name)), (POWER, Some(power))])
}

/// Changes of a virtual machine, as `objectSet`; without a value a path is unset.
pub(crate) fn changed(kind: &str, id: &str, values: &[(&str, Option<&str>)]) -> String {
    let change = |(path, value): &(&str, Option<&str>)| {
        let value = value.map_or_else(String::new, |value| format!(r#"<val xsi:type="xsd:string">{value}</val>"#));
        format!("<changeSet><name>{path}</name><op>assign</op>{value}</changeSet>")
    };
    let changes: String = values.iter().map(change).collect();
    format!(r#"<objectSet><kind>{kind}</kind><obj type="VirtualMachine">{id}</obj>{changes}</objectSet>"#)
}

/// A server that tells each of these in turn, and then nothing more.
fn telling(sets: Vec<(bool, String)>) -> Responder {
    Responder::start(move |seen| match (seen.method.as_str(), sets.get(seen.before)) {
        ("WaitForUpdatesEx", Some((truncated, objects))) => updates(&(seen.before + 1).to_string(), *truncated, objects),
        ("WaitForUpdatesEx", None) => Act::Stall("x".repeat(10), 1),
        _ => healthy(seen),
    })
}

/// The same answer of another filter.
pub(crate) fn of_filter(filter: &str, act: Act) -> Act {
    match act {
        Act::Answer(status, headers, body) => Act::Answer(status, headers, body.replace("filter-0", filter)),
        other => other,
    }
}

async fn told(server: &Responder, count: usize) -> Followed {
    let followed = Followed::begin(&at(server.address()), quick());
    followed.until("everything to be told", |cache| counter(cache, "updates") == count as u64).await;
    followed
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_state_is_never_shown_and_odd_changes_do_no_harm() {
    let odd = [
        changed("modify", "vm-99", &[(POWER, Some("poweredOff"))]),
        changed("leave", "vm-98", &[]),
        enter("vm-1", "vm01", "poweredOn"),
        changed("novelty", "vm-1", &[("novel.path", Some("x"))]),
        changed("modify", "vm-2", &[(POWER, None)]),
    ];
    let server = telling(vec![
        (true, enter("vm-1", "vm01", "poweredOff")),
        (false, enter("vm-2", "vm02", "poweredOn")),
        (true, changed("leave", "vm-2", &[])),
        (false, odd.concat()),
    ]);
    let followed = told(&server, 2).await;
    let all = followed.ask("vm.discover", None, &[POWER]).await["result"].clone();
    // vm-2 left and nothing after it counts; the rest is as told last.
    assert_eq!(all, json!([{"name": "vm01", POWER: "poweredOn"}]));
    assert_eq!(followed.cache()["objects"]["VirtualMachine"], 1);
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_deleted_amid_a_batch_is_gone_and_one_that_cannot_be_read_is_there() {
    let refused = r#"<objectSet><kind>enter</kind><obj type="VirtualMachine">vm-3</obj><changeSet><name>name</name>
        <op>assign</op><val xsi:type="xsd:string">vm03</val></changeSet><missingSet><path>runtime.powerState</path><fault><fault
        xsi:type="NotAuthenticated"><privilegeId>System.Read</privilegeId></fault></fault></missingSet></objectSet>"#;
    let server = telling(vec![
        (false, [enter("vm-1", "vm01", "poweredOn"), enter("vm-2", "vm02", "poweredOn"), refused.to_owned()].concat()),
        (false, [changed("modify", "vm-1", &[(POWER, Some("suspended"))]), changed("leave", "vm-2", &[])].concat()),
    ]);
    let followed = told(&server, 2).await;
    let all = followed.ask("vm.discover", None, &[POWER]).await["result"].clone();
    let why = json!({POWER: {"fault": "NotAuthenticated", "privilege": "System.Read"}});
    assert_eq!(all, json!([{"name": "vm01", POWER: "suspended"}, {"name": "vm03", "refused": why}]));
    assert_eq!(server.count("Login"), 1, "the root could be read, so the session lives");
    followed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lost_in_missing_sets_is_a_lost_session() {
    let missing = r#"<objectSet><kind>enter</kind><obj type="VirtualMachine">vm-1</obj><missingSet><path>name</path><fault><fault
        xsi:type="NotAuthenticated"><privilegeId>System.Read</privilegeId></fault></fault></missingSet></objectSet>"#;
    let server = Responder::start(move |seen| {
        let first = seen.cookie.as_deref() == Some("vmware_soap_session=\"50-q=\"");
        match seen.method.as_str() {
            "WaitForUpdatesEx" if first => updates("1", false, missing),
            // The second session's first filter is the third one of all.
            "WaitForUpdatesEx" if seen.body.contains("<version></version>") => {
                of_filter("filter-2", updates("1", false, &enter("vm-1", "vm01", "poweredOn")))
            }
            "WaitForUpdatesEx" => Act::Stall("x".repeat(10), 1),
            "RetrievePropertiesEx" if first => fault("NotAuthenticated", ""),
            _ => healthy(seen),
        }
    });
    let followed = told(&server, 1).await;
    assert_eq!(followed.vm("vm01", POWER).await, "poweredOn", "nothing of the first session's answer was taken");
    assert_eq!(server.count("Login"), 2);
    followed.stop().await;
}
