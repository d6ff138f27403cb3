//! Requests executed in one's own process, as a program that uses this crate does.

use serde_json::json;
use vpoller_testkit::{SimOptions, Simulator};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_wire::{Reply, Request};
use vpoller_worker::Local;

#[tokio::test]
async fn a_program_can_ask_vsphere_itself() {
    let simulator = Simulator::start(&SimOptions::default());
    let address = simulator.address();
    let mut config = Config::new(address.ip().to_string(), "root", SecretString::from("p4ssw0rd"));
    (config.port, config.tls) = (address.port(), Tls::Off);
    let host = config.host.clone();
    let local = Local::new([config]);
    let mut request = Request::new("vm.get", &host);
    request.name = Some("vm01.example.org".to_owned());
    request.properties = vec!["runtime.powerState".to_owned()];
    let expected = json!([{"name": "vm01.example.org", "runtime.powerState": "poweredOn"}]);
    assert_eq!(local.ask(&request).await, Reply::success("Successfully retrieved object properties", expected));
    request.helper = Some("vpoller.helpers.zabbix".to_owned());
    assert_eq!(local.run(&request).await, b"\"poweredOn\"");
    assert_eq!(simulator.sessions().len(), 1);
    local.close().await;
    assert_eq!(simulator.sessions().len(), 0);
}
