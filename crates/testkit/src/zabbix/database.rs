//! The PostgreSQL behind a Zabbix server: a cluster of its own in a temporary folder, copied from one that is made once per
//! series and holds the schema and what Zabbix ships with.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::Series;
use crate::process::{self, Process};
use crate::wait::SOON;
use crate::{ports, wait_until, workspace};

/// Loading the schema takes ten seconds on an idle machine.
const LOAD: Duration = Duration::from_secs(120);

/// A copy that is lost with the test needs no care for power cuts; segments are small, because every copy brings one.
const SETTINGS: &str = "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nsynchronous_commit = off\n\
     full_page_writes = off\nwal_level = minimal\nmax_wal_senders = 0\nmax_wal_size = 8MB\nmin_wal_size = 2MB\njit = off\n\
     dynamic_shared_memory_type = mmap\nmax_connections = 200\n";

/// PostgreSQL refuses root, and an ordinary user can read neither root's home nor other people's temporary folders: so the
/// programs move to the folder as well, and run as `nobody` there.
const AS_NOBODY: [&str; 6] = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all", "--pdeathsig", "QUIT"];

/// A running database server with the database `zabbix`.
pub(super) struct Database {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Database {
    /// Starts one with the schema and first content of a series.
    pub(super) fn start(series: Series) -> Self {
        let cluster = provide(series);
        let folder = folder_with_programs();
        shell("cp -a --reflink=auto \"$1\" \"$2/data\"", &[&cluster, folder.path()]);
        Self::serve(folder)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Processor time of all its processes.
    pub(super) fn processor_seconds(&self) -> f64 {
        self.process.processor_seconds()
    }

    /// Runs SQL and returns the rows, columns separated by `|`.
    pub(super) fn sql(&self, text: &str) -> String {
        let mut command = self.psql();
        command.args(["-q", "-A", "-t", "-c", text]);
        let done = process::run(command, SOON);
        assert_eq!(done.code, 0, "{text}: {}", done.stderr);
        done.stdout
    }

    fn serve(folder: TempDir) -> Self {
        let [port] = ports::free();
        let mut command = unprivileged(folder.path(), "postgres");
        command.arg("-D").arg(folder.path().join("data")).args(["-p", &port.to_string()]);
        // SIGQUIT ends the server processes and removes what they share; killing would leave that behind.
        let mut process = Process::spawn_ended_by(libc::SIGQUIT, command);
        wait_until(SOON, "PostgreSQL", || {
            assert!(process.is_running(), "PostgreSQL ended:\n{}", process.stderr());
            process.stderr().contains("database system is ready to accept connections")
        });
        Self { process, port, folder }
    }

    fn psql(&self) -> Command {
        let mut command = Command::new(self.folder.path().join("bin/psql"));
        command.args(["-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "zabbix", "zabbix"]);
        command
    }

    /// Ends the server in the given way and waits for it.
    fn stop(&mut self, signal: i32) {
        self.process.signal(signal);
        self.process.wait_exit(SOON);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.stop(libc::SIGQUIT);
    }
}

/// The cluster that all of a series are copied from; made by the first who asks, while others wait.
fn provide(series: Series) -> std::path::PathBuf {
    let kept = workspace::artefact("zabbix").join(series.name());
    let cluster = kept.join("database.analyzed");
    let turn = File::create(kept.join("database.lock")).expect("lock file of the database");
    turn.lock().expect("turn at the database");
    if !cluster.exists() {
        let mut database = first(series);
        database.stop(libc::SIGINT);
        shell("cp -a \"$1/data\" \"$2.new\" && mv \"$2.new\" \"$2\"", &[database.folder.path(), &cluster]);
    }
    cluster
}

/// Makes a cluster from nothing. Without statistics some of Zabbix's queries take minutes instead of milliseconds, until the
/// database gathers them by itself.
fn first(series: Series) -> Database {
    let folder = folder_with_programs();
    let mut command = unprivileged(folder.path(), "initdb");
    command.args(["-U", "zabbix", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1", "-D"]);
    command.arg(folder.path().join("data"));
    let done = process::run(command, LOAD);
    assert_eq!(done.code, 0, "initdb: {}", done.stderr);
    let conf = folder.path().join("data/postgresql.conf");
    fs::write(&conf, fs::read_to_string(&conf).expect("postgresql.conf") + SETTINGS).expect("postgresql.conf");
    let database = Database::serve(folder);
    let shipped = series.program("share/zabbix-server-pgsql");
    let url = format!("host=127.0.0.1 port={} user=zabbix", database.port);
    let script = "\"$1/bin/psql\" -q -d \"$3 dbname=postgres\" -c 'create database zabbix'
        cd \"$2\"
        zcat schema.sql.gz images.sql.gz data.sql.gz | \"$1/bin/psql\" -q -v ON_ERROR_STOP=1 -d \"$3 dbname=zabbix\" >\"$1/load.log\"
        \"$1/bin/psql\" -q -d \"$3 dbname=zabbix\" -c 'vacuum analyze'";
    shell(script, &[database.folder.path(), &shipped, Path::new(&url)]);
    database
}

fn folder_with_programs() -> TempDir {
    let programs = workspace::artefact("zabbix/postgresql");
    assert!(programs.join(".complete").exists(), "PostgreSQL is missing in {}: run `make setup`", programs.display());
    let open = Permissions::from_mode(0o755);
    let folder = tempfile::Builder::new().prefix("vpoller-database").permissions(open).tempdir().expect("folder of a database");
    let script = "cp -a \"$1/.\" \"$2\" && { [ \"$(id -u)\" != 0 ] || chown nobody \"$2\"; }";
    shell(script, &[&programs, folder.path()]);
    folder
}

/// A program of PostgreSQL's as a user it accepts.
fn unprivileged(folder: &Path, program: &str) -> Command {
    let program = folder.join("bin").join(program);
    // SAFETY: geteuid only answers.
    if unsafe { libc::geteuid() } != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(AS_NOBODY).arg(program).current_dir(folder);
    command
}

/// Runs a script of the shell with these paths as `$1` and so on.
fn shell(script: &str, paths: &[&Path]) {
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", script, "sh"]).args(paths);
    let done = process::run(command, LOAD);
    assert_eq!(done.code, 0, "{script} {paths:?}: {}{}", done.stdout, done.stderr);
}
