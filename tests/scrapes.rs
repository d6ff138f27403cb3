//! Every page of metrics there is, of an estate that is as bad as estates get, against the rules of its format.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::json;
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process;
use vpoller_testkit::wait::{SLOW, wait_until};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, http, ports};

use crate::curl::curl;
use crate::exporter::Shown;
use crate::interop::machine::PYTHON;

const IOPS: &str = "vcenter_vm_disk_write_iops";
const OPEN_METRICS: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// Another name for 127.0.0.1, under which the account with partial rights is registered.
const TENANT: &str = "0000:0000:0000:0000:0000:ffff:7f00:0001";

/// The parsers of Prometheus' Python client: the strict one of OpenMetrics, and that of the text format.
const PARSERS: &str = "
import sys
from prometheus_client import parser as text
from prometheus_client.openmetrics import parser as openmetrics
parser = {'text': text, 'openmetrics': openmetrics}[sys.argv[1]]
page = open(sys.argv[2], encoding='utf-8', newline='').read()
print(sum(len(family.samples) for family in parser.text_string_to_metric_families(page)))
";

/// How many samples Python's parser finds in a page, or what it says against the page.
fn python(format: &str, page: &str) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page");
    fs::write(&file, page).unwrap();
    let mut command = Command::new(PYTHON);
    command.args(["-B", "-c", PARSERS, format]).arg(file);
    let done = process::run(command, SLOW);
    if done.code == 0 { Ok(done.stdout.trim().parse().unwrap()) } else { Err(done.stderr) }
}

#[test]
fn pythons_parser_is_strict_and_overlooks_series_that_come_twice() {
    let page = |samples: &str| format!("# HELP a A.\n# TYPE a counter\n{samples}# EOF\n");
    assert_eq!(python("openmetrics", &page("a_total 1\n")), Ok(1));
    for wrong in ["a_total 1\n\n", "a 1\n", "b 1\n# HELP a A.\n", "a_total{x=\"1\" } 1\n"] {
        assert!(python("openmetrics", &page(wrong)).is_err(), "{wrong}");
    }
    assert_eq!(python("openmetrics", &page("a_total 1\na_total 1\n")), Ok(1), "the second is dropped");
}

/// Two vCenters with the same machines and hostile names, an ESXi host, and an account that sees a part of the second vCenter.
struct Estate {
    first: Simulator,
    second: Simulator,
    _esxi: Simulator,
    stack: Stack,
    exporter: String,
}

impl Estate {
    fn start(settings: &str) -> Self {
        let options = || SimOptions { flags: &["-fixtures", "odd", "-churn", "50"], vms: 3, ..SimOptions::default() };
        let (first, second) = (Simulator::start(&options()), Simulator::start(&options()));
        let listen = "127.0.0.2:0".parse().unwrap();
        let esxi = Simulator::start(&SimOptions { esx: true, listen, ..SimOptions::default() });
        let account =
            json!({"user": "tenant", "password": "s3cret", "below": ["VirtualMachine:vm-101", "VirtualMachine:vm-111"]});
        second.page("POST", "/account", &account.to_string());
        for (kind, path) in [("VirtualMachine", "config.hardware.device"), ("HostSystem", "name"), ("VirtualMachine", "name")] {
            let below = if path == "name" && kind == "VirtualMachine" { "VirtualMachine:vm-111" } else { "" };
            let denial = json!({"type": kind, "path": path, "privilege": "System.Read", "user": "tenant", "below": below});
            second.page("POST", "/deny", &denial.to_string());
        }
        let mut hosts: Vec<Host> = [&first, &second, &esxi].map(|simulator| Host::at(simulator.address())).into();
        hosts[1].name = "localhost".to_owned();
        let tenant =
            Host { name: TENANT.to_owned(), user: "tenant".to_owned(), password: "s3cret".to_owned(), ..hosts[1].clone() };
        hosts.push(tenant);
        let mut stack = Stack::start(&hosts, 0);
        let [port] = ports::free();
        let exporter = format!("http://127.0.0.1:{port}");
        stack.start_worker_with(&format!("[exporter]\nhttp = {exporter}\npoll_interval = 1\nceilometer = yes\n{settings}"));
        stack.wait_for_workers(1);
        let estate = Self { first, second, _esxi: esxi, stack, exporter };
        wait_until(SLOW, "a cycle of every host", || {
            let page = estate.text("/metrics/vsphere");
            let with_cycles = page.of("vpoller_exporter_cycles_total").map(|sample| sample.label("vcenter"));
            with_cycles.collect::<BTreeSet<_>>().len() == hosts.len()
        });
        estate
    }

    /// The addresses of all pages of metrics.
    fn pages(&self) -> Vec<String> {
        let of_exporter = ["/metrics", "/metrics?x=1", "/metrics/zroc", "/metrics/vsphere", "/metrics/vsphere?target=localhost"];
        let of_one = ["127.0.0.1", "localhost", "127.0.0.2", TENANT].map(|name| format!("/metrics/zroc?target={name}"));
        let of_exporter = of_exporter.map(str::to_owned).into_iter().chain(of_one).map(|path| self.exporter.clone() + &path);
        let status = [self.stack.proxy_status(), self.stack.workers[0].status()];
        let of_daemons = status.map(|status| format!("{}/metrics", status["result"]["http"].as_str().unwrap()));
        of_exporter.chain(of_daemons).collect()
    }

    #[track_caller]
    fn text(&self, path: &str) -> Exposition {
        let (status, page) = http::get(&format!("{}{path}", self.exporter));
        assert_eq!(status, 200, "{page}");
        Exposition::read(&page)
    }
}

/// Fetches a page in both formats; what is no OpenMetrics is the same text again.
#[track_caller]
fn both(url: &str) -> [(&'static str, Exposition, String); 2] {
    [("text", "Accept: text/plain"), ("openmetrics", OPEN_METRICS)].map(|(_, accept)| {
        let found = curl(&["-H", accept, url]);
        assert_eq!((found.code, found.status), (0, 200), "{url}: {found:?}");
        match found.header("Content-Type") {
            "text/plain; version=0.0.4; charset=utf-8" => ("text", Exposition::read(&found.body), found.body),
            "application/openmetrics-text; version=1.0.0; charset=utf-8" => {
                ("openmetrics", Exposition::read_open_metrics(&found.body), found.body)
            }
            other => panic!("{url}: {other}"),
        }
    })
}

#[test]
fn no_page_of_a_bad_estate_breaks_its_format() {
    for settings in ["metrics = zroc\nzroc_vcenter_label = yes\n", ""] {
        let estate = Estate::start(settings);
        let pages = estate.pages();
        let mut formats = BTreeSet::new();
        for round in 0..4 {
            for url in &pages {
                for (format, page, text) in both(url) {
                    formats.insert(format);
                    assert!(!page.samples.is_empty(), "{url}");
                    // Python takes its time, and what changes between rounds are the machines.
                    if round % 3 == 0 {
                        assert_eq!(python(format, &text), Ok(page.samples.len()), "{url} as {format}");
                    }
                }
                // Machines come and go all the time, some of them with names that had another one.
                for simulator in [&estate.first, &estate.second] {
                    let made = simulator.page("POST", "/vm/create", r#"{"name": "c\"o\\m\ne"}"#);
                    simulator.page("POST", "/vm/destroy", &json!({"moid": made["moid"]}).to_string());
                }
            }
            estate.first.page("POST", "/vm/create", &json!({"name": format!("vm-{round}\u{7}\u{202e}x")}).to_string());
        }
        assert_eq!(formats.len(), 2, "both formats were seen");
        let names: BTreeSet<String> =
            estate.text("/metrics/zroc").of(IOPS).map(|sample| sample.label("vm_name").to_owned()).collect();
        assert!(names.contains(" padded ") && names.contains("vm-twin"), "{names:?}");
    }
}

#[test]
fn pages_come_packed_to_who_takes_them_so() {
    let simulator = Simulator::start(&SimOptions { vms: 50, ..SimOptions::default() });
    let shown = Shown::start(&[Host::at(simulator.address())], "");
    for path in ["/metrics/zroc", "/metrics/vsphere"] {
        let url = format!("{}{path}", shown.url);
        let fetch = |accepted: &str| curl(&["--compressed", "-H", &format!("Accept-Encoding: {accepted}"), &url]);
        let names = |page: &str| Exposition::read(page).samples.iter().map(|sample| sample.name.clone()).collect::<Vec<_>>();
        let packed = fetch("gzip");
        assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"), "{path}: {}", packed.headers);
        assert!(packed.header("vary").eq_ignore_ascii_case("accept-encoding"), "{path}: {}", packed.headers);
        for accepted in ["identity", "gzip;q=0", "br", "deflate"] {
            let plain = fetch(accepted);
            assert_eq!((plain.status, plain.header("content-encoding")), (200, ""), "{path}, {accepted}");
            assert_eq!(names(&packed.body), names(&plain.body), "{path}, {accepted}");
        }
    }
    let short = curl(&["--compressed", &format!("{}/-/healthy", shown.url)]);
    assert_eq!((short.status, short.header("content-encoding")), (200, ""), "a line is shorter as it is");
}

#[test]
fn what_an_account_may_not_read_is_missing_and_never_zero() {
    let estate = Estate::start("zroc_vcenter_label = yes\n");
    wait_until(SLOW, "both machines", || {
        estate.text("/metrics/zroc").of(IOPS).filter(|sample| sample.label("vcenter") == TENANT).count() == 2
    });
    let page = estate.text("/metrics/zroc");
    let of_tenant = |name: &str| page.of(name).filter(|sample| sample.label("vcenter") == TENANT).cloned().collect::<Vec<_>>();
    let machines = of_tenant(IOPS);
    let moids: BTreeSet<&str> = machines.iter().map(|sample| sample.label("vm_moref")).collect();
    assert_eq!(moids, BTreeSet::from(["vm-101", "vm-111"]), "the others are not seen");
    assert_eq!(of_tenant("vcenter_vm_disk_provisioned_gb"), [], "no size of disks that may not be read");
    assert!(page.of("vcenter_vm_disk_provisioned_gb").any(|sample| sample.label("vcenter") == "localhost"));
    for sample in &machines {
        assert_eq!(sample.label("host"), "", "{sample:?}");
        assert_eq!(sample.label("vm_name").is_empty(), sample.label("vm_moref") == "vm-111", "{sample:?}");
    }
    let own = estate.text("/metrics/vsphere");
    for sample in own.of("vpoller_vcenter_objects").filter(|sample| sample.label("vcenter") == TENANT) {
        assert!(sample.value != "0", "nothing is seen, which is not none: {sample:?}");
    }
    let objects = |vcenter: &str, kind: &str| {
        let mut found = own.of("vpoller_vcenter_objects");
        found.find(|sample| sample.label("vcenter") == vcenter && sample.label("type") == kind).map(|sample| sample.value.clone())
    };
    assert_eq!(objects(TENANT, "VirtualMachine").as_deref(), Some("2"));
    assert!(objects("localhost", "Datastore").is_some());
}
