//! Sessions: one login at a time, lost ones replaced, refused accounts left in peace.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use vpoller_testkit::simulator::{SimOptions, Simulator};
use vpoller_vsphere::{Class, Client, ConnectionState, Error, SecretString};

use crate::held::Held;
use crate::responder::{Act, Responder, fault, healthy};
use crate::{client, config, named};

/// Many tasks ask at once.
async fn crowd(client: &Client, size: usize) {
    let tasks: Vec<_> = (0..size)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.retrieve_all("VirtualMachine", &["name"]).await.map(|vms| vms.len()) })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap() > 10);
    }
}

#[tokio::test]
async fn many_callers_share_one_login_and_one_view() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    assert!(matches!(client.state(), ConnectionState::Idle));
    crowd(&client, 20).await;
    assert_eq!((simulator.calls_of("Login"), simulator.calls_of("CreateContainerView")), (1, 1));
    assert!(matches!(client.state(), ConnectionState::Connected { generation: 1 }));
    let sessions = simulator.sessions();
    assert_eq!(sessions.len(), 1);
    let agent = sessions[0]["agent"].as_str().unwrap_or_default();
    assert!(agent.starts_with("vPoller/"), "{sessions:?}");
}

#[tokio::test]
async fn a_lost_session_is_replaced_once_for_all() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    crowd(&client, 1).await;
    simulator.drop_sessions();
    simulator.reset_calls();
    crowd(&client, 20).await;
    assert_eq!((simulator.calls_of("Login"), simulator.calls_of("CreateContainerView")), (1, 1));
    let session = client.session().await.unwrap();
    assert_eq!(session.generation, 2);
    // Reads without the view, and plain calls, recover too.
    simulator.drop_sessions();
    let root = client.retrieve_objects(std::slice::from_ref(&session.content.root_folder), &["name"]).await.unwrap();
    named(&root, "Datacenters");
    let client = crate::client(simulator.address());
    let session = client.session().await.unwrap();
    simulator.drop_sessions();
    let manager = session.content.view_manager.clone();
    let args =
        [vpoller_vsphere::Arg::new("container", &session.content.root_folder), vpoller_vsphere::Arg::new("recursive", true)];
    assert_eq!(client.call(&manager, "CreateContainerView", &args).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_account_is_left_alone_for_minutes() {
    let simulator = Simulator::start(&SimOptions::default());
    let mut config = config(simulator.address());
    config.password = SecretString::from("wr0ng-w0rd");
    let client = Client::new(config).unwrap();
    let error = client.session().await.unwrap_err();
    assert!(matches!(error, Error::Login { .. }), "{error:?}");
    assert!(error.to_string().contains("vc01.example.org refuses the login of root"), "{error}");
    for _ in 0..5 {
        let error = client.session().await.unwrap_err();
        assert_eq!(error.class(), Class::Auth);
        let next = error.next_try().unwrap();
        assert!(next > Duration::from_secs(180) && next <= Duration::from_secs(200), "{next:?}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"));
    }
    assert_eq!(simulator.calls_of("Login"), 1);
    assert!(matches!(client.state(), ConnectionState::AuthFailed { .. }), "{:?}", client.state());
}

#[tokio::test]
async fn a_refused_account_is_tried_again_after_its_pause() {
    let server = Responder::start(|seen| match (seen.method.as_str(), seen.before) {
        ("Login", 0) => fault("InvalidLogin", ""),
        _ => healthy(seen),
    });
    let client = client(server.address());
    client.session().await.unwrap_err();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(198)).await;
    assert!(client.session().await.is_err());
    assert_eq!(server.count("Login"), 1);
    tokio::time::advance(Duration::from_secs(3)).await;
    tokio::time::resume();
    client.session().await.unwrap();
    assert!(matches!(client.state(), ConnectionState::Connected { generation: 1 }), "failed logins are no sessions");
}

#[tokio::test]
async fn an_unreachable_server_is_left_alone_for_a_moment() {
    // A port that was free a moment ago: nothing listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client(address);
    let error = client.session().await.unwrap_err();
    assert!(matches!(error, Error::Connection { established: false, .. }), "{error:?}");
    assert!(error.to_string().contains("cannot reach vc01.example.org: Connection refused"), "{error}");
    let error = client.session().await.unwrap_err();
    assert!(error.next_try().is_some_and(|next| next <= Duration::from_secs(1)), "{error}");
    assert_eq!(client.stats().calls(), 1, "the second caller was not sent out");
    assert!(matches!(client.state(), ConnectionState::Unreachable { .. }));
}

#[tokio::test]
async fn a_server_that_dies_is_not_asked_by_every_caller() {
    let mut simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    client.session().await.unwrap();
    simulator.process().kill();
    let error = client.retrieve_all("VirtualMachine", &["name"]).await.unwrap_err();
    assert_eq!(error.class(), Class::Transport, "{error}");
    let before = client.stats().calls();
    for _ in 0..20 {
        let error = client.retrieve_all("VirtualMachine", &["name"]).await.unwrap_err();
        assert!(error.next_try().is_some() && error.to_string().contains("not asked before"), "{error}");
    }
    assert_eq!(client.stats().calls(), before);
}

#[tokio::test]
async fn an_overloaded_server_is_distinguished_from_a_broken_one() {
    let busy = Responder::start(|_| Act::Answer(503, String::new(), "Out of HTTP sessions: Limited to 2000".to_owned()));
    let error = client(busy.address()).session().await.unwrap_err();
    assert_eq!(error.class(), Class::Overload);
    assert!(error.to_string().contains("HTTP status 503: Out of HTTP sessions"), "{error}");
    let wrong = Responder::start(|_| Act::Answer(404, String::new(), "<html>\n<body>Not\n here</body></html>".to_owned()));
    let error = client(wrong.address()).session().await.unwrap_err();
    assert_eq!(error.class(), Class::Transport);
    assert!(error.to_string().contains("HTTP status 404: <html> <body>Not here</body></html>"), "{error}");
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_hide_a_failed_login() {
    let mut held = Held::start("Login", |seen| match seen.method.as_str() {
        "Login" => fault("InvalidLogin", ""),
        _ => healthy(seen),
    });
    let client = client(held.server.address());
    let impatient = tokio::spawn({
        let client = client.clone();
        async move { client.session().await.map(drop) }
    });
    held.arrived.recv().await.unwrap();
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    assert!(matches!(client.state(), ConnectionState::Connecting));
    held.release.send(()).unwrap();
    assert_eq!(client.session().await.unwrap_err().class(), Class::Auth);
    assert_eq!(client.session().await.unwrap_err().class(), Class::Auth);
    assert_eq!(held.server.count("Login"), 1);
}

#[tokio::test]
async fn sessions_that_die_at_once_do_not_make_a_login_storm() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "CurrentTime" | "RetrievePropertiesEx" => fault("NotAuthenticated", ""),
        _ => healthy(seen),
    });
    let client = client(server.address());
    let instance = vpoller_vsphere::MoRef::new("ServiceInstance", "ServiceInstance");
    for _ in 0..20 {
        client.call(&instance, "CurrentTime", &[]).await.unwrap_err();
    }
    assert!(server.count("Login") <= 5, "{} logins", server.count("Login"));
}

#[tokio::test]
async fn late_answers_do_not_end_the_pause_of_a_refused_account() {
    // The password was changed and the session ended: one call after the other learns that the session is gone, each when
    // the one before has been refused its login.
    let turn = Arc::new((Mutex::new(0), Condvar::new()));
    let next = turn.clone();
    let server = Responder::start(move |seen| match seen.method.as_str() {
        "Login" if seen.before == 0 => healthy(seen),
        "Login" => fault("InvalidLogin", ""),
        "CurrentTime" => {
            let waiting = next.1.wait_timeout_while(next.0.lock().unwrap(), Duration::from_secs(30), |turn| *turn < seen.before);
            drop(waiting.unwrap());
            fault("NotAuthenticated", "")
        }
        "RetrievePropertiesEx" => fault("NotAuthenticated", ""),
        _ => healthy(seen),
    });
    let client = client(server.address());
    client.session().await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..7 {
        let client = client.clone();
        let instance = vpoller_vsphere::MoRef::new("ServiceInstance", "ServiceInstance");
        calls.spawn(async move { client.call(&instance, "CurrentTime", &[]).await });
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap().unwrap_err().class(), Class::Auth);
        *turn.0.lock().unwrap() += 1;
        turn.1.notify_all();
    }
    assert_eq!((server.count("CurrentTime"), server.count("Login")), (7, 2), "one login worked, one was refused");
    assert!(matches!(client.state(), ConnectionState::AuthFailed { .. }), "{:?}", client.state());
}

#[tokio::test]
async fn a_hanging_server_does_not_hold_up_logout() {
    let server = Responder::start(|seen| match seen.method.as_str() {
        "Logout" => Act::Stall(crate::responder::envelope("<LogoutResponse/>"), 10),
        _ => healthy(seen),
    });
    let mut config = config(server.address());
    config.request_timeout = Duration::from_millis(500);
    let client = Client::new(config).unwrap();
    client.session().await.unwrap();
    let started = std::time::Instant::now();
    client.logout().await;
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(server.count("Logout"), 1);
}

#[tokio::test]
async fn logout_closes_the_session_and_the_client_lives_on() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    client.logout().await;
    assert_eq!(simulator.calls().total, 0, "nothing to close");
    crowd(&client, 1).await;
    client.logout().await;
    assert_eq!(simulator.sessions().len(), 0);
    assert!(matches!(client.state(), ConnectionState::Idle));
    crowd(&client, 1).await;
    assert_eq!(client.session().await.unwrap().generation, 2);
}
