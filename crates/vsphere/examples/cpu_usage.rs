//! Prints the newest samples of the processor usage of every virtual machine of a vCenter.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::env;
use std::time::Duration;

use vpoller_vsphere::{Client, Config, Metric, PerfQuery, Performance, SecretString, Tls};

/// Arguments: host, port, user, SHA-256 of the server's certificate. The password comes from `VSPHERE_PASSWORD`.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, port, user, sha256] = &arguments[..] else { return Err("HOST PORT USER SHA256, please".into()) };
    let mut config = Config::new(host, user, SecretString::from(env::var("VSPHERE_PASSWORD")?));
    config.port = port.parse()?;
    config.tls = Tls::Pin(sha256.parse()?);
    let client = Client::new(config)?;
    let performance = Performance::new(client.clone());

    // Numbers of counters differ between servers, names do not.
    let counters = performance.counters().await?;
    let usage = counters.find("cpu.usage.percent.average").ok_or("this server has no counter of that name")?;
    let machines = client.retrieve_all("VirtualMachine", &[]).await?;
    let queries: Vec<PerfQuery> = machines
        .iter()
        .map(|machine| PerfQuery {
            entity: machine.obj.clone(),
            start: None,
            max_sample: Some(1),
            // The empty instance is the aggregate over all processors.
            metrics: vec![Metric::new(usage.key, "")],
            // Real-time samples of virtual machines are 20 s apart.
            interval: 20,
        })
        .collect();
    for entity in performance.query(&queries, Duration::from_secs(30)).await? {
        for sample in entity.series.iter().flat_map(|series| &series.samples) {
            // Percentages come in hundredths.
            println!("{} {} {}.{:02} %", sample.at, entity.entity, sample.value / 100, sample.value % 100);
        }
    }
    client.close().await;
    Ok(())
}
