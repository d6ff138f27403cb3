//! The database through its public API, and shared with the original tool, which Python's `sqlite3` stands in for.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use vpoller_store::{Error, Host, Store, TlsChoice};

struct Scratch {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn scratch() -> Scratch {
    let dir = tempfile::tempdir().unwrap();
    Scratch { path: dir.path().join("vconnector.db"), _dir: dir }
}

fn secret(text: &str) -> SecretString {
    text.into()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Runs statements the way the original tool does: one connection of Python's `sqlite3`, committed, closed.
fn python(path: &Path, body: &str) -> String {
    let script =
        format!("import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\nc = db.cursor()\n{body}\ndb.commit()\ndb.close()\n");
    let output = Command::new("python3").arg("-c").arg(script).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const ORIGINAL_INIT: &str = "c.execute('CREATE TABLE hosts ( host TEXT UNIQUE, user TEXT, pwd TEXT, enabled INTEGER )')";

fn original_add(host: &str, password: &str) -> String {
    format!("c.execute('INSERT OR REPLACE INTO hosts VALUES (?,?,?,?)', ('{host}', 'root', '{password}', 0))")
}

/// A file as the original leaves it: readable by all users who may enter the directory.
fn by_the_original() -> Scratch {
    let scratch = scratch();
    python(&scratch.path, &format!("{ORIGINAL_INIT}\n{}", original_add("vc01", "p4ssw0rd")));
    fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o600)).unwrap();
    scratch
}

fn only(store: &Store) -> Host {
    let mut hosts = store.hosts().unwrap();
    assert_eq!(hosts.len(), 1);
    hosts.remove(0)
}

#[test]
fn a_new_file_belongs_to_the_directorys_owner() {
    let scratch = scratch();
    let folder = scratch.path.parent().unwrap();
    // Only root can give files away; other users own the directory and the file.
    let _ = chown(folder, Some(4711), Some(4712));
    Store::create(&scratch.path).unwrap();
    let folder = fs::metadata(folder).unwrap();
    let file = fs::metadata(&scratch.path).unwrap();
    assert_eq!((file.uid(), file.gid()), (folder.uid(), folder.gid()));
}

#[test]
fn a_new_file_is_for_its_owner_only_and_is_not_made_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deeper/vconnector.db");
    let store = Store::create(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert!(!store.exposed().unwrap());
    store.add("vc01", "root", &secret("a")).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Store::create(&path), Err(Error::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn hosts_begin_disabled_and_verified_and_update_keeps_what_it_is_not_given() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    store.add("vc01", "root", &secret("a")).unwrap();
    let host = only(&store);
    assert_eq!((host.enabled, host.port, &host.tls), (false, 443, &TlsChoice::Verify));

    assert!(store.enable("vc01").unwrap());
    store.set_port("vc01", 8443).unwrap();
    store.set_tls("vc01", &TlsChoice::pin(&"0f".repeat(32)).unwrap()).unwrap();
    store.update("vc01", "monitor", &secret("b")).unwrap();
    let host = only(&store);
    assert_eq!((host.user.as_str(), host.password.expose_secret()), ("monitor", "b"));
    assert_eq!((host.enabled, host.port, host.tls), (true, 8443, TlsChoice::Pin(["0F"; 32].join(":"))));

    store.update("vc02", "root", &secret("c")).unwrap();
    assert_eq!(store.hosts().unwrap().iter().map(|host| host.enabled).collect::<Vec<_>>(), [true, false]);
    assert!(store.disable("vc01").unwrap());
    assert!(store.remove("vc02").unwrap());
    assert!(!only(&store).enabled);
}

#[test]
fn hosts_that_are_not_there_are_reported() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    assert!(!store.enable("vc01").unwrap());
    assert!(!store.disable("vc01").unwrap());
    assert!(!store.remove("vc01").unwrap());
    let error = store.set_tls("vc01", &TlsChoice::Off).unwrap_err().to_string();
    assert!(error.contains("vc01 is not in") && error.contains("add"), "{error}");
    assert!(matches!(store.set_port("vc01", 8443), Err(Error::UnknownHost { .. })));
    for name in ["", " vc01", "vc 01", "vc01\n"] {
        assert!(matches!(store.add(name, "root", &secret("a")), Err(Error::Value { .. })), "{name:?}");
    }
    // Nor is a user with a line break: a script reads the table line by line.
    store.add("vc01", "root", &secret("a")).unwrap();
    for change in [Store::add, Store::update] {
        assert!(matches!(change(&store, "vc01", "ro\not", &secret("b")), Err(Error::Value { what: "user", .. })));
    }
    assert_eq!(only(&store).password.expose_secret(), "a");
}

#[test]
fn the_way_a_certificate_is_checked_survives_reopening() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    store.add("vc01", "root", &secret("a")).unwrap();
    let choices = [TlsChoice::Off, TlsChoice::CaFile("/etc/ssl/own.pem".into()), TlsChoice::Unset, TlsChoice::Verify];
    for choice in choices {
        store.set_tls("vc01", &choice).unwrap();
        assert_eq!(only(&Store::open(&scratch.path).unwrap()).tls, choice);
    }
    store.set_tls("vc01", &TlsChoice::CaFile("own.pem".into())).unwrap();
    let absolute = std::env::current_dir().unwrap().join("own.pem");
    assert_eq!(only(&store).tls, TlsChoice::CaFile(absolute));
    assert!(matches!(store.set_tls("vc01", &TlsChoice::Pin("xyz".into())), Err(Error::Value { .. })));
}

#[test]
fn rows_of_the_original_work_and_are_marked_as_undecided() {
    let scratch = by_the_original();
    let before = fs::read(&scratch.path).unwrap();
    let store = Store::open(&scratch.path).unwrap();
    let host = only(&store);
    assert_eq!((host.host.as_str(), host.user.as_str(), host.password.expose_secret()), ("vc01", "root", "p4ssw0rd"));
    assert_eq!((host.enabled, host.port, host.tls), (false, 443, TlsChoice::Unset));
    assert_eq!(fs::read(&scratch.path).unwrap(), before, "reading must not write");

    // Changing its credentials or its port decides nothing about its certificate; adding it anew does.
    store.enable("vc01").unwrap();
    store.update("vc01", "root", &secret("new")).unwrap();
    store.set_port("vc01", 8443).unwrap();
    let host = only(&store);
    assert_eq!((host.enabled, host.port, host.tls), (true, 8443, TlsChoice::Unset));
    store.add("vc01", "root", &secret("new")).unwrap();
    let host = only(&store);
    assert_eq!((host.enabled, host.port, host.tls), (false, 8443, TlsChoice::Verify));
}

#[test]
fn the_original_reads_and_writes_a_file_of_ours_while_we_have_it_open() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    store.add("vc01", "röot", &secret("p4ss")).unwrap();
    store.set_tls("vc01", &TlsChoice::Off).unwrap();
    let all = "print(c.execute('SELECT * FROM hosts').fetchall())";
    assert_eq!(python(&scratch.path, all).trim(), "[('vc01', 'röot', 'p4ss', 0)]");
    assert_eq!(python(&scratch.path, "print(c.execute('PRAGMA journal_mode').fetchone())").trim(), "('delete',)");
    let table = "print(c.execute(\"SELECT sql FROM sqlite_master WHERE name = 'hosts'\").fetchone()[0])";
    assert_eq!(
        python(&scratch.path, table).trim(),
        "CREATE TABLE hosts ( host TEXT UNIQUE, user TEXT, pwd TEXT, enabled INTEGER )"
    );

    python(
        &scratch.path,
        &format!("{}\nc.execute('UPDATE hosts SET enabled = 1 WHERE host = ?', ('vc02',))", original_add("vc02", "x")),
    );
    let hosts = store.hosts().unwrap();
    assert_eq!(
        hosts.iter().map(|host| (host.host.as_str(), host.enabled)).collect::<Vec<_>>(),
        [("vc01", false), ("vc02", true)]
    );
    assert_eq!(hosts[1].tls, TlsChoice::Unset);
}

#[test]
fn settings_outlive_an_update_by_the_original_but_not_a_removal() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    store.add("vc01", "root", &secret("a")).unwrap();
    store.set_port("vc01", 8443).unwrap();
    python(&scratch.path, &original_add("vc01", "b"));
    let host = only(&store);
    assert_eq!((host.password.expose_secret(), host.port, &host.tls), ("b", 8443, &TlsChoice::Verify));

    python(&scratch.path, "c.execute('DELETE FROM hosts WHERE host = ?', ('vc01',))");
    assert!(store.hosts().unwrap().is_empty());
    python(&scratch.path, &original_add("vc01", "c"));
    assert_eq!((only(&store).port, only(&store).tls), (443, TlsChoice::Unset));
}

#[test]
fn odd_rows_are_read_as_far_as_they_can_be() {
    let scratch = by_the_original();
    python(
        &scratch.path,
        "c.execute('DELETE FROM hosts')\nc.execute('INSERT INTO hosts VALUES (?,?,?,?)', ('vc02', None, 1000, None))\nc.execute('INSERT INTO hosts VALUES (NULL, 1, 2, 3)')",
    );
    let host = only(&Store::open(&scratch.path).unwrap());
    assert_eq!((host.user.as_str(), host.password.expose_secret(), host.enabled), ("", "1000", false));

    python(&scratch.path, "c.execute('INSERT INTO hosts VALUES (?,?,?,?)', ('vc03', 'root', b'\\xff\\xfe', 1))");
    let error = Store::open(&scratch.path).unwrap().hosts().unwrap_err().to_string();
    assert!(error.contains("vc03") && error.contains("`pwd`"), "{error}");
}

#[test]
fn a_file_that_everybody_can_read_is_refused_with_the_cure() {
    let scratch = by_the_original();
    for (bits, refused) in [(0o644, true), (0o604, true), (0o640, false), (0o660, false), (0o600, false)] {
        fs::set_permissions(&scratch.path, fs::Permissions::from_mode(bits)).unwrap();
        let result = Store::open(&scratch.path).map(drop);
        assert_eq!(matches!(result, Err(Error::Exposed(_))), refused, "{bits:o}");
        if let Err(error) = result {
            assert!(error.to_string().ends_with(&format!("run `chmod 600 {}`", scratch.path.display())), "{error}");
        }
        assert_eq!(Store::open_exposed(&scratch.path).unwrap().exposed().unwrap(), refused);
    }
}

#[test]
fn what_is_no_database_of_ours_is_left_alone() {
    let scratch = scratch();
    assert!(matches!(Store::open(&scratch.path), Err(Error::Missing(_))));
    assert!(!scratch.path.exists(), "opening must not make a file");

    for garbage in [&b"host,user,pwd\nvc01,root,x\n"[..], &[0_u8; 4096]] {
        fs::write(&scratch.path, garbage).unwrap();
        fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Store::open(&scratch.path), Err(Error::Corrupt { .. })));
        assert!(matches!(Store::create(&scratch.path), Err(Error::Corrupt { .. })));
        assert_eq!(fs::read(&scratch.path).unwrap(), garbage);
    }

    fs::remove_file(&scratch.path).unwrap();
    python(&scratch.path, "c.execute('CREATE TABLE other (a)')");
    fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(Store::open(&scratch.path), Err(Error::Layout(_))));
    assert!(matches!(Store::create(&scratch.path), Err(Error::Foreign { .. })));
    assert!(matches!(Store::open(scratch.path.parent().unwrap()), Err(Error::Io { .. })));
}

#[test]
fn a_truncated_file_is_named_as_damaged() {
    let scratch = by_the_original();
    let whole = fs::read(&scratch.path).unwrap();
    fs::write(&scratch.path, &whole[..whole.len() / 2]).unwrap();
    let result = Store::open(&scratch.path).and_then(|store| store.hosts());
    assert!(matches!(result, Err(Error::Corrupt { .. })), "{result:?}");
}

#[test]
fn an_empty_file_becomes_a_database() {
    let scratch = scratch();
    fs::write(&scratch.path, "").unwrap();
    fs::set_permissions(&scratch.path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Store::open_exposed(&scratch.path).map(drop).unwrap_err().to_string();
    assert!(error.contains("init"), "{error}");
    Store::create(&scratch.path).unwrap();
    assert_eq!(mode(&scratch.path), 0o600);
    assert!(Store::open(&scratch.path).unwrap().hosts().unwrap().is_empty());
}

#[test]
fn a_file_that_stays_locked_is_reported_after_the_busy_timeout() {
    let scratch = by_the_original();
    let store = Store::open(&scratch.path).unwrap();
    let holder = rusqlite::Connection::open(&scratch.path).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let start = Instant::now();
    assert!(matches!(store.enable("vc01"), Err(Error::Locked(_))));
    assert!(start.elapsed() >= Duration::from_secs(4), "{:?}", start.elapsed());

    // A short lock is waited for: it is gone by the time the second writer gets tired.
    let waiter = std::thread::spawn(move || store.enable("vc01"));
    holder.execute_batch("COMMIT").unwrap();
    assert!(waiter.join().unwrap().unwrap());
}

#[test]
fn a_removed_password_is_gone_from_the_file() {
    let scratch = scratch();
    let store = Store::create(&scratch.path).unwrap();
    store.add("vc01", "root", &secret("unmistakable")).unwrap();
    let has = |text: &str| fs::read(&scratch.path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("unmistakable"));
    store.remove("vc01").unwrap();
    assert!(!has("unmistakable"));
}
