//! The program: command line, log lines, management, `run`.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value as Json, json};
use vpoller_daemon::metrics;
use vpoller_testkit::process::{Finished, run};
use vpoller_testkit::wait::SOON;
use vpoller_testkit::{Client, Process, SimOptions, Simulator, wait_until};
use vpoller_worker::DESCRIPTORS;

use crate::support::proxies::PlainProxy;
use crate::support::worker::{Home, program};

/// Nobody listens there; connecting goes on for ever.
const NO_PROXY: &str = "tcp://127.0.0.1:9";

fn execute(arguments: &[&str]) -> Finished {
    let mut command = program();
    command.args(arguments);
    run(command, SOON)
}

/// The lines of one process in the log, without time and level.
fn lines_of(log: &str, process: &str) -> Vec<String> {
    let marker = format!(" - INFO/{process}] ");
    log.lines().filter_map(|line| line.split_once(&marker)).map(|(_, text)| text.to_owned()).collect()
}

fn in_order(lines: &[String], expected: &[&str]) {
    let mut rest = lines.iter();
    for text in expected {
        assert!(rest.any(|line| line == text), "{text:?} is missing, or out of order, in {lines:#?}");
    }
}

#[test]
fn starts_with_the_documented_lines_and_tells_its_status() {
    let home = Home::new(NO_PROXY);
    home.configure(NO_PROXY, "helpers = vpoller.helpers.zabbix, vpoller.helpers.mine\ntasks = vpoller.vsphere.tasks\nx = 1");
    let host = home.register("127.0.0.3:9".parse().unwrap());
    home.store().add("disabled.example.org", "root", &"p4ssw0rd".into()).unwrap();
    let mut worker = home.start(2);
    let log = worker.stderr();
    let main = ["Starting Worker Manager", "Starting Worker processes", "Concurrency: 2 (processes)"];
    in_order(&lines_of(&log, "MainProcess"), &[&main[..], &["Worker Manager is ready and running"]].concat());
    for process in ["VPollerWorker-1", "VPollerWorker-2"] {
        let texts = [
            "Worker process is starting",
            "Loading task module vpoller.vsphere.tasks",
            "Loading helper module vpoller.helpers.zabbix",
            "Creating Worker sockets",
            "Worker process is ready and running",
        ];
        in_order(&lines_of(&log, process), &texts);
    }
    assert!(log.contains(&format!("INFO/VPollerWorker-1] Created vSphere Agent for {host}")), "{log}");
    assert!(log.contains("WARNING/MainProcess] Unknown helper vpoller.helpers.mine"), "{log}");
    assert!(log.contains("unknown key \"x\" in [worker]"), "{log}");

    let printed = home.ask("status");
    assert_eq!((printed.code, printed.stdout.lines().count()), (0, 1));
    let reply: Json = serde_json::from_str(&printed.stdout).unwrap();
    let status = &reply["result"];
    assert_eq!((&reply["msg"], &status["status"]), (&json!("vPoller Worker status"), &json!("running")));
    assert_eq!((&status["proxy"], &status["mgmt"]), (&json!(NO_PROXY), &json!(home.mgmt())));
    assert_eq!((&status["db"], &status["concurrency"]), (&json!(home.path("vconnector.db")), &json!(2)));
    assert_eq!(status["helpers"], json!(["vpoller.helpers.zabbix", "vpoller.helpers.mine"]));
    assert_eq!(status["tasks"], json!(["vpoller.vsphere.tasks"]));
    assert_eq!(status["vsphere_agents"], json!([host]));
    assert_eq!((&status["agents"][0]["host"], &status["agents"][0]["state"]), (&json!(host), &json!("idle")));
    assert_eq!(status["processes"].as_array().unwrap().len(), 2);
    assert!(status["hostname"].is_string() && status["version"].is_string() && status["running_since"].is_string());

    let old = Client::new(home.mgmt()).ask(&json!({"method": "worker.status"}), SOON);
    assert_eq!((&old["msg"], &old["result"]["proxy_endpoint"]), (&json!("vPoller Worker Status"), &json!(NO_PROXY)));

    let stopped = home.ask("stop");
    assert_eq!((stopped.code, stopped.stdout.as_str()), (0, "{\"success\": 0, \"msg\": \"Shutdown time has arrived\"}\n"));
    assert!(worker.wait_exit(SOON).success());
}

#[test]
fn interrupt_stops_it_too() {
    let home = Home::new(NO_PROXY);
    let mut worker = home.start(1);
    assert!(worker.stderr().contains("WARNING/MainProcess] No registered or enabled vSphere Agents found"));
    worker.signal(2);
    assert!(worker.wait_exit(SOON).success());
}

#[test]
fn every_metric_has_a_member_and_a_type() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    home.configure(&proxy.backend, "helpers = example.true\n[helper:example.true]\ncommand = /bin/true");
    let host = home.register(simulator.address());
    let _worker = home.start(1);
    let mut client = Client::new(&proxy.frontend);
    let vm = "vm01.example.org";
    let property = json!({"method": "vm.get", "name": vm, "properties": ["runtime.powerState"]});
    let unwatched = json!({"method": "vm.get", "name": vm, "properties": ["config.files.vmPathName"]});
    let counter =
        json!({"method": "vm.perf.metric.get", "name": vm, "counter-name": "cpu.usage.percent.average", "max-sample": 1});
    let missing = json!({"method": "vm.get", "name": "no-such-vm", "properties": ["name"]});
    for mut request in [property, unwatched.clone(), unwatched, counter, missing] {
        request["hostname"] = json!(host);
        let _ = client.ask(&request, SOON);
    }
    let status = home.status();
    let found = metrics::mismatches("vpoller_worker", status.as_object().unwrap(), DESCRIPTORS);
    assert_eq!(found, metrics::Mismatches::default(), "{status}");
}

#[test]
fn changed_hosts_are_served_without_a_word() {
    let simulator = Simulator::start(&SimOptions::default());
    let proxy = PlainProxy::start();
    let home = Home::new(&proxy.backend);
    let folder = home.folder.path().join("vsphere");
    fs::create_dir(&folder).unwrap();
    home.configure(&proxy.backend, &format!("vsphere_hosts_dir = {}", folder.display()));
    let host = home.register(simulator.address());
    let mut worker = home.start(1);
    let mut client = Client::new(&proxy.frontend);
    let mut msg =
        |host: &str| client.ask(&json!({"method": "about", "hostname": host}), SOON)["msg"].as_str().unwrap().to_owned();
    let agents = || home.status()["vsphere_agents"].clone();
    assert_eq!(msg(&host), "Successfully retrieved properties");
    assert_eq!(simulator.sessions().len(), 1);

    let other = home.register("127.0.0.3:9".parse().unwrap());
    wait_until(SOON, "the new host", || agents() == json!([host, other]));
    assert!(msg(&other).starts_with("Cannot collect properties: "));
    let entry = "[Default]\nhostname = vc01-test.example.org\nusername = root\npassword = myp4ssw0rd\n";
    fs::write(folder.join("my-vc0.conf"), entry).unwrap();
    wait_until(SOON, "the host of the file", || agents() == json!([host, other, "vc01-test.example.org"]));
    // Half a file is no reason to send a host away.
    fs::write(folder.join("my-vc0.conf"), "[Default]\nhostname = vc01-test.example.org\n").unwrap();
    worker.wait_for_line("[Default] username is missing; its vSphere host stays as it was", SOON);
    assert_eq!(agents(), json!([host, other, "vc01-test.example.org"]));
    fs::remove_file(folder.join("my-vc0.conf")).unwrap();
    home.store().remove(&other).unwrap();
    wait_until(SOON, "the end of both", || agents() == json!([host]));
    assert_eq!(msg(&host), "Successfully retrieved properties");
    let logins = |worker: &Process| worker.stderr().matches(&format!("Connecting vSphere Agent to {host}")).count();
    assert_eq!((simulator.sessions().len(), logins(&worker)), (1, 1), "nobody touched this one");

    home.store().disable(&host).unwrap();
    wait_until(SOON, "the logout", || simulator.sessions().is_empty());
    assert_eq!(msg(&host), "Unknown or missing agent name");
    home.store().enable(&host).unwrap();
    home.store().update(&host, "root", &"wrong".into()).unwrap();
    wait_until(SOON, "a refusal", || msg(&host).contains("refuses the login of root"));
    home.store().update(&host, "root", &"p4ssw0rd".into()).unwrap();
    wait_until(SOON, "no pause is inherited from the wrong password", || msg(&host) == "Successfully retrieved properties");
}

#[test]
fn hangup_reads_the_hosts_in_any_case() {
    let home = Home::new(NO_PROXY);
    let host = home.register("127.0.0.3:9".parse().unwrap());
    let mut worker = home.start(1);
    worker.signal(1);
    worker.wait_for_line("vSphere hosts read again: 1 unchanged, 0 new or changed, 0 closed", SOON);
    fs::write(home.path("vconnector.db"), "no database").unwrap();
    worker.signal(1);
    worker.wait_for_line("is no SQLite database or is damaged", SOON);
    assert!(worker.stderr().contains("it was left untouched; the vSphere hosts stay as they were"), "{}", worker.stderr());
    assert_eq!(home.status()["vsphere_agents"], json!([host]));
    assert_eq!(fs::read_to_string(home.path("vconnector.db")).unwrap(), "no database");
}

#[test]
fn the_configuration_can_be_checked() {
    let home = Home::new(NO_PROXY);
    let host = home.register("127.0.0.3:9".parse().unwrap());
    let check = || execute(&["--check-config", "-f", &home.path("vpoller.conf")]);
    let Finished { code, stdout, stderr } = check();
    assert_eq!((code, stderr.as_str()), (0, ""));
    for line in [
        &format!("{:<47} ; line 3", format!("proxy = {NO_PROXY}"))[..],
        "mgmt_allow = 127.0.0.1",
        "# 1 vSphere hosts in force",
        &format!("# {host}: port 9, user root, password ********, certificate off, from the database"),
    ] {
        assert!(stdout.lines().any(|found| found == line), "{line}\n{stdout}");
    }
    assert!(!stdout.contains("p4ssw0rd"), "{stdout}");
    // What is printed is a configuration with the same meaning.
    fs::write(home.path("again.conf"), &stdout).unwrap();
    let again = execute(&["start", "--check-config", "-f", &home.path("again.conf")]);
    let settings = |text: &str| {
        let lines = text.lines().skip(1).map(|line| line.split(" ; line").next().unwrap().trim().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
    assert_eq!(settings(&again.stdout), settings(&stdout));

    home.configure(NO_PROXY, "helpers = mine\nproxi = x\n[helper:mine]\ncommand = /nonexistent\n[Cache]\nttl = 1");
    let complaints = check();
    assert_eq!((complaints.code, complaints.stderr.lines().count()), (2, 3), "{}", complaints.stderr);
    for part in
        ["line 7: unknown key \"proxi\" in [worker]", "line 11: \"ttl\" is ignored, [Cache]", "/nonexistent: No such file"]
    {
        assert!(complaints.stderr.contains(part), "{part}: {}", complaints.stderr);
    }
    home.configure(NO_PROXY, "[cache]\nttl = soon");
    let wrong = check();
    assert_eq!((wrong.code, wrong.stdout.as_str(), wrong.stderr.lines().count()), (1, "", 1), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("line 7: [cache] ttl = \"soon\""), "{}", wrong.stderr);
    home.configure(NO_PROXY, "");
    fs::remove_file(home.path("vconnector.db")).unwrap();
    let hostless = check();
    assert_eq!((hostless.code, hostless.stderr.lines().count()), (1, 1), "{}", hostless.stderr);
    assert!(hostless.stdout.contains(NO_PROXY) && hostless.stderr.contains("vconnector.db does not exist; create it"));
}

#[test]
fn mistakes_and_questions_have_the_documented_exit_codes() {
    let missing = execute(&["start", "-f", "/nowhere/vpoller.conf"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (1, "Configuration file /nowhere/vpoller.conf does not exist\n"));
    let home = Home::new(NO_PROXY);
    fs::remove_file(home.folder.path().join("vconnector.db")).unwrap();
    let no_db = execute(&["start", "-f", &home.path("vpoller.conf")]);
    assert_eq!(no_db.code, 1);
    assert!(no_db.stderr.contains("vconnector.db"), "{}", no_db.stderr);
    let version = execute(&["-v"]);
    assert_eq!((version.code, version.stdout.trim()), (0, env!("CARGO_PKG_VERSION")));
    assert_eq!(execute(&["--help"]).code, 0);
    for wrong in [&["begin"][..], &["status"], &["run"], &["start", "-x"]] {
        let done = execute(wrong);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{wrong:?}");
        assert!(done.stderr.contains("Usage"), "{wrong:?}: {}", done.stderr);
    }
    let silent = execute(&["-e", &format!("ipc://{}", home.path("nobody")), "status"]);
    assert_eq!(silent.code, 0);
    assert_eq!(silent.stdout, "{\"success\": 1, \"msg\": \"Did not receive response, aborting...\"}\n");
}

#[test]
fn the_table_can_be_printed() {
    let list = execute(&["--list-methods"]);
    assert!(list.code == 0 && list.stdout.starts_with("about | "), "{}", list.stdout);
    let page = execute(&["--methods-markdown"]);
    assert!(page.code == 0 && page.stdout.starts_with("# Methods\n"), "{}", page.stdout);
}

#[test]
fn one_request_runs_in_place() {
    let simulator = Simulator::start(&SimOptions::default());
    let home = Home::new(NO_PROXY);
    let host = home.register(simulator.address());
    let file = home.path("vpoller.conf");
    let common = ["run", "-f", &file, "--vsphere-host", &host];
    let get = [&common[..], &["--method", "vm.get", "--name", "vm01.example.org", "--properties", "name,runtime.powerState"]];
    let done = execute(&get.concat());
    assert_eq!(
        (done.code, done.stdout.as_str(), done.stderr.as_str()),
        (
            0,
            "{\"success\": 0, \"msg\": \"Successfully retrieved object properties\", \"result\": [{\"name\": \"vm01.example.org\", \"runtime.powerState\": \"poweredOn\"}]}\n",
            ""
        )
    );
    let twin = execute(&[&common[..], &["-m", "vm.get", "-n", "vm-twin", "-p", "name"]].concat());
    let warnings: Vec<&str> = twin.stderr.lines().collect();
    assert!(
        warnings.len() == 1
            && warnings[0].contains("] vm-twin names several managed objects of type vim.VirtualMachine (moid:")
            && warnings[0].ends_with("); the first one is meant"),
        "{warnings:?}"
    );
    let processes =
        [&common[..], &["-m", "vm.process.get", "-n", "vm01.example.org", "-U", "root", "-H", "vpoller.helpers.zabbix"]].concat();

    let mut from_environment = program();
    from_environment.args(&processes).env("VPOLLER_GUEST_PASSWORD", "p4ssw0rd");
    assert_eq!(run(from_environment, SOON).stdout, "87\n");

    let mut from_stdin = program();
    from_stdin.args(&processes).args(["-P", "-", "-d"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = from_stdin.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"p4ssw0rd\n").unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "87\n");
    let log = String::from_utf8(done.stderr).unwrap();
    assert!(log.contains("Received Request") && !log.contains("p4ssw0rd"), "{log}");

    assert_eq!(simulator.sessions().len(), 0, "every session was closed");
    let unknown = execute(&["run", "-f", &file, "-m", "about", "-V", "vc99"]);
    assert_eq!(unknown.stdout, "{\"success\": 1, \"msg\": \"Unknown or missing agent name\"}\n");
}

#[test]
fn a_password_that_is_too_long_is_refused_and_not_cut() {
    let home = Home::new(NO_PROXY);
    let mut command = program();
    command.args(["run", "-f", &home.path("vpoller.conf"), "-m", "vm.process.get", "-V", "vc01", "-U", "root", "-P", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&[b'x'; 4097]).unwrap();
    drop(input);
    let done = child.wait_with_output().unwrap();
    let error = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), done.stdout.as_slice()), (Some(1), &b""[..]));
    assert_eq!(error, "cannot read the guest password from -: its first line is longer than 4096 bytes, which is no password\n");
}

#[test]
fn a_configuration_that_asks_for_encryption_is_refused() {
    let home = Home::new(NO_PROXY);
    home.configure(NO_PROXY, "[curve]\nserver_secret = s3cret");
    let file = home.path("vpoller.conf");
    for command in ["start", "--check-config"] {
        let done = execute(&[command, "-f", &file]);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{command}");
        let expected = format!("configuration file {file}: line 6: [curve] asks for encryption, which is not supported yet");
        assert!(done.stderr.starts_with(&expected) && !done.stderr.contains("s3cret"), "{}", done.stderr);
    }
}

#[test]
fn hosts_of_the_first_releases_are_served_with_a_warning() {
    let simulator = Simulator::start(&SimOptions::default());
    let home = Home::new(NO_PROXY);
    let folder = home.folder.path().join("vsphere");
    fs::create_dir(&folder).unwrap();
    let entry = "[Default]\nhostname = vc01-test.example.org\nusername = root\npassword = myp4ssw0rd\ntimeout = 3\n";
    fs::write(folder.join("my-vc0.conf"), entry).unwrap();
    home.configure(NO_PROXY, &format!("vsphere_hosts_dir = {}", folder.display()));
    home.register(simulator.address());
    let mut worker = home.start(1);
    worker.wait_for_line("\"vconnector-cli -H vc01-test.example.org trust\" shows and pins it", SOON);
    assert_eq!(home.status()["vsphere_agents"], json!(["127.0.0.1", "vc01-test.example.org"]));
    assert!(!worker.stderr().contains("p4ssw0rd"));
}
