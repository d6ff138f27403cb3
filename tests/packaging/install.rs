//! `make install` and what it puts in place, judged by systemd's own tools: none of this needs a running systemd.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use vpoller_testkit::workspace;

use super::{files, make, output, programs, release};

const UNITS: [&str; 4] =
    ["vpoller-proxy.service", "vpoller-worker.service", "vpoller-worker@one.service", "vpoller-exporter.service"];

/// Installed as a package would.
pub(super) fn installed() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    make("install", &[("RELEASE", release()), ("DESTDIR", root.path()), ("PREFIX", Path::new("/usr"))]);
    root
}

#[test]
fn systemd_takes_the_units_and_finds_them_closed() {
    let root = installed();
    // What units of all systems may call.
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::copy("/bin/kill", root.path().join("bin/kill")).unwrap();
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        output(command.arg(format!("--root={}", root.path().display())).args(arguments).args(UNITS))
    };
    analyze(&["verify", "--man=no", "--recursive-errors=no"]);
    // Points out of a hundred; an ordinary service has more than ninety.
    let report = analyze(&["security", "--offline=true", "--no-pager", "--threshold=15"]);
    for unit in UNITS {
        assert!(report.contains(&format!("Overall exposure level for {unit}: 1.")), "{report}");
    }
}

#[test]
fn units_run_what_is_installed() {
    let root = installed();
    let units = root.path().join("usr/lib/systemd/system");
    let read = |name: &str| fs::read_to_string(units.join(name)).unwrap();
    for (unit, command) in [
        ("vpoller-proxy.service", "/usr/bin/vpoller-proxy start\n"),
        ("vpoller-worker.service", "/usr/bin/vpoller-worker start\n"),
        ("vpoller-worker@.service", "/usr/bin/vpoller-worker start -f /etc/vpoller/workers/%i.conf\n"),
        ("vpoller-exporter.service", "/usr/bin/vpoller-exporter --file /etc/vpoller/vpoller.conf\n"),
    ] {
        let text = read(unit);
        for line in [&format!("ExecStart={command}"), "Type=notify\n", "WatchdogSec=", "Restart=on-failure\n"] {
            assert!(text.contains(line), "{unit} lacks {line:?}");
        }
    }
    assert!(read("vpoller-.service.d/sandbox.conf").contains("\nUser=vpoller\n"));
}

#[test]
fn systemd_makes_the_user_and_the_folders() {
    let root = installed();
    let etc = root.path().join("etc");
    fs::write(etc.join("passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(etc.join("group"), "root:x:0:\n").unwrap();
    let tool = |name: &str, arguments: &[&str]| {
        output(Command::new(name).arg(format!("--root={}", root.path().display())).args(arguments).arg("vpoller.conf"));
    };
    tool("systemd-sysusers", &[]);
    let passwd = fs::read_to_string(etc.join("passwd")).unwrap();
    let user: Vec<&str> = passwd.lines().last().unwrap().split(':').collect();
    assert_eq!([user[0], user[4], user[5], user[6]], ["vpoller", "vPoller", "/var/lib/vconnector", "/usr/sbin/nologin"]);
    tool("systemd-tmpfiles", &["--create"]);
    let database = fs::metadata(root.path().join("var/lib/vconnector")).unwrap();
    assert_eq!(database.permissions().mode() & 0o777, 0o750);
    assert_eq!(database.uid().to_string(), user[2], "only vpoller gets at the passwords");
    for folder in ["run/vpoller", "var/log/vpoller"] {
        let folder = fs::metadata(root.path().join(folder)).unwrap();
        assert_eq!((folder.uid(), folder.permissions().mode() & 0o777), (0, 0o755), "root writes there");
    }
}

#[test]
fn configuration_survives_installing_and_uninstalling() {
    let root = installed();
    let variables = [("RELEASE", release()), ("DESTDIR", root.path()), ("PREFIX", Path::new("/usr"))];
    for program in programs() {
        assert!(root.path().join("usr/bin").join(&program).is_file(), "{program}");
    }
    let configuration = root.path().join("etc/vpoller/vpoller.conf");
    let sample = fs::read_to_string(workspace::root().join("contrib/vpoller.conf")).unwrap();
    assert_eq!(fs::read_to_string(&configuration).unwrap(), sample);
    fs::write(&configuration, "[proxy]\n").unwrap();
    make("install", &variables);
    assert_eq!(fs::read_to_string(&configuration).unwrap(), "[proxy]\n");
    make("uninstall", &variables);
    assert_eq!(files(root.path()), ["etc/vpoller/vpoller.conf", "etc/zabbix/vpoller_module.conf"]);
}

#[test]
fn every_file_names_the_programs_where_they_are() {
    let root = tempfile::tempdir().unwrap();
    make("install", &[("RELEASE", release()), ("DESTDIR", root.path()), ("PREFIX", Path::new("/opt/vpoller"))]);
    let is_text = |name: &String| !name.starts_with("opt/vpoller/bin") && !name.contains("/doc/") && !name.ends_with(".so");
    let mut named = 0;
    for name in files(root.path()).iter().filter(|name| is_text(name)) {
        let text = fs::read_to_string(root.path().join(name)).unwrap();
        assert!(!text.contains("/usr/bin/v") && !text.contains("/usr/share/vpoller"), "{name}: {text}");
        named += text.matches("/opt/vpoller/bin/v").count();
    }
    assert!(named >= 12, "only {named} programs are named");
}

#[test]
fn shell_scripts_are_sound() {
    let root = workspace::root();
    let scripts = output(Command::new("git").args(["ls-files", "contrib", "tests/packaging", "tools", ".ci"]).current_dir(&root));
    let is_shell = |name: &&str| {
        let text = fs::read_to_string(root.join(name)).unwrap_or_default();
        text.lines().next().is_some_and(|line| line.starts_with("#!/") && line.ends_with("sh"))
    };
    let scripts: Vec<&str> = scripts.lines().filter(is_shell).collect();
    assert!(scripts.len() > 10, "{scripts:?}");
    let mut command = Command::new("shellcheck");
    output(command.args(["--external-sources", "--source-path=."]).args(scripts).current_dir(&root));
}
