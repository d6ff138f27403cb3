//! The shapes in which real servers answer, from ESX 4.1 to vCenter 9.0, each by an answer written for it.

use std::time::Duration;

use serde_json::{Value as Json, json};
use vpoller_vsphere::{Class, FilterSpec, MoRef, ObjectContent, Value};

use crate::responder::{Act, Responder, Seen, envelope, healthy, object, objects, soap, updates};
use crate::{client, named};

const COOKIE: &str = "Set-Cookie: vmware_soap_session=\"52-first\"; Path=/; HttpOnly; Secure;\r\n";

/// What one virtual machine reads as when the server sends these property sets.
async fn machine(properties: &str) -> ObjectContent {
    let answer = format!(r#"<objects><obj type="VirtualMachine">vm-17</obj>{properties}</objects>"#);
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" => objects(&answer),
        _ => healthy(seen),
    });
    let machine = MoRef::new("VirtualMachine", "vm-17");
    client(server.address()).retrieve_objects(&[machine], &["name"]).await.unwrap().remove(0)
}

async fn value(kind: &str, content: &str) -> Json {
    let read = machine(&format!(r#"<propSet><name>p</name><val xsi:type="{kind}">{content}</val></propSet>"#)).await;
    read.get("p").unwrap().to_json()
}

#[tokio::test]
async fn plain_values_have_the_prefix_xsd() {
    for (kind, content, expected) in [
        ("xsd:string", "4711", json!("4711")),
        ("xsd:int", "-3", json!(-3)),
        ("xsd:long", "4398046511104", json!(4_398_046_511_104_i64)),
        ("xsd:short", "7", json!(7)),
        ("xsd:boolean", "false", json!(false)),
        ("xsd:double", "0.5", json!(0.5)),
    ] {
        assert_eq!(value(kind, content).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn empty_arrays_are_an_empty_pair_of_tags_and_left_out_of_structs() {
    for kind in ["ArrayOfManagedObjectReference", "ArrayOfGuestDiskInfo", "ArrayOfString", "ArrayOfInt"] {
        assert_eq!(value(kind, "").await, json!([]), "{kind}");
    }
    let read = machine(
        r#"<propSet><name>snapshot</name><val xsi:type="VirtualMachineSnapshotInfo"><currentSnapshot
        type="VirtualMachineSnapshot">snapshot-2</currentSnapshot></val></propSet>"#,
    )
    .await;
    let snapshot = read.get("snapshot").and_then(Value::as_struct).unwrap();
    assert_eq!(snapshot.get("rootSnapshotList"), None);
    assert_eq!(read.get("snapshot").unwrap().to_json()["currentSnapshot"], json!("vim.vm.Snapshot:snapshot-2"));
}

#[tokio::test]
async fn dates_have_up_to_six_digits_of_a_second_and_end_in_z_or_an_offset() {
    for (sent, read) in [
        ("2011-03-07T06:05:04Z", "2011-03-07 06:05:04+00:00"),
        ("2011-03-07T06:05:04.5Z", "2011-03-07 06:05:04.500000+00:00"),
        ("2011-03-07T06:05:04.25Z", "2011-03-07 06:05:04.250000+00:00"),
        ("2011-03-07T06:05:04.125Z", "2011-03-07 06:05:04.125000+00:00"),
        ("2011-03-07T06:05:04.0625Z", "2011-03-07 06:05:04.062500+00:00"),
        ("2011-03-07T06:05:04.03125Z", "2011-03-07 06:05:04.031250+00:00"),
        ("2011-03-07T06:05:04.015625Z", "2011-03-07 06:05:04.015625+00:00"),
        ("2011-03-07T06:05:04.000000Z", "2011-03-07 06:05:04+00:00"),
        ("2011-03-07T07:05:04+01:00", "2011-03-07 07:05:04+01:00"),
        ("2011-03-07T07:05:04.5+01:00", "2011-03-07 07:05:04.500000+01:00"),
    ] {
        assert_eq!(value("xsd:dateTime", sent).await, json!(read), "{sent}");
    }
}

#[tokio::test]
async fn what_is_unset_is_left_out_and_never_nil() {
    let read = machine(r#"<propSet><name>name</name><val xsi:type="xsd:string">vm01</val></propSet>"#).await;
    assert_eq!(read.get("name").and_then(Value::as_str), Some("vm01"));
    assert_eq!(read.get("runtime.bootTime"), None);
    assert!(read.missing.is_empty());
}

#[tokio::test]
async fn strings_hold_raw_line_feeds_and_utf_8() {
    let sent = "first line\nsecond\tline\n\n  Zürich &amp; 東京 😀 ";
    assert_eq!(value("xsd:string", sent).await, json!("first line\nsecond\tline\n\n  Zürich & 東京 😀 "));
}

#[tokio::test]
async fn a_page_has_a_hundred_objects_and_the_token_0() {
    let page = |from: u32, to: u32| -> String {
        (from..to).map(|number| object("VirtualMachine", &format!("vm-{number}"), "name", &format!("vm{number:03}"))).collect()
    };
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "RetrievePropertiesEx" if seen.body.contains("VirtualMachine") => objects(&format!("{}<token>0</token>", page(0, 100))),
        "ContinueRetrievePropertiesEx" => soap(&format!(
            "<ContinueRetrievePropertiesExResponse xmlns=\"urn:vim25\"><returnval>{}</returnval></ContinueRetrievePropertiesExResponse>",
            page(100, 103)
        )),
        _ => healthy(seen),
    });
    let read = client(server.address()).retrieve_all("VirtualMachine", &["name"]).await.unwrap();
    assert_eq!(read.len(), 103);
    named(&read, "vm102");
    let calls = server.seen();
    let next: Vec<&Seen> = calls.iter().filter(|seen| seen.method == "ContinueRetrievePropertiesEx").collect();
    assert_eq!(next.len(), 1);
    assert!(next[0].body.contains("<token>0</token>"), "{}", next[0].body);
}

#[tokio::test]
async fn updates_count_0_1_and_then_1() {
    let change = |kind: &str, id: u32, name: &str| {
        format!(
            r#"<objectSet><kind>{kind}</kind><obj type="VirtualMachine">vm-{id}</obj><changeSet><name>name</name><op>assign</op><val
            xsi:type="xsd:string">{name}</val></changeSet></objectSet>"#
        )
    };
    let server = Responder::start(move |seen| match (seen.method.as_str(), seen.before) {
        ("WaitForUpdatesEx", 0) => updates("0_1", true, &(0..100).map(|id| change("enter", id, "first")).collect::<String>()),
        ("WaitForUpdatesEx", 1) => updates("1", false, &change("enter", 100, "last of the first state")),
        ("WaitForUpdatesEx", 2) => updates("2", false, &change("modify", 100, "renamed")),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let session = client.session().await.unwrap();
    let mut collector = client.collector(&session).await.unwrap();
    let view = client.view(&session).await.unwrap();
    collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", &["name"])).await.unwrap();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let updates = collector.wait(Duration::from_secs(5)).await.unwrap().unwrap();
        sizes.push((updates.set.filters[0].objects.len(), updates.set.truncated));
    }
    assert_eq!(sizes, [(100, true), (1, false), (1, false)]);
    let calls = server.seen();
    let asked: Vec<&Seen> = calls.iter().filter(|seen| seen.method == "WaitForUpdatesEx").collect();
    assert!(!asked[0].body.contains("<version>0_1"), "{}", asked[0].body);
    assert!(asked[1].body.contains("<version>0_1</version>"), "{}", asked[1].body);
    assert!(asked[2].body.contains("<version>1</version>"), "{}", asked[2].body);
}

#[tokio::test]
async fn answers_come_whole_or_in_chunks() {
    let answer = || {
        let name = object("Folder", "group-d1", "name", "Rechenzentrum Köln 😀");
        envelope(&format!(
            r#"<RetrievePropertiesExResponse xmlns="urn:vim25"><returnval>{name}</returnval></RetrievePropertiesExResponse>"#
        ))
    };
    // One byte, odd sizes that cut letters in two, and more than the answer has.
    for size in [1, 3, 7, 100_000] {
        let server = Responder::start(move |seen| match seen.method.as_str() {
            "RetrievePropertiesEx" => Act::Chunks(String::new(), answer(), size),
            _ => healthy(seen),
        });
        let read = client(server.address()).retrieve_objects(&[MoRef::new("Folder", "group-d1")], &["name"]).await.unwrap();
        named(&read, "Rechenzentrum Köln 😀");
    }
}

#[tokio::test]
async fn the_cookie_comes_with_the_first_answer_up_to_5_5() {
    let server = Responder::start(|seen| match (seen.method.as_str(), healthy(seen)) {
        ("RetrieveServiceContent", Act::Answer(status, _, body)) => Act::Answer(status, COOKIE.to_owned(), body),
        ("Login", Act::Answer(status, _, body)) => Act::Answer(status, String::new(), body),
        (_, act) => act,
    });
    client(server.address()).call(&MoRef::new("ServiceInstance", "ServiceInstance"), "CurrentTime", &[]).await.unwrap();
    let cookies: Vec<_> = server.seen().into_iter().map(|seen| (seen.method, seen.cookie)).collect();
    let of = |method: &str| cookies.iter().find(|(name, _)| name == method).unwrap().1.as_deref();
    assert_eq!(of("RetrieveServiceContent"), None);
    assert_eq!(of("Login"), Some("vmware_soap_session=\"52-first\""));
    assert_eq!(of("CurrentTime"), Some("vmware_soap_session=\"52-first\""));
}

#[tokio::test]
async fn the_cookie_comes_with_the_login_from_6_0_on() {
    let server = Responder::start(healthy);
    client(server.address()).call(&MoRef::new("ServiceInstance", "ServiceInstance"), "CurrentTime", &[]).await.unwrap();
    let seen = server.seen();
    let of = |method: &str| seen.iter().find(|seen| seen.method == method).unwrap().cookie.as_deref();
    assert_eq!((of("Login"), of("CurrentTime")), (None, Some("vmware_soap_session=\"50-q=\"")));
}

#[tokio::test]
async fn a_page_of_versions_may_lead_with_a_word() {
    for word in ["uA046D008", "uA046D008\r\n", "\n"] {
        let server = Responder::start(move |seen| match (seen.method.as_str(), healthy(seen)) {
            ("vimServiceVersions.xml", Act::Answer(status, headers, body)) => {
                Act::Answer(status, headers, format!("{word}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"))
            }
            (_, act) => act,
        });
        assert_eq!(client(server.address()).session().await.unwrap().api_version, "8.0.2.0", "{word:?}");
    }
}

#[tokio::test]
async fn a_fault_may_come_without_detail() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "CurrentTime" => Act::Answer(
            500,
            String::new(),
            envelope(
                "<soapenv:Fault><faultcode>ClientFaultCode</faultcode><faultstring>Unsupported version URI &quot;urn:vim25/99.0&quot;\n\n\
                 while parsing SOAP body</faultstring></soapenv:Fault>",
            ),
        ),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let error = client.call(&MoRef::new("ServiceInstance", "ServiceInstance"), "CurrentTime", &[]).await.unwrap_err();
    assert!(error.to_string().contains("Unsupported version URI \"urn:vim25/99.0\""), "{error}");
    assert!(!matches!(error.class(), Class::Session | Class::Auth), "{:?}", error.class());
    assert_eq!(server.count("Login"), 1, "it is no reason to log in again");
}
