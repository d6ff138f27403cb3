//! Asks the proxy for the power state of a virtual machine.
#![expect(clippy::print_stdout, reason = "an example shows what it got")]

use std::time::Duration;

use vpoller_wire::Request;
use vpoller_wire::client::VPollerClient;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = VPollerClient::new("tcp://localhost:10123".parse()?).retries(1).timeout(Duration::from_secs(10));
    let mut request = Request::new("vm.get", "vc01.example.org");
    request.name = Some("vm01.example.org".to_owned());
    request.properties = vec!["runtime.powerState".to_owned()];
    println!("{}", client.run(&request)?);
    Ok(())
}
