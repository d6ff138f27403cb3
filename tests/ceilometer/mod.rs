//! A real Ceilometer polls `vpoller-exporter`, with the files that `ceilometer-config` writes, while an estate changes.

mod agent;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Bed, Host, SimOptions, Simulator, Stack, process, wait_until, workspace};

use crate::interop::page::programs;
use agent::{Agent, ExporterAlone, Poll, python, text_of};

const VM: &str = "VirtualMachine";
const INSTANCE: &str = "70a599e0-31e7-49b7-b260-868f441e862b";
/// A time that stands still: what is asked twice is answered twice alike.
const CLOCK: [&str; 4] = ["-sample-clock", "2026-01-02T03:04:05Z", "-disk-devices", "2"];
/// Seconds: a cycle that took longer than two of them would be no answer any more.
const INTERVAL: &str = "ceilometer_interval = 5\n";

/// Two vCenters with twins among their machines, what asks them directly, and the exporter.
struct TwoVcenters {
    first: Simulator,
    second: Option<Simulator>,
    stack: Stack,
    exporter: ExporterAlone,
}

impl TwoVcenters {
    fn start() -> Self {
        let flags: Vec<&str> = CLOCK.into_iter().chain(["-fixtures", "odd"]).collect();
        let first = Simulator::start(&SimOptions { flags: &flags, vms: 4, ..SimOptions::default() });
        let second = Simulator::start(&SimOptions { flags: &CLOCK, vms: 4, ..SimOptions::default() });
        let setting = json!([{"_type": "OptionValue", "key": "nvp.vm-uuid", "value": INSTANCE}]);
        first.set(VM, "vm01.example.org", "config.extraConfig", &setting);
        first.set(VM, "vm01.example.org", "config.annotation", &json!(annotation("web")));
        let mut hosts = [&first, &second].map(|simulator| Host::at(simulator.address()));
        hosts[1].name = "localhost".to_owned();
        let stack = Stack::start(&hosts, 1);
        let exporter = ExporterAlone::start(&stack, INTERVAL);
        let estate = Self { first, second: Some(second), stack, exporter };
        estate.until("both vCenters", |entries| {
            ["127.0.0.1", "localhost"].iter().all(|name| entries.values().any(|entry| entry["vcenter"] == *name))
        });
        estate
    }

    /// Waits until the used space of machines, which those that are off have too, is as it should be.
    #[track_caller]
    fn until(&self, what: &str, is_so: impl Fn(&BTreeMap<String, Value>) -> bool) {
        wait_until(SLOW, what, || self.exporter.is_ready() && is_so(&self.exporter.entries("vsphere.disk.used")));
    }

    /// The newest sample of a counter of a machine of the first vCenter, as a check gets it.
    #[track_caller]
    fn counter(&self, machine: &str, counter: &str, instance: &str) -> f64 {
        let question = json!({"method": "vm.perf.metric.get", "hostname": "127.0.0.1", "name": machine, "counter-name": counter,
            "instance": instance, "max-sample": 1});
        let reply = self.stack.ask(&question);
        reply["result"][0]["value"].as_f64().unwrap_or_else(|| panic!("{counter}: {reply}"))
    }
}

/// What Nova writes.
fn annotation(name: &str) -> String {
    format!(
        "name:{name}\nuserid:u-1\nusername:alice\nprojectid:p-1\nprojectname:shop\nflavor:name:m1.small\nimageid:i-1\npackage:30\n"
    )
}

/// Everything that the exporter has is in the poll, as it is there, and nothing else is.
#[track_caller]
fn check_samples(poll: &Poll, exporter: &ExporterAlone, meters: &[String]) {
    assert_eq!(poll.complaints, [""; 0]);
    let mut expected = BTreeSet::new();
    for meter in meters {
        for (id, entry) in exporter.entries(meter) {
            let sample = poll.samples.get(&(meter.clone(), id.clone())).unwrap_or_else(|| panic!("{meter} of {id} is lost"));
            let same = [("counter_volume", "value"), ("project_id", "project_id"), ("user_id", "user_id")];
            for (ours, theirs) in same {
                assert_eq!(sample[ours], entry[theirs], "{meter} of {id}");
            }
            assert_eq!(sample["counter_type"], "gauge");
            let metadata = sample["resource_metadata"].as_object().unwrap();
            assert!(metadata.len() >= 20, "{metadata:?}");
            metadata.iter().for_each(|(key, value)| assert_eq!(*value, entry[key], "{key} of {id}"));
            expected.insert((meter.clone(), id));
        }
    }
    assert_eq!(poll.samples.keys().cloned().collect::<BTreeSet<_>>(), expected, "nothing else");
}

/// The page has a series for each sample, with its value and the labels that Ceilometer makes of it, and no other.
#[track_caller]
fn check_page(page: &Exposition, poll: &Poll) {
    assert_eq!(page.samples.len(), poll.samples.len());
    let series: BTreeMap<(&str, &str), _> =
        page.samples.iter().map(|series| ((&*series.name, series.label("resource")), series)).collect();
    for ((meter, resource), sample) in &poll.samples {
        let name = format!("ceilometer_{}", meter.replace('.', "_"));
        let shown = series.get(&(&*name, &**resource)).unwrap_or_else(|| panic!("no {name} of {resource}"));
        let (found, sent) = (shown.value.parse::<f64>().unwrap(), sample["counter_volume"].as_f64().unwrap());
        // serde_json reads numbers to the last bit but one.
        assert!((found - sent).abs() <= 1e-12 * sent, "{name} of {resource}: {found}, not {sent}");
        let parts: Vec<&str> = meter.split('.').collect();
        let text = |value: &Value| text_of(value);
        let metadata = &sample["resource_metadata"];
        let mut labels = vec![
            (parts[0].to_owned(), parts.get(2).map_or(resource.clone(), |part| (*part).to_owned())),
            ("publisher".to_owned(), "ceilometer".to_owned()),
            ("type".to_owned(), (*parts.get(1).unwrap_or(&parts[0])).to_owned()),
            ("counter".to_owned(), meter.clone()),
            ("project".to_owned(), text(&sample["project_id"])),
            ("user".to_owned(), text(&sample["user_id"])),
            ("unit".to_owned(), text(&sample["counter_unit"])),
            ("resource".to_owned(), resource.clone()),
            ("vm_instance".to_owned(), text(&metadata["host"])),
            ("resource_name".to_owned(), format!("{}:{}", text(&metadata["display_name"]), text(&metadata["name"]))),
            ("server_group".to_owned(), "none".to_owned()),
        ];
        labels.sort();
        let mut found = shown.labels.clone();
        found.sort();
        assert_eq!(found, labels, "{name} of {resource}");
    }
}

/// The samples of a machine by its identifier: meters and how many of each.
fn meters_of(poll: &Poll, instance: &str) -> BTreeSet<String> {
    let of_it = poll.samples.iter().filter(|(_, sample)| sample["resource_metadata"]["instance_id"] == *instance);
    of_it.map(|((meter, _), _)| meter.clone()).collect()
}

/// The instance whose machine in this vCenter has this name.
#[track_caller]
fn instance_of(poll: &Poll, vcenter: &str, machine: &str) -> String {
    let metadata = poll.samples.values().map(|sample| &sample["resource_metadata"]);
    let mut found = metadata.filter(|metadata| metadata["vcenter"] == vcenter && metadata["vm_name"] == machine);
    text_of(&found.next().unwrap_or_else(|| panic!("no {machine} in {vcenter}"))["instance_id"])
}

#[test]
fn a_real_agent_gets_each_sample_once_while_machines_come_and_go() {
    let Some(python) = python() else { return };
    let mut estate = TwoVcenters::start();
    let mut agent = Agent::start(&python, &estate.exporter.configure(&[]));
    let meters = agent.pollsters.clone();
    assert_eq!(meters.len(), 23, "every definition was loaded and selected: {meters:?}");

    let before = agent.poll();
    check_samples(&before, &estate.exporter, &meters);
    check_page(&agent.page(), &before);
    assert_eq!(before.samples.keys().map(|(meter, _)| meter).collect::<BTreeSet<_>>().len(), 23, "every meter has samples");
    // What vCenter says, by the formulas of the documentation.
    let card = format!("vm01.example.org-{INSTANCE}-4000");
    let disk = "naa.60000000000000000000000000000002";
    let device = format!("{INSTANCE}-{disk}");
    for (meter, id, counter, instance, factor) in [
        ("cpu_util", INSTANCE, "cpu.usage", "", 0.01),
        ("memory.usage", INSTANCE, "mem.consumed", "", 1.0 / 1024.0),
        ("vsphere.memory.balloon", INSTANCE, "mem.vmmemctl", "", 1.0 / 1024.0),
        ("network.incoming.bytes.rate", &card, "net.received", "4000", 1024.0),
        ("network.outgoing.packets.rate", &card, "net.packetsTx", "4000", 0.05),
        ("disk.device.write.bytes.rate", &device, "disk.write", disk, 1024.0),
        ("disk.device.read.requests.rate", &device, "disk.numberReadAveraged", disk, 1.0),
    ] {
        let sample = &before.samples[&(meter.to_owned(), id.to_owned())];
        let expected = estate.counter("vm01.example.org", counter, instance) * factor;
        let found = sample["counter_volume"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * expected.max(1.0), "{meter}: {found}, not {expected}");
    }
    let sample = &before.samples[&("cpu_util".to_owned(), INSTANCE.to_owned())];
    let facts = ["project_id", "user_id"].map(|key| &sample[key]);
    assert_eq!((facts, &sample["resource_metadata"]["display_name"]), ([&json!("p-1"), &json!("u-1")], &json!("web")));
    let plain = instance_of(&before, "127.0.0.1", "ns01.example.org");
    assert_eq!(before.samples[&("cpu_util".to_owned(), plain.clone())]["project_id"], "none");
    // The same machine in both vCenters is two resources.
    assert_ne!(plain, instance_of(&before, "localhost", "ns01.example.org"));

    let [gone, moved, renamed, stopped] =
        ["vm-00001", "vm-00002", "vm-00003", "vm-00004"].map(|name| instance_of(&before, "127.0.0.1", name));
    estate.first.page("POST", "/vm/destroy", r#"{"name": "vm-00001"}"#);
    let [here, there] = ["vm-00002", "vm-00003"].map(|name| {
        let question = json!({"method": "vm.get", "hostname": "127.0.0.1", "name": name, "properties": ["runtime.host"]});
        text_of(&estate.stack.ask(&question)["result"][0]["runtime.host"])
    });
    assert_ne!(here, there, "fillers are spread over the hosts");
    estate.first.set(VM, "vm-00002", "runtime.host", &json!(there.trim_start_matches("vim.")));
    estate.first.set(VM, "vm-00003", "name", &json!("other \"name\", {x=\"y\"}"));
    estate.first.set(VM, "vm-00004", "runtime.powerState", &json!("poweredOff"));
    estate.first.set(VM, "vm01.example.org", "config.annotation", &Value::Null);
    estate.first.set(VM, "ns01.example.org", "config.annotation", &json!(annotation("names")));
    estate.first.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
    let host_of = |poll: &Poll, instance: &str| text_of(&metadata(poll, instance)["host"]);
    let (old_host, new_host) = (host_of(&before, &moved), host_of(&before, &renamed));
    estate.until("the changes", |entries| {
        let is = |instance: &str, key: &str, value: &str| entries.get(instance).is_some_and(|entry| entry[key] == value);
        !entries.contains_key(&gone)
            && is(&moved, "host", &new_host)
            && is(&renamed, "vm_name", "other \"name\", {x=\"y\"}")
            && is(&stopped, "status", "shutoff")
            && is(INSTANCE, "project_id", "none")
            && is(&plain, "project_id", "p-1")
            && entries.values().any(|entry| entry["vm_name"] == "vm-new")
    });
    wait_until(SLOW, "samples of the new machine", || {
        estate.exporter.entries("cpu_util").values().any(|entry| entry["vm_name"] == "vm-new")
    });

    let after = agent.poll();
    check_samples(&after, &estate.exporter, &meters);
    let page = agent.page();
    check_page(&page, &after);
    assert!(meters_of(&after, &gone).is_empty() && page.samples.iter().all(|series| !series.label("resource").contains(&gone)));
    assert_ne!(old_host, new_host);
    assert_eq!(host_of(&after, &moved), new_host);
    assert_eq!(meters_of(&after, &moved), meters_of(&before, &moved), "it moved and lost nothing");
    let of_space: BTreeSet<String> = ["vsphere.disk.provisioned", "vsphere.disk.used"].map(str::to_owned).into();
    assert_eq!(meters_of(&after, &stopped), of_space);
    let sample = &after.samples[&("cpu_util".to_owned(), INSTANCE.to_owned())];
    assert_eq!(
        (&sample["project_id"], &sample["resource_metadata"]["display_name"]),
        (&json!("none"), &json!("vm01.example.org"))
    );
    assert_eq!(after.samples[&("cpu_util".to_owned(), plain)]["project_id"], "p-1");
    let (all, new) = (23, meters_of(&after, &instance_of(&after, "127.0.0.1", "vm-new")).len());
    assert!(new > 10 && new <= all, "{new} meters of a new machine");

    // A vCenter that is away is missing. It harms no other, and what is left has the values that it had.
    drop(estate.second.take());
    estate.until("the end of the second vCenter", |entries| entries.values().all(|entry| entry["vcenter"] == "127.0.0.1"));
    let alone = agent.poll();
    check_samples(&alone, &estate.exporter, &meters);
    check_page(&agent.page(), &alone);
    let of_first = |poll: &Poll| {
        let values = poll.samples.iter().filter(|(_, sample)| sample["resource_metadata"]["vcenter"] == "127.0.0.1");
        values.map(|(_, sample)| sample["counter_volume"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(of_first(&alone).len(), of_first(&after).len());

    // When nothing is known, nothing is said: no sample, and no series with an old value.
    drop(estate.first);
    wait_until(SLOW, "an exporter that knows nothing", || !estate.exporter.is_ready());
    let nothing = agent.poll();
    assert_eq!((nothing.samples.len(), agent.page().samples.len()), (0, 0));
    assert_eq!(nothing.complaints.len(), 23, "one line for each meter: {:?}", nothing.complaints);
}

/// What is said of an instance, whatever the meter.
#[track_caller]
fn metadata<'p>(poll: &'p Poll, instance: &str) -> &'p Value {
    let mut all = poll.samples.values().map(|sample| &sample["resource_metadata"]);
    all.find(|metadata| metadata["instance_id"] == instance).unwrap_or_else(|| panic!("nothing of {instance}"))
}

#[test]
fn lists_and_pages_bring_the_same_samples() {
    let Some(python) = python() else { return };
    // More disk devices than a page has entries.
    let simulator = Simulator::start(&SimOptions { flags: &CLOCK, vms: 510, ..SimOptions::default() });
    let stack = Stack::without_proxy(&[Host::at(simulator.address())]);
    let exporter = ExporterAlone::start(&stack, INTERVAL);
    let has = |name: &str| exporter.entries("cpu_util").values().any(|entry| entry["vm_name"] == name);
    wait_until(SLOW, "samples", || exporter.is_ready() && has("vm-00510"));
    let meters = Agent::start(&python, &exporter.configure(&[])).pollsters.clone();
    let mut agent = Agent::start(&python, &exporter.configure(&["--lists", "--page", "1000"]));
    assert_eq!((meters.len(), agent.pollsters.len()), (23, 19), "{:?}", agent.pollsters);
    let before = agent.poll();
    check_samples(&before, &exporter, &meters);
    check_page(&agent.page(), &before);
    assert!(exporter.entries("disk.device.read.bytes.rate").len() > 1000);

    let gone = instance_of(&before, "127.0.0.1", "vm-00510");
    simulator.page("POST", "/vm/destroy", r#"{"name": "vm-00510"}"#);
    wait_until(SLOW, "the end of the machine", || exporter.is_ready() && !has("vm-00510"));
    let after = agent.poll();
    check_samples(&after, &exporter, &meters);
    assert!(meters_of(&after, &gone).is_empty());
    // What the guide warns of: the page forgets resources of plain definitions only.
    let left: BTreeSet<String> = agent
        .page()
        .samples
        .iter()
        .filter(|series| series.label("resource").contains(&gone))
        .map(|series| series.name.clone())
        .collect();
    let of_devices = meters.iter().filter(|meter| meter.starts_with("disk.device.") || meter.starts_with("network."));
    assert_eq!(left, of_devices.map(|meter| format!("ceilometer_{}", meter.replace('.', "_"))).collect());
}

#[test]
fn what_may_not_be_read_is_missing_and_no_label_is() {
    let Some(python) = python() else { return };
    let simulator = Simulator::start(&SimOptions { flags: &CLOCK, ..SimOptions::default() });
    simulator.set(VM, "vm01.example.org", "config.annotation", &json!(annotation("web")));
    for path in ["runtime.host", "config.annotation", "summary.config.numCpu", "summary.storage"] {
        simulator.deny(VM, path, Some("System.Read"));
    }
    let stack = Stack::without_proxy(&[Host::at(simulator.address())]);
    let exporter = ExporterAlone::start(&stack, &format!("{INTERVAL}ceilometer_project = ours\n"));
    wait_until(SLOW, "samples", || exporter.is_ready() && !exporter.entries("cpu_util").is_empty());
    let mut agent = Agent::start(&python, &exporter.configure(&[]));
    let poll = agent.poll();
    check_samples(&poll, &exporter, &agent.pollsters.clone());
    check_page(&agent.page(), &poll);
    let seen: BTreeSet<&str> = poll.samples.keys().map(|(meter, _)| &**meter).collect();
    let missing: Vec<&String> = agent.pollsters.iter().filter(|meter| !seen.contains(&***meter)).collect();
    // The ready time is a share of what the virtual CPUs have.
    assert_eq!(missing, ["vcpus", "vsphere.cpu.ready", "vsphere.disk.provisioned", "vsphere.disk.used"]);
    for sample in poll.samples.values() {
        let labels = [&sample["project_id"], &sample["user_id"], &sample["resource_metadata"]["host"]];
        assert_eq!(labels, ["ours", "none", "none"], "{sample}");
    }
}

#[test]
fn the_token_is_read_for_every_poll() {
    let Some(python) = python() else { return };
    let simulator = Simulator::start(&SimOptions { flags: &CLOCK, ..SimOptions::default() });
    let stack = Stack::without_proxy(&[Host::at(simulator.address())]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let tokens = file("tokens", "0123456789abcdef-first\n0123456789abcdef-second\n");
    let exporter = ExporterAlone::start(&stack, &format!("{INTERVAL}http_tokens = {tokens}\n"));
    let mine = file("mine", "0123456789abcdef-wrong\n");
    let files = exporter.configure(&["--token-file", &mine]);
    let mut agent = Agent::start(&python, &files);
    let refused = agent.poll();
    assert_eq!((refused.samples.len(), refused.complaints.len()), (0, 23));
    assert!(refused.complaints.iter().all(|line| line.contains("401")), "{:?}", refused.complaints);
    file("mine", "0123456789abcdef-second\n");
    // It may be asked before the first cycle has ended.
    wait_until(SLOW, "samples", || {
        let poll = agent.poll();
        assert!(poll.complaints.iter().all(|line| line.contains("503")), "{:?}", poll.complaints);
        poll.complaints.is_empty() && poll.samples.len() > 100
    });
    let written = ["pollsters.d/vpoller.yaml", "polling.yaml", "vpoller_ceilometer.py"];
    assert!(written.iter().all(|name| !fs::read_to_string(files.join(name)).unwrap().contains("0123456789abcdef")));
}

#[test]
fn gnocchi_is_told_of_every_meter() {
    let Some(python) = python() else { return };
    let stack = Stack::without_proxy(&[]);
    let exporter = ExporterAlone::start(&stack, "");
    let files = exporter.configure(&[]);
    let meters = Agent::start(&python, &files).pollsters.clone();
    let metrics = |list: &Path| {
        let mut command = Command::new(&python);
        command.arg(workspace::root().join("tests/ceilometer/gnocchi.py")).arg(list);
        let done = process::run(command, SLOW);
        assert_eq!(done.code, 0, "{}", done.stderr);
        serde_json::from_str::<BTreeMap<String, String>>(done.stdout.lines().last().unwrap()).unwrap()
    };
    let packaged = fs::read_dir(workspace::artefact("ceilometer/lib")).unwrap();
    let packaged = packaged.map(|python| python.unwrap().path().join(PACKAGED_LIST)).find(|path| path.exists()).unwrap();
    let dropped = |known: &BTreeMap<String, String>| meters.iter().filter(|meter| !known.contains_key(*meter)).count();
    assert_eq!(dropped(&metrics(&packaged)), 20, "what Ceilometer's own list lacks");
    let list = exporter.folder.path().join("gnocchi_resources.yaml");
    let added = fs::read_to_string(files.join("gnocchi_resources.vpoller.yaml")).unwrap();
    fs::write(&list, fs::read_to_string(&packaged).unwrap() + &added).unwrap();
    let known = metrics(&list);
    assert_eq!(dropped(&known), 0);
    for meter in &meters {
        let kind = match meter {
            name if name.starts_with("disk.device.") => "instance_disk",
            name if name.starts_with("network.") => "instance_network_interface",
            _ => "instance",
        };
        assert_eq!(known[meter], kind, "{meter}");
    }
}

/// Where Ceilometer keeps its list, below the folder of a Python.
const PACKAGED_LIST: &str = "site-packages/ceilometer/publisher/data/gnocchi_resources.yaml";

/// What runs on a machine of its own: the guide's vCenter, its commands and its files, and the real program.
const AS_THE_GUIDE_SAYS: &str = r#"
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p /etc/ceilometer "$work/bin"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$PYTHON" "$POLLING" >"$work/bin/ceilometer-polling"
chmod 755 "$work/bin/ceilometer-polling"
PATH=$work/bin:$PROGRAMS:$PATH
"$VCSIM" -l 127.0.0.2:443 -disk-devices 1 >/dev/null &
for _ in $(seq 300); do curl -sk https://vc01.example.org/about -o /dev/null && break; sleep 0.1; done
vconnector-cli init
vconnector-cli -H vc01.example.org -U root -P p4ssw0rd add
vconnector-cli -H vc01.example.org trust --off
vconnector-cli -H vc01.example.org enable
printf '%s\n' "$SECTION" >/etc/vpoller/vpoller.conf
printf '%s\n' "$CONFIG" >/etc/ceilometer/ceilometer.conf
vpoller-exporter --file /etc/vpoller/vpoller.conf &
for _ in $(seq 600); do sh -c "$LOOK" >"$work/entries" 2>/dev/null && break; sleep 0.1; done
cat "$work/entries"
sh -c "$WRITE"
sh -c "$POLL" &
shown() { curl -sf http://127.0.0.1:9101/metrics; }
for _ in $(seq 600); do shown >"$work/page" && [ "$(grep -c '^# TYPE' "$work/page")" = 23 ] && break; sleep 0.1; done
echo ----
cat "$work/page"
"#;

#[test]
fn the_guide_works_as_it_is_written() {
    let Some(python) = python() else { return };
    let (commands, files) = (programs("docs/ceilometer.md", "sh"), programs("docs/ceilometer.md", "ini"));
    let [write, poll, look, store] = &commands[..] else { panic!("{commands:?}") };
    let [section, config] = &files[..] else { panic!("{files:?}") };
    assert!(store.contains("gnocchi_resources.vpoller.yaml >>"), "a test of its own does so");
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.args(["sh", "-c", AS_THE_GUIDE_SAYS]);
    for (name, text) in [("WRITE", write), ("POLL", poll), ("LOOK", look), ("SECTION", section), ("CONFIG", config)] {
        command.env(name, text);
    }
    command.env("PYTHON", &python).env("POLLING", python.with_file_name("ceilometer-polling"));
    command.env("PROGRAMS", workspace::build_dir()).env("VCSIM", Bed::Packaged.program().unwrap());
    let done = process::run(command, SLOW + SLOW);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let (entries, page) = done.stdout.split_once("\n----\n").unwrap();
    assert!(entries.starts_with("{\"samples\":[{\"id\":"), "{entries}");
    let page = Exposition::read(&agent::with_help(page));
    let families: BTreeSet<&str> = page.samples.iter().map(|series| &*series.name).collect();
    assert_eq!(families.len(), 23, "{}", done.stderr);
    assert!(page.of("ceilometer_cpu_util").all(|series| series.label("vm_instance").ends_with(".example.org")));
}
