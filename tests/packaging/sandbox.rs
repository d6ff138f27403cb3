//! The sandbox of the units forbids nothing that the daemons do: one forbidden call is enough for libzmq to abort.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Host, Process, SimOptions, Simulator, wait_until, workspace};

use super::{Configured, output};

const SANDBOX: &str = "contrib/systemd/vpoller-.service.d/sandbox.conf";

/// The system calls of a group such as `@system-service`, or the one call itself.
fn calls(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return BTreeSet::from([name.to_owned()]);
    }
    let text = output(Command::new("systemd-analyze").args(["--no-pager", "syscall-filter", name]));
    let members = text.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    members.flat_map(calls).collect()
}

/// What the unit's filter lets through, read the way systemd does.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace::root().join(SANDBOX)).unwrap();
    let mut allowed = calls("@default");
    for rule in text.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (forbids, names) = rule.strip_prefix('~').map_or((false, rule), |names| (true, names));
        for call in names.split_whitespace().flat_map(calls) {
            if forbids {
                allowed.remove(&call)
            } else {
                allowed.insert(call)
            };
        }
    }
    allowed
}

/// The last column of strace's summary.
fn made(summary: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(summary).unwrap();
    let rows = text.lines().skip(2).take_while(|line| !line.starts_with("---"));
    rows.filter_map(|row| row.split_whitespace().next_back()).map(str::to_owned).collect()
}

#[test]
fn the_daemons_make_no_forbidden_call() {
    let simulator = Simulator::start(&SimOptions::default());
    let host = Host::at(simulator.address());
    let configured = Configured::new(std::slice::from_ref(&host));
    let mut settings = fs::OpenOptions::new().append(true).open(configured.file("vpoller.conf")).unwrap();
    settings.write_all(b"helpers = mine\n[helper:mine]\ncommand = /usr/bin/python3 -c \"print('printed outside')\"\n").unwrap();
    let programs = ["vpoller-proxy", "vpoller-worker"];
    let mut traced = programs.map(|program| {
        let mut command = Command::new("strace");
        command.args(["-f", "-c", "-o"]).arg(configured.file(program));
        configured.start(&mut command, program);
        Process::spawn(command)
    });
    traced[1].wait_for_line("Worker process is ready and running", SLOW);
    let ask = |more: &[&str]| {
        let mut client = Command::new(workspace::binary("vpoller-client"));
        client.args(["-e", &configured.frontend, "-V", &host.name, "-m", "vm.discover"]).args(more);
        output(&mut client)
    };
    wait_until(SLOW, "an answer from vSphere", || ask(&[]).starts_with("{\"success\": 0"));
    assert_eq!(ask(&["-H", "mine"]), "printed outside\n");
    let allowed = allowed();
    for ((program, endpoint), process) in programs.into_iter().zip(&configured.management).zip(&mut traced) {
        output(Command::new(workspace::binary(program)).args(["--endpoint", endpoint, "stop"]));
        process.wait_exit(SLOW);
        let made = made(&configured.file(program));
        assert!(made.contains("socket") && made.len() > 20, "{program}: {made:?}");
        let forbidden: Vec<_> = made.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{SANDBOX} forbids {program}: {forbidden:?}");
    }
}
