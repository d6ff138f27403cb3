//! The end of a client: no session is left at the server, and none is opened afterwards.

use std::time::Duration;

use vpoller_vsphere::{Client, ConnectionState, Error, MoRef};

use crate::client;
use crate::held::Held;
use crate::responder::{fault, healthy};

/// Asks the time on a task of its own.
fn ask(client: &Client) -> tokio::task::JoinHandle<Result<(), Error>> {
    let client = client.clone();
    let instance = MoRef::new("ServiceInstance", "ServiceInstance");
    tokio::spawn(async move { client.call(&instance, "CurrentTime", &[]).await.map(drop) })
}

#[tokio::test]
async fn a_call_under_way_does_not_log_in_again_after_closing() {
    // After the logout the server knows the session no more, whatever is asked in it.
    let mut held = Held::start("CurrentTime", |seen| match seen.method.as_str() {
        "CurrentTime" | "RetrievePropertiesEx" => fault("NotAuthenticated", ""),
        _ => healthy(seen),
    });
    let client = client(held.server.address());
    let call = ask(&client);
    held.arrived.recv().await.unwrap();
    client.close().await;
    assert_eq!(held.server.count("Logout"), 1);
    held.release.send(()).unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert!(matches!(ask(&client.clone()).await.unwrap(), Err(Error::Closed { .. })), "clones are closed too");
    assert!(matches!(client.state(), ConnectionState::Idle));
    assert_eq!((held.server.count("Login"), held.server.count("Logout")), (1, 1));
}

#[tokio::test]
async fn a_login_under_way_while_closing_leaves_no_session() {
    let mut held = Held::start("Login", healthy);
    let client = client(held.server.address());
    let call = ask(&client);
    held.arrived.recv().await.unwrap();
    // Closing does not wait for a slow login to the end; the login ends its session by itself.
    let impatient = tokio::time::timeout(Duration::from_millis(50), client.close()).await;
    assert!(impatient.is_err(), "the login is not over");
    held.release.send(()).unwrap();
    assert!(matches!(call.await.unwrap(), Err(Error::Closed { .. })));
    assert_eq!((held.server.count("Login"), held.server.count("Logout")), (1, 1));
    assert!(matches!(client.state(), ConnectionState::Idle), "{:?}", client.state());
}
