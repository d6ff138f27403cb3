//! Sessions that one service of the server does not know any more while all others do, and credentials that are refused for once.

use std::time::Duration;

use serde_json::json;
use vpoller_testkit::responder::{Act, Responder, fault, healthy, objects};
use vpoller_testkit::simulator::PASSWORD;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Class, Client, ConnectionState, Error, FilterSpec, MoRef, SecretString, Value};

use crate::{client, named, vm};

async fn processes(client: &Client, vm: &MoRef) -> Result<usize, Error> {
    client.list_processes(vm, "root", &SecretString::from(PASSWORD)).await.map(|processes| processes.len())
}

/// Makes calls `NotAuthenticated` in the sessions of now, or in later ones, too.
fn stale(simulator: &Simulator, methods: &[&str], always: bool) {
    simulator.page("POST", "/sessions/stale", &json!({"methods": methods, "always": always}).to_string());
}

#[tokio::test]
async fn a_service_that_forgot_the_session_gets_a_new_one() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    assert_eq!(processes(&client, &vm01).await.unwrap(), 87);
    let before = client.session().await.unwrap();
    simulator.page("POST", "/sessions/stale", "{}");
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            let vm01 = vm01.clone();
            tokio::spawn(async move { processes(&client, &vm01).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 87);
    }
    assert_eq!(simulator.calls_of("Login"), 2, "one new session for all");
    // What belongs to the session before goes on in it.
    let args = FilterSpec::objects(std::slice::from_ref(&before.content.root_folder), &["name"]).to_arg("specSet");
    let args = [args, vpoller_vsphere::Arg::object("options", Vec::new())];
    let collector = &before.content.property_collector;
    client.call_in(&before, collector, "RetrievePropertiesEx", &args, Duration::from_secs(10)).await.unwrap();
    assert_eq!(simulator.sessions().len(), 2);
    // It happens again and again, with any service that calls are handed on to.
    let event_manager = before.content.event_manager.clone().unwrap();
    let perf_manager = before.content.perf_manager.clone().unwrap();
    drop(before);
    for _ in 0..4 {
        stale(&simulator, &["QueryAvailablePerfMetric", "QueryEvents"], false);
        client.call(&event_manager, "QueryEvents", &[vpoller_vsphere::Arg::object("filter", Vec::new())]).await.unwrap();
        let args = [vpoller_vsphere::Arg::new("entity", &vm01)];
        client.call(&perf_manager, "QueryAvailablePerfMetric", &args).await.unwrap();
    }
    assert_eq!(simulator.calls_of("Login"), 6);
    client.logout().await;
    assert_eq!(simulator.sessions().len(), 0, "no session is left behind");
}

#[tokio::test]
async fn a_new_session_that_does_not_help_means_a_missing_privilege() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    stale(&simulator, &["ListProcessesInGuest"], true);
    for _ in 0..20 {
        let error = processes(&client, &vm01).await.unwrap_err();
        assert_eq!((error.class(), error.fault().unwrap().kind.as_str()), (Class::Permission, "NoPermission"), "{error}");
    }
    assert!(simulator.calls_of("Login") <= 4, "{} logins", simulator.calls_of("Login"));
    stale(&simulator, &[], false);
    assert_eq!(processes(&client, &vm01).await.unwrap(), 87);
    stale(&simulator, &["ListProcessesInGuest"], false);
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
}

#[tokio::test]
async fn a_collector_whose_waits_are_refused_is_made_anew_in_a_new_session() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let session = client.session().await.unwrap();
    let mut collector = client.collector(&session).await.unwrap();
    let view = client.view(&session).await.unwrap();
    let filter = FilterSpec::view(&view, "VirtualMachine", &["name"]);
    collector.add_filter(&filter).await.unwrap();
    collector.wait(Duration::ZERO).await.unwrap().unwrap();
    stale(&simulator, &["WaitForUpdatesEx"], false);
    let error = collector.wait(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, Error::SessionLost { .. }) && error.to_string().contains("NotAuthenticated"), "{error:?}");
    let session = client.session().await.unwrap();
    assert_eq!(session.generation, 2);
    let mut collector = client.collector(&session).await.unwrap();
    let view = client.view(&session).await.unwrap();
    collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", &["name"])).await.unwrap();
    assert!(collector.wait(Duration::ZERO).await.unwrap().unwrap().full);
    // In the session that was opened for it, the same refusal means what it says.
    stale(&simulator, &["WaitForUpdatesEx"], true);
    for _ in 0..3 {
        let error = collector.wait(Duration::ZERO).await.unwrap_err();
        assert_eq!(error.fault().map(|fault| fault.kind.as_str()), Some("NoPermission"), "{error}");
    }
    assert_eq!(simulator.calls_of("Login"), 2);
}

#[tokio::test]
async fn a_session_whose_successor_is_refused_stays() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    simulator.page("POST", "/sessions/stale", "{}");
    simulator.page("POST", "/login/refuse", r#"{"times":1}"#);
    let error = processes(&client, &vm01).await.unwrap_err();
    assert!(matches!(error, Error::Login { .. }) && error.to_string().contains("refuses the login of root"), "{error}");
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
    assert!(matches!(client.state(), ConnectionState::Connected { generation: 1 }), "{:?}", client.state());
    let error = processes(&client, &vm01).await.unwrap_err();
    assert!(error.next_try().is_some() && error.to_string().contains("refuses the login of root"), "{error}");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
    assert_eq!(processes(&client, &vm01).await.unwrap(), 87);
    assert_eq!(simulator.calls_of("Login"), 3);
}

#[tokio::test]
async fn credentials_that_have_worked_are_tried_again_within_seconds() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    client.session().await.unwrap();
    for (refusals, logins) in [(1, 3), (2, 6)] {
        simulator.page("POST", "/login/refuse", &json!({"times": refusals}).to_string());
        simulator.drop_sessions();
        let error = client.retrieve_all("VirtualMachine", &["name"]).await.unwrap_err();
        assert!(error.to_string().contains("refuses the login of root (InvalidLogin"), "{error}");
        for pause in [5, 200].into_iter().take(refusals) {
            let error = client.session().await.unwrap_err();
            assert!(error.next_try().is_some_and(|next| next.as_secs().abs_diff(pause) <= 2), "{pause}: {error}");
            assert!(error.to_string().contains("refuses the login of root (InvalidLogin"), "{error}");
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(pause + 1)).await;
            tokio::time::resume();
            let tried = client.session().await;
            assert_eq!(tried.is_ok(), pause == 200 || refusals == 1, "{tried:?}");
        }
        assert_eq!(simulator.calls_of("Login"), logins);
    }
}

#[tokio::test]
async fn a_server_that_refuses_the_root_folder_knows_the_session() {
    let privilege = r#"<object type="Folder">group-d1</object><privilegeId>System.View</privilegeId>"#;
    let missing = |kind: &str| {
        let content = format!(
            r#"<objects><obj type="Folder">group-d1</obj><missingSet><path>name</path><fault><fault xsi:type="{kind}">{privilege}</fault>
            <localizedMessage/></fault></missingSet></objects>"#
        );
        move || objects(&content)
    };
    let own = r#"<objects><obj type="SessionManager">sm</obj><propSet><name>currentSession</name><val xsi:type="UserSession">
        <userName>root</userName></val></propSet></objects>"#;
    let alive: [Box<dyn Fn() -> Act + Send + Sync>; 5] = [
        Box::new(missing("NoPermission")),
        Box::new(move || fault("NoPermission", privilege)),
        Box::new(|| fault("ManagedObjectNotFound", r#"<obj type="Folder">group-d1</obj>"#)),
        Box::new(|| fault("InvalidProperty", "<name>name</name>")),
        Box::new(move || objects(own)),
    ];
    for (number, answer) in alive.into_iter().enumerate() {
        let server = Responder::start(move |seen| match seen.method.as_str() {
            "RetrievePropertiesEx" => answer(),
            "QueryOptions" => fault("NotAuthenticated", privilege),
            _ => healthy(seen),
        });
        let client = client(server.address());
        for _ in 0..2 {
            let error = client.call(&MoRef::new("OptionManager", "om"), "QueryOptions", &[]).await.unwrap_err();
            assert_eq!(error.class(), Class::Permission, "{number}: {error}");
        }
        assert!(server.count("Login") <= 3, "{number}");
        assert!(matches!(client.state(), ConnectionState::Connected { .. }));
    }
    // Nothing to read, or nothing but NotAuthenticated: the session is gone.
    let dead: [Box<dyn Fn() -> Act + Send + Sync>; 2] = [Box::new(missing("NotAuthenticated")), Box::new(|| objects(""))];
    for answer in dead {
        let server = Responder::start(move |seen| match seen.method.as_str() {
            "RetrievePropertiesEx" => answer(),
            "QueryOptions" => fault("NotAuthenticated", privilege),
            _ => healthy(seen),
        });
        let error = client(server.address()).call(&MoRef::new("OptionManager", "om"), "QueryOptions", &[]).await.unwrap_err();
        assert_eq!(error.class(), Class::Session, "{error}");
    }
}

#[tokio::test]
async fn an_account_without_rights_on_the_root_folder_keeps_its_session() {
    let simulator = Simulator::start(&SimOptions::default());
    simulator.deny("Folder", "name", Some("System.View"));
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    let root = client.session().await.unwrap().content.root_folder.clone();
    let read = client.retrieve_objects(std::slice::from_ref(&root), &["name"]).await.unwrap();
    assert!(read[0].get("name").is_none());
    stale(&simulator, &["ListProcessesInGuest"], false);
    assert_eq!(processes(&client, &vm01).await.unwrap(), 87);
    assert_eq!(simulator.calls_of("Login"), 2);
    assert_eq!(named(&client.retrieve_all("VirtualMachine", &["name"]).await.unwrap(), "vm01.example.org").obj, vm01);
    assert!(client.session().await.unwrap().user_session().get("userName").is_some_and(|name| *name == Value::string("root")));
}
