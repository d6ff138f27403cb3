//! What vSphere pushes: whole states of the simulated vCenter, and the ways in which a wait for them can go wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use vpoller_testkit::simulator::{Bed, SimOptions, Simulator};
use vpoller_testkit::wait::SOON;
use vpoller_vsphere::{ChangeOp, Class, Client, Collector, Error, FilterSpec, MoRef, UpdateKind, Updates, Value};

use crate::responder::{Act, Responder, Seen, fault, healthy, objects, soap, updates};
use crate::{client, config};

/// A collector that watches these paths of virtual machines.
async fn collector(client: &Client, paths: &[&str]) -> Collector {
    let session = client.session().await.unwrap();
    let collector = client.collector(&session).await.unwrap();
    let view = client.view(&session).await.unwrap();
    collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", paths)).await.unwrap();
    collector
}

/// Virtual machines as the updates so far describe them: names and power states.
#[derive(Debug, Default, PartialEq)]
struct Machines(BTreeMap<MoRef, BTreeMap<String, Value>>);

impl Machines {
    fn apply(&mut self, Updates { set, first, full }: Updates) -> bool {
        if first && full {
            self.0.clear();
        }
        for object in set.filters.into_iter().flat_map(|filter| filter.objects) {
            if object.kind == UpdateKind::Leave {
                self.0.remove(&object.obj);
                continue;
            }
            let values = self.0.entry(object.obj).or_default();
            for change in object.changes {
                assert_eq!(change.op, ChangeOp::Assign);
                match change.value {
                    Some(value) => drop(values.insert(change.name.to_string(), value)),
                    None => drop(values.remove(&*change.name)),
                }
            }
        }
        !set.truncated
    }

    /// Applies updates until a state is complete and `is_so` holds for it.
    async fn until(&mut self, collector: &mut Collector, is_so: impl Fn(&Self) -> bool) {
        let listening = async {
            loop {
                let updates = collector.wait(Duration::from_secs(5)).await.unwrap();
                if updates.is_some_and(|updates| self.apply(updates)) && is_so(self) {
                    return;
                }
            }
        };
        tokio::time::timeout(SOON, listening).await.unwrap();
    }

    fn has(&self, name: &str, path: &str, value: &str) -> bool {
        let named = |values: &&BTreeMap<String, Value>| values.get("name") == Some(&Value::string(name));
        self.0.values().find(named).is_some_and(|values| values.get(path) == Some(&Value::string(value)))
    }
}

fn beds() -> impl Iterator<Item = Bed> {
    Bed::ALL.into_iter().filter(|bed| {
        let built = bed.program().is_some();
        if !built {
            eprintln!("skipped: the simulator {bed:?} is not built");
        }
        built
    })
}

#[tokio::test]
async fn the_inventory_comes_first_and_then_its_changes() {
    for bed in beds() {
        let simulator = Simulator::start(&SimOptions { bed, vms: 250, ..SimOptions::default() });
        let client = client(simulator.address());
        let mut collector = collector(&client, &["name", "runtime.powerState"]).await;
        let mut known = Machines::default();
        known.until(&mut collector, |_| true).await;
        let read = client.retrieve_all("VirtualMachine", &["name", "runtime.powerState"]).await.unwrap();
        let read = read.into_iter().map(|object| {
            let values = object.props.into_iter().map(|(path, value)| (path.to_string(), value));
            (object.obj, values.collect())
        });
        assert_eq!(known, Machines(read.collect()), "{bed:?}");
        simulator.set("VirtualMachine", "vm-00007", "runtime.powerState", &json!("suspended"));
        known.until(&mut collector, |known| known.has("vm-00007", "runtime.powerState", "suspended")).await;
        simulator.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
        known.until(&mut collector, |known| known.has("vm-new", "name", "vm-new")).await;
        simulator.page("POST", "/vm/destroy", r#"{"name": "vm-new"}"#);
        known.until(&mut collector, |known| !known.has("vm-new", "name", "vm-new")).await;
        collector.destroy().await.unwrap();
        client.logout().await;
    }
}

#[tokio::test]
async fn a_large_state_comes_in_pages() {
    let simulator = Simulator::start(&SimOptions { vms: 250, ..SimOptions::default() });
    let client = client(simulator.address());
    let mut collector = collector(&client, &["name"]).await;
    let mut pages = 0;
    let mut known = Machines::default();
    loop {
        let updates = collector.wait(Duration::ZERO).await.unwrap().unwrap();
        assert_eq!((updates.first, updates.full), (pages == 0, true));
        pages += 1;
        if known.apply(updates) {
            break;
        }
    }
    assert!(pages >= 3 && known.0.len() > 250, "{pages} pages, {} objects", known.0.len());
    assert!(collector.wait(Duration::ZERO).await.unwrap().is_none(), "nothing changed since");
    assert!(collector.wait(Duration::from_secs(1)).await.unwrap().is_none(), "nor while it waited");
}

#[tokio::test]
async fn an_answer_of_changes_that_is_too_large_comes_again_in_smaller_parts() {
    let simulator = Simulator::start(&SimOptions { fixtures: false, vms: 250, ..SimOptions::default() });
    let measured = client(simulator.address());
    let mut known = Machines::default();
    let mut all = collector(&measured, &["name", "summary"]).await;
    let before = measured.stats().bytes_in();
    known.until(&mut all, |_| true).await;
    let all_bytes = usize::try_from(measured.stats().bytes_in() - before).unwrap();

    // Pages hold 100 of the 250.
    let mut bounded = config(simulator.address());
    bounded.limits.response_bytes = all_bytes / 4;
    let client = Client::new(bounded.clone()).unwrap();
    for first in [true, false] {
        let mut parts = collector(&client, &["name", "summary"]).await;
        simulator.reset_calls();
        let mut read = Machines::default();
        read.until(&mut parts, |_| true).await;
        assert_eq!(read.0.keys().collect::<Vec<_>>(), known.0.keys().collect::<Vec<_>>());
        let waits = simulator.calls_of("WaitForUpdatesEx");
        assert_eq!(waits, if first { 6 } else { 5 }, "one try too many, and only once, then five parts of 50");
        client.logout().await;
    }

    // Where one object alone is too much, the error says so, after a few tries.
    simulator.set("VirtualMachine", "vm-00007", "config.annotation", &json!("x".repeat(200_000)));
    bounded.limits.response_bytes = 100_000;
    let client = Client::new(bounded).unwrap();
    let mut parts = collector(&client, &["name", "config.annotation"]).await;
    simulator.reset_calls();
    let error = loop {
        if let Err(error) = parts.wait(Duration::ZERO).await {
            break error;
        }
    };
    assert_eq!(error.class(), Class::Protocol);
    assert!(error.to_string().contains("of one object alone is more than that, so ask for fewer of its properties"), "{error}");
    let waits = simulator.calls_of("WaitForUpdatesEx");
    assert!((5..20).contains(&waits), "{waits}");
}

#[tokio::test]
async fn more_is_watched_and_less_again() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let mut collector = collector(&client, &["name"]).await;
    let mut known = Machines::default();
    known.until(&mut collector, |_| true).await;
    let view = client.view(collector.session()).await.unwrap();
    let added = collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", &["runtime.powerState"])).await.unwrap();
    known.until(&mut collector, |known| known.has("vm01.example.org", "runtime.powerState", "poweredOn")).await;
    collector.remove_filter(&added).await.unwrap();
    simulator.set("VirtualMachine", "vm01.example.org", "runtime.powerState", &json!("poweredOff"));
    assert!(collector.wait(Duration::from_secs(1)).await.unwrap().is_none(), "that is no longer watched");
    let error = collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", &["name", "nope"])).await.unwrap_err();
    assert_eq!((error.class(), error.fault().unwrap().property()), (Class::Argument, Some("nope")));
}

/// The version in a request.
fn version(seen: &Seen) -> &str {
    seen.body.split_once("<version>").and_then(|(_, rest)| rest.split_once("</version>")).map_or("", |(version, _)| version)
}

fn state(version: &str, truncated: bool) -> Act {
    updates(version, truncated, "")
}

fn silence() -> Act {
    soap(r#"<WaitForUpdatesExResponse xmlns="urn:vim25"/>"#)
}

/// A healthy server that answers each wait by `wait`.
fn waiting(wait: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Responder {
    Responder::start(move |seen| if seen.method == "WaitForUpdatesEx" { wait(seen) } else { healthy(seen) })
}

fn versions(server: &Responder) -> Vec<String> {
    server.seen().iter().filter(|seen| seen.method == "WaitForUpdatesEx").map(|seen| version(seen).to_owned()).collect()
}

/// One wait: how its state was begun, or the error.
async fn wait(collector: &mut Collector) -> Result<Option<(bool, bool)>, Error> {
    Ok(collector.wait(Duration::from_secs(1)).await?.map(|updates| (updates.first, updates.full)))
}

#[tokio::test]
async fn a_state_that_breaks_off_begins_again_from_the_last_complete_one() {
    let server = waiting(|seen| match seen.before {
        0 => state("1", false),
        1 => state("2", true),
        // Cut in the middle: the server counts version 2 as used up.
        2 => Act::Cut("x".repeat(100), 50),
        3 => state("3", true),
        4 => fault("RequestCanceled", ""),
        5 => state("4", true),
        _ => state("5", false),
    });
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, true)));
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, false)));
    assert!(matches!(wait(&mut collector).await, Err(Error::Connection { .. })));
    // The client holds back for a moment after a broken connection.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, false)));
    let canceled = wait(&mut collector).await.unwrap_err();
    assert_eq!(canceled.fault().unwrap().kind, "RequestCanceled");
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, false)));
    assert_eq!(wait(&mut collector).await.unwrap(), Some((false, false)));
    assert_eq!(versions(&server), ["", "1", "2", "1", "3", "1", "4"]);
}

#[tokio::test]
async fn a_wait_that_is_cut_is_begun_again_with_its_version() {
    let server = waiting(|seen| match seen.before {
        0 => state("1", false),
        1 => silence(),
        2 => Act::Close,
        _ => state("2", false),
    });
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, true)));
    assert_eq!(wait(&mut collector).await.unwrap(), None);
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, false)), "the caller need not notice");
    assert_eq!(versions(&server), ["", "1", "1", "1"]);
}

#[tokio::test]
async fn a_wait_that_was_given_up_loses_nothing() {
    let server = waiting(|seen| match seen.before {
        0 => state("1", true),
        1 => Act::Stall("x".repeat(100), 10),
        _ => state("2", false),
    });
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, true)));
    tokio::time::timeout(Duration::from_millis(300), wait(&mut collector)).await.unwrap_err();
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, true)), "the first state begins anew");
    assert_eq!(versions(&server), ["", "1", ""]);
}

#[tokio::test]
async fn an_unknown_version_means_to_start_over() {
    let server = waiting(|seen| match (seen.before, version(seen)) {
        (0, _) => state("1", false),
        (_, "") => state("9", false),
        _ => fault("InvalidCollectorVersion", ""),
    });
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    wait(&mut collector).await.unwrap();
    assert_eq!(wait(&mut collector).await.unwrap(), Some((true, true)));
    assert_eq!(versions(&server), ["", "1", ""]);

    let server = waiting(|_| fault("InvalidCollectorVersion", ""));
    let client = crate::client(server.address());
    let mut collector = self::collector(&client, &["name"]).await;
    assert_eq!(wait(&mut collector).await.unwrap_err().fault().unwrap().kind, "InvalidCollectorVersion");
    assert_eq!(versions(&server), [""], "an empty version that is unknown does not get better by asking again");
}

#[tokio::test]
async fn versions_of_one_session_are_not_sent_in_another() {
    let server = waiting(|seen| match seen.cookie.as_deref() {
        Some("vmware_soap_session=\"50-q=\"") => state("7", false),
        _ => state("1", false),
    });
    let client = client(server.address());
    let mut first = collector(&client, &["name"]).await;
    wait(&mut first).await.unwrap();
    client.logout().await;
    let mut second = collector(&client, &["name"]).await;
    assert_eq!(second.session().generation, 2);
    assert_eq!(wait(&mut second).await.unwrap(), Some((true, true)));
    assert_eq!(versions(&server), ["", ""]);
    let own: Vec<_> = server.seen().into_iter().filter(|seen| seen.method == "WaitForUpdatesEx").map(|seen| seen.body).collect();
    assert!(own[0].contains(">own-0<") && own[1].contains(">own-1<"), "each session has a collector of its own");
}

const REFUSED: &str = r#"<objectSet><kind>enter</kind><obj type="VirtualMachine">vm-1</obj><missingSet><path>name</path><fault><fault
    xsi:type="NotAuthenticated"><object type="VirtualMachine">vm-1</object><privilegeId>System.Read</privilegeId></fault>
    <localizedMessage/></fault></missingSet></objectSet>"#;

#[tokio::test]
async fn not_authenticated_in_a_missing_set_is_a_lost_session() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "WaitForUpdatesEx" => updates("1", false, REFUSED),
        "RetrievePropertiesEx" => fault("NotAuthenticated", ""),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    assert!(matches!(wait(&mut collector).await, Err(Error::SessionLost { .. })));
    assert_eq!(client.session().await.unwrap().generation, 2, "the next caller logs in");
}

#[tokio::test]
async fn not_authenticated_in_a_living_session_is_a_missing_privilege() {
    let server = waiting(|seen| updates(&(seen.before + 1).to_string(), false, REFUSED));
    let client = client(server.address());
    let mut collector = collector(&client, &["name"]).await;
    let refused = collector.wait(Duration::ZERO).await.unwrap().unwrap().set.filters.remove(0).objects.remove(0);
    assert_eq!((&*refused.missing[0].0, refused.missing[0].1.privilege()), ("name", Some("System.Read")));
    for _ in 0..3 {
        assert!(collector.wait(Duration::ZERO).await.unwrap().is_some());
    }
    assert_eq!(server.count("RetrievePropertiesEx"), 1, "what was refused once is not doubted again");
    assert_eq!(client.session().await.unwrap().generation, 1);
}

#[tokio::test]
async fn a_view_that_is_gone_is_made_anew_for_a_filter() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "RetrievePropertiesEx" => objects(""),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let session = client.session().await.unwrap();
    let view = client.view(&session).await.unwrap();
    let (one, other) = tokio::join!(client.renew_view(&session, &view), client.renew_view(&session, &view));
    assert_eq!((one.unwrap(), server.count("CreateContainerView")), (other.unwrap(), 2), "of two who notice one makes it");
}

#[tokio::test]
async fn a_wait_does_not_take_up_room_for_other_calls() {
    let server = waiting(|seen| match seen.before {
        0 => state("1", false),
        _ => Act::Stall("x".repeat(10), 5),
    });
    let mut config = config(server.address());
    config.max_concurrency = 1;
    let client = Client::new(config).unwrap();
    let mut collector = collector(&client, &["name"]).await;
    wait(&mut collector).await.unwrap();
    let instance = MoRef::new("ServiceInstance", "ServiceInstance");
    tokio::select! {
        updates = collector.wait(Duration::from_secs(60)) => panic!("{updates:?}"),
        asked = async {
            for _ in 0..3 {
                client.call(&instance, "CurrentTime", &[]).await.unwrap();
            }
        } => asked,
    }
}
