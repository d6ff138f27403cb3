//! A Zabbix to look at: simulated vCenter, vPoller, server and frontend, until standard input ends.
//!
//!     cargo run -p vpoller-testkit --example zabbix -- 7.0 200
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::io::Read;

use vpoller_testkit::zabbix::{Series, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let series = if arguments.next().as_deref() == Some("6.0") { Series::V6_0 } else { Series::V7_0 };
    let vms = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let simulator = Simulator::start(&SimOptions { vms, ..SimOptions::default() });
    let host = Host::at(simulator.address());
    let stack = Stack::start(std::slice::from_ref(&host), 1);
    let server = Setting::new(series, &format!("vPollerProxy={}\nvPollerTimeout=10000\n", stack.frontend())).server("");
    println!("Zabbix {}: {} (Admin, zabbix)", series.name(), server.pages());
    println!("vSphere host for {{$VSPHERE.HOST}}: {}; its pages: https://{}", host.name, simulator.address());
    println!("vPoller: {}, management {}", stack.frontend(), stack.management());
    println!("session {} log {}", server.api.session(), server.folder().join("server.log").display());
    let _ = std::io::stdin().read(&mut [0]);
}
