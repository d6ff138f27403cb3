//! Events at the simulator: nothing is lost or told twice, whatever the number, and a check costs one call.

use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_testkit::certificates::ServerCertificate;
use vpoller_testkit::relay::{Fault, Rule};
use vpoller_testkit::{Bed, Relay, SimOptions, Simulator, wait_until};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_worker::Registered;

use crate::support::host::CountedHost;

fn happen(simulator: &Simulator, event: &Json) -> i64 {
    simulator.page("POST", "/event", &event.to_string())["key"].as_i64().unwrap()
}

/// Somebody writes something down.
fn note(simulator: &Simulator, text: &str) -> i64 {
    happen(simulator, &json!({"_type": "GeneralUserEvent", "message": text, "fullFormattedMessage": text, "userName": "root"}))
}

fn keys(events: &Json) -> Vec<i64> {
    events.as_array().unwrap().iter().map(|event| event["key"].as_i64().unwrap()).collect()
}

async fn events(desk: &CountedHost, key: &str) -> Json {
    desk.result("event.get", json!({"key": key})).await
}

/// Each bed that is built.
fn desks() -> impl Iterator<Item = CountedHost> {
    let beds = Bed::ALL.into_iter().filter(|bed| bed.program().is_some());
    beds.map(|bed| CountedHost::start(&SimOptions { bed, ..SimOptions::default() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resumes_misses_nothing_and_hears_nothing_twice() {
    for desk in desks() {
        resume(desk).await;
    }
}

async fn resume(desk: CountedHost) {
    let first = note(&desk.simulator, "number 0");
    for number in 1..250 {
        note(&desk.simulator, &format!("number {number}"));
    }
    // Far more than a collector's page, so that it is read backwards.
    let (mut seen, mut last) = (Vec::new(), first - 1);
    loop {
        let part = events(&desk, &format!("{last} limit=70 type=GeneralUserEvent")).await;
        let Some(newest) = keys(&part).last().copied() else { break };
        seen.extend(keys(&part));
        last = newest;
    }
    assert_eq!(seen, (first..first + 250).collect::<Vec<_>>());
    let newest = events(&desk, "limit=120 type=GeneralUserEvent").await;
    assert_eq!(keys(&newest), (first + 130..first + 250).collect::<Vec<_>>());
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_begins_at_an_event_is_asked_once_however_far_back_it_is() {
    let desk = CountedHost::start(&SimOptions { flags: &["-api-version", "9.0.0.0"], ..SimOptions::default() });
    let first = note(&desk.simulator, "number 0");
    for number in 1..250 {
        note(&desk.simulator, &format!("number {number}"));
    }
    let expected: Vec<i64> = (first..first + 70).collect();
    for filter in ["", " type=GeneralUserEvent", " severity=user"] {
        assert_eq!(keys(&events(&desk, &format!("{} limit=70{filter}", first - 1)).await), expected, "{filter}");
    }
    desk.simulator.page("POST", "/events/hide", &json!({"types": ["GeneralUserEvent"]}).to_string());
    let key = happen(&desk.simulator, &json!({"_type": "VmPoweredOnEvent", "fullFormattedMessage": "on", "userName": "root"}));
    // Our login happened in between.
    assert_eq!(keys(&events(&desk, &(first - 1).to_string()).await), [key - 1, key]);
    let calls = desk.simulator.calls().methods;
    assert_eq!((calls.get("QueryEvents"), calls.get("ReadPreviousEvents")), (Some(&4), None), "{calls:?}");
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_check_costs_one_call() {
    let desk = CountedHost::start(&SimOptions::default());
    let last = *keys(&events(&desk, "").await).last().unwrap();
    let one = vec![("RetrievePropertiesEx".to_owned(), 1)];
    let ask = json!({"key": last.to_string()});
    assert_eq!(desk.cost("event.get", ask.clone()).await, one);
    let key = note(&desk.simulator, "something new");
    let new = desk.result("event.get", ask).await;
    assert_eq!((keys(&new), &new[0]["message"]), (vec![key], &json!("something new")));
    assert_eq!(desk.result("event.latest", json!({})).await, json!([{"event": "something new"}]));
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_are_few_and_survive_a_lost_session() {
    for desk in desks() {
        ask_much(desk).await;
    }
}

async fn ask_much(desk: CountedHost) {
    for round in 0..3 {
        for kind in 0..10 {
            events(&desk, &format!("type=Made{kind}Event")).await;
        }
        let calls = desk.simulator.calls().methods;
        let (made, ended) = (calls["CreateCollectorForEvents"], calls["DestroyCollector"]);
        assert_eq!(made - ended, 8, "after round {round}");
    }
    assert_eq!(keys(&events(&desk, "severity=user").await).len(), 1);
    desk.simulator.drop_sessions();
    note(&desk.simulator, "after the restart");
    let all = events(&desk, "severity=user").await;
    assert_eq!(all[1]["message"], "after the restart", "{all}");
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_database_is_noticed() {
    let desk = CountedHost::start(&SimOptions::default());
    for key in ["999999", "999999 severity=error"] {
        let reply = desk.reply("event.get", json!({"key": key})).await;
        let text = reply["msg"].as_str().unwrap();
        assert!(text.starts_with("Cannot collect properties: the newest event is 10"), "{text}");
        assert!(text.ends_with("so 999999 is of another event database; ask once without a number"), "{text}");
    }
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_start_again_are_names() {
    let flags = ["-first-event-key", "2147483640"];
    for bed in Bed::ALL.into_iter().filter(|bed| bed.program().is_some()) {
        let desk = CountedHost::start(&SimOptions { bed, flags: &flags, ..SimOptions::default() });
        let all = keys(&events(&desk, "").await);
        assert_eq!(all[..8], (2_147_483_640..=2_147_483_647).collect::<Vec<i64>>(), "{bed:?}");
        assert_eq!(all[8], -2_147_483_648, "{bed:?}: the login");
        let new = [note(&desk.simulator, "one"), note(&desk.simulator, "two")];
        assert_eq!(events(&desk, "limit=2").await[1]["message"], "two", "{bed:?}");
        for (after, expected) in [(2_147_483_645_i64, 4), (-2_147_483_648, 2), (new[0], 1), (new[1], 0)] {
            desk.simulator.reset_calls();
            let seen = keys(&events(&desk, &format!("{after} type=GeneralUserEvent")).await);
            assert_eq!(seen, new[new.len().saturating_sub(expected.min(2))..], "{bed:?} after {after}");
            let seen = keys(&events(&desk, &after.to_string()).await);
            assert_eq!(seen.len() - usize::from(expected == 4), expected, "{bed:?} after {after}: {seen:?}");
            assert_eq!(desk.simulator.calls_of("ReadPreviousEvents"), 0, "{bed:?}");
        }
        desk.executors.hosts().stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_with_gaps_are_read_through() {
    let desk = CountedHost::start(&SimOptions::default());
    let old = keys(&events(&desk, "limit=3").await);
    desk.simulator.page("POST", "/events/hide", &json!({"types": ["GeneralUserEvent"]}).to_string());
    for number in 0..250 {
        note(&desk.simulator, &format!("number {number}"));
    }
    assert_eq!(keys(&events(&desk, "limit=3").await), old, "the newest page is empty");
    let since = json!({"key": old[0].to_string()});
    assert_eq!(keys(&desk.result("event.get", since.clone()).await), old[1..]);
    // Nothing after the last one: it is looked for once, and then a check costs one call again.
    let since = json!({"key": old[2].to_string()});
    assert_eq!(keys(&desk.result("event.get", since.clone()).await), [0_i64; 0]);
    assert_eq!(desk.cost("event.get", since.clone()).await, vec![("RetrievePropertiesEx".to_owned(), 1)]);
    let key = happen(&desk.simulator, &json!({"_type": "VmPoweredOnEvent", "fullFormattedMessage": "on", "userName": "root"}));
    assert_eq!(keys(&desk.result("event.get", since).await), [key]);
    desk.executors.hosts().stop().await;
}

/// The event database of a vCenter that has been up for years: what is left of it begins at a great key.
const OLD: [&str; 2] = ["-first-event-key", "5000000"];
/// What `msg` ends with when the search for events ended before the first event.
const CUT: &str = "the search ended at its limit, so older ones may be missing";

/// Keys, and whether `msg` says that the search ended at its limit.
async fn searched(desk: &CountedHost, key: &str) -> (Vec<i64>, bool) {
    let reply = desk.reply("event.get", json!({"key": key})).await;
    assert_eq!(reply["success"], 0, "{key}: {reply}");
    (keys(&reply["result"]), reply["msg"].as_str().unwrap().ends_with(CUT))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_ends_at_its_limit_says_so_with_or_without_a_key() {
    let desk = CountedHost::start(&SimOptions { flags: &OLD, ..SimOptions::default() });
    let all = keys(&events(&desk, "").await);
    let kinds = desk.result("event.get", json!({"key": "limit=1000"})).await;
    let kinds: Vec<&Json> = kinds.as_array().unwrap().iter().map(|event| &event["type"]).collect();
    // Pages of nothing but hidden events are all that the account gets, as far back as it may look.
    desk.simulator.page("POST", "/events/hide", &json!({"types": kinds}).to_string());
    let one = vec![("RetrievePropertiesEx".to_owned(), 1)];
    for key in ["", "limit=3", "4000000", "severity=info", "type=NeverHappenedEvent"] {
        assert_eq!(searched(&desk, key).await, (Vec::new(), true), "{key}");
        // Said each time, and looked for once.
        assert_eq!(desk.cost("event.get", json!({"key": key})).await, one, "{key}");
        assert_eq!(searched(&desk, key).await, (Vec::new(), true), "{key}");
    }
    let known = all.last().unwrap().to_string();
    assert_eq!(searched(&desk, &known).await, (Vec::new(), false), "nothing is left out between this one and now");
    let on = happen(&desk.simulator, &json!({"_type": "VmEmigratingEvent", "fullFormattedMessage": "on", "userName": "root"}));
    assert_eq!(searched(&desk, "4000000").await, (vec![on], true), "what is new changes nothing about what is left out");
    assert_eq!(searched(&desk, "").await, (vec![on], false), "the oldest one of all is seen");
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_comes_to_the_first_event_is_whole() {
    let desk = CountedHost::start(&SimOptions { flags: &OLD, ..SimOptions::default() });
    let all = keys(&events(&desk, "").await);
    for key in
        ["", "limit=3", "4000000 limit=1000", "severity=info", "type=NeverHappenedEvent", "4000000 type=NeverHappenedEvent"]
    {
        assert!(!searched(&desk, key).await.1, "{key}");
    }
    assert_eq!(searched(&desk, "4000000").await, (all, false));
    // Some of them hidden: those that are seen are those that there are.
    desk.simulator.page("POST", "/events/hide", &json!({"types": ["UserLoginSessionEvent"]}).to_string());
    assert!(!searched(&desk, "3000000").await.1);
    desk.simulator.reset_calls();
    assert!(!searched(&desk, "2000000").await.1);
    assert_eq!(desk.simulator.calls_of("ReadPreviousEvents"), 2, "no page is read beyond the first event");
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_may_not_be_read_are_an_error() {
    let desk = CountedHost::start(&SimOptions::default());
    for (kind, path) in [("EventManager", "latestEvent.key"), ("EventHistoryCollector", "latestPage")] {
        desk.simulator.deny(kind, path, Some("System.View"));
        let reply = desk.reply("event.get", json!({"key": ""})).await;
        assert!(reply["msg"].as_str().unwrap().contains("NoPermission"), "{path}: {reply}");
        desk.simulator.deny(kind, path, None);
    }
    assert!(!keys(&events(&desk, "").await).is_empty());
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_keys_can_be_masked() {
    let desk = CountedHost::start(&SimOptions::default()).masking_keys();
    let sessions = desk.result("session.get", json!({})).await;
    let key = desk.simulator.sessions()[0]["key"].as_str().unwrap().to_owned();
    assert!(sessions[0]["key"].as_str().unwrap().starts_with("masked-"), "{sessions}");
    let login = desk.result("event.get", json!({"key": "type=UserLoginSessionEvent", "properties": "sessionId"})).await;
    let latest = desk.result("object.get", json!({"key": "EventManager", "name": null, "properties": "latestEvent"})).await;
    for shown in [&sessions, &login, &latest] {
        assert!(shown.to_string().contains("masked-") && !shown.to_string().contains(&key), "{shown}");
    }
    let request = json!({"key": "SessionManager", "name": null, "properties": "sessionList"});
    let refused = desk.reply("object.get", request).await;
    assert_eq!(refused["success"], 1, "{refused}");
    desk.executors.hosts().stop().await;
}

/// A simulator that is reached through a relay.
fn behind_relay() -> (Relay, CountedHost) {
    let simulator = Simulator::start(&SimOptions::default());
    let relay = Relay::start(simulator.address(), &ServerCertificate::self_signed(&["127.0.0.1"]));
    let mut config = Config::new("vc01.example.org", "root", SecretString::from("p4ssw0rd"));
    (config.address, config.tls) = (Some(relay.address()), Tls::Off);
    (relay, CountedHost::of(simulator, Registered::new("vc01.example.org", config)))
}

/// A page of events that no simulator gives: an unknown type with an unknown member, one without a key, one that is plain text,
/// one whose time is none.
const CANNED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:xsd="http://www.w3.org/2001/XMLSchema"><soapenv:Body><RetrievePropertiesExResponse xmlns="urn:vim25"><returnval><objects>
<obj type="EventHistoryCollector">canned</obj><propSet><name>latestPage</name><val xsi:type="ArrayOfEvent">
<Event xsi:type="VmPoweredOnEvent"><key>12</key><chainId>12</chainId><createdTime>2015-02-10T15:48:40Z</createdTime><userName>root</userName>
<fullFormattedMessage>good</fullFormattedMessage></Event>
<Event xsi:type="QuantumEvent"><key>11</key><chainId>11</chainId><createdTime>2015-02-10T15:48:39Z</createdTime><userName>root</userName>
<fullFormattedMessage>new</fullFormattedMessage><spin><up>1</up><up>2</up></spin></Event>
<Event xsi:type="VmPoweredOffEvent"><userName>root</userName></Event>
<Event xsi:type="VmPoweredOffEvent">lost</Event>
<Event xsi:type="VmPoweredOffEvent"><key>10</key><createdTime>yesterday</createdTime><userName>root</userName></Event>
</val></propSet></objects></returnval></RetrievePropertiesExResponse></soapenv:Body></soapenv:Envelope>"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_costs_no_other() {
    let (relay, desk) = behind_relay();
    events(&desk, "").await;
    relay.add(Rule::new(Fault::Answer(200, CANNED.to_owned())).for_method("RetrievePropertiesEx").times(1));
    let seen = desk.result("event.get", json!({"key": "9", "properties": "spin"})).await;
    let short: Vec<Json> = ["key", "type", "time", "severity", "message", "spin"]
        .iter()
        .map(|field| seen.as_array().unwrap().iter().map(|event| event[field].clone()).collect())
        .collect();
    assert_eq!(
        short,
        [
            json!([10, 11, 12]),
            json!(["VmPoweredOffEvent", "QuantumEvent", "VmPoweredOnEvent"]),
            json!(["yesterday", "2015-02-10 15:48:39+00:00", "2015-02-10 15:48:40+00:00"]),
            json!(["info", null, "info"]),
            json!(["VmPoweredOffEvent", "new", "good"]),
            json!(["(null)", {"up": ["1", "2"]}, "(null)"]),
        ]
    );
    desk.executors.hosts().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requester_that_gives_up_leaves_no_collector_behind() {
    let (relay, desk) = behind_relay();
    desk.result("about", json!({})).await;
    relay.add(Rule::new(Fault::Delay(Duration::from_millis(500))).for_method("CreateCollectorForEvents").times(1));
    let late = desk.reply("event.get", json!({"timeout": 100})).await;
    assert_eq!(late["success"], 1, "{late}");
    wait_until(Duration::from_secs(10), "the collector", || relay.calls_of("SetCollectorPageSize") == 1);
    events(&desk, "").await;
    assert_eq!(relay.calls_of("CreateCollectorForEvents"), 1, "the one that was made is used");
    desk.executors.hosts().stop().await;
}
