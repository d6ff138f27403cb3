//! Prints the power state of every virtual machine of a vCenter, and then each change of one, as vCenter reports it.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env;
use std::time::Duration;

use vpoller_vsphere::{Client, Config, FilterSpec, SecretString, Tls, Value};

/// Arguments: host, port, user, SHA-256 of the server's certificate. The password comes from `VSPHERE_PASSWORD`.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, user, sha256] = &arguments[..] else { return Err("HOST PORT USER SHA256, please".into()) };
    let mut config = Config::new(host, user, SecretString::from(env::var("VSPHERE_PASSWORD")?));
    config.port = port.parse()?;
    config.tls = Tls::Pin(sha256.parse()?);
    let client = Client::new(config)?;

    // View, collector and filter belong to this session. When it is lost, `wait` says so, and all three are made again.
    let session = client.session().await?;
    let view = client.view(&session).await?;
    let mut collector = client.collector(&session).await?;
    collector.add_filter(&FilterSpec::view(&view, "VirtualMachine", &["runtime.powerState"])).await?;
    loop {
        // The first answers hold the values as they are, the later ones what changed.
        let Some(updates) = collector.wait(Duration::from_secs(60)).await? else { continue };
        for object in updates.set.filters.iter().flat_map(|filter| &filter.objects) {
            for change in &object.changes {
                let value = change.value.as_ref().and_then(Value::as_str).unwrap_or("?");
                println!("{} {} {value}", object.obj, change.name);
            }
        }
    }
}
