//! Long answers: page after page, in one piece where the server refuses pages, and never beyond the bound.

use std::collections::BTreeMap;

use vpoller_testkit::responder::{Act, Responder, Seen, fault, healthy, object, objects, soap};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{SimOptions, Simulator, wait_until};
use vpoller_vsphere::{Class, Client, Error, MoRef, ObjectContent};

use crate::held::Held;
use crate::{client, config};

const ESTATE: usize = 250;

/// 250 virtual machines and nothing else.
fn estate() -> Simulator {
    Simulator::start(&SimOptions { fixtures: false, vms: ESTATE, ..SimOptions::default() })
}

/// What the simulator was asked since the last look.
fn asked(simulator: &Simulator) -> BTreeMap<String, u64> {
    let calls = simulator.calls().methods;
    simulator.reset_calls();
    calls
}

fn calls(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(method, count)| ((*method).to_owned(), *count)).collect()
}

/// A client that has logged in and made its view, so that every further call is a read.
async fn ready(simulator: &Simulator, client: &Client) -> Vec<MoRef> {
    let session = client.session().await.unwrap();
    client.view(&session).await.unwrap();
    simulator.reset_calls();
    let all = client.retrieve_all("VirtualMachine", &[]).await.unwrap();
    all.into_iter().map(|machine| machine.obj).collect()
}

#[tokio::test]
async fn every_read_has_pages() {
    let simulator = estate();
    let client = client(simulator.address());
    let all = ready(&simulator, &client).await;
    assert_eq!(all.len(), ESTATE);
    assert_eq!(asked(&simulator), calls(&[("RetrievePropertiesEx", 1), ("ContinueRetrievePropertiesEx", 2)]));
    assert_eq!(client.retrieve_objects(&all, &["name"]).await.unwrap().len(), ESTATE);
    assert_eq!(asked(&simulator), calls(&[("RetrievePropertiesEx", 3)]), "named objects need no second page");
    // A server may make its pages smaller than it was asked to.
    simulator.page("POST", "/pages", r#"{"size":30}"#);
    assert_eq!(client.retrieve_all("VirtualMachine", &["name"]).await.unwrap().len(), ESTATE);
    assert_eq!(asked(&simulator), calls(&[("RetrievePropertiesEx", 1), ("ContinueRetrievePropertiesEx", 8)]));
}

#[tokio::test]
async fn an_answer_beyond_the_bound_comes_in_pages_and_is_never_read_in_one_piece() {
    let simulator = estate();
    let mut whole = config(simulator.address());
    whole.limits.page_size = None;
    let client = Client::new(whole.clone()).unwrap();
    ready(&simulator, &client).await;
    let before = client.stats().bytes_in();
    client.retrieve_all("VirtualMachine", &["summary"]).await.unwrap();
    let bound = usize::try_from(client.stats().bytes_in() - before).unwrap() * 2 / 3;

    whole.limits.response_bytes = bound;
    let error = Client::new(whole).unwrap().retrieve_all("VirtualMachine", &["summary"]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit, .. } if limit == bound), "{error:?}");
    assert!(error.to_string().ends_with("bytes allowed; ask for fewer properties, counters or objects at once"), "{error}");
    let mut paged = config(simulator.address());
    paged.limits.response_bytes = bound;
    let client = Client::new(paged).unwrap();
    assert_eq!(client.retrieve_all("VirtualMachine", &["summary"]).await.unwrap().len(), ESTATE);

    // Where pages are refused, the same answer comes in one piece; the error says how to have pages.
    simulator.page("POST", "/pages", r#"{"refuse":true}"#);
    let error = client.retrieve_all("VirtualMachine", &["summary"]).await.unwrap_err();
    assert!(error.to_string().contains("give the account a role on the root folder"), "{error}");
    assert_eq!(client.retrieve_all("VirtualMachine", &["name"]).await.unwrap().len(), ESTATE);
}

#[tokio::test]
async fn where_pages_are_refused_reads_come_in_one_piece() {
    let simulator = estate();
    let client = client(simulator.address());
    simulator.page("POST", "/pages", r#"{"refuse":true}"#);
    let all = ready(&simulator, &client).await;
    assert_eq!(all.len(), ESTATE);
    let first = [("RetrievePropertiesEx", 1), ("ContinueRetrievePropertiesEx", 1), ("RetrieveProperties", 1)];
    assert_eq!(asked(&simulator), calls(&first));
    for kind in ["VirtualMachine", "VirtualMachine", "HostSystem"] {
        client.retrieve_all(kind, &["name"]).await.unwrap();
    }
    assert_eq!(asked(&simulator), calls(&[("RetrieveProperties", 3)]), "the refusal is remembered");
    assert_eq!(client.retrieve_objects(&all, &["name"]).await.unwrap().len(), ESTATE);
    // The next session may have the right.
    simulator.page("POST", "/pages", "{}");
    simulator.drop_sessions();
    assert_eq!(client.retrieve_all("VirtualMachine", &["name"]).await.unwrap().len(), ESTATE);
    assert_eq!(simulator.calls_of("ContinueRetrievePropertiesEx"), 2);
}

#[tokio::test]
async fn named_objects_on_a_server_of_small_pages_that_refuses_them_are_read_too() {
    let simulator = estate();
    let client = client(simulator.address());
    let all = ready(&simulator, &client).await;
    simulator.page("POST", "/pages", r#"{"size":40,"refuse":true}"#);
    asked(&simulator);
    assert_eq!(client.retrieve_objects(&all[..100], &["name"]).await.unwrap().len(), 100);
    let expected = [("RetrievePropertiesEx", 1), ("ContinueRetrievePropertiesEx", 1), ("RetrieveProperties", 1)];
    assert_eq!(asked(&simulator), calls(&expected));
}

/// The first page of an answer, and the token for the second.
fn first_page() -> Act {
    objects(&format!("{}<token>0</token>", object("VirtualMachine", "vm-1", "name", "vm01")))
}

fn second_page() -> Act {
    soap(&format!(
        r#"<ContinueRetrievePropertiesExResponse xmlns="urn:vim25"><returnval>{}</returnval></ContinueRetrievePropertiesExResponse>"#,
        object("VirtualMachine", "vm-2", "name", "vm02")
    ))
}

/// A server whose reads have two pages; `second` answers for the second one.
fn two_pages(second: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Responder {
    Responder::start(move |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" if seen.body.contains("currentSession") => healthy(seen),
        "RetrievePropertiesEx" => first_page(),
        "ContinueRetrievePropertiesEx" => second(seen),
        "RetrieveProperties" => soap(&format!(
            r#"<RetrievePropertiesResponse xmlns="urn:vim25">{0}{1}</RetrievePropertiesResponse>"#,
            object("VirtualMachine", "vm-1", "name", "vm01").replace("objects>", "returnval>"),
            object("VirtualMachine", "vm-2", "name", "vm02").replace("objects>", "returnval>"),
        )),
        _ => healthy(seen),
    })
}

async fn read(server: &Responder) -> Result<Vec<ObjectContent>, Error> {
    client(server.address()).retrieve_all("VirtualMachine", &["name"]).await
}

#[tokio::test]
async fn a_page_that_is_refused_as_if_there_were_no_session_is_a_refusal() {
    let refused = r#"<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>"#;
    let server = two_pages(move |_| fault("NotAuthenticated", refused));
    assert_eq!(read(&server).await.unwrap().len(), 2);
    assert_eq!((server.count("Login"), server.count("RetrieveProperties")), (1, 1));
}

#[tokio::test]
async fn a_read_whose_place_was_lost_begins_again_once() {
    for lost in [|| fault("InvalidArgument", "<invalidProperty>token</invalidProperty>"), || Act::Close] {
        let server = two_pages(move |seen| if seen.before == 0 { lost() } else { second_page() });
        assert_eq!(read(&server).await.unwrap().len(), 2, "each object once");
        assert_eq!((server.count("RetrievePropertiesEx"), server.count("ContinueRetrievePropertiesEx")), (2, 2));
    }
    let server = two_pages(|_| fault("InvalidArgument", "<invalidProperty>token</invalidProperty>"));
    let error = read(&server).await.unwrap_err();
    assert_eq!(error.class(), Class::Protocol, "the question is not to blame");
    assert!(error.to_string().contains("vSphere has lost its further pages (InvalidArgument (property token)"), "{error}");
    assert_eq!(server.count("ContinueRetrievePropertiesEx"), 2);
}

#[tokio::test]
async fn an_object_that_vanishes_between_pages_is_named() {
    let server = two_pages(|_| fault("ManagedObjectNotFound", r#"<obj type="VirtualMachine">vm-2</obj>"#));
    let error = read(&server).await.unwrap_err();
    assert_eq!(error.fault().and_then(|fault| fault.object()), Some(&MoRef::new("VirtualMachine", "vm-2")), "{error}");
    assert_eq!(server.count("CancelRetrievePropertiesEx"), 0, "the server has ended the read itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_given_up_is_cancelled_at_the_server() {
    let mut held = Held::start("ContinueRetrievePropertiesEx", |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" => first_page(),
        "ContinueRetrievePropertiesEx" => second_page(),
        _ => healthy(seen),
    });
    let client = client(held.server.address());
    let impatient = tokio::spawn(async move { client.retrieve_all("VirtualMachine", &["name"]).await.map(drop) });
    held.arrived.recv().await.unwrap();
    impatient.abort();
    wait_until(SOON, "the read to be cancelled", || held.server.count("CancelRetrievePropertiesEx") == 1);
    let seen = held.server.seen();
    assert!(seen.iter().any(|seen| seen.method == "CancelRetrievePropertiesEx" && seen.body.contains("<token>0</token>")));
    held.release.send(()).unwrap();
}
