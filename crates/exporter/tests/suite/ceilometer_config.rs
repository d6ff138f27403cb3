//! The command that makes Ceilometer's files, as operators have it.

use std::fs;
use std::path::Path;

use vpoller_exporter::meter_table;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::workspace;

use crate::program::program;

const FILES: [&str; 4] = ["pollsters.d/vpoller.yaml", "polling.yaml", "vpoller_ceilometer.py", "gnocchi_resources.vpoller.yaml"];

/// Runs the command with these settings and options.
fn run(folder: &Path, settings: &str, options: &[&str]) -> Finished {
    let file = folder.join("vpoller.conf");
    fs::write(&file, format!("[exporter]\n{settings}")).unwrap();
    let arguments: Vec<&str> =
        ["--file", file.to_str().unwrap(), "ceilometer-config"].into_iter().chain(options.iter().copied()).collect();
    process::run(program(&[], &arguments), SLOW)
}

#[test]
fn it_prints_what_it_would_write() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("new/etc");
    let settings = "ceilometer = yes\nceilometer_interval = 89.5\nhttp = :9272\n";
    let printed = run(folder.path(), settings, &[]);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let done = run(folder.path(), settings, &["--folder", written.to_str().unwrap()]);
    let names: Vec<String> = FILES.iter().map(|name| written.join(name).display().to_string()).collect();
    assert_eq!((done.code, done.stdout.lines().collect::<Vec<_>>()), (0, names.iter().map(String::as_str).collect()));
    let files: String =
        FILES.iter().map(|name| format!("# ---- {name}\n{}\n", fs::read_to_string(written.join(name)).unwrap())).collect();
    assert_eq!(printed.stdout, files);
    assert!(files.contains("http://127.0.0.1:9272/v1/ceilometer/samples?meter=cpu_util") && files.contains("interval: 90\n"));
}

#[test]
fn it_replaces_its_own_files_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("etc");
    let options = ["--folder", etc.to_str().unwrap()];
    assert_eq!(run(folder.path(), "ceilometer = yes\n", &options).code, 0);
    assert_eq!(run(folder.path(), "ceilometer = yes\nceilometer_interval = 300\n", &options).code, 0);
    assert!(fs::read_to_string(etc.join("polling.yaml")).unwrap().contains("interval: 300\n"));
    let theirs = "sources:\n  - name: theirs\n";
    fs::write(etc.join("polling.yaml"), theirs).unwrap();
    fs::remove_file(etc.join("vpoller_ceilometer.py")).unwrap();
    let refused = run(folder.path(), "ceilometer = yes\n", &options);
    assert!(refused.code == 1 && refused.stderr.contains("polling.yaml is there already"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(etc.join("polling.yaml")).unwrap(), theirs);
    assert!(!etc.join("vpoller_ceilometer.py").exists(), "all or none");
    let left: Vec<_> = fs::read_dir(&etc).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let on = "ceilometer = yes\n";
    for (settings, options, expected) in [
        ("", &[][..], "set ceilometer = yes"),
        ("ceilometer = yes\nhttp_tokens = /t\n", &[], "--token-file"),
        ("ceilometer = yes\nhttp = https://0.0.0.0:9272\nhttp_config = /w\n", &[], "--url"),
        ("ceilometer = yes\nhttp_config = /w\n", &[], "--url"),
        ("ceilometer = yes\nhttp = 127.0.0.1:*\n", &[], "another one at every start"),
        (on, &["--url", "vc01:9272"], "is no address such as"),
        (on, &["--url", "http://user:secret@vc01:9272"], "must not have a user or a password"),
        (on, &["--url", "http://vc01/below", "--page", "1000"], "has a path"),
        (on, &["--token-file", "relative"], "must be absolute"),
        (on, &["--folder", "/dev/null/x"], "cannot write /dev/null/x/"),
    ] {
        let Finished { code, stdout, stderr } = run(folder.path(), settings, options);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (1, "", 1), "{settings}{options:?}: {stderr}");
        assert!(stderr.contains(expected) && !stderr.contains("secret"), "{expected}: {stderr}");
    }
    assert_eq!(run(folder.path(), on, &["--page", "999"]).code, 1);
}

#[test]
fn the_guide_has_every_meter() {
    let page = fs::read_to_string(workspace::root().join("docs/ceilometer.md")).unwrap();
    assert!(page.contains(&meter_table()), "docs/ceilometer.md is to have this table:\n{}", meter_table());
}
