//! The table of methods against the contract, and the rules that keep it the only place of its kind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vpoller_worker::catalogue;
use vpoller_worker::methods::{self, METHODS, Rows, ZabbixFormat};

/// Name, required fields beyond `method` and `hostname`, and how the Zabbix helpers print it, from the contract.
const CONTRACT: &[(&str, &str, &str)] = &[
    ("about", "", "value"),
    ("event.latest", "", "value of event"),
    ("event.get", "", "lld"),
    ("alarm.get", "", "lld"),
    ("session.get", "", "lld"),
    ("privilege.missing.get", "", "lld"),
    ("perf.counter.info", "", "lld flat"),
    ("perf.metric.info", "", "lld flat"),
    ("perf.interval.info", "", "lld"),
    ("perf.get", "", "lld"),
    ("object.discover", "key", "lld"),
    ("object.get", "name properties", "value of name"),
    ("net.discover", "", "lld"),
    ("net.get", "name", "value"),
    ("net.host.get", "name", "lld of host"),
    ("net.vm.get", "name", "lld of vm"),
    ("datacenter.discover", "", "lld"),
    ("datacenter.get", "name properties", "value"),
    ("datacenter.alarm.get", "name", "lld"),
    ("datacenter.perf.counter.info", "name", "lld flat"),
    ("datacenter.perf.metric.info", "", "lld"),
    ("datacenter.perf.metric.get", "name counter-name perf-interval", "value of value"),
    ("datacenter.summary.get", "name", "value of hosts"),
    ("cluster.discover", "", "lld"),
    ("cluster.get", "name properties", "value"),
    ("cluster.alarm.get", "name", "lld"),
    ("cluster.perf.counter.info", "name", "lld flat"),
    ("cluster.perf.metric.info", "", "lld"),
    ("cluster.perf.metric.get", "name counter-name perf-interval", "value of value"),
    ("cluster.summary.get", "name", "value of hosts"),
    ("resource.pool.discover", "", "lld"),
    ("resource.pool.get", "name properties", "value"),
    ("resource.pool.vm.get", "name", "lld"),
    ("host.discover", "", "lld"),
    ("host.get", "name properties", "value"),
    ("host.alarm.get", "name", "lld"),
    ("host.cluster.get", "name", "value of cluster"),
    ("host.vm.get", "name", "lld"),
    ("host.net.get", "name", "lld of network"),
    ("host.datastore.get", "name", "lld"),
    ("host.perf.counter.info", "name", "lld flat"),
    ("host.perf.metric.info", "name", "lld"),
    ("host.perf.metric.get", "name counter-name", "value of value"),
    ("vm.discover", "", "lld"),
    ("vm.get", "name properties", "value"),
    ("vm.alarm.get", "name", "lld"),
    ("vm.disk.discover", "name", "lld of disk"),
    ("vm.disk.get", "name", "disk"),
    ("vm.guest.net.get", "name", "lld of net"),
    ("vm.net.get", "name", "lld of network"),
    ("vm.datastore.get", "name", "lld"),
    ("vm.host.get", "name", "value of host"),
    ("vm.process.get", "name username password", "count"),
    ("vm.cpu.usage.percent", "name", "value of vm.cpu.usage.percent"),
    ("vm.snapshot.get", "name", "lld"),
    ("vm.snapshot.summary.get", "name", "value of count"),
    ("vm.perf.counter.info", "name", "lld flat"),
    ("vm.perf.metric.info", "", "lld"),
    ("vm.perf.metric.get", "name counter-name", "value of value"),
    ("datastore.discover", "", "lld"),
    ("datastore.get", "name properties", "value"),
    ("datastore.alarm.get", "name", "lld"),
    ("datastore.host.get", "name", "lld"),
    ("datastore.vm.get", "name", "lld"),
    ("datastore.perf.counter.info", "name", "lld flat"),
    ("datastore.perf.metric.info", "name", "lld"),
    ("datastore.perf.metric.get", "name counter-name", "value of value"),
    ("vsan.health.get", "name", "value of health"),
    ("vpoller.status", "", "value"),
];

fn form(form: ZabbixFormat) -> String {
    match form {
        ZabbixFormat::Value { default_field: None } => "value".to_owned(),
        ZabbixFormat::Value { default_field: Some(field) } => format!("value of {field}"),
        ZabbixFormat::Lld { rows: Rows::Result, .. } => "lld".to_owned(),
        ZabbixFormat::Lld { rows: Rows::Flat, .. } => "lld flat".to_owned(),
        ZabbixFormat::Lld { rows: Rows::Inside(field), .. } => format!("lld of {field}"),
        ZabbixFormat::Disk => "disk".to_owned(),
        ZabbixFormat::Count => "count".to_owned(),
    }
}

#[test]
fn names_required_fields_and_forms_are_those_of_the_contract() {
    let row = |method: &methods::Method| {
        let required = method.required.iter().map(|field| field.name()).collect::<Vec<_>>().join(" ");
        (method.name, required, form(method.zabbix_format))
    };
    let table: Vec<_> = METHODS.iter().map(row).collect();
    let contract: Vec<_> =
        CONTRACT.iter().map(|(name, fields, form)| (*name, (*fields).to_owned(), (*form).to_owned())).collect();
    assert_eq!(table, contract);
}

#[test]
fn every_name_is_there_once() {
    let names: Vec<&str> = METHODS.iter().flat_map(|method| [&[method.name], method.aliases].concat()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in names {
        assert!(methods::find(name).is_some_and(|found| found.name == name || found.aliases.contains(&name)));
    }
    assert_eq!(methods::find("vm.net.discover").map(|method| method.name), Some("vm.guest.net.get"));
    assert!(methods::find("").is_none());
}

#[test]
fn only_guest_operations_are_never_repeated() {
    assert_eq!(methods::never_repeat(), ["vm.process.get"]);
}

#[test]
fn the_whole_table() {
    insta::assert_snapshot!(catalogue::list());
}

#[test]
fn the_page_names_every_method_and_its_example() {
    let page = catalogue::markdown();
    for method in METHODS {
        assert!(page.contains(&format!("\n## `{}`\n\n{}\n", method.name, method.doc)), "{}", method.name);
        assert!(page.contains(&format!("vpoller-client -m {} -V vc01.example.org", method.name)), "{}", method.name);
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.extension() {
            _ if path.is_dir() => sources(&path, found),
            Some(extension) if extension == "rs" => found.push(path),
            _ => {}
        }
    }
}

/// The part of a file that is neither comment nor test.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod").next().unwrap();
    let text = text.split("#[cfg(test)]\n#[allow").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_the_table_names_methods() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut files = Vec::new();
    for part in ["worker/src", "crates/inventory/src", "proxy/src", "module/src"] {
        sources(&top.join(part), &mut files);
    }
    assert!(files.len() > 20, "the sources were not found");
    for file in files.iter().filter(|file| !file.ends_with("worker/src/methods.rs")) {
        let code = code(&fs::read_to_string(file).unwrap());
        // "about" is an English word too: quoted it would be a method nonetheless.
        for method in METHODS {
            let named = [&[method.name], method.aliases].concat().into_iter().find(|name| code.contains(&format!("\"{name}\"")));
            assert_eq!(named, None, "{} names a method; what depends on a method belongs into its row", file.display());
        }
    }
}

#[test]
fn the_page_of_methods_is_that_of_the_table() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/methods.md")).unwrap();
    assert!(page == catalogue::markdown(), "docs/methods.md is out of date: write vpoller-worker --methods-markdown to it");
    let answered = |name: &str| {
        let (_, rest) = page.split_once(&format!("\n## `{name}`\n")).unwrap();
        rest.lines().find(|line| line.contains("answered")).unwrap().to_owned()
    };
    assert_eq!(answered("about"), "* answered when nothing is asked for: `fullName`");
    assert_eq!(answered("vm.get"), "* always answered: `name`");
    for (method, field, member) in [
        ("vm.disk.discover", "disk", "diskPath"),
        ("vm.disk.get", "disk", "diskPath"),
        ("vm.guest.net.get", "net", "network"),
        ("vm.net.get", "network", "name"),
    ] {
        assert_eq!(answered(method), format!("* always answered: `name`; in `{field}`: `{member}`"), "{method}");
    }
    assert_eq!(answered("vm.host.get"), "* always answered: `name`, `host`");
}
