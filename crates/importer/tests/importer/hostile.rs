//! Names that a user of vSphere may give and that mean something to Zabbix: as hosts in a real one, asked for and answered.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vpoller_testkit::wait::ZABBIX;
use vpoller_testkit::zabbix::{Series, Server, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, wait_for, wait_until};

use crate::run::import;
use crate::setup::{import_templates, texts, value};

/// Between two looks, of which each asks for values again.
const PACE: Duration = Duration::from_secs(2);
const TEMPLATE: &str = "VMware vSphere Virtual Machine by vPoller";

#[test]
fn hostile_names_become_hosts_and_their_values_arrive() {
    let long = "x".repeat(80);
    let rockets = "🚀".repeat(80);
    let names = [
        "{#MOID}",
        "{#NAME} {$VSPHERE.HOST}",
        "{$VSPHERE.NAME}",
        "$1 {HOST.HOST}",
        "a\"],[\"b",
        "C:\\dir\\",
        "\\",
        "a\\\"b",
        "vm 'with' \"quotes\" [and] brackets",
        "%2fslash%5c and 50%25",
        "moid:vm-1",
        " blanks ",
        "🚀 日本語",
        &long,
        &rockets,
    ];
    Series::together(|series| {
        let simulator = Simulator::start(&SimOptions { fixtures: false, ..SimOptions::default() });
        let host = Host::at(simulator.address());
        let stack = Stack::start(std::slice::from_ref(&host), 1);
        let module = format!("vPollerProxy={}\nvPollerTimeout=10000\n", stack.frontend());
        let server = Setting::new(series, &module).server("StartPollers=10\n");
        import_templates(&server.api, "vpoller-vm.yaml");
        let made = names.map(|name| {
            let page = simulator.page("POST", "/vm/create", &json!({"name": name}).to_string());
            (name, page["moid"].as_str().unwrap().to_owned())
        });
        wait_until(ZABBIX, "all machines in vPoller", || {
            let reply = stack.ask(&json!({"method": "vm.discover", "hostname": host.name, "properties": ["moid"]}));
            let rows = reply["result"].as_array().unwrap_or_else(|| panic!("{reply}"));
            made.iter().all(|(_, moid)| rows.iter().any(|row| row["moid"] == **moid))
        });
        let configuration = format!(
            "vsphere: {{hostname: {}}}\nvpoller: {{endpoint: '{}', timeout: 30000}}\nzabbix:\n  hostname: {}\n  username: Admin\n  \
             password: zabbix\n  vsphere_object_vm: {{templates: {TEMPLATE}, groups: Virtual Machines, \
             secret_macros: {{GUEST.PASSWORD: s3cret}}}}\n",
            host.name,
            stack.frontend(),
            server.pages()
        );
        let finished = import(&configuration, &["--debug"]);
        assert_eq!(finished.code, 0, "{series:?}: {}", finished.stderr);
        assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
        let again = import(&configuration, &["--dry-run"]);
        assert_eq!((again.code, again.stdout.as_str()), (0, "nothing to do\n"), "{series:?}: {}", again.stderr);
        let hosts: Vec<Value> = made.iter().map(|(name, moid)| imported(&server, name, moid)).collect();
        names_arrive(&server, &made, &hosts);
        assert_eq!(
            server.sql("select distinct value from hostmacro where macro = '{$GUEST.PASSWORD}' and type = 1").trim(),
            "s3cret"
        );
    });
}

/// The host that stands for a machine, with its items.
fn imported(server: &Server, name: &str, moid: &str) -> Value {
    let hosts = server.api.get(
        "host",
        &json!({
            "tags": [{"tag": "vsphere.object", "value": format!("VirtualMachine:{moid}"), "operator": 1}],
            "output": ["hostid", "host", "name"], "selectMacros": ["macro", "value", "type"],
        }),
    );
    let [host] = hosts.as_slice() else { panic!("{:?} {name:?}: {hosts:?}", server.series()) };
    assert_eq!(host["name"], name);
    let password = host["macros"].as_array().unwrap().iter().find(|one| one["macro"] == "{$GUEST.PASSWORD}").unwrap();
    assert!(password["type"] == "1" && password.get("value").is_none(), "{password}");
    let address = value(host, "macros", "{$VSPHERE.NAME}").unwrap();
    assert!(address == name || address == format!("moid:{moid}"), "{address}");
    host.clone()
}

/// The item that asks for a machine's name has that name as its value. Zabbix checks an item at once on request, once it knows it.
fn names_arrive(server: &Server, made: &[(&str, String)], hosts: &[Value]) {
    let ids: Vec<&Value> = hosts.iter().map(|host| &host["hostid"]).collect();
    let shown = |items: &[Value], host: &Value| {
        let item = items.iter().find(|item| item["hostid"] == *host && item["key_"] == "vpoller.vm[name]").unwrap();
        (item["lastclock"] != "0").then(|| item["lastvalue"].as_str().unwrap().to_owned())
    };
    let mut next = Instant::now();
    let items = wait_for(ZABBIX, "all names as values", || {
        if Instant::now() < next {
            return None;
        }
        next = Instant::now() + PACE;
        let output = ["itemid", "hostid", "key_", "type", "error", "lastvalue", "lastclock"];
        let items = server.api.get("item", &json!({"hostids": ids, "monitored": true, "output": output}));
        let missing: Vec<&Value> = ids.iter().filter(|host| shown(&items, host).is_none()).copied().collect();
        if missing.is_empty() {
            return Some(items);
        }
        let due = items.iter().filter(|item| item["type"] == "3" && missing.contains(&&item["hostid"]));
        let tasks: Vec<Value> = due.map(|item| json!({"type": 6, "request": {"itemid": item["itemid"]}})).collect();
        eprintln!("{:?}: {} names are missing; errors: {:?}", server.series(), missing.len(), errors(&items));
        // It refuses the whole list for an item that it does not know yet; the next look asks again.
        let _ = server.api.try_call("task.create", &json!(tasks));
        None
    });
    for ((name, moid), host) in made.iter().zip(&ids) {
        assert_eq!(shown(&items, host).as_deref(), Some(*name), "{:?} {moid}", server.series());
    }
}

fn errors(items: &[Value]) -> BTreeSet<&str> {
    texts(items, "error").into_iter().filter(|error| !error.is_empty()).collect()
}
