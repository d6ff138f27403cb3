//! The importer's life in a real Zabbix, of each series: one server, and one story in steps.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};
use vpoller_testkit::process::Finished;
use vpoller_testkit::workspace;
use vpoller_testkit::zabbix::Series;

use crate::errors::{survives_errors, survives_lost_answers};
use crate::frontend::FrontendReply;
use crate::run::{import, lines};
use crate::setup::{LIGHT, MANY, PROXY, Setup, TEMPLATES, groups, import_templates, texts, value};

/// The machine with a host that an administrator made.
const TAKEN_OVER: &str = "vm02.example.org";

#[test]
fn the_importer_and_a_real_zabbix() {
    Series::each(|series| {
        let setup = Setup::start(series);
        a_wrong_password(&setup);
        let theirs = hosts_of_others(&setup);
        first_import(&setup);
        nothing_changes(&setup);
        follows_vsphere(&setup);
        follows_the_configuration(&setup);
        survives_lost_answers(&setup);
        survives_errors(&setup);
        deletes_only_its_own(&setup, &theirs);
        a_thousand_machines(&setup);
        the_sample(&setup);
    });
}

fn a_wrong_password(setup: &Setup) {
    let text = setup.configuration(&setup.server.pages(), &setup.names[0], "").replace("password: zabbix", "password: wr0ng");
    let finished = import(&text, &["--debug"]);
    assert!(finished.code == 1 && !finished.stderr.contains("wr0ng"), "{}", finished.stderr);
    assert!(finished.stderr.contains("cannot log in as Admin: Incorrect user name or password"), "{}", finished.stderr);
}

/// Hosts that people made; the first stands for a machine, and looks like what the original importer made.
fn hosts_of_others(setup: &Setup) -> Vec<String> {
    let vcenter = &setup.names[0];
    let group = setup.api().call("hostgroup.create", &json!({"name": "Our own"}))["groupids"][0].clone();
    let template = setup.api().get("template", &json!({"filter": {"host": [TEMPLATES[1]]}, "output": ["templateid"]}))[0].clone();
    let create = |name: &str, value: &str| {
        let host = json!({
            "host": name, "groups": [{"groupid": group}], "templates": [template],
            "macros": [{"macro": "{$VSPHERE.HOST}", "value": value}],
            "interfaces": [{"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "10050"}],
        });
        setup.api().call("host.create", &host)["hostids"][0].as_str().unwrap().to_owned()
    };
    // The vCenter's own, a foreign one with the same macro, and another vCenter's machine.
    let others = [(vcenter.as_str(), vcenter.as_str()), ("notes", vcenter), ("vm03.example.org", "vc02.example.org")];
    [(TAKEN_OVER, vcenter.as_str())].iter().chain(&others).map(|(name, value)| create(name, value)).collect()
}

fn first_import(setup: &Setup) {
    setup.import("", &["--dry-run"], 0);
    assert!(setup.hosts().is_empty(), "a dry run creates nothing");
    let (_, run) = run_planned(setup, "", &[]);
    documented_lines(setup, &run);

    let hosts = setup.hosts();
    // 4 hypervisors, 13 machines (of 14, one is a template), 2 datastores, and one hypervisor in each further cluster.
    assert_eq!(hosts.len(), 4 + 13 + 2 + 2, "{:?}", texts(&hosts, "name"));
    let host = setup.host("esxi01.example.org");
    assert_eq!(groups(&host), ["Hypervisors", "cluster01"]);
    assert_eq!(texts(host["parentTemplates"].as_array().unwrap(), "name"), [TEMPLATES[0]]);
    let proxy = setup.api().get("proxy", &json!({"filter": {proxy_name(setup): [PROXY]}, "output": ["proxyid"]}));
    assert_eq!(host[if setup.series == Series::V6_0 { "proxy_hostid" } else { "proxyid" }], proxy[0]["proxyid"]);
    let interface = json!({"type": "1", "main": "1", "useip": "1", "ip": "127.0.0.1", "dns": "", "port": "10050"});
    assert_eq!(host["interfaces"], json!([interface]));
    assert_eq!(value(&host, "macros", "{$VSPHERE.HOST}"), Some(setup.names[0].as_str()));
    assert_eq!(value(&host, "macros", "{$VSPHERE.NAME}"), Some("esxi01.example.org"));

    assert_eq!(groups(&setup.host("vm01.example.org")), ["Virtual Machines", "cluster01"]);
    assert_eq!(groups(&setup.host("vm-orphan.example.org")), ["Virtual Machines"]);
    // Names that Zabbix does not take as they are, twins, and a name that another vCenter's host has.
    for (visible, technical, address) in [
        ("vm%2fslash", "vm_slash", "vm%2fslash"),
        ("vm-🚀", "vm-", "vm-🚀"),
        ("vm with \"quotes\" and 'apostrophe'", "vm_with_quotes_and_apostrophe", "vm with \"quotes\" and 'apostrophe'"),
        ("vm-twin", "vm-twin", "moid:vm-111"),
        ("vm-twin (vm-112)", "vm-twin_vm-112", "moid:vm-112"),
        ("vm03.example.org (vm-104)", "vm03.example.org_vm-104", "vm03.example.org"),
        ("ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/", "datastore1", "datastore1"),
    ] {
        let host = setup.host(visible);
        assert_eq!((&host["host"], value(&host, "macros", "{$VSPHERE.NAME}")), (&json!(technical), Some(address)));
    }
    let taken_over = setup.host(TAKEN_OVER);
    assert_eq!(value(&taken_over, "tags", "vsphere.adopted"), Some("yes"));
    assert_eq!(groups(&taken_over), ["Our own", "cluster01"]);
    assert_eq!(value(&taken_over, "tags", "vsphere.object"), Some("VirtualMachine:vm-103"));
}

fn proxy_name(setup: &Setup) -> &'static str {
    if setup.series == Series::V6_0 { "host" } else { "name" }
}

/// What the documents show of a run, in their words and order.
fn documented_lines(setup: &Setup, finished: &Finished) {
    let all = lines(finished);
    let connecting = format!("INFO - Connecting to Zabbix server at {}", setup.server.pages());
    let wanted = [
        connecting.as_str(),
        "INFO - [vSphere ClusterComputeResource] Importing objects to Zabbix",
        "INFO - [vSphere ClusterComputeResource] Number of objects to be imported: 3",
        "INFO - [vSphere ClusterComputeResource] Creating Zabbix host group 'cluster01'",
        "INFO - [vSphere ClusterComputeResource] Import of objects completed",
        "INFO - [vSphere HostSystem] Importing objects to Zabbix",
        "INFO - [vSphere HostSystem] Number of objects to be imported: 6",
        "INFO - [vSphere HostSystem] Creating Zabbix host 'esxi01.example.org'",
        "INFO - [vSphere HostSystem] Import of objects completed",
        "INFO - VM 'template01' is a template, will not be imported",
        "INFO - [vSphere VirtualMachine] Importing objects to Zabbix",
        "INFO - [vSphere VirtualMachine] Number of objects to be imported: 12",
        "WARNING - Unable to find Zabbix host group 'Virtual Machines'",
        "INFO - Creating Zabbix host group 'Virtual Machines'",
        "INFO - [vSphere VirtualMachine] Creating Zabbix host 'vm01.example.org'",
        "INFO - [vSphere VirtualMachine] Import of objects completed",
        "INFO - [vSphere Datastore] Importing objects to Zabbix",
        "INFO - [vSphere Datastore] Number of objects to be imported: 2",
        "INFO - [vSphere Datastore] Creating host 'ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/'",
        "INFO - [vSphere Datastore] Import of objects completed",
        "INFO - Sync completed",
    ];
    let mut rest = all.iter();
    for line in wanted {
        assert!(rest.any(|one| *one == line), "{line:?} is missing, or not in its place, in:\n{}", all.join("\n"));
    }
}

/// The line of a plan that would create the host as Zabbix has it now.
fn creation(setup: &Setup, host: &Value) -> String {
    let list = |names: Vec<String>| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let given = |list: &str, names: &[&str]| {
        let pair = |name: &&str| Some(format!("{name}={}", value(host, list, name)?));
        names.iter().filter_map(pair).collect::<Vec<_>>()
    };
    let kind = value(host, "tags", "vsphere.object").unwrap().split(':').next().unwrap();
    let visible = host["name"].as_str().unwrap();
    let technical = host["host"].as_str().unwrap();
    let alias = if visible == technical { String::new() } else { format!(" as '{technical}'") };
    let proxy = host.get(if setup.series == Series::V6_0 { "proxy_hostid" } else { "proxyid" });
    let proxy = if proxy == Some(&json!("0")) { String::new() } else { format!("; proxy '{PROXY}'") };
    format!(
        "+ {kind} '{visible}'{alias}; groups {}; templates {}; macros {}; tags {}{proxy}",
        list(owned(groups(host))),
        list(owned(texts(host["parentTemplates"].as_array().unwrap(), "name"))),
        list(given("macros", &["{$VSPHERE.HOST}", "{$VSPHERE.NAME}"])),
        list(given("tags", &["vsphere.vcenter", "vsphere.object", "vsphere.name", "vsphere.cluster"])),
    )
}

/// What was planned to be created is what Zabbix has now, and all else that was planned was done.
#[track_caller]
fn assert_done(setup: &Setup, plan: &Finished, run: &Finished) {
    let hosts: Vec<String> = setup.hosts().iter().map(|host| creation(setup, host)).collect();
    let log = lines(run);
    let mut steps = 0;
    for line in plan.stdout.lines().filter(|line| ["+ ", "~ ", "- "].iter().any(|sign| line.starts_with(sign))) {
        steps += 1;
        let rest = &line[2..];
        if let Some(group) = rest.strip_prefix("host group ") {
            let found = setup.api().get("hostgroup", &json!({"filter": {"name": [group.trim_matches('\'')]}}));
            assert_eq!(found.len(), 1, "{line}");
        } else if line.starts_with("+ ") {
            assert!(hosts.iter().any(|host| host == line), "{line}\nis not among\n{}", hosts.join("\n"));
        } else {
            let (kind, rest) = rest.split_once(' ').unwrap();
            let (name, rest) = rest.split_once(" (hostid ").unwrap();
            let (id, changes) = rest.split_once(')').unwrap();
            let expected = match line.starts_with("~ ") {
                true => format!("INFO - [vSphere {kind}] Updating Zabbix host {name}{changes}"),
                false => format!("WARNING - Deleting host {name} with hostid '{id}'"),
            };
            assert!(log.contains(&expected.as_str()), "{expected}\nis not in\n{}", run.stderr);
        }
    }
    let verbs = ["Creating ", "Updating ", "Deleting "];
    let done = log
        .iter()
        .filter(|line| verbs.iter().any(|verb| line.contains(&format!("] {verb}")) || line.contains(&format!(" - {verb}"))));
    assert_eq!(done.count(), steps, "planned:\n{}\ndone:\n{}", plan.stdout, run.stderr);
}

/// Runs what a dry run planned.
#[track_caller]
pub(crate) fn run_planned(setup: &Setup, more: &str, options: &[&str]) -> (Finished, Finished) {
    let plan = setup.import(more, &[&["--dry-run"], options].concat(), 0);
    let run = setup.import(more, options, 0);
    assert_done(setup, &plan, &run);
    let again = setup.import(more, &[&["--dry-run"], options].concat(), 0);
    assert_eq!(again.stdout, "nothing to do\n", "{:?}", setup.series);
    (plan, run)
}

fn nothing_changes(setup: &Setup) {
    let before = setup.hosts();
    let frontend = setup.frontend(|_| FrontendReply::Forward);
    let finished = import(&setup.configuration(&frontend.url(), &setup.names[0], ""), &[]);
    let in_sync = lines(&finished).iter().filter(|line| line.ends_with("Objects are in sync with Zabbix")).count();
    assert_eq!((finished.code, in_sync), (0, 4), "{}", finished.stderr);
    assert_eq!(setup.hosts(), before);
    // Login and logout, version, groups, templates, proxy, hosts with our tag, with our macro, all of them, and the names of those that are
    // not under their own.
    let counts = frontend.take_counts();
    assert!(counts.keys().all(|method| method.ends_with(".get") || method.starts_with("user.") || method == "apiinfo.version"));
    assert!(counts.values().sum::<usize>() <= 12, "{counts:?}");
}

fn follows_vsphere(setup: &Setup) {
    let created = setup.small.page("POST", "/vm/create", r#"{"name": "vm-new"}"#);
    setup.small.page("POST", "/vm/destroy", r#"{"name": "vm-orphan.example.org"}"#);
    setup.small.set("VirtualMachine", "vm01.example.org", "name", &json!("vm01 renamed"));
    let hosts = setup.rows("host.discover", &["moid"]);
    let alone = hosts.iter().find(|host| host["name"] == "esxi04.example.org").unwrap()["moid"].as_str().unwrap();
    setup.small.set("VirtualMachine", "ns01.example.org", "runtime.host", &json!(format!("HostSystem:{alone}")));
    setup.wait_for_rows("the changes", "vm.discover", &["moid", "runtime.host"], |rows| {
        let has = |name: &str| rows.iter().any(|row| row["name"] == name);
        let moved =
            rows.iter().any(|row| row["name"] == "ns01.example.org" && row["runtime.host"] == format!("vim.HostSystem:{alone}"));
        has("vm-new") && has("vm01 renamed") && moved && !has("vm-orphan.example.org")
    });
    let id = |name: &str| setup.host(name)["hostid"].as_str().unwrap().to_owned();
    let renamed = id("vm01.example.org");
    let moved = id("ns01.example.org");
    let (plan, run) = run_planned(setup, "", &[]);
    let expected = [
        format!(
            "~ VirtualMachine 'vm01.example.org' (hostid {renamed}); name 'vm01.example.org' becomes 'vm01 renamed'; \
             technical name 'vm01.example.org' becomes 'vm01_renamed'; macros '{{$VSPHERE.NAME}}=vm01 renamed'"
        ),
        format!(
            "~ VirtualMachine 'ns01.example.org' (hostid {moved}); groups +'esxi04.example.org' -'cluster01'; \
             tags +'vsphere.cluster=esxi04.example.org' -'vsphere.cluster=cluster01'"
        ),
    ];
    let planned: Vec<&str> = plan.stdout.lines().collect();
    assert!(expected.iter().all(|line| planned.contains(&line.as_str())), "{}", plan.stdout);
    assert!(planned.iter().any(|line| line.starts_with("+ VirtualMachine 'vm-new'")), "{}", plan.stdout);
    let gone = format!("WARNING - Host 'vm-orphan.example.org' exists in Zabbix, but is not found in '{}'", setup.names[0]);
    assert!(lines(&run).contains(&gone.as_str()), "{}", run.stderr);
    setup.host("vm-orphan.example.org");
    assert_eq!(setup.host("vm01 renamed")["hostid"], renamed.as_str());
    assert_eq!(groups(&setup.host("ns01.example.org")), ["Virtual Machines", "esxi04.example.org"]);
    assert_eq!(
        value(&setup.host("vm-new"), "tags", "vsphere.object").unwrap(),
        format!("VirtualMachine:{}", created["moid"].as_str().unwrap())
    );
    for options in [&["--delete", "--max-delete", "0%"][..], &["--delete", "--max-delete", "0", "--dry-run"]] {
        let refused = setup.import("", options, 1);
        let line = "ERROR - [vSphere VirtualMachine] 1 of 13 hosts would be deleted because their objects are gone, and 0 may be in one run";
        assert!(
            lines(&refused).iter().any(|one| one.starts_with(line) && one.ends_with("use --max-delete 1")),
            "{}",
            refused.stderr
        );
    }
    setup.host("vm-orphan.example.org");
    let (_, run) = run_planned(setup, "", &["--delete"]);
    assert!(run.stderr.contains("Deleting host 'vm-orphan.example.org'"), "{}", run.stderr);
    assert!(!texts(&setup.hosts(), "name").contains(&"vm-orphan.example.org"));
}

/// New groups, templates and macros reach existing hosts where `sync` says so; what people added stays, secrets included.
fn follows_the_configuration(setup: &Setup) {
    setup.template("One more");
    let edited = setup.host("vm01 renamed");
    let id = &edited["hostid"];
    let secret = json!({"hostid": id, "macro": "{$SECRET}", "value": "p4ssw0rd", "type": 1});
    setup.api().call("usermacro.create", &secret);
    let readable = json!({"hostid": id, "macro": "{$GUEST.PASSWORD}", "value": "s3cret"});
    setup.api().call("usermacro.create", &readable);
    let group = setup.api().get("hostgroup", &json!({"filter": {"name": ["Our own"]}, "output": ["groupid"]}));
    setup.api().call("hostgroup.massadd", &json!({"groups": group, "hosts": [{"hostid": id}]}));
    let tags: Vec<Value> =
        edited["tags"].as_array().unwrap().iter().cloned().chain([json!({"tag": "team", "value": "mail"})]).collect();
    setup.api().call("host.update", &json!({"hostid": id, "tags": tags}));

    let text = |sync: &str| {
        let text = setup.configuration(&setup.server.pages(), &setup.names[0], sync);
        let machines = format!("      - {}\n    macros:\n", TEMPLATES[1]);
        assert!(text.contains(&machines));
        text.replace(&machines, &format!("      - {}\n      - One more\n    secret_macros:\n      GUEST.PASSWORD: s3cret\n      SECRET: other\n    macros:\n      LIMIT: 10\n", TEMPLATES[1]))
            .replace("      - Virtual Machines\n", "      - Virtual Machines\n      - New group\n")
    };
    let plan = import(&text(""), &["--dry-run"]);
    assert_eq!(plan.stdout, "nothing to do\n");
    let finished = import(&text("  sync: [cluster, groups, templates, macros, proxy]\n"), &["--debug"]);
    assert!(finished.code == 0 && finished.stderr.contains("'{$GUEST.PASSWORD} (secret)'"), "{}", finished.stderr);
    assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
    let host = setup.host("vm01 renamed");
    assert_eq!(groups(&host), ["New group", "Our own", "Virtual Machines", "cluster01"]);
    let mut templates = texts(host["parentTemplates"].as_array().unwrap(), "name");
    templates.sort_unstable();
    assert_eq!(templates, ["One more", TEMPLATES[1]]);
    assert_eq!(value(&host, "macros", "{$LIMIT}"), Some("10"));
    assert_eq!(value(&host, "tags", "team"), Some("mail"));
    let of_host = format!("select value, type from hostmacro where macro = '{{$SECRET}}' and hostid = {}", id.as_str().unwrap());
    let secret = setup.server.sql(&of_host);
    assert_eq!(secret.trim(), "p4ssw0rd|1");
    // A macro that was readable is secret now, like the new ones of all other machines.
    let secrets = setup.server.sql("select distinct value, type from hostmacro where macro = '{$GUEST.PASSWORD}'");
    assert_eq!(secrets.trim(), "s3cret|1");
    assert_eq!(import(&text("  sync: [groups, templates, macros]\n"), &["--dry-run"]).stdout, "nothing to do\n");
}

fn deletes_only_its_own(setup: &Setup, theirs: &[String]) {
    let without = |machines: &str, zabbix: &str| {
        let text = setup.configuration(&setup.server.pages(), &setup.names[0], zabbix);
        let entry = "    groups:\n      - Virtual Machines\n";
        assert!(text.contains(entry));
        text.replace(entry, &format!("{entry}    ignore_vm: {machines}\n"))
    };
    let delete = || import(&without(".*", ""), &["--delete"]);
    let finished = delete();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let kept = format!("Host '{TAKEN_OVER}' was not made by this program: not deleted as long as it has the tag vsphere.adopted");
    assert!(finished.stderr.contains(&kept), "{}", finished.stderr);
    let machines = || {
        let hosts = setup.hosts();
        let of_machines =
            hosts.iter().filter(|host| value(host, "tags", "vsphere.object").unwrap().starts_with("VirtualMachine:"));
        let names: Vec<_> = of_machines.map(|host| host["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(hosts.len() - names.len(), 6 + 2);
        names
    };
    assert_eq!(machines(), [TAKEN_OVER]);
    let there = |ids: &[String]| setup.api().get("host", &json!({"hostids": ids, "output": ["hostid"], "selectTags": ["tag"]}));
    assert_eq!(there(theirs).len(), theirs.len(), "{:?}: hosts of others were deleted", setup.series);
    let (taken_over, others) = theirs.split_at(1);
    assert!(there(others).iter().all(|host| host["tags"] == json!([])), "{:?}", there(others));

    // A site that comes from the original importer says that its hosts are ours.
    setup.api().call("host.update", &json!({"hostid": taken_over[0], "tags": []}));
    let own = without("['[^v]', 'v[^m]', 'vm[^0]', 'vm0[^2]']", "  adopt: own\n");
    let plan = import(&own, &["--dry-run"]);
    let line = format!("~ VirtualMachine '{TAKEN_OVER}' (hostid {}); is taken over and may be deleted later; ", taken_over[0]);
    assert!(plan.stdout.lines().any(|one| one.starts_with(&line)), "{}", plan.stdout);
    assert_eq!(import(&own, &[]).code, 0);
    assert_eq!(machines(), [TAKEN_OVER]);
    assert_eq!(delete().code, 0);
    assert!(machines().is_empty());
    assert_eq!(there(theirs).len(), others.len(), "{:?}: hosts of others were deleted", setup.series);
}

/// The sample file and the one of the page, with our templates and a token: what they say works as it stands.
fn the_sample(setup: &Setup) {
    let file = |path: &str| fs::read_to_string(workspace::root().join(path)).unwrap();
    import_templates(setup.api(), "vpoller-all.yaml");
    let id = setup.api().call("token.create", &json!({"name": "import", "userid": "1"}))["tokenids"][0].clone();
    let token = setup.api().call("token.generate", &json!([id]))[0]["token"].as_str().unwrap().to_owned();
    let here = |text: &str, token_there: &str| {
        let places = [
            ("vc01.example.org", setup.names[0].as_str()),
            ("https://zabbix.example.org/zabbix", &setup.server.pages()),
            ("tcp://localhost:10123", &setup.stack.frontend()),
            (token_there, &token),
        ];
        places.iter().fold(text.to_owned(), |text, (there, here)| {
            assert!(text.contains(there), "{there} in {text}");
            text.replace(there, here)
        })
    };
    let page = file("docs/import.md");
    let block = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let block = format!("vpoller:\n  endpoint: tcp://localhost:10123\n{block}");
    let finished = import(&here(&block, &"0123456789abcdef".repeat(4)), &["--dry-run"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("templates 'VMware vSphere Virtual Machine by vPoller'"), "{}", finished.stdout);

    // What is commented out must work as well; proxy groups are known from 7.0 on.
    let sample = here(&file("contrib/zabbix-vsphere-import.yaml"), "paste-the-token-here");
    let sample = ["# disable_vm", "# secret_macros"].iter().fold(sample, |text, key| text.replace(key, &key[2..]));
    let mut sample: String = sample
        .lines()
        .map(|line| match line.strip_prefix("  # ") {
            Some(rest) if rest.contains("vsphere_object") || rest.starts_with("  ") => format!("  {rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(sample.contains("\n  vsphere_object_datacenter:\n    templates:"), "{sample}");
    if setup.series == Series::V7_0 {
        setup.api().call("proxygroup.create", &json!({"name": "group01", "failover_delay": "10s", "min_online": "1"}));
        sample = sample.replace("  vsphere_object_vm:\n", "  vsphere_object_vm:\n    proxy_group: group01\n");
    }
    let finished = import(&sample, &[]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(!finished.stderr.contains(&token), "{}", finished.stderr);
    let machine = setup.host("vm01 renamed");
    assert_eq!(texts(machine["parentTemplates"].as_array().unwrap(), "name"), ["VMware vSphere Virtual Machine by vPoller"]);
    if setup.series == Series::V7_0 {
        assert_eq!(machine["monitored_by"], "2");
    }
    for (name, template) in [("datacenter01", "Datacenter"), ("cluster01", "Cluster")] {
        let templates = setup.host(name)["parentTemplates"].clone();
        assert_eq!(texts(templates.as_array().unwrap(), "name"), [format!("VMware vSphere {template} by vPoller")]);
    }
    // Disabled while it is off.
    let status = || setup.host("vm02.example.org")["status"].as_str().unwrap().to_owned();
    assert_eq!(status(), "1");
    setup.small.set("VirtualMachine", "vm02.example.org", "runtime.powerState", &json!("poweredOn"));
    setup.wait_for_rows("power", "vm.discover", &["runtime.powerState"], |rows| {
        rows.iter().any(|row| row["name"] == "vm02.example.org" && row["runtime.powerState"] == "poweredOn")
    });
    let plan = import(&sample, &["--dry-run"]);
    assert_eq!((plan.code, plan.stdout.lines().count()), (0, 2), "{}{}", plan.stdout, plan.stderr);
    assert_eq!(import(&sample, &[]).code, 0);
    assert_eq!(status(), "0");
}

/// The figures are printed (`--nocapture`); the numbers of calls hold everywhere.
fn a_thousand_machines(setup: &Setup) {
    let received = || setup.stack.proxy_status()["result"]["counters"]["received"].as_u64().unwrap();
    let frontend = setup.frontend(|_| FrontendReply::Forward);
    let text = setup.configuration(&frontend.url(), &setup.names[1], "").replace(TEMPLATES[1], LIGHT);
    for (what, batches) in [("first", MANY.div_ceil(50) + 3), ("second", 0)] {
        let before = received();
        let start = Instant::now();
        let finished = import(&text, &[]);
        let took = start.elapsed();
        let requests = received() - before;
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let counts = frontend.take_counts();
        let calls: usize = counts.values().sum();
        eprintln!(
            "{:?}, {what} run, {MANY} machines: {took:.1?}, {calls} API calls {counts:?}, {requests} vPoller requests",
            setup.series
        );
        // Clusters, hosts, machines, datastores.
        assert_eq!(requests, 4);
        assert!(counts.get("host.create").copied().unwrap_or_default() <= batches, "{counts:?}");
        assert!(calls <= batches + 20, "{counts:?}");
    }
    let tagged = json!({"tags": [{"tag": "vsphere.vcenter", "value": setup.names[1], "operator": 1}], "countOutput": true});
    let count: usize = setup.api().call("host.get", &tagged).as_str().unwrap().parse().unwrap();
    assert!(count > MANY, "{count}");
}
