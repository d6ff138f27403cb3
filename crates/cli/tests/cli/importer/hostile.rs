//! Names that a user of vSphere may give and that mean something to Zabbix: as hosts in a real one, asked for and answered.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vpoller_testkit::zabbix::{Series, Server, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, wait_for, wait_until};

use super::bed::{import_templates, texts, value};
use super::run::import;

/// Limit for what Zabbix does at its own pace, on a machine that runs other tests as well.
const SOON: Duration = Duration::from_secs(240);
/// Between two looks, of which each asks for values again.
const PACE: Duration = Duration::from_secs(2);
const TEMPLATE: &str = "VMware vSphere Virtual Machine by vPoller";

#[test]
fn hostile_names_become_hosts_and_their_values_arrive() {
    let (long, rockets) = ("x".repeat(80), "🚀".repeat(80));
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
        wait_until(SOON, "all machines in vPoller", || {
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
        for (name, moid) in &made {
            let hosts = server.api.get(
                "host",
                &json!({
                    "tags": [{"tag": "vsphere.object", "value": format!("VirtualMachine:{moid}"), "operator": 1}],
                    "output": ["hostid", "host", "name"], "selectMacros": ["macro", "value", "type"],
                }),
            );
            let [host] = hosts.as_slice() else { panic!("{series:?} {name}: {hosts:?}") };
            assert_eq!(host["name"], **name, "{series:?}");
            let password = host["macros"].as_array().unwrap().iter().find(|one| one["macro"] == "{$GUEST.PASSWORD}").unwrap();
            assert!(password["type"] == "1" && password.get("value").is_none(), "{password}");
            let addressed = value(host, "macros", "{$VSPHERE.NAME}").unwrap();
            assert!([*name, &format!("moid:{moid}")].contains(&addressed), "{addressed}");
            let found = name_as_value(&server, &host["hostid"], name);
            assert_eq!(found, **name, "{series:?} {addressed}");
        }
        assert_eq!(
            server.sql("select distinct value from hostmacro where macro = '{$GUEST.PASSWORD}' and type = 1").trim(),
            "s3cret"
        );
    });
}

/// The first value of the item that shows the machine's name. Zabbix checks what it is told to as soon as it knows the item.
fn name_as_value(server: &Server, host: &Value, name: &str) -> String {
    let mut next = Instant::now();
    wait_for(SOON, &format!("the name {name:?} as a value"), || {
        if Instant::now() < next {
            return None;
        }
        next = Instant::now() + PACE;
        let question = json!({
            "hostids": host, "monitored": true, "output": ["itemid", "key_", "type", "state", "error", "lastvalue", "lastclock"],
        });
        let items = server.api.get("item", &question);
        let shown = items.iter().find(|item| item["key_"] == "vpoller.vm[name]").unwrap();
        if shown["lastclock"] != "0" {
            return Some(shown["lastvalue"].as_str().unwrap().to_owned());
        }
        let errors: Vec<_> = texts(&items, "error").into_iter().filter(|error| !error.is_empty()).collect();
        eprintln!("{:?} {name:?}: no value yet; errors: {errors:?}", server.series());
        let checks = items.iter().filter(|item| item["type"] == "3");
        let tasks: Vec<Value> = checks.map(|item| json!({"type": 6, "request": {"itemid": item["itemid"]}})).collect();
        let _ = server.api.try_call("task.create", &json!(tasks));
        None
    })
}
