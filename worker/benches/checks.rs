//! What a check costs that memory answers, from the bytes of the request to the bytes of the reply; sockets and log lines aside.

#![allow(clippy::expect_used, reason = "a panic is a bench's error report")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use tokio::runtime::Runtime;
use vpoller_inventory::CacheSettings;
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{SimOptions, Simulator, wait_until};
use vpoller_vsphere::{Config, SecretString, Tls};
use vpoller_worker::{Dispatcher, Executors, Registered, Step};

const HOST: &str = "vc01.example.org";

/// A request as the Zabbix module sends it.
fn request(method: &str, name: &str, property: &str) -> Vec<u8> {
    json!({
        "method": method, "hostname": HOST, "name": name, "properties": [property], "key": "(null)", "username": "(null)",
        "password": "(null)", "counter-name": "(null)", "instance": "(null)", "perf-interval": "(null)", "max-sample": "1",
        "helper": "vpoller.helpers.czabbix", "timeout": 3000, "outcome": true,
    })
    .to_string()
    .into_bytes()
}

/// A dispatcher whose agent knows the simulator's inventory.
fn followed(runtime: &Runtime, simulator: &Simulator) -> Dispatcher {
    let mut config = Config::new(HOST, "root", SecretString::from("p4ssw0rd"));
    (config.address, config.tls) = (Some(simulator.address()), Tls::Off);
    let inventory = Registered::new(HOST, config).inventory(&CacheSettings::default());
    let executors = Arc::new(Executors::new([(HOST.to_owned(), inventory)], 1024));
    executors.hosts().start(runtime.handle());
    executors.hosts().want_all();
    wait_until(SLOW, "the inventory", || executors.status()[0]["vsphere"]["cache"]["state"] == "live");
    Dispatcher::new(executors)
}

fn checks(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("runtime");
    let simulator = Simulator::start(&SimOptions { vms: 1000, ..SimOptions::default() });
    let dispatcher = followed(&runtime, &simulator);
    let _guard = runtime.enter();
    let mut group = criterion.benchmark_group("check");
    for (method, property) in [("vm.get", "runtime.powerState"), ("vm.host.get", "(null)"), ("about", "version")] {
        let requests: Vec<_> = (1..=1000).map(|number| request(method, &format!("vm-{number:05}"), property)).collect();
        let mut turns = requests.iter().cycle();
        group.bench_function(method, |bencher| {
            bencher.iter(|| match dispatcher.dispatch(black_box(turns.next().expect("a request"))) {
                Step::Now(reply) => reply.len(),
                Step::Later(_) => panic!("{method} must be answered from memory"),
            });
        });
    }
    group.finish();
}

criterion_group!(benches, checks);
criterion_main!(benches);
