//! What goes wrong on the way: vPoller, HTTP, the API, certificates. A thread of the test plays the frontend here, because no
//! real one does these things on demand; likewise one that answers as vPoller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use vpoller_testkit::certificates::{Authority, ServerCertificate, server_config};
use vpoller_testkit::process::Finished;
use vpoller_testkit::{Peer, terminal};

use crate::frontend::{Frontend, FrontendCall, FrontendReply};
use crate::run::{PROGRAM, import, import_mode, lines, run, run_command};

/// A vPoller with this number of virtual machines on one host of one cluster.
fn vpoller(machines: usize) -> Peer {
    Peer::start(move |request| {
        let request: Value = serde_json::from_slice(request).unwrap();
        let rows = match request["method"].as_str().unwrap() {
            "cluster.discover" => json!([{"name": "cluster01", "moid": "domain-c1"}]),
            "host.discover" => json!([{"name": "esxi01", "moid": "host-1", "parent": "vim.ClusterComputeResource:domain-c1"}]),
            "vm.discover" => (1..=machines)
                .map(|number| json!({"name": format!("vm{number:03}"), "moid": format!("vm-{number}"), "runtime.host": "vim.HostSystem:host-1"}))
                .collect(),
            method => panic!("nobody asked for {method} before"),
        };
        Some(json!({"success": 0, "msg": "Successfully discovered objects", "result": rows}).to_string().into_bytes())
    })
}

/// A frontend of this version that has the template and the group, and is otherwise empty.
fn empty(version: &'static str) -> impl Fn(&FrontendCall) -> FrontendReply + Send + Sync {
    move |call| match call.method.as_str() {
        "apiinfo.version" => call.result(&json!(version)),
        "user.login" => call.result(&json!("0123456789abcdef")),
        "user.logout" => call.result(&json!(true)),
        "template.get" if !call.params.to_string().contains("vm001") => {
            call.result(&json!([{"templateid": "10", "host": "VM", "name": "VM"}]))
        }
        "hostgroup.get" => {
            call.result(&json!([{"groupid": "5", "name": "Virtual Machines"}, {"groupid": "6", "name": "cluster01"}]))
        }
        "proxy.get" => call.result(&json!([{"proxyid": "7", "host": "proxy01", "name": "proxy01"}])),
        "proxygroup.get" => call.result(&json!([{"proxy_groupid": "8", "name": "group01"}])),
        method if method.ends_with(".get") => call.result(&json!([])),
        "host.create" => call.result(&json!({"hostids": []})),
        method => panic!("no answer for {method}"),
    }
}

fn configuration(vpoller: &Peer, zabbix: &str, more: &str) -> String {
    format!(
        "vsphere:\n  hostname: vc01.example.org\nvpoller:\n  endpoint: {}\n  retries: 1\n  timeout: 5000\nzabbix:\n  hostname: {zabbix}\n{more}  \
         vsphere_object_vm:\n    templates:\n      - VM\n    groups:\n      - Virtual Machines\n",
        vpoller.endpoint
    )
}

const LOGIN: &str = "  username: Admin\n  password: p4ssw0rd\n";
const TOKEN: &str = "  api_token: 70k3n\n";

/// Runs against a frontend that answers like this; no secret may show.
#[track_caller]
fn against(frontend: &Frontend, login: &str, machines: usize) -> Finished {
    let vpoller = vpoller(machines);
    let finished = import(&configuration(&vpoller, &frontend.url(), login), &["--debug"]);
    for secret in ["p4ssw0rd", "70k3n", "0123456789abcdef"] {
        assert!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret), "{}", finished.stderr);
    }
    finished
}

/// Runs, and expects exit code 1 and a line at the end that has these parts.
#[track_caller]
fn fails(frontend: &Frontend, login: &str, parts: &[&str]) {
    let finished = against(frontend, login, 3);
    let last = lines(&finished).into_iter().rfind(|line| !line.starts_with("DEBUG")).unwrap();
    assert!(finished.code == 1 && parts.iter().all(|part| last.contains(part)), "{parts:?} not in {}", finished.stderr);
}

#[test]
fn a_configuration_that_cannot_be_used_is_explained() {
    let finished = run(&["-f", "/nonexistent.yaml"]);
    let expected = "ERROR - Cannot load configuration file /nonexistent.yaml: No such file or directory (os error 2)";
    assert_eq!((finished.code, lines(&finished)), (1, vec![expected]));
    let finished = import("vsphere: {hostname: vc01}\nzabbix:\n  hostname: http://z\n  password: p4ssw0rd\n  user: Admin\n", &[]);
    assert_eq!(finished.code, 1);
    let line = lines(&finished)[0];
    assert!(line.contains("unknown field `user`") && line.contains("line 5, column 3") && !line.contains("p4ssw0rd"), "{line}");
}

#[test]
fn a_file_with_a_password_should_not_be_readable_for_all() {
    let vpoller = vpoller(1);
    let frontend = Frontend::start(None, empty("7.0.9"));
    let finished = import_mode(&configuration(&vpoller, &frontend.url(), LOGIN), &[], 0o644);
    assert!(finished.code == 0 && finished.stderr.contains("chmod 640"), "{}", finished.stderr);
}

#[test]
fn vpoller_that_fails_ends_the_run() {
    let frontend = Frontend::start(None, empty("7.0.9"));
    let reply = r#"{"success": 1, "msg": "Unknown or missing agent name"}"#;
    let peer = Peer::answering(reply);
    let finished = import(&configuration(&peer, &frontend.url(), LOGIN), &[]);
    let expected = format!("ERROR - vPoller task failed: {reply}");
    assert_eq!((finished.code, *lines(&finished).last().unwrap()), (1, expected.as_str()));
    let methods: Vec<_> = frontend.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["apiinfo.version", "user.login", "user.logout"]);

    let peer = Peer::silent();
    let text =
        configuration(&peer, &frontend.url(), LOGIN).replace("timeout: 5000", "timeout: 500").replace("retries: 1", "retries: 3");
    let finished = import(&text, &[]);
    let last = lines(&finished).pop().unwrap();
    assert!(
        finished.code == 1 && last.contains("Did not receive response, aborting...") && last.contains("vpoller-proxy"),
        "{last}"
    );
    // The peer may take the last one in after the program has ended.
    (0..3).for_each(|_| drop(peer.request()));
    assert_eq!(peer.count(), 0, "no more often than `retries` says");
}

#[test]
fn a_frontend_that_cannot_be_used_is_explained() {
    let says = |status: u16, text: &'static str| Frontend::start(None, move |_| FrontendReply::Say(status, text.to_owned()));
    fails(&says(500, ""), LOGIN, &["Cannot connect to Zabbix at http://127.0.0.1:", "HTTP status 500"]);
    fails(&says(404, "<html>"), LOGIN, &["HTTP status 404", "frontend"]);
    fails(&says(200, "<html><body>It works!</body></html>"), LOGIN, &["no JSON", "It works!"]);
    fails(&says(200, r#"{"jsonrpc":"2.0","result":"7.0"#), LOGIN, &["no JSON"]);
    fails(&says(200, r#"{"jsonrpc":"2.0"}"#), LOGIN, &["neither result nor error"]);
    fails(&says(200, ""), LOGIN, &["no JSON"]);
    fails(&Frontend::start(None, empty("5.0.40")), LOGIN, &["5.0.40 is too old"]);
    fails(&Frontend::start(None, empty("?")), LOGIN, &["no version"]);
    let moved = Frontend::start(None, |_| FrontendReply::Redirect("https://zabbix.example.org/api_jsonrpc.php".to_owned()));
    fails(&moved, LOGIN, &["moved to https://zabbix.example.org/"]);
    assert_eq!(moved.calls().len(), 1);
    let mut nobody = Frontend::start(None, empty("7.0.9"));
    nobody.address.set_port(vpoller_testkit::ports::free::<1>()[0]);
    fails(&nobody, LOGIN, &["Connection refused"]);
    let answer = empty("7.0.9");
    let wrong = Frontend::start(None, move |call| match call.method.as_str() {
        "user.login" => call.error("Incorrect user name or password or account is temporarily blocked."),
        _ => answer(call),
    });
    fails(&wrong, LOGIN, &["cannot log in as Admin: Incorrect user name or password"]);
    assert_eq!(wrong.calls().len(), 2, "a wrong password is tried once");
    let answer = empty("7.0.9");
    let stranger = Frontend::start(None, move |call| match call.method.as_str() {
        "apiinfo.version" => answer(call),
        _ => call.error("Not authorized."),
    });
    fails(&stranger, TOKEN, &["Cannot read from Zabbix: Not authorized."]);
}

#[test]
fn each_version_is_spoken_to_in_its_own_words() {
    let speak = |version: &'static str, login: &str, polling: &str| {
        let frontend = Frontend::start(None, empty(version));
        let vpoller = vpoller(1);
        let text = configuration(&vpoller, &frontend.url(), login) + polling;
        let finished = import(&text, &[]);
        assert_eq!(finished.code, 0, "{version}: {}", finished.stderr);
        frontend.calls()
    };
    let of = |calls: &[FrontendCall], method: &str| calls.iter().find(|call| call.method == method).cloned().unwrap();
    let session = Some("0123456789abcdef".to_owned());

    let calls = speak("6.0.14", LOGIN, "    proxy: proxy01\n");
    assert!(calls[0].auth.is_none() && calls[0].bearer.is_none(), "apiinfo.version refuses a session");
    assert_eq!(calls[1].params, json!({"username": "Admin", "password": "p4ssw0rd"}));
    assert!(calls[2..].iter().all(|call| call.auth == session && call.bearer.is_none()));
    assert_eq!(of(&calls, "proxy.get").params["filter"], json!({"host": ["proxy01"]}));
    assert_eq!(of(&calls, "host.create").params[0]["proxy_hostid"], "7");
    assert_eq!(calls.last().unwrap().method, "user.logout");

    // No package brings 6.2: it has today's groups, yesterday's session and proxies.
    let answer = empty("6.2.9");
    let frontend = Frontend::start(None, move |call| {
        match call.method.as_str() {
        "host.get" if call.params["hostids"].is_array() => call.result(&json!([{
            "hostid": "100", "host": "vm001", "name": "vm001", "status": "0", "flags": "0", "proxy_hostid": "0",
            "hostgroups": [{"groupid": "5", "name": "Virtual Machines"}], "parentTemplates": [{"templateid": "10", "name": "VM"}],
            "tags": [{"tag": "vsphere.vcenter", "value": "vc01.example.org"}, {"tag": "vsphere.object", "value": "VirtualMachine:vm-1"}],
            "macros": [],
        }])),
        "host.get" if call.params["tags"].is_array() => call.result(&json!([{"hostid": "100"}])),
        "host.update" => call.result(&json!({"hostids": ["100"]})),
        "usermacro.create" => call.result(&json!({"hostmacroids": ["1", "2"]})),
        _ => answer(call),
    }
    });
    let vpoller = vpoller(1);
    let finished = import(&(configuration(&vpoller, &frontend.url(), LOGIN) + "    proxy: proxy01\n"), &[]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let calls = frontend.calls();
    assert!(calls[2..].iter().all(|call| call.auth == session && call.bearer.is_none()));
    let reading = calls.iter().find(|call| call.params["hostids"].is_array()).unwrap();
    assert!(reading.params["selectHostGroups"].is_array() && reading.params.get("selectGroups").is_none(), "{reading:?}");
    // The groups that the host is in are known: none is lost when its cluster's is added.
    let groups = json!([{"groupid": "5"}, {"groupid": "6"}]);
    assert_eq!(of(&calls, "host.update").params[0]["groups"], groups);
    assert_eq!(of(&calls, "proxy.get").params["filter"], json!({"host": ["proxy01"]}));

    // Nor one 6.4: it has today's header and yesterday's proxies.
    let bearer = Some("Bearer 70k3n".to_owned());
    let calls = speak("6.4.21", TOKEN, "    proxy: proxy01\n");
    assert!(calls[1..].iter().all(|call| call.auth.is_none() && call.bearer == bearer));
    assert!(calls.iter().all(|call| !call.method.starts_with("user.")));
    assert_eq!(of(&calls, "host.create").params[0]["proxy_hostid"], "7");

    let calls = speak("7.0.9", LOGIN, "    proxy: proxy01\n");
    assert!(calls[2..].iter().all(|call| call.auth.is_none() && call.bearer == Some("Bearer 0123456789abcdef".to_owned())));
    assert_eq!(of(&calls, "proxy.get").params["filter"], json!({"name": ["proxy01"]}));
    let host = &of(&calls, "host.create").params[0];
    assert_eq!((&host["monitored_by"], &host["proxyid"]), (&json!(1), &json!("7")));

    let calls = speak("7.0.9", TOKEN, "    proxy_group: group01\n");
    let host = &of(&calls, "host.create").params[0];
    assert_eq!((&host["monitored_by"], &host["proxy_groupid"]), (&json!(2), &json!("8")));
}

#[test]
fn proxy_groups_are_refused_where_there_are_none() {
    let frontend = Frontend::start(None, empty("6.4.21"));
    let vpoller = vpoller(1);
    let finished = import(&(configuration(&vpoller, &frontend.url(), TOKEN) + "    proxy_group: group01\n"), &[]);
    assert!(
        finished.code == 1 && finished.stderr.contains("WARNING - Unable to find Zabbix proxy group 'group01'"),
        "{}",
        finished.stderr
    );
    assert!(frontend.calls().iter().all(|call| call.method.ends_with(".get") || call.method == "apiinfo.version"));
}

#[test]
fn one_bad_object_costs_only_itself() {
    let answer = empty("7.0.9");
    let created = Arc::new(AtomicUsize::new(0));
    let count = created.clone();
    let frontend = Frontend::start(None, move |call| match call.method.as_str() {
        "host.create" if call.params.to_string().contains("\"vm017\"") => call.error("Incorrect characters used for host name."),
        "host.create" => {
            count.fetch_add(call.params.as_array().unwrap().len(), Ordering::Relaxed);
            answer(call)
        }
        _ => answer(call),
    });
    let finished = against(&frontend, LOGIN, 120);
    assert_eq!((finished.code, created.load(Ordering::Relaxed)), (1, 119), "{}", finished.stderr);
    let warning =
        "WARNING - [vSphere VirtualMachine] Cannot create host in Zabbix: 'vm017': Incorrect characters used for host name.";
    let lines = lines(&finished);
    let warnings = lines.iter().filter(|line| line.starts_with("WARNING") && !line.contains("entry in the config file"));
    assert_eq!(warnings.collect::<Vec<_>>(), [&warning]);
    assert_eq!(lines.iter().filter(|line| line.contains("Creating Zabbix host 'vm017'")).count(), 1);
    assert!(lines.contains(&"INFO - Sync completed"));
    // 3 batches, and the way down to the bad one in the first: of 50, 25, 12, 13, 6, 6, ...
    assert!(frontend.take_counts()["host.create"] <= 3 + 12);
}

#[test]
fn a_frontend_that_dies_in_the_middle_ends_the_run() {
    let answer = empty("7.0.9");
    let dead = AtomicUsize::new(0);
    let frontend = Frontend::start(None, move |call| match call.method.as_str() {
        "host.create" if call.nth == 0 => answer(call),
        _ if call.method == "host.create" || dead.load(Ordering::Relaxed) > 0 => {
            dead.fetch_add(1, Ordering::Relaxed);
            FrontendReply::Say(500, String::new())
        }
        _ => answer(call),
    });
    let finished = against(&frontend, LOGIN, 400);
    let lines = lines(&finished);
    let last = lines.iter().rfind(|line| !line.starts_with("DEBUG")).unwrap();
    assert!(
        finished.code == 1 && last.contains("giving up, Zabbix does not answer") && last.contains("HTTP status 500"),
        "{last}"
    );
    // One was good; eight brought no answer, with the questions in between what is left to do.
    let calls = frontend.take_counts();
    assert!(calls["host.create"] <= 1 + 8, "{calls:?}");
}

#[test]
fn certificates_are_checked_as_the_configuration_says() {
    let authority = Authority::new();
    let known = Frontend::start_tls(server_config(&authority.server(&["127.0.0.1"])), empty("7.0.9"));
    let unknown = Frontend::start_tls(server_config(&ServerCertificate::self_signed(&["127.0.0.1"])), empty("7.0.9"));
    let import = |frontend: &Frontend, options: &str| {
        let vpoller = vpoller(1);
        let url = format!("https://{}", frontend.address);
        import(&configuration(&vpoller, &url, &format!("{LOGIN}{options}")), &[])
    };
    let ca_file = format!("  ca_file: {}\n", authority.file().display());
    for (frontend, options) in [(&known, ca_file.as_str()), (&known, "  verify: false\n"), (&unknown, "  verify: false\n")] {
        let finished = import(frontend, options);
        assert_eq!(finished.code, 0, "{options}: {}", finished.stderr);
    }
    known.take_counts();
    unknown.take_counts();
    for (frontend, options) in [(&known, ""), (&unknown, ""), (&unknown, ca_file.as_str())] {
        let finished = import(frontend, options);
        assert!(finished.code == 1 && finished.stderr.contains("certificate"), "{options}: {}", finished.stderr);
        assert!(frontend.calls().is_empty(), "nothing is said to a frontend that is not trusted");
    }
    for (file, part) in
        [("/nonexistent.pem", "No such file"), (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "no certificate")]
    {
        let finished = import(&known, &format!("  ca_file: {file}\n"));
        assert!(finished.code == 1 && finished.stderr.contains(part), "{}", finished.stderr);
    }
}

#[test]
fn on_a_terminal_it_shows_how_far_it_is() {
    let frontend = Frontend::start(None, empty("7.0.9"));
    let vpoller = vpoller(3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zabbix-vsphere-import.yaml");
    std::fs::write(&file, configuration(&vpoller, &frontend.url(), TOKEN)).unwrap();
    let finished = run_command(terminal::command(PROGRAM, &["-f", file.to_str().unwrap()], "no question is asked", "", false));
    let screen = &finished.stdout;
    assert!(finished.code == 0 && screen.contains("0/3, ") && screen.contains("Creating Zabbix host 'vm003'"), "{screen:?}");
}

/// The simplest plan: nothing of Zabbix is changed, and the plan goes to standard output.
#[test]
fn a_dry_run_only_reads() {
    let frontend = Frontend::start(None, empty("7.0.9"));
    let vpoller = vpoller(2);
    let finished = import(&configuration(&vpoller, &frontend.url(), TOKEN), &["--dry-run"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    insta::assert_snapshot!(finished.stdout);
    assert!(frontend.calls().iter().all(|call| call.method.ends_with(".get") || call.method == "apiinfo.version"));
}
