//! `vpoller-client` against a peer that plays the proxy.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use vpoller_testkit::Peer;

use crate::program::{self, on_terminal, run, run_command, shell};

const PROGRAM: &str = "vpoller-client";
const REPLY: &str = r#"{"success": 0, "msg": "Successfully retrieved properties", "result": [{"name": "Größe"}]}"#;

/// What a request looks like when the user gave method and host only, with the default timeout.
fn bare(method: &str) -> Value {
    json!({
        "method": method, "hostname": "vc01.example.org", "name": null, "username": null, "password": null, "key": null,
        "properties": null, "counter-name": null, "instance": null, "max-sample": null, "perf-interval": null, "helper": null,
        "timeout": 10_000,
    })
}

/// Runs the client on a shell's command line (as the documents give it) and returns the request that arrived.
#[track_caller]
fn asked(line: &str) -> Value {
    let peer = Peer::answering(REPLY);
    let finished = shell(PROGRAM, &line.replacen("vpoller-client", &format!("$PROGRAM -e {}", peer.endpoint), 1));
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{line}");
    assert_eq!(finished.stdout, format!("{REPLY}\n"));
    peer.request()
}

fn with(method: &str, members: Value) -> Value {
    let mut request = bare(method);
    request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    request
}

#[test]
fn the_commands_of_the_documents_work_word_for_word() {
    let url = "ds:///vmfs/volumes/5190e2a7-d2b7c58e-b1e2-90b11c29079d/";
    for (line, expected) in [
        ("vpoller-client --method datacenter.discover --vsphere-host vc01.example.org", bare("datacenter.discover")),
        (
            "vpoller-client --method datacenter.get --vsphere-host vc01.example.org \\\n --name datacenter01 --properties name,overallStatus",
            with("datacenter.get", json!({"name": "datacenter01", "properties": ["name", "overallStatus"]})),
        ),
        (
            "vpoller-client --method vm.get --vsphere-host vc01.example.org \\\n --name vm01.example.org --properties runtime.powerState \\\n --helper vpoller.helpers.zabbix",
            with(
                "vm.get",
                json!({"name": "vm01.example.org", "properties": ["runtime.powerState"], "helper": "vpoller.helpers.zabbix"}),
            ),
        ),
        (
            "vpoller-client --method vm.disk.get --vsphere-host vc01.example.org \\\n --name vm01.example.org --properties freeSpace --key /var",
            with("vm.disk.get", json!({"name": "vm01.example.org", "properties": ["freeSpace"], "key": "/var"})),
        ),
        (
            "vpoller-client --method vm.process.get --vsphere-host vc01.example.org \\\n --name vm01.example.org --properties name,owner,pid,cmdLine \\\n --guest-username root --guest-password p4ssw0rd",
            with(
                "vm.process.get",
                json!({
                    "name": "vm01.example.org", "properties": ["name", "owner", "pid", "cmdLine"],
                    "username": "root", "password": "p4ssw0rd",
                }),
            ),
        ),
        (
            &format!(
                "vpoller-client --method datastore.get --vsphere-host vc01.example.org \\\n -name {url} \\\n --properties summary.capacity"
            ),
            with("datastore.get", json!({"name": url, "properties": ["summary.capacity"]})),
        ),
        (
            &format!("vpoller-client --method datastore.host.get --vsphere-host vc01.example.org \\\n --name {url}"),
            with("datastore.host.get", json!({"name": url})),
        ),
    ] {
        assert_eq!(asked(line), expected, "{line}");
    }
}

#[test]
fn options_may_be_written_in_every_way_docopt_took() {
    let expected = with(
        "vm.perf.metric.get",
        json!({
            "name": "-vm", "properties": ["a", "b"], "key": "k", "username": "u", "password": "-p", "counter-name": "cpu.usage.percent.average",
            "instance": "", "max-sample": "-1", "perf-interval": "Past day", "helper": "h", "timeout": 2000,
        }),
    );
    for line in [
        "vpoller-client -m vm.perf.metric.get -V vc01.example.org -n -vm -p a,b -k k -U u -P -p -c cpu.usage.percent.average -i '' \
         -s -1 -T 'Past day' -H h -r 1 -t 2000",
        "vpoller-client -t2000 -r1 -Hh -T'Past day' -s-1 -i '' -ccpu.usage.percent.average -P-p -Uu -kk '-pa, b' -n-vm \
         -Vvc01.example.org -mvm.perf.metric.get",
        "vpoller-client --method=vm.perf.metric.get --vsphere-host=vc01.example.org -name=-vm --properties=a,b --key=k --guest-username=u \
         --guest-password=-p --counter=cpu.usage.percent.average --instance= --max-sample=-1 '--perf-interval=Past day' --helper=h \
         --retries=1 --timeout=2000",
        "vpoller-client --me vm.perf.metric.get --vs vc01.example.org --na=-vm --prop a,b --ke k --guest-u u --guest-p=-p \
         --counter-id cpu.usage.percent.average --in '' --ma -1 --pe 'Past day' --helper h --re 1 --ti 2000",
    ] {
        assert_eq!(asked(line), expected, "{line}");
    }
}

#[test]
fn replies_are_printed_as_they_come_and_the_exit_code_is_0() {
    for reply in [
        &b"{\"success\": 1, \"msg\": \"Unknown or missing agent name\"}"[..],
        b"name,x\r\ny\r\n",
        b"5\0",
        b"",
        "\u{fc}".as_bytes(),
    ] {
        let peer = Peer::answering(reply);
        let finished = run(PROGRAM, &["-m", "about", "-V", "vc01", "-e", &peer.endpoint]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        assert_eq!(finished.stdout.as_bytes(), [reply, b"\n"].concat());
    }
}

#[test]
fn silence_is_asked_again_and_then_told() {
    let peer = Peer::silent();
    let arguments = ["-m", "about", "-V", "vc01", "-e", &peer.endpoint, "-t", "400", "-r", "3"];
    let finished = run(PROGRAM, &arguments);
    assert_eq!(finished.code, 0);
    assert_eq!(finished.stdout, "{\"success\": 1, \"msg\": \"Did not receive response, aborting...\"}\n");
    assert_eq!(peer.count(), 3);
    let warnings = finished.stderr.matches(" - WARNING/MainProcess] No reply from ").count();
    assert_eq!(warnings, 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("is vpoller-proxy running there?"), "{}", finished.stderr);

    let finished = run(PROGRAM, &[&arguments[..], &["--exit-code"]].concat());
    assert_eq!(finished.code, 2);
    assert!(finished.stdout.contains("Did not receive response"));
}

#[test]
fn a_late_second_attempt_succeeds() {
    let mut requests = 0;
    let peer = Peer::start(move |_| {
        requests += 1;
        (requests == 2).then(|| REPLY.into())
    });
    let finished = run(PROGRAM, &["-m", "about", "-V", "vc01", "-e", &peer.endpoint, "-t", "1000"]);
    assert_eq!((finished.code, finished.stdout), (0, format!("{REPLY}\n")));
}

#[test]
fn exit_codes_tell_on_request() {
    for (reply, code, text) in [
        (&b"{\"success\": 0, \"msg\": \"x\", \"result\": []}"[..], 0, "{\"success\": 0, \"msg\": \"x\", \"result\": []}\n"),
        (b"{\"success\": 1, \"msg\": \"x\"}", 1, "{\"success\": 1, \"msg\": \"x\"}\n"),
        (b"{\"msg\": \"x\", \"success\": -1}\0\x01", 1, "{\"msg\": \"x\", \"success\": -1}\n"),
        (b"\"poweredOn\"\0\0", 0, "\"poweredOn\"\n"),
        (b"Cannot find object vm01\0\x01", 1, "Cannot find object vm01\n"),
        // Workers of the original do not tell.
        (b"Cannot find object vm01", 0, "Cannot find object vm01\n"),
    ] {
        let peer = Peer::answering(reply);
        let finished = run(PROGRAM, &["-m", "vm.get", "-V", "vc01", "-e", &peer.endpoint, "-H", "h", "--exit-code"]);
        assert_eq!((finished.code, finished.stdout.as_str()), (code, text));
        assert_eq!(peer.request()["outcome"], true);
    }
    // JSON tells by itself, and must stay JSON.
    let peer = Peer::answering(&b"{\"success\": 1, \"msg\": \"x\"}"[..]);
    let finished = run(PROGRAM, &["-m", "vm.get", "-V", "vc01", "-e", &peer.endpoint, "--exit-code"]);
    assert_eq!((finished.code, peer.request().get("outcome")), (1, None));
}

#[test]
fn pretty_indents_json_and_nothing_else() {
    for (reply, text) in [
        (r#"{"success": 0, "msg": "ü", "result": []}"#, "{\n    \"success\": 0,\n    \"msg\": \"ü\",\n    \"result\": []\n}\n"),
        ("name,x", "name,x\n"),
    ] {
        let peer = Peer::answering(reply);
        assert_eq!(run(PROGRAM, &["-m", "about", "-V", "vc01", "-e", &peer.endpoint, "--pretty"]).stdout, text);
    }
}

#[test]
fn watch_goes_on_until_its_reader_leaves() {
    let mut replies = 0;
    let peer = Peer::start(move |_| {
        replies += 1;
        Some(format!("{{\"success\": 0, \"n\": {replies}}}").into_bytes())
    });
    let ask = format!("$PROGRAM -e {} -m about -V vc01", peer.endpoint);
    let finished = shell(PROGRAM, &format!("{ask} --watch 0.01 | head -n 3; echo ${{PIPESTATUS[0]}}"));
    let lines: Vec<_> = finished.stdout.lines().collect();
    assert_eq!(lines, ["{\"success\": 0, \"n\": 1}", "{\"success\": 0, \"n\": 2}", "{\"success\": 0, \"n\": 3}", "0"]);
    assert_eq!(finished.stderr, "");
    assert!(peer.count() >= 3);
    for (wrong, part) in [("soon", "write seconds, from 0 to 86400"), ("-1", "unexpected argument")] {
        let finished = run(PROGRAM, &["-m", "about", "-V", "vc01", "--watch", wrong]);
        assert_eq!(finished.code, 1);
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}

#[test]
fn watch_ends_with_the_first_bad_reply_on_request() {
    let mut replies = 0;
    let peer = Peer::start(move |_| {
        replies += 1;
        Some(format!("{{\"success\": {}}}", i32::from(replies > 2)).into_bytes())
    });
    let arguments = ["-m", "about", "-V", "vc01", "-e", &peer.endpoint, "--watch=0.01", "--exit-code"];
    let finished = run(PROGRAM, &arguments);
    let expected = (1, "{\"success\": 0}\n{\"success\": 0}\n{\"success\": 1}\n");
    assert_eq!((finished.code, finished.stdout.as_str()), expected);
}

#[test]
fn watch_keeps_a_terminal_tidy() {
    let mut replies = 0;
    let peer = Peer::start(move |_| {
        replies += 1;
        Some(format!("{{\"success\": {}}}", i32::from(replies > 1)).into_bytes())
    });
    let arguments = ["-m", "vm.get", "-V", "vc01", "-n", "a\u{1b}b", "-e", &peer.endpoint, "--watch=0.5", "--exit-code"];
    let finished = on_terminal(PROGRAM, &arguments, "there is no prompt", "", false);
    assert_eq!(finished.code, 1);
    let screens: Vec<_> = finished.stdout.split("\u{1b}[H\u{1b}[2J").collect();
    assert_eq!((screens.len(), screens[0]), (3, ""), "{:?}", finished.stdout);
    assert!(screens[1].starts_with("Every 0.5 s: vm.get vc01 a?b  20"), "{}", screens[1]);
    assert!(screens[1].ends_with("\r\n\r\n{\"success\": 0}\r\n"), "{:?}", screens[1]);
}

#[test]
fn the_guest_password_need_not_stand_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "p4ss w0rd\r\nnext line\n").unwrap();
    let peer = Peer::answering(REPLY);
    let line = format!("$PROGRAM -d -e {} -m vm.process.get -V vc01 -U root", peer.endpoint);
    for line in [
        format!("{line} --password-file {}", program::quoted(&file)),
        format!("printf 'p4ss w0rd\\n' | {line} --password-file -"),
        format!("VPOLLER_GUEST_PASSWORD='p4ss w0rd' {line}"),
        // -D was the letter for it in 0.2.
        format!("VPOLLER_GUEST_PASSWORD=other {} -P 'p4ss w0rd'", line.replace(" -d ", " -D ")),
    ] {
        let finished = shell(PROGRAM, &line);
        assert_eq!(finished.code, 0, "{line}");
        assert_eq!(peer.request()["password"], "p4ss w0rd", "{line}");
        assert!(finished.stderr.contains(" - DEBUG/MainProcess] Sending to tcp://"), "{}", finished.stderr);
        assert!(
            finished.stderr.contains(r#""password": "********""#) && !finished.stderr.contains("w0rd"),
            "{}",
            finished.stderr
        );
    }
    let finished = run(PROGRAM, &["-m", "about", "-V", "vc01", "--password-file", "/dev/zero"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.contains("/dev/zero: its first line is longer than 4096 bytes"), "{}", finished.stderr);
    let finished = run(PROGRAM, &["-m", "about", "-V", "vc01", "--password-file", "/nonexistent"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.contains("cannot read the guest password from /nonexistent: No such file"), "{}", finished.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    // More than a pipe holds, so that the client meets the closed end.
    let peer = Peer::answering(vec![b'x'; 1 << 20]);
    let line = format!("$PROGRAM -e {} -m about -V vc01 | head -c 3; echo \" ${{PIPESTATUS[0]}}\"", peer.endpoint);
    let finished = shell(PROGRAM, &line);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("xxx 0\n", ""));
}

#[test]
fn a_full_disk_is_an_error() {
    let peer = Peer::answering(REPLY);
    let finished = shell(PROGRAM, &format!("$PROGRAM -e {} -m about -V vc01 > /dev/full", peer.endpoint));
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.starts_with("cannot write to stdout: "), "{}", finished.stderr);
}

#[test]
fn an_endpoint_that_cannot_be_used_is_an_error() {
    let long = format!("ipc:///tmp/{}", "x".repeat(200));
    let mut command = Command::new(program::path(PROGRAM));
    command.args(["-m", "about", "-V", "vc01", "-e", &long]);
    let finished = run_command(command);
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(finished.stderr.starts_with("cannot connect to ipc:///tmp/xxx"), "{}", finished.stderr);
}

#[test]
fn local_runs_the_worker_that_stands_beside() {
    let folder = tempfile::tempdir().unwrap();
    let [client, worker] = [PROGRAM, "vpoller-worker"].map(|name| folder.path().join(name));
    copy(Path::new(program::path(PROGRAM)), &client);
    let install = |script: &str| {
        let source = folder.path().join("script");
        fs::write(&source, script).unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o755)).unwrap();
        copy(&source, &worker);
    };
    install("#!/bin/sh\nprintf '%s|' \"$@\" \"$VPOLLER_GUEST_PASSWORD\"\necho\n");
    let run = |line: &str| {
        let mut command = Command::new(&client);
        command.args(line.split_whitespace());
        run_command(command)
    };
    let finished = run("--local -m vm.process.get -V vc01 -n -vm -p a,b -U root -P p4ssw0rd -t 500");
    let expected = "run|--method=vm.process.get|--vsphere-host=vc01|--name=-vm|--properties=a,b|--guest-username=root|--timeout=500|p4ssw0rd|\n";
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (0, expected, ""));
    let finished = run("--local=/etc/other.conf -m about -V vc01");
    assert_eq!(finished.stdout, "run|--method=about|--vsphere-host=vc01|--timeout=10000|--file|/etc/other.conf||\n");

    install("#!/bin/sh\necho no such file >&2\nexit 1\n");
    let finished = run("--local -m about -V vc01");
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert_eq!(finished.stderr, "no such file\n", "the worker's program has said it");
    install("#!/bin/sh\nkill -9 $$\n");
    let finished = run("--local -m about -V vc01");
    assert_eq!((finished.code, finished.stderr.as_str()), (1, "vpoller-worker failed (signal: 9 (SIGKILL))\n"));

    fs::remove_file(&worker).unwrap();
    let mut command = Command::new(&client);
    command.args(["--local", "-m", "about", "-V", "vc01"]).env("PATH", "");
    let finished = run_command(command);
    assert_eq!(finished.code, 1);
    assert!(finished.stderr.starts_with("cannot run vpoller-worker; --local needs it on this machine: "), "{}", finished.stderr);
}

/// Copies a program by way of another process: were it open for writing in this one, a child that another test starts at the
/// same moment would keep it open, and it could not be run.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").args([from, to]).status().unwrap().success());
}
