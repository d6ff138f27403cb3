//! Prints name and power state of every virtual machine of a vCenter.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env;

use vpoller_vsphere::{Client, Config, SecretString, Tls, Value};

/// Arguments: host, port, user, SHA-256 of the server's certificate. The password comes from `VSPHERE_PASSWORD`.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, user, sha256] = &arguments[..] else { return Err("HOST PORT USER SHA256, please".into()) };
    let mut config = Config::new(host, user, SecretString::from(env::var("VSPHERE_PASSWORD")?));
    config.port = port.parse()?;
    config.tls = Tls::Pin(sha256.parse()?);

    // Nothing is sent yet: the first call logs in, and further ones share its session.
    let client = Client::new(config)?;
    for vm in client.retrieve_all("VirtualMachine", &["name", "runtime.powerState"]).await? {
        // A property that is unset, or that the account may not read, is missing.
        let text = |path| vm.get(path).and_then(Value::as_str).unwrap_or("?");
        println!("{} {}", text("name"), text("runtime.powerState"));
    }
    client.close().await;
    Ok(())
}
