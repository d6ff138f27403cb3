//! The program: its settings and its end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process::{self, Finished, Process};
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::wait::{SLOW, SOON, wait_until};
use vpoller_testkit::{SimOptions, Simulator, http, ports};

/// Asks for an end.
const SIGTERM: i32 = 15;

pub(crate) fn program(variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vpoller-exporter"));
    command.env_clear().envs(variables.iter().copied()).args(arguments);
    command
}

#[test]
fn the_environment_is_all_that_is_needed() {
    let simulator = Simulator::start(&SimOptions::default());
    let [port] = ports::free();
    let (vcenter_port, http_port) = (simulator.address().port().to_string(), port.to_string());
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("password");
    std::fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
    let variables = [
        ("VCENTER_HOST", "127.0.0.1"),
        ("VCENTER_USER", USER),
        ("VCENTER_PASSWORD_FILE", secret.to_str().unwrap()),
        ("VCENTER_PORT", &vcenter_port),
        ("POLL_INTERVAL", "300"),
        ("BATCH_SIZE", "many"),
        ("HTTP_HOST", "127.0.0.1"),
        ("HTTP_PORT", &http_port),
    ];
    let mut exporter = Process::spawn(program(&variables, &[]));
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    exporter.wait_for_line("Metrics are at", SOON);
    wait_until(SOON, "good health", || http::get(&url("/health")).0 == 200);
    let page = Exposition::read(&http::get(&url("/metrics")).1);
    assert!(page.of("vcenter_vm_disk_write_iops").count() > 5);
    let Finished { code, stdout, .. } = process::run(program(&variables, &["health"]), SLOW);
    assert_eq!((code, stdout.as_str()), (0, "healthy\n"));
    let health_of = |page: &str| process::run(program(&variables, &["health", page]), SLOW);
    assert_eq!(health_of("/health").code, 0, "vCenter was read");
    let Finished { code, stderr, .. } = health_of("/no-page");
    assert!(code == 1 && stderr.contains("does not answer /no-page with 200: \"HTTP/1.1 404 Not Found\""), "{stderr}");
    let log = exporter.stderr();
    assert!(log.contains("BATCH_SIZE=many is no number that can be used; 1000 is used"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
    exporter.signal(SIGTERM);
    assert_eq!(exporter.wait_exit(SLOW).code(), Some(0));
    assert!(simulator.sessions().is_empty(), "it has logged out");
    let Finished { code, stderr, .. } = process::run(program(&variables, &["health"]), SLOW);
    assert!(code == 1 && stderr.contains("does not answer /-/healthy with 200: "), "{stderr}");
}

#[test]
fn a_file_with_doors_lets_in_who_has_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    drop(vpoller_store::Store::create(path("hosts.db")).unwrap());
    std::fs::write(path("tokens"), "a-token-of-our-own\n").unwrap();
    std::fs::set_permissions(path("tokens"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let [port] = ports::free();
    let section =
        format!("[exporter]\nhttp = http://127.0.0.1:{port}\ndb = {}\nhttp_tokens = {}\n", path("hosts.db"), path("tokens"));
    std::fs::write(path("v.conf"), section).unwrap();
    let mut exporter = Process::spawn(program(&[], &["-f", &path("v.conf")]));
    exporter.wait_for_line("Metrics are at", SOON);
    let status = |header: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("Authorization: Bearer a-token-of-our-own\r\n"), "200");
    assert_eq!([status(""), status("Authorization: Bearer another-token-of-ours\r\n")], ["401", "401"]);
    let Finished { code, .. } = process::run(program(&[], &["-f", &path("v.conf"), "health"]), SLOW);
    assert_eq!(code, 0, "a probe needs no token");
    // The page would be 503, as no vSphere host is registered; that nobody could look is no good health.
    let Finished { code, stderr, .. } = process::run(program(&[], &["-f", &path("v.conf"), "health", "/health"]), SLOW);
    assert!(code == 1 && stderr.contains("it wants a password or a token, and this command has none"), "{stderr}");
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    let check = |variables: &[(&str, &str)], arguments: &[&str], expected: &str| {
        let Finished { code, stdout, stderr } = process::run(program(variables, arguments), SLOW);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    };
    check(&[("VCENTER_HOST", "vc")], &[], "VCENTER_PASSWORD is not set");
    check(&[("VCENTER_PASSWORD_FILE", "/nowhere")], &[], "VCENTER_PASSWORD_FILE=/nowhere: ");
    check(&[("VCENTER_PASSWORD", "x"), ("HTTP_HOST", "a b")], &[], "HTTP_HOST");
    check(&[], &["--file", "/nowhere.conf"], "Configuration file /nowhere.conf does not exist");
}

#[test]
fn what_is_in_force_is_printed_without_the_password() {
    let variables = [("VCENTER_PASSWORD", "supersecret"), ("POLL_INTERVAL", "never"), ("VCENTER_SSL_VERIFY", "YES")];
    let Finished { code, stdout, stderr } = process::run(program(&variables, &["--check-config"]), SLOW);
    assert_eq!(code, 2, "{stderr}");
    for line in [
        "VCENTER_HOST=vcenter.local",
        "VCENTER_USER=administrator@vsphere.local",
        "VCENTER_PASSWORD=********",
        "VCENTER_PORT=443",
        "VCENTER_SSL_VERIFY=true",
        "POLL_INTERVAL=300",
        "VM_INVENTORY_TTL=600",
        "HTTP_HOST=0.0.0.0",
        "HTTP_PORT=9272",
        "LOG_LEVEL=INFO",
    ] {
        assert!(stdout.lines().any(|shown| shown == line), "{line}: {stdout}");
    }
    assert!(stderr.contains("POLL_INTERVAL=never is no time") && !stdout.contains("supersecret"), "{stderr}{stdout}");
}
