//! How fast answers become values: five thousand virtual machines with ten properties each, as one answer.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vpoller_vsphere::read_recorded;

/// Path, type and content of what every machine has.
const PROPERTIES: [(&str, &str, &str); 9] = [
    ("config.hardware.numCPU", "xsd:int", "4"),
    ("config.template", "xsd:boolean", "false"),
    ("runtime.bootTime", "xsd:dateTime", "2015-02-10T15:48:40.123Z"),
    ("runtime.powerState", "VirtualMachinePowerState", "poweredOn"),
    ("summary.quickStats.overallCpuUsage", "xsd:int", "230"),
    ("summary.quickStats.guestMemoryUsage", "xsd:int", "1024"),
    ("summary.storage.committed", "xsd:long", "10737418240"),
    (
        "guest.disk",
        "ArrayOfGuestDiskInfo",
        "<GuestDiskInfo><diskPath>/</diskPath><capacity>10737418240</capacity><freeSpace>4294967296</freeSpace></GuestDiskInfo>",
    ),
    (
        "guest.net",
        "ArrayOfGuestNicInfo",
        "<GuestNicInfo><network>VM Network</network><ipAddress>10.0.0.5</ipAddress><connected>true</connected></GuestNicInfo>",
    ),
];

fn answer(machines: usize) -> String {
    let mut text = String::from(
        r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body><RetrievePropertiesExResponse><returnval>"#,
    );
    for number in 0..machines {
        let _ = write!(text, r#"<objects><obj type="VirtualMachine">vm-{number}</obj>"#);
        let name = format!("vm-{number:05}");
        for (path, kind, value) in [("name", "xsd:string", &*name)].iter().chain(&PROPERTIES) {
            let _ = write!(text, r#"<propSet><name>{path}</name><val xsi:type="{kind}">{value}</val></propSet>"#);
        }
        text.push_str("</objects>");
    }
    text.push_str("</returnval></RetrievePropertiesExResponse></Body></Envelope>");
    text
}

fn reading(criterion: &mut Criterion) {
    let text = answer(5_000);
    let mut group = criterion.benchmark_group("xml");
    group.sample_size(20).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("5000 virtual machines", |bencher| {
        bencher.iter(|| read_recorded(black_box(&text), "RetrievePropertiesEx").map(|values| values.len()));
    });
    group.finish();
}

criterion_group!(benches, reading);
criterion_main!(benches);
