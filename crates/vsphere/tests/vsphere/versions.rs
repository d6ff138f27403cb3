//! Which version of the API is spoken, whatever becomes of the page that lists them.

use std::time::{Duration, Instant};

use vpoller_testkit::responder::{Act, Responder, Seen, envelope, healthy, soap};
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Class, Value};

use crate::client;

#[tokio::test]
async fn a_page_that_cannot_be_had_does_not_change_the_version() {
    let simulator = Simulator::start(&SimOptions { flags: &["-api-version", "7.0.3.0"], ..SimOptions::default() });
    let pages = [
        "{}",
        r#"{"status":401}"#,
        r#"{"status":403}"#,
        r#"{"status":404}"#,
        r#"{"status":503}"#,
        r#"{"status":500}"#,
        r#"{"prefix":"uA046D008"}"#,
        r#"{"hang":true}"#,
    ];
    for page in pages {
        simulator.page("POST", "/versions", page);
        let client = client(simulator.address());
        let started = Instant::now();
        let session = client.session().await.unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(started.elapsed() < Duration::from_secs(8), "{page}: {:?}", started.elapsed());
        assert_eq!(session.api_version, "7.0.3.0", "{page}");
        client.retrieve_all("VirtualMachine", &["config.vmxConfigChecksum"]).await.unwrap();
        client.logout().await;
    }
}

/// A healthy server of this version, except for its page.
fn server(page: impl Fn() -> Act + Send + Sync + 'static, version: &'static str) -> Responder {
    Responder::start(move |seen| match seen.method.as_str() {
        "vimServiceVersions.xml" => page(),
        "RetrieveServiceContent" => content(seen, version),
        _ => healthy(seen),
    })
}

/// A service content of this version, as `healthy` has it. What came after 4.1 is not in one of 4.1.
fn content(seen: &Seen, version: &str) -> Act {
    let newer = match seen.action.as_deref() {
        Some("urn:vim25/4.1") => "",
        _ => r#"<guestOperationsManager type="GuestOperationsManager">gom</guestOperationsManager>"#,
    };
    soap(&format!(
        r#"<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder>
        <propertyCollector type="PropertyCollector">pc</propertyCollector><viewManager type="ViewManager">vm</viewManager>
        <about><name>Made up</name><apiType>VirtualCenter</apiType>{version}</about>
        <sessionManager type="SessionManager">sm</sessionManager>{newer}</returnval></RetrieveServiceContentResponse>"#
    ))
}

#[tokio::test]
async fn pages_of_other_content_are_passed_over() {
    let bodies = [
        "<html><body>Please <b>log in</b><br></body></html>",
        "",
        "<namespaces><namespace><name>urn:pbm</name><version>2.0</version></namespace></namespaces>",
        "<namespaces><namespace><name>urn:vim25</name><version>99.0</version></namespace></namespaces>",
    ];
    for body in bodies {
        let server = server(move || Act::Answer(200, String::new(), body.to_owned()), "<apiVersion>8.0.2.0</apiVersion>");
        let client = client(server.address());
        let session = client.session().await.unwrap();
        assert_eq!(session.api_version, "8.0.2.0", "{body}");
        assert!(session.content.guest_operations_manager.is_some(), "the content is read in the version that is spoken");
        assert_eq!(server.seen().last().unwrap().action.as_deref(), Some("urn:vim25/8.0.2.0"));
        assert_eq!((server.count("RetrieveServiceContent"), server.count("Login")), (2, 1));
    }
    let redirect = || Act::Answer(302, "Location: /ui/login\r\n".to_owned(), String::new());
    assert_eq!(client(server(redirect, "<apiVersion>6.5</apiVersion>").address()).session().await.unwrap().api_version, "6.5");
    let close = || Act::Close;
    assert_eq!(client(server(close, "<apiVersion>6.5</apiVersion>").address()).session().await.unwrap().api_version, "6.5");
}

#[tokio::test]
async fn a_server_that_speaks_no_old_version_is_asked_in_newer_ones() {
    // A version that the server does not know is a fault without a type.
    let unsupported = envelope(
        "<soapenv:Fault><faultcode>ClientFaultCode</faultcode><faultstring>Unsupported version URI</faultstring></soapenv:Fault>",
    );
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "vimServiceVersions.xml" => Act::Answer(403, String::new(), String::new()),
        "RetrieveServiceContent" if seen.action.as_deref() == Some("urn:vim25/4.1") => {
            Act::Answer(500, String::new(), unsupported.clone())
        }
        "RetrieveServiceContent" => content(seen, "<apiVersion>8.0.3.0</apiVersion>"),
        _ => healthy(seen),
    });
    let session = client(server.address()).session().await.unwrap();
    assert_eq!(session.api_version, "8.0.3.0");
    assert_eq!(session.content.about.get("apiVersion"), Some(&Value::string("8.0.3.0")));
}

#[tokio::test]
async fn a_server_in_trouble_is_not_asked_in_every_version() {
    let server = Responder::start(|_| Act::Answer(503, String::new(), "starting".to_owned()));
    let error = client(server.address()).session().await.unwrap_err();
    assert_eq!((error.class(), server.seen().len()), (Class::Overload, 2), "{error}");
}
