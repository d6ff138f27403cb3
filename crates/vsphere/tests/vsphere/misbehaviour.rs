//! Servers that misbehave. All answers come from the responder, because no simulator gives them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vpoller_vsphere::{Class, Client, Error, MoRef, SecretString};

use crate::responder::{Act, Responder, envelope, fault, healthy, object, objects, soap};
use crate::{client, config, named};

fn instance() -> MoRef {
    MoRef::new("ServiceInstance", "ServiceInstance")
}

fn root() -> MoRef {
    MoRef::new("Folder", "group-d1")
}

/// The error of a call that the server answers like this.
async fn error_of(act: impl Fn() -> Act + Send + Sync + 'static) -> Error {
    let server = Responder::start(move |seen| if seen.method == "CurrentTime" { act() } else { healthy(seen) });
    client(server.address()).call(&instance(), "CurrentTime", &[]).await.unwrap_err()
}

#[tokio::test]
async fn the_cookie_goes_back_byte_for_byte() {
    let server = Responder::start(healthy);
    let client = client(server.address());
    client.call(&instance(), "CurrentTime", &[]).await.unwrap();
    let seen = server.seen();
    let of = |method: &str| seen.iter().find(|seen| seen.method == method).unwrap();
    assert_eq!(of("CurrentTime").cookie.as_deref(), Some("vmware_soap_session=\"50-q=\""));
    assert_eq!((of("RetrieveServiceContent").cookie.as_deref(), of("Login").cookie.as_deref()), (None, None));
    assert_eq!(of("CurrentTime").action.as_deref(), Some("urn:vim25/8.0.2.0"));
    assert!(of("Login").agent.as_deref().unwrap_or_default().starts_with("vPoller/"));
    assert!(of("Login").body.contains("<locale>en_US</locale>"));
    assert!(of("Login").body.contains("<operationID>vpoller-"));
    let session = client.session().await.unwrap();
    let printed = format!("{session:?} {client:?}");
    assert!(!printed.contains("50-q") && !printed.contains("very-secret-key") && !printed.contains("p4ssw0rd"), "{printed}");
}

#[tokio::test]
async fn servers_without_versions_are_spoken_to_in_the_oldest() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "vimServiceVersions.xml" => Act::Answer(404, String::new(), String::new()),
        _ => healthy(seen),
    });
    assert_eq!(client(server.address()).session().await.unwrap().api_version, "4.1");
    let mut config = config(server.address());
    config.api_version = Some("6.7".to_owned());
    assert_eq!(Client::new(config).unwrap().session().await.unwrap().api_version, "6.7");
    assert_eq!(server.count("vimServiceVersions.xml"), 1);
    assert_eq!(server.seen().last().unwrap().action.as_deref(), Some("urn:vim25/6.7"));
}

#[tokio::test]
async fn answers_that_make_no_sense_are_protocol_errors() {
    let whole = || envelope("<CurrentTimeResponse><returnval>2024-05-02T09:16:50Z</returnval></CurrentTimeResponse>");
    let error = error_of(move || Act::Answer(200, String::new(), whole()[..whole().len() - 19].to_owned())).await;
    assert!(error.class() == Class::Protocol && error.to_string().contains("ends early"), "{error}");
    let error = error_of(|| Act::Answer(200, String::new(), "<html><body>hello</body></html>".to_owned())).await;
    assert!(error.class() == Class::Protocol && error.to_string().contains("no SOAP message"), "{error}");
    let error = error_of(|| soap("<LogoutResponse/>")).await;
    assert!(error.to_string().contains("LogoutResponse instead of CurrentTimeResponse"), "{error}");
    let bomb = r#"<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>"#;
    let error = error_of(move || Act::Answer(200, String::new(), format!("{bomb}{}", whole()))).await;
    assert!(error.to_string().contains("document type"), "{error}");
    let error = error_of(|| soap(&format!("<CurrentTimeResponse><returnval>{}", "<a>".repeat(100_000)))).await;
    assert!(error.to_string().contains("200 deep"), "{error}");
}

#[tokio::test]
async fn servers_in_trouble_are_transport_errors() {
    let error = error_of(|| Act::Answer(500, String::new(), "upstream\nconnect error".to_owned())).await;
    assert_eq!(error.class(), Class::Transport);
    assert!(error.to_string().contains("CurrentTime with HTTP status 500: upstream connect error"), "{error}");
    let error = error_of(|| Act::Answer(500, String::new(), String::new())).await;
    assert!(error.to_string().contains("status 500: no body"), "{error}");
    let error = error_of(|| Act::Answer(503, String::new(), "starting".to_owned())).await;
    assert_eq!(error.class(), Class::Overload);
    let error = error_of(|| Act::Cut(envelope("<CurrentTimeResponse/>"), 60)).await;
    assert!(matches!(error, Error::Connection { established: true, .. }), "{error:?}");
}

#[tokio::test]
async fn a_service_in_trouble_keeps_no_other_call_waiting() {
    let services = ["ListProcessesInGuest", "QueryAvailablePerfMetric", "QueryPerf", "CreateCollectorForEvents"];
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "CurrentTime" => soap("<CurrentTimeResponse><returnval>2024-05-02T09:16:50Z</returnval></CurrentTimeResponse>"),
        method if services.contains(&method) => Act::Answer(500, String::new(), "<html>Internal Server Error</html>".to_owned()),
        _ => healthy(seen),
    });
    let client = client(server.address());
    for method in services.into_iter().cycle().take(20) {
        let error = client.call(&MoRef::new("Manager", "manager"), method, &[]).await.unwrap_err();
        assert!(error.class() == Class::Protocol && error.to_string().contains("HTTP status 500"), "{error}");
        client.call(&instance(), "CurrentTime", &[]).await.unwrap();
    }
    assert_eq!(server.count("Login"), 1);
}

#[tokio::test]
async fn a_read_that_fails_while_others_do_not_says_nothing_about_the_server() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" if seen.body.contains("vm-bad") || down.load(Ordering::Relaxed) => {
            Act::Answer(500, String::new(), "<html>Internal Server Error</html>".to_owned())
        }
        _ => healthy(seen),
    });
    let client = client(server.address());
    let bad = MoRef::new("VirtualMachine", "vm-bad");
    for _ in 0..5 {
        let error = client.retrieve_objects(std::slice::from_ref(&bad), &["name"]).await.unwrap_err();
        assert!(matches!(error, Error::FailedRead { .. }) && error.class() == Class::Protocol, "{error}");
        assert!(
            error.to_string().contains("RetrievePropertiesEx with HTTP status 500, and other reads as usual: <html>"),
            "{error}"
        );
        named(&client.retrieve_objects(&[root()], &["name"]).await.unwrap(), "Datacenters");
    }
    assert_eq!((server.count("Login"), server.count("RetrievePropertiesEx")), (1, 15), "each failed read costs one more");
    // Where no read is answered, it is the server.
    is_down.store(true, Ordering::Relaxed);
    let error = client.retrieve_objects(&[bad], &["name"]).await.unwrap_err();
    assert!(matches!(error, Error::Status { .. }) && error.class() == Class::Transport, "{error}");
    let error = client.retrieve_objects(&[root()], &["name"]).await.unwrap_err();
    assert!(matches!(error, Error::Waiting { .. }), "{error}");
}

#[tokio::test]
async fn every_call_has_its_deadline() {
    for act in [|| Act::Stall(envelope("<CurrentTimeResponse/>"), 0), || Act::Stall(envelope("<CurrentTimeResponse/>"), 50)] {
        let server = Responder::start(move |seen| if seen.method == "CurrentTime" { act() } else { healthy(seen) });
        let mut config = config(server.address());
        config.request_timeout = Duration::from_millis(300);
        let client = Client::new(config).unwrap();
        client.session().await.unwrap();
        let started = Instant::now();
        let error = client.call(&instance(), "CurrentTime", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(error.to_string(), "CurrentTime at vc01.example.org took longer than 0.3 s");
    }
}

#[tokio::test]
async fn slow_calls_of_some_do_not_hold_up_all() {
    let server = Responder::start(|seen| match seen.body.contains("vm-slow") {
        true => Act::Stall(envelope(""), 10),
        false => healthy(seen),
    });
    let mut config = config(server.address());
    config.max_concurrency = 2;
    config.request_timeout = Duration::from_secs(2);
    let client = Client::new(config).unwrap();
    client.session().await.unwrap();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.retrieve_objects(&[MoRef::new("VirtualMachine", "vm-slow")], &["name"]).await }
    });
    let started = Instant::now();
    for _ in 0..5 {
        client.call(&instance(), "CurrentTime", &[]).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(2), "waited for the slow one");
    assert!(matches!(slow.await.unwrap().unwrap_err(), Error::Timeout { .. }));
    // The server answered others meanwhile, so it is not taken for dead.
    client.call(&instance(), "CurrentTime", &[]).await.unwrap();
}

#[tokio::test]
async fn callers_do_not_queue_for_ever() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "CurrentTime" => Act::Stall(envelope(""), 0),
        _ => healthy(seen),
    });
    let mut config = config(server.address());
    config.max_concurrency = 1;
    config.request_timeout = Duration::from_millis(400);
    let client = Client::new(config).unwrap();
    client.session().await.unwrap();
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call(&instance(), "CurrentTime", &[]).await.unwrap_err() })
        })
        .collect();
    let mut classes = Vec::new();
    for call in calls {
        classes.push(call.await.unwrap().class());
    }
    classes.sort();
    assert!(classes.contains(&Class::Transport) && classes.contains(&Class::Overload), "{classes:?}");
}

#[tokio::test]
async fn large_answers_are_refused() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "CurrentTime" => soap(&"x".repeat(100_000)),
        _ => healthy(seen),
    });
    let mut config = config(server.address());
    config.limits.response_bytes = 50_000;
    let error = Client::new(config).unwrap().call(&instance(), "CurrentTime", &[]).await.unwrap_err();
    assert!(error.class() == Class::Protocol && error.to_string().contains("larger than the 50000 bytes"), "{error}");
}

#[tokio::test]
async fn not_authenticated_in_all_missing_sets_is_a_lost_session() {
    let missing = r#"<objects><obj type="Folder">group-d1</obj><missingSet><path>name</path><fault><fault
        xsi:type="NotAuthenticated"><object type="Folder">group-d1</object><privilegeId>System.View</privilegeId></fault>
        <localizedMessage/></fault></missingSet></objects>"#;
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" if seen.cookie.as_deref() != Some("vmware_soap_session=\"51-q=\"") => objects(missing),
        _ => healthy(seen),
    });
    let client = client(server.address());
    named(&client.retrieve_objects(&[root()], &["name"]).await.unwrap(), "Datacenters");
    assert_eq!((server.count("Login"), client.session().await.unwrap().generation), (2, 2));
}

#[tokio::test]
async fn not_authenticated_with_a_living_session_is_a_missing_privilege() {
    let refused = r#"<object type="Folder">group-d1</object><privilegeId>Sessions.TerminateSession</privilegeId>"#;
    let missing = format!(
        r#"<objects><obj type="SessionManager">sm</obj><missingSet><path>sessionList</path><fault><fault
        xsi:type="NotAuthenticated">{refused}</fault></fault></missingSet></objects>"#
    );
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "CurrentTime" => fault("NotAuthenticated", refused),
        "RetrievePropertiesEx" if seen.body.contains("sessionList") => objects(&missing),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let error = client.call(&instance(), "CurrentTime", &[]).await.unwrap_err();
    assert_eq!((error.class(), error.fault().unwrap().privilege()), (Class::Permission, Some("Sessions.TerminateSession")));
    let read = client.retrieve_objects(&[MoRef::new("SessionManager", "sm")], &["sessionList"]).await.unwrap();
    assert_eq!(read[0].missing[0].1.privilege(), Some("Sessions.TerminateSession"));
    assert_eq!((server.count("Login"), server.count("CurrentTime")), (2, 2), "a new session did not help");
}

#[tokio::test]
async fn a_view_that_is_gone_is_made_anew() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "RetrievePropertiesEx" if seen.body.contains(">view-0<") => {
            fault("ManagedObjectNotFound", r#"<obj type="ContainerView">view-0</obj>"#)
        }
        "RetrievePropertiesEx" => objects(&object("VirtualMachine", "vm-1", "name", "vm01")),
        _ => healthy(seen),
    });
    let client = client(server.address());
    named(&client.retrieve_all("VirtualMachine", &["name"]).await.unwrap(), "vm01");
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
    assert_eq!((server.count("CreateContainerView"), server.count("Login")), (2, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_for_questions_only() {
    let server = Responder::start(|seen| match (seen.method.as_str(), seen.before) {
        ("CurrentTime", 0) | ("ListProcessesInGuest", _) => Act::Close,
        ("RetrievePropertiesEx", _) if seen.body.contains("processManager") => objects(
            r#"<objects><obj type="GuestOperationsManager">gom</obj><propSet><name>processManager</name><val
            type="GuestProcessManager" xsi:type="ManagedObjectReference">gpm</val></propSet></objects>"#,
        ),
        _ => healthy(seen),
    });
    let client = client(server.address());
    client.call(&instance(), "CurrentTime", &[]).await.unwrap();
    assert_eq!(server.count("CurrentTime"), 2);
    let password = SecretString::from("guest-w0rd");
    let error = client.list_processes(&MoRef::new("VirtualMachine", "vm-1"), "root", &password).await.unwrap_err();
    assert_eq!((error.class(), server.count("ListProcessesInGuest")), (Class::Transport, 1), "{error}");
}

#[tokio::test]
async fn characters_that_xml_forbids_do_not_lose_the_answer() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "RetrievePropertiesEx" => objects(&object("Folder", "group-d1", "name", "a\u{1}b&#x2;&unknown;")),
        _ => healthy(seen),
    });
    let read = client(server.address()).retrieve_objects(&[root()], &["name"]).await.unwrap();
    named(&read, "a\u{FFFD}b\u{FFFD}&unknown;");
}

#[tokio::test]
async fn a_server_that_pages_without_end_is_left() {
    // The pages are empty, so the limit on pages is the only thing that ends this; a small answer limit would not.
    let server = Responder::start(|seen| match seen.method.as_str() {
        "RetrievePropertiesEx" => objects("<token>1</token>"),
        "ContinueRetrievePropertiesEx" => soap(
            "<ContinueRetrievePropertiesExResponse><returnval><token>1</token></returnval></ContinueRetrievePropertiesExResponse>",
        ),
        _ => healthy(seen),
    });
    let mut config = config(server.address());
    config.limits.pages = 20;
    let error = Client::new(config).unwrap().retrieve_objects(&[root()], &["name"]).await.unwrap_err();
    assert!(error.to_string().contains("more than 20 pages"), "{error}");
}
