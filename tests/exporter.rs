//! The exporter as its readers and operators have it: Prometheus, promtool, the guides' own lines, and a worker that shows it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process::{self, Process};
use vpoller_testkit::wait::{SLOW, SOON};
use vpoller_testkit::{Bed, Host, SimOptions, Simulator, Stack, http, ports, wait_for, wait_until, workspace};

use crate::interop::page::programs;
use crate::metrics::{escaped, program, promtool};

const IOPS: &str = "vcenter_vm_disk_write_iops";

/// A worker that shows the exporter's pages about these hosts, with a cycle a second.
pub(crate) struct Shown {
    pub(crate) stack: Stack,
    pub(crate) url: String,
}

impl Shown {
    #[track_caller]
    pub(crate) fn start(hosts: &[Host], settings: &str) -> Self {
        let mut stack = Stack::start(hosts, 0);
        let [port] = ports::free();
        let section = format!("[exporter]\nhttp = http://127.0.0.1:{port}\npoll_interval = 1\n{settings}");
        stack.start_worker_with(&section);
        let url = format!("http://127.0.0.1:{port}");
        wait_until(SLOW, "the first cycle", || http::get(&format!("{url}/-/ready")).0 == 200);
        Self { stack, url }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        let (status, page) = http::get(&format!("{}{path}", self.url));
        assert_eq!(status, 200, "{path}: {page}");
        page
    }
}

/// The remarks of promtool on a page, those that the names of the zROC Planner collector cause apart from the others.
#[track_caller]
fn remarks(page: &str) -> Option<BTreeSet<String>> {
    let promtool = program("promtool")?;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics");
    fs::write(&file, page).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$0\" check metrics <\"$1\""]).arg(&promtool).arg(&file);
    let done = process::run(command, SLOW);
    Some(format!("{}{}", done.stdout, done.stderr).lines().map(str::to_owned).collect())
}

#[test]
fn promtool_has_only_the_known_remarks() {
    let simulator = Simulator::start(&SimOptions::default());
    let shown = Shown::start(&[Host::at(simulator.address())], "");
    let pages = ["/metrics/zroc", "/metrics/vsphere"].map(|path| shown.get(path));
    for page in &pages {
        assert!(!Exposition::read(page).samples.is_empty());
    }
    let Some(of_zroc) = remarks(&pages[0]) else { return };
    let names: Vec<&str> = of_zroc.iter().filter_map(|line| line.split_whitespace().next()).collect();
    let known = ["vcenter_collector_last_vm_count", "vcenter_vm_disk_provisioned_gb", "vcenter_vm_disk_write_latency_ms"];
    assert_eq!(names, known, "{of_zroc:?}");
    assert_eq!(remarks(&pages[1]), Some(BTreeSet::new()), "our own names are clean");
}

#[test]
fn a_worker_shows_its_own_hosts_at_no_cost_of_its_own() {
    let simulator = Simulator::start(&SimOptions { vms: 30, ..SimOptions::default() });
    let host = Host::at(simulator.address());
    let shown = Shown::start(std::slice::from_ref(&host), "metrics = zroc\n");
    let page = Exposition::read(&shown.get("/metrics"));
    assert!(page.of(IOPS).count() > 30);
    let question =
        json!({"method": "vm.get", "hostname": host.name, "name": "vm01.example.org", "properties": ["runtime.powerState"]});
    assert_eq!(shown.stack.ask(&question)["success"], 0, "requests are answered as ever");
    assert_eq!(simulator.sessions().len(), 1, "one session for both");
    assert_eq!(simulator.calls_of("CreateContainerView"), 1, "one view for both");
}

#[test]
fn prometheus_scrapes_an_estate_while_it_changes() {
    let Some(prometheus) = program("prometheus") else { return };
    let first = Simulator::start(&SimOptions { flags: &["-fixtures", "odd"], vms: 3, ..SimOptions::default() });
    let second = Simulator::start(&SimOptions { vms: 3, ..SimOptions::default() });
    let listen = "127.0.0.2:0".parse().unwrap();
    let esxi = Simulator::start(&SimOptions { esx: true, listen, ..SimOptions::default() });
    let mut hosts: Vec<Host> = [&first, &second, &esxi].map(|simulator| Host::at(simulator.address())).into();
    hosts[1].name = "localhost".to_owned();
    let shown = Shown::start(&hosts, "metrics = zroc\nzroc_vcenter_label = yes\n");
    let folder = tempfile::tempdir().unwrap();
    let [port] = ports::free();
    let target = shown.url.trim_start_matches("http://").to_owned();
    let config = json!({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": "vcenter_planner", "static_configs": [{"targets": [target]}]},
            {"job_name": "own", "metrics_path": "/metrics/vsphere", "static_configs": [{"targets": [target]}]},
        ],
    });
    fs::write(folder.path().join("prometheus.yml"), config.to_string()).unwrap();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let mut server = Process::spawn(command);
    server.wait_for_line("Server is ready to receive web requests", SLOW);
    let number = |query: &str| {
        let (_, text) = http::get(&format!("http://127.0.0.1:{port}/api/v1/query?query={}", escaped(query)));
        let answer: Value = serde_json::from_str(&text).ok()?;
        answer["data"]["result"].get(0)?["value"][1].as_str()?.parse::<f64>().ok()
    };
    let is = |query: &str, wanted: f64| {
        wait_for(SLOW, query, || number(query).filter(|found| (found - wanted).abs() < 1e-9));
    };
    is("sum(up)", 2.0);
    is("vpoller_vcenter_up{vcenter=\"localhost\"}", 1.0);
    // In OpenMetrics the family of a counter has no _total: what Prometheus asked for and read.
    let known = |family: &str| {
        let (_, text) = http::get(&format!("http://127.0.0.1:{port}/api/v1/metadata?metric={family}"));
        let answer: Value = serde_json::from_str(&text).ok()?;
        answer["data"][family].get(0)?["type"].as_str().map(str::to_owned)
    };
    wait_for(SLOW, "our own page in OpenMetrics", || known("vpoller_exporter_cycles").filter(|kind| kind == "counter"));
    assert_eq!(known("vpoller_exporter_build").as_deref(), Some("info"), "a type that the text format has not");
    assert_eq!(known("vcenter_collector_cycles_total").as_deref(), Some("counter"), "zROC's page is text");
    wait_for(SLOW, "the ESXi host", || {
        number("count({__name__=~\"vcenter_vm_disk.*\",vcenter=\"127.0.0.2\"})").filter(|count| *count > 3.0)
    });
    let iops = "vcenter_vm_disk_write_iops";
    for other in ["write_throughput_mbps", "write_latency_ms", "provisioned_gb"] {
        let joined = format!("count({iops} * on (vm_moref, vcenter) vcenter_vm_disk_{other}) - count({iops})");
        is(&joined, 0.0);
    }
    is("count(vcenter_vm_disk_write_iops{vm_name=\"vm-00001\"})", 2.0);
    first.page("POST", "/vm/destroy", r#"{"name": "vm-00001"}"#);
    is("count(vcenter_vm_disk_write_iops{vm_name=\"vm-00001\"})", 1.0);
    drop(second);
    is("vpoller_vcenter_up{vcenter=\"localhost\"}", 0.0);
    is("sum(up)", 2.0);
}

#[test]
fn configurations_in_the_guides_are_ones_of_prometheus() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    for page in ["docs/prometheus.md", "docs/migrate-exporters.md"] {
        for example in programs(page, "yaml") {
            fs::write(&file, example).unwrap();
            promtool(&["check", "config"], &file);
        }
    }
    promtool(&["check", "config"], &workspace::root().join("contrib/docker/prometheus.yml"));
}

#[test]
fn alerts_on_vsphere_are_rules_that_raise_and_rest() {
    let folder = workspace::root().join("contrib/prometheus");
    let text = fs::read_to_string(folder.join("vsphere.yml")).unwrap();
    let metrics = fs::read_to_string(workspace::root().join("docs/metrics.md")).unwrap();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: BTreeSet<&str> = words.filter(|word| word.starts_with("vsphere_") || word.starts_with("vpoller_")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("| `{name}` |")), "{name} is no metric");
    }
    assert_eq!(text.matches("- alert:").count(), text.matches("severity:").count());
    promtool(&["check", "rules"], &folder.join("vsphere.yml"));
    promtool(&["test", "rules"], &folder.join("vsphere_test.yml"));
}

#[test]
fn the_section_in_the_guide_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vpoller.conf");
    let sections = programs("docs/prometheus.md", "ini");
    assert!(!sections.is_empty());
    for section in sections {
        fs::write(&file, section).unwrap();
        let done = process::run_workspace("vpoller-exporter", ["--file", file.to_str().unwrap(), "--check-config"], SOON);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    }
}

/// What runs on a machine of its own: a vCenter with the guide's name and account, the exporter with the guide's variables, and a reader.
const ON_ITS_OWN: &str = r#"
set -eu
echo '127.0.0.1 localhost vcenter.corp.example' >/etc/hosts
"$VCSIM" -l 127.0.0.1:443 -username "$VCENTER_USER" -password "$VCENTER_PASSWORD" >/dev/null &
for _ in $(seq 300); do curl -sk https://vcenter.corp.example/about -o /dev/null && break; sleep 0.1; done
"$EXPORTER" 2>/tmp/exporter.log &
for _ in $(seq 600); do [ "$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9272/health)" = 200 ] && break; sleep 0.1; done
curl -sf http://127.0.0.1:9272/health || { cat /tmp/exporter.log >&2; exit 1; }
echo; echo ----
curl -sf http://127.0.0.1:9272/metrics
"#;

#[test]
fn the_containers_variables_are_all_that_is_needed() {
    let examples = programs("docs/migrate-exporters.md", "sh");
    let example = examples.iter().find(|text| text.contains("docker run")).unwrap();
    let variables: Vec<(&str, &str)> =
        example.lines().filter_map(|line| line.trim().strip_prefix("-e ")?.trim_end_matches(" \\").split_once('=')).collect();
    assert_eq!(variables.len(), 5, "{variables:?}");
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.args(["sh", "-c", ON_ITS_OWN]).envs(variables);
    command.env("VCSIM", Bed::Packaged.program().unwrap()).env("EXPORTER", workspace::binary("vpoller-exporter"));
    let done = process::run(command, SLOW + Duration::from_secs(60));
    assert_eq!(done.code, 0, "{}", done.stderr);
    let (health, page) = done.stdout.split_once("\n----\n").unwrap();
    let health: Value = serde_json::from_str(health).unwrap();
    assert_eq!(health["status"], "ok", "{health}");
    let page = Exposition::read(page);
    assert!(page.of(IOPS).count() > 5 && page.of("vcenter_collector_cycles_total").count() == 1);
}
