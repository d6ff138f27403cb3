//! `vconnector-cli` on real files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use secrecy::ExposeSecret;
use vpoller_store::{Store, TlsChoice};
use vpoller_testkit::certificates::Authority;

use crate::program::{Finished, on_terminal, path, run, run_command, shell};

const PROGRAM: &str = "vconnector-cli";

struct Database {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

/// A name in an empty folder.
fn nothing() -> Database {
    let folder = tempfile::tempdir().unwrap();
    Database { path: folder.path().join("vconnector.db"), _folder: folder }
}

/// An initialised database.
fn empty() -> Database {
    let database = nothing();
    database.done("init");
    database
}

impl Database {
    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Runs a command line, options separated by blanks.
    #[track_caller]
    fn run(&self, line: &str) -> Finished {
        let arguments: Vec<_> = ["-d", self.name()].into_iter().chain(line.split_whitespace()).collect();
        run(PROGRAM, &arguments)
    }

    /// Runs a command line that must succeed, and returns its log without what changes.
    #[track_caller]
    fn done(&self, line: &str) -> String {
        let finished = self.run(line);
        assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{line}: {}", finished.stderr);
        finished.stderr
    }

    /// Runs a command line that must fail, and returns its last line.
    #[track_caller]
    fn refused(&self, line: &str) -> String {
        let finished = self.run(line);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{line}: {}", finished.stderr);
        finished.stderr.lines().last().unwrap_or_default().to_owned()
    }

    fn store(&self) -> Store {
        Store::open(&self.path).unwrap()
    }
}

#[test]
fn the_commands_of_the_documents_print_the_documented_table() {
    let database = nothing();
    database.done("init");
    assert_eq!(fs::metadata(&database.path).unwrap().permissions().mode() & 0o777, 0o600);
    let finished = database.run("get");
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert_eq!(
        finished.stdout,
        "\
+------------+------------+------------+-----------+
| Hostname   | Username   | Password   | Enabled   |
+============+============+============+===========+
+------------+------------+------------+-----------+
"
    );
    database.done("-H vc01.example.org -U root -P p4ssw0rd add");
    database.done("-H vc01.example.org enable");
    let finished = database.run("get");
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    assert_eq!(
        finished.stdout,
        "\
+------------------+------------+------------+-----------+
| Hostname         | Username   | Password   |   Enabled |
+==================+============+============+===========+
| vc01.example.org | root       | p4ssw0rd   |         1 |
+------------------+------------+------------+-----------+
"
    );
}

#[test]
fn options_stand_anywhere_and_may_be_shortened() {
    let database = empty();
    for line in [
        "add -H vc01 -U root -P secret",
        "--host=vc01 add --user=root --pwd=secret",
        "-Hvc01 -Uroot add -Psecret",
        "--ho vc01 --us root --pwd secret add",
        "-H vc01 -U root add -P secret -D",
    ] {
        let arguments: Vec<_> = line.split_whitespace().chain(["--data", database.name()]).collect();
        assert_eq!(run(PROGRAM, &arguments).code, 0, "{line}");
        let host = database.store().hosts().unwrap().remove(0);
        assert_eq!((host.host.as_str(), host.user.as_str(), host.password.expose_secret()), ("vc01", "root", "secret"), "{line}");
        database.done("-H vc01 remove");
    }
}

#[test]
fn log_lines_have_the_form_and_the_texts_of_the_original() {
    let database = nothing();
    let at = format!("Initializing vConnector database at {}", database.name());
    for (line, text) in [
        ("init", at.as_str()),
        ("-H vc01 -U root -P x add", "Adding/updating vSphere Agent vc01 in database"),
        ("-H vc01 -U root -P x update", "Adding/updating vSphere Agent vc01 in database"),
        ("-H vc01 enable", "Enabling vSphere Agent vc01"),
        ("-H vc01 disable", "Disabling vSphere Agent vc01"),
        ("-H vc01 remove", "Removing vSphere Agent vc01 from database"),
    ] {
        let log = database.done(line);
        let (time, rest) = log.split_once(" - ").unwrap();
        assert_eq!(time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>(), "0000-00-00 00:00:00,000");
        let rest: String = rest.split_inclusive('[').map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
        assert_eq!(rest, format!("INFO - vconnector-cli[]: {text}\n"), "{line}");
    }
}

#[test]
fn log_lines_go_to_a_file_on_request() {
    let database = empty();
    let file = database.path.with_extension("log");
    for line in ["-H vc01 -U root -P x add", "-H vc01 enable"] {
        assert_eq!(database.done(&format!("-o {} {line}", file.display())), "");
    }
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
    assert!(database.refused("-o /nonexistent/log -H vc01 enable").starts_with("cannot open log file /nonexistent/log: "));
}

#[test]
fn update_keeps_what_it_is_not_given() {
    let database = empty();
    database.done("-H vc01 -U root -P old --port 8443 add");
    database.done("-H vc01 enable");
    database.done("-H vc01 -U monitor -P new update");
    let host = database.store().hosts().unwrap().remove(0);
    assert_eq!((host.user.as_str(), host.password.expose_secret(), host.enabled, host.port), ("monitor", "new", true, 8443));
    database.done("-H vc01 --port 443 update");
    let host = database.store().hosts().unwrap().remove(0);
    assert_eq!((host.user.as_str(), host.port), ("monitor", 443));
    database.done("-H vc01 -U root -P x add");
    assert!(!database.store().hosts().unwrap()[0].enabled);
}

#[test]
fn a_host_that_is_not_there_is_no_error_but_is_said() {
    let database = empty();
    for command in ["enable", "disable", "remove"] {
        let log = database.done(&format!("-H vc09 {command}"));
        let expected = format!("There is no vSphere Agent vc09 in {}: nothing was changed\n", database.name());
        assert!(log.contains(" - WARNING - ") && log.ends_with(&expected), "{log}");
    }
    assert!(database.refused("-H vc09 --port 8443 update").starts_with("Cannot update database: vc09 is not in "));
    assert!(database.refused("-H vc09 --off trust").starts_with("Cannot update database: vc09 is not in "));
    assert!(database.refused("-H vc09 trust").starts_with("Cannot read database: vc09 is not in "));
}

#[test]
fn names_that_can_never_work_are_not_added() {
    let database = empty();
    for (host, way_out) in [
        ("vc01.exämple.org", "the name service and certificates know it as vc01.xn--exmple-cua.org"),
        ("https://vc01.example.org/sdk", "leave out what is around the name: \"vc01.example.org\""),
        ("vc01.example.org:8443", "give the port 8443 apart from the name vc01.example.org"),
    ] {
        let refused = database.refused(&format!("-H {host} -U root -P x add"));
        assert!(refused.contains("neither a host name nor an address") && refused.ends_with(way_out), "{refused}");
    }
    assert!(database.store().hosts().unwrap().is_empty());
}

#[test]
fn get_hides_passwords_and_shows_more_on_request() {
    let database = empty();
    database.done("-H vc01 -U root -P s3cret --port 8443 add");
    database.done("-H vc01 --off trust");
    let finished = database.run("get --hide --wide");
    assert_eq!(
        finished.stdout,
        "\
+------------+------------+------------+-----------+--------+---------------+
| Hostname   | Username   | Password   |   Enabled |   Port | Certificate   |
+============+============+============+===========+========+===============+
| vc01       | root       | ********   |         0 |   8443 | off           |
+------------+------------+------------+-----------+--------+---------------+
"
    );
}

#[test]
fn the_password_need_not_stand_on_the_command_line() {
    let database = empty();
    let line = |input: &str| format!("printf '{input}' | $PROGRAM -d '{}' -H vc01 -U root --pwd-stdin add", database.name());
    assert_eq!(shell(PROGRAM, &line("se cret\\nnext")).code, 0);
    assert_eq!(database.store().hosts().unwrap()[0].password.expose_secret(), "se cret");
    let finished = shell(PROGRAM, &line(""));
    assert_eq!((finished.code, finished.stderr.as_str()), (1, "no password came on stdin; nothing was changed\n"));

    for option in [&[][..], &["--pwd-stdin"]] {
        let arguments = [&["-d", database.name(), "-H", "vc02", "-U", "root", "add"], option].concat();
        let finished = on_terminal(PROGRAM, &arguments, "Password: ", "typed", true);
        assert_eq!(finished.code, 0, "{}", finished.stdout);
        assert!(!finished.stdout.contains("typed"), "the password must not be echoed: {}", finished.stdout);
        assert_eq!(database.store().hosts().unwrap()[1].password.expose_secret(), "typed");
        database.done("-H vc02 remove");
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let database = empty();
    let name = database.name();
    assert_eq!(
        database.refused("init"),
        format!("Cannot initialize database: {name} already has a table `hosts`; nothing was changed")
    );

    let missing = nothing();
    let create = format!("{0} does not exist; create it with `vconnector-cli -d {0} init`", missing.name());
    assert_eq!(missing.refused("get"), format!("Cannot read database: {create}"));
    assert_eq!(missing.refused("-H vc01 -U root -P x add"), format!("Cannot update database: {create}"));
    assert!(!missing.path.exists());

    fs::write(&missing.path, "vc01;root;secret\n").unwrap();
    for (line, what) in [("get", "read"), ("-H vc01 enable", "update"), ("init", "initialize")] {
        let error = missing.refused(line);
        let expected =
            format!("Cannot {what} database: {} is no SQLite database or is damaged (file is not a database)", missing.name());
        assert!(error.starts_with(&expected), "{error}");
    }
    assert_eq!(fs::read_to_string(&missing.path).unwrap(), "vc01;root;secret\n");

    let error = run(PROGRAM, &["-d", "/proc/vconnector.db", "init"]);
    assert_eq!(error.code, 1);
    assert!(error.stderr.contains("Cannot initialize database: cannot create /proc/vconnector.db: "), "{}", error.stderr);
}

#[test]
fn a_locked_database_is_waited_for_and_then_reported() {
    let database = empty();
    let mut holder = Command::new("python3");
    holder.args(["-c", LOCK, database.name(), path(PROGRAM)]);
    let finished = run_command(holder);
    assert_eq!(finished.code, 1, "{}", finished.stderr);
    let expected = format!("Cannot update database: {} is kept locked by another program; try again\n", database.name());
    assert!(finished.stderr.ends_with(&expected), "{}", finished.stderr);
}

const LOCK: &str = "
import sqlite3, subprocess, sys
db = sqlite3.connect(sys.argv[1])
db.execute('BEGIN EXCLUSIVE')
sys.exit(subprocess.call([sys.argv[2], '-d', sys.argv[1], '-H', 'vc01', 'enable']))
";

#[test]
fn files_that_are_not_ours_to_read_or_write_are_reported() {
    let database = empty();
    fs::set_permissions(database.path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
    for (mode, line, text) in [
        (0o000, "get", "Cannot read database: cannot open "),
        (0o444, "-H vc01 enable", "cannot be written; run this as the file's owner"),
    ] {
        fs::set_permissions(&database.path, fs::Permissions::from_mode(mode)).unwrap();
        let finished = without_privilege(&database, line);
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{}", finished.stderr);
        assert!(finished.stderr.contains(text), "{}", finished.stderr);
    }
}

/// Runs a command line as a user who is bound by a file's mode, which root is not.
fn without_privilege(database: &Database, line: &str) -> Finished {
    let mut command = Command::new(path(PROGRAM));
    if fs::metadata(&database.path).unwrap().uid() == 0 {
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", path(PROGRAM)]);
    }
    command.args(["-d", database.name()]).args(line.split_whitespace());
    run_command(command)
}

#[test]
fn a_file_that_everybody_can_read_is_used_with_a_warning() {
    let database = empty();
    database.done("-H vc01 -U root -P x add");
    fs::set_permissions(&database.path, fs::Permissions::from_mode(0o644)).unwrap();
    let finished = database.run("get");
    assert_eq!(finished.code, 0);
    assert!(finished.stdout.contains("vc01"));
    let expected = format!("can be read by every user; run `chmod 600 {}`; workers will not use it\n", database.name());
    assert!(finished.stderr.contains(" - WARNING - ") && finished.stderr.ends_with(&expected), "{}", finished.stderr);
}

fn folder(path: &Path) -> &str {
    path.parent().unwrap().to_str().unwrap()
}

#[test]
fn the_way_a_certificate_is_checked_can_be_set_without_seeing_it() {
    let database = empty();
    database.done("-H vc01 -U root -P x add");
    let authority = database.path.with_extension("pem");
    fs::write(&authority, Authority::new().pem()).unwrap();
    let fingerprint = "0f".repeat(32);
    for (options, choice) in [
        ("--off".to_owned(), TlsChoice::Off),
        ("--verify".to_owned(), TlsChoice::Verify),
        (format!("--ca-file {}", authority.display()), TlsChoice::CaFile(authority.clone())),
        (format!("--fingerprint {fingerprint}"), TlsChoice::pin(&fingerprint).unwrap()),
    ] {
        let log = database.done(&format!("-H vc01 trust {options}"));
        assert!(log.contains("Certificate check of vSphere Agent vc01: "), "{log}");
        assert_eq!(database.store().hosts().unwrap()[0].tls, choice);
    }
    assert!(database.refused("-H vc01 trust --ca-file /nonexistent").starts_with("cannot read CA file /nonexistent: "));
    let refused = database.refused(&format!("-H vc01 trust --ca-file {}", database.name()));
    assert!(
        refused.starts_with("cannot use the CA file ") && refused.ends_with(": it holds no certificate in PEM form"),
        "{refused}"
    );
    // Workers run in another folder.
    let line = format!("cd {} && $PROGRAM -d {} -H vc01 trust --ca-file vconnector.pem", folder(&authority), database.name());
    assert_eq!(shell(PROGRAM, &line).code, 0);
    assert_eq!(database.store().hosts().unwrap()[0].tls, TlsChoice::CaFile(authority));
}
