//! The client as its users see it: against the simulated vCenter and ESXi host, and against a server that misbehaves in ways
//! no simulator offers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is a test's error report")]

mod certificates;
mod closing;
mod examples;
mod held;
mod login;
mod misbehaviour;
mod pages;
mod performance;
mod reading;
mod renewal;
mod shapes;
mod trust;
mod updates;
mod versions;

use std::net::SocketAddr;

use vpoller_testkit::responder;
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_vsphere::{Client, Config, MoRef, ObjectContent, SecretString, Tls, Value};

/// Settings for a server at an address, unverified.
fn config(address: SocketAddr) -> Config {
    let mut config = Config::new("vc01.example.org", USER, SecretString::from(PASSWORD));
    config.address = Some(address);
    config.tls = Tls::Off;
    config
}

/// A client of a server at an address, unverified.
fn client(address: SocketAddr) -> Client {
    Client::new(config(address)).unwrap()
}

/// The object whose property `name` has this value.
#[track_caller]
fn named<'o>(objects: &'o [ObjectContent], name: &str) -> &'o ObjectContent {
    let found = objects.iter().find(|object| object.get("name").and_then(Value::as_str) == Some(name));
    found.unwrap_or_else(|| panic!("no object {name:?} among {} objects", objects.len()))
}

/// The reference of the virtual machine of this name.
async fn vm(client: &Client, name: &str) -> MoRef {
    named(&client.retrieve_all("VirtualMachine", &["name"]).await.unwrap(), name).obj.clone()
}
