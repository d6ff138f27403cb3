//! What callers notice of sessions that a service of vCenter forgot, and of a login that is refused for once.

use serde_json::{Value as Json, json};
use vpoller_testkit::{SimOptions, Simulator};

use crate::support::host::{Followed, HOST, answer, quick, registered};

const POWER: &str = "runtime.powerState";

async fn ask(followed: &Followed, mut request: Json) -> Json {
    request["hostname"] = HOST.into();
    serde_json::from_slice(&answer(&followed.dispatcher, request.to_string().as_bytes()).await).unwrap()
}

fn processes() -> Json {
    json!({"method": "vm.process.get", "name": "vm01.example.org", "username": "root", "password": "p4ssw0rd", "properties": ["name"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_forgot_the_session_costs_no_answer() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    assert_eq!(ask(&followed, processes()).await["success"], 0);
    simulator.page("POST", "/sessions/stale", "{}");
    assert_eq!(ask(&followed, processes()).await["success"], 0);
    let others = [
        ("CreateCollectorForEvents", json!({"method": "event.get"})),
        ("QueryPerf", json!({"method": "vm.perf.metric.get", "name": "vm01.example.org", "counter-name": "cpu.usage"})),
    ];
    for (method, request) in others {
        simulator.page("POST", "/sessions/stale", &json!({"methods": [method]}).to_string());
        let reply = ask(&followed, request).await;
        assert_eq!(reply["success"], 0, "{method}: {reply}");
    }
    // The snapshot went on meanwhile.
    let cache = followed.cache();
    assert_eq!(
        (&cache["state"], &cache["counters"]["loads"], &cache["counters"]["losses"]),
        (&json!("live"), &json!(1), &json!(0))
    );
    // Its own waits may be what the session is not good for any more.
    simulator.page("POST", "/sessions/stale", r#"{"methods":["WaitForUpdatesEx"]}"#);
    simulator.set("VirtualMachine", "vm01.example.org", POWER, &json!("suspended"));
    followed.until("another load", |cache| cache["counters"]["loads"] == 2 && cache["state"] == "live").await;
    simulator.set("VirtualMachine", "vm01.example.org", POWER, &json!("poweredOff"));
    followed
        .until_answered("vm.get", Some("vm01.example.org"), &[POWER], |reply| reply["result"][0][POWER] == "poweredOff")
        .await;
    followed.stop().await;
    assert!(simulator.sessions().is_empty(), "{:?}", simulator.sessions());
}

#[tokio::test(flavor = "multi_thread")]
async fn about_names_the_login_that_is_refused_and_it_is_tried_again_soon() {
    let simulator = Simulator::start(&SimOptions::default());
    let followed = Followed::start(&registered(&simulator), quick()).await;
    simulator.page("POST", "/login/refuse", r#"{"times":1}"#);
    simulator.drop_sessions();
    let named = |reply: &Json| reply["msg"].as_str().is_some_and(|text| text.contains("refuses the login of root (InvalidLogin"));
    followed.until_answered("about", None, &[], |reply| reply["success"] == 1 && named(reply)).await;
    let reply = ask(&followed, processes()).await;
    assert!(reply["success"] == 1 && named(&reply), "{reply}");
    followed.until_answered("about", None, &[], |reply| reply["success"] == 0).await;
    assert_eq!(ask(&followed, processes()).await["success"], 0);
    assert_eq!(simulator.calls_of("Login"), 3, "the first one, the refused one, and the second try");
    followed.stop().await;
}
