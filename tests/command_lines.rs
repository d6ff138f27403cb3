//! What people do wrong on a command line or in a file: the exit code, one line that says what and what to do, nothing changed.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use vpoller_testkit::process::{self, Finished};
use vpoller_testkit::wait::SLOW;
use vpoller_testkit::{Process, workspace};

/// What a mistake leads to.
#[derive(Clone, Copy)]
enum Said {
    /// The usage below one line that has this in it.
    Usage(&'static str),
    /// One line that has all of these in it, and nothing else on stderr.
    Line(&'static [&'static str]),
    /// The only line that is neither news nor a warning has all of these in it.
    Log(&'static [&'static str]),
}
use Said::{Line, Log, Usage};

/// Files for the mistakes, and whom the programs run as.
struct Installation {
    folder: TempDir,
    /// Holds a port and a database.
    _port: TcpListener,
    _holder: Process,
    port: u16,
}

/// Holds a database as somebody does who is in the middle of changing it.
const HOLD: &str = "import sqlite3, sys, time\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('BEGIN EXCLUSIVE')\n\
    print('held', flush=True)\ntime.sleep(1000)\n";

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = port.local_addr().unwrap().port();
        let path = |name: &str| folder.path().join(name);
        let sqlite = |name: &str, sql: &str| {
            let done = process::run(command("sqlite3", &[path(name).to_str().unwrap(), sql]), SLOW);
            assert_eq!(done.code, 0, "{}", done.stderr);
            fs::set_permissions(path(name), Permissions::from_mode(0o600)).unwrap();
        };
        for name in ["good.db", "locked.db", "exposed.db", "unreadable.db", "readonly.db"] {
            sqlite(name, "CREATE TABLE hosts ( host TEXT UNIQUE, user TEXT, pwd TEXT, enabled INTEGER )");
            sqlite(name, "INSERT INTO hosts VALUES ('vc01', 'root', 'p4ssw0rd', 1)");
        }
        sqlite("foreign.db", "CREATE TABLE songs ( title TEXT )");
        fs::write(path("corrupt.db"), "SQLite format 3\0 this is none any more".repeat(100)).unwrap();
        fs::write(path("text.db"), "vc01;root;p4ssw0rd\n").unwrap();
        for (name, mode) in
            [("exposed.db", 0o644), ("unreadable.db", 0o000), ("readonly.db", 0o444), ("corrupt.db", 0o600), ("text.db", 0o600)]
        {
            fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
        }
        for database in ["good", "locked", "exposed", "unreadable", "foreign", "corrupt", "text", "none"] {
            let text = format!("[worker]\ndb = {}\nmgmt = tcp://127.0.0.1:*\n", path(&format!("{database}.db")).display());
            fs::write(path(&format!("{database}.conf")), text).unwrap();
        }
        let proxy = "[proxy]\nfrontend = tcp://127.0.0.1:*\nbackend = tcp://127.0.0.1:*\nmgmt = tcp://127.0.0.1:*\n";
        let taken = format!("tcp://127.0.0.1:{number}");
        for (name, text) in [
            ("proxy.conf", proxy.to_owned()),
            ("syntax.conf", "[proxy]\nfrontend\n".to_owned()),
            ("value.conf", "[proxy]\nrequest_ttl = soon\n".to_owned()),
            ("frontend.conf", proxy.replace("frontend = tcp://127.0.0.1:*", &format!("frontend = {taken}"))),
            ("mgmt.conf", proxy.replace("mgmt = tcp://127.0.0.1:*", &format!("mgmt = {taken}"))),
            ("elsewhere.conf", proxy.replace("backend = tcp://127.0.0.1:*", "backend = tcp://192.0.2.1:1")),
            ("worker-mgmt.conf", format!("[worker]\ndb = {}\nmgmt = {taken}\n", path("good.db").display())),
            ("star.conf", format!("[worker]\ndb = {}\nproxy = tcp://*:10124\n", path("good.db").display())),
            ("helper.conf", "[worker]\nhelpers = mine\n[helper:mine]\ncommand = cat | sort\n".to_owned()),
            ("no-folder.conf", format!("[worker]\nvsphere_hosts_dir = {}\n", path("nowhere").display())),
            ("empty-folder.conf", format!("[Default]\nvsphere_hosts_dir = {}\n", path("empty").display())),
            ("half-file.conf", format!("[Default]\nvsphere_hosts_dir = {}\n", path("half").display())),
            ("unreadable.txt", "p4ssw0rd\n".to_owned()),
            ("requests.txt", "{\"method\": \"about\"}\n{oops\n".to_owned()),
        ] {
            fs::write(path(name), text).unwrap();
        }
        fs::write(path("latin.conf"), b"# caf\xe9\n[proxy]\n").unwrap();
        fs::create_dir(path("empty")).unwrap();
        fs::create_dir(path("half")).unwrap();
        fs::write(path("half/vc01.conf"), "[Default]\nhostname = vc01\nusername = root\n").unwrap();
        fs::set_permissions(path("unreadable.txt"), Permissions::from_mode(0o000)).unwrap();
        fs::copy(path("proxy.conf"), path("secret.conf")).unwrap();
        fs::set_permissions(path("secret.conf"), Permissions::from_mode(0o000)).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut holder = Process::spawn(command("python3", &["-c", HOLD, path("locked.db").to_str().unwrap()]));
        holder.wait_for_line("held", SLOW);
        Self { folder, _port: port, _holder: holder, port: number }
    }

    /// Every file: its mode and its content.
    fn state(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut state = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let data = fs::metadata(&path).unwrap();
                if data.is_dir() {
                    folders.push(path);
                } else {
                    state.insert(path.display().to_string(), (data.mode(), fs::read(&path).unwrap()));
                }
            }
        }
        state
    }

    /// Runs a command line in which `@` is the folder and `%` the port that is taken; a `!` in front of it takes the rights of
    /// root away.
    fn run(&self, line: &str) -> Finished {
        let (plain, line) = line.strip_prefix('!').map_or((false, line), |line| (true, line));
        let text = line.replace('@', self.folder.path().to_str().unwrap()).replace('%', &self.port.to_string());
        let mut words = text.split(' ').filter(|word| !word.is_empty()).map(|word| if word == "''" { "" } else { word });
        let program = workspace::binary(words.next().unwrap());
        let mut command = Command::new(&program);
        if plain && is_root() {
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        }
        command.args(words).env_remove("COLUMNS");
        process::run(command, SLOW)
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Command line, exit code, what is said. What stands for file, port and user: see [`Installation::run`].
const MISTAKES: &[(&str, i32, Said)] = &[
    // The daemons' command lines.
    ("vpoller-proxy", 1, Usage("say start, stop, status or health")),
    ("vpoller-proxy --nonsense start", 1, Usage("unexpected argument '--nonsense'")),
    ("vpoller-proxy start --file", 1, Usage("a value is required for '--file <FILE>'")),
    ("vpoller-proxy begin", 1, Usage("invalid value 'begin'")),
    ("vpoller-proxy start stop", 1, Usage("unexpected argument 'stop'")),
    ("vpoller-proxy -d -d start", 1, Usage("cannot be used multiple times")),
    ("vpoller-proxy status", 1, Usage("stop and status need --endpoint, for example --endpoint tcp://localhost:9999")),
    ("vpoller-proxy -e localhost:9999 status", 1, Usage("has no transport; write it like tcp://host:10123")),
    ("vpoller-proxy -e tcp://localhost stop", 1, Usage("has no port; write it like tcp://host:10123")),
    ("vpoller-proxy -e tcp://*:9999 status", 1, Usage("is good for listening only; write it like tcp://host:10123")),
    ("vpoller-worker", 1, Usage("a command is missing: start, stop, status, health or run")),
    ("vpoller-worker start --concurrency many", 1, Usage("invalid value 'many' for '--concurrency <N>'")),
    ("vpoller-worker --co=1 --con=2 start", 1, Usage("error: ")),
    ("vpoller-worker stop", 1, Usage("stop and status need --endpoint")),
    ("vpoller-worker run -V vc01", 1, Usage("--method <METHOD>")),
    ("vpoller-worker run -m about -V vc01 --timeout soon", 1, Usage("invalid value 'soon'")),
    ("vpoller-proxy -e tcp://127.0.0.1:% health", 1, Line(&["the proxy at tcp://127.0.0.1:", "Did not receive response"])),
    ("vpoller-worker -f @/worker-mgmt.conf health", 1, Line(&["the worker at tcp://127.0.0.1:", "Did not receive response"])),
    ("vpoller-proxy -f @/proxy.conf health", 1, Line(&["[proxy] mgmt: ", "listening only", "name the endpoint with --endpoint"])),
    ("vpoller-worker -f @/nowhere.conf health", 1, Line(&["/nowhere.conf does not exist"])),
    ("vpoller-exporter health no-page", 1, Usage("a page begins with / and holds no blanks, such as /health")),
    // Their configuration.
    ("vpoller-proxy -f @/nowhere.conf start", 1, Line(&["Configuration file ", "/nowhere.conf does not exist"])),
    ("vpoller-proxy --check-config -f @/nowhere.conf", 1, Line(&["/nowhere.conf does not exist"])),
    ("vpoller-proxy -f @ start", 1, Line(&["cannot read configuration file ", "Is a directory"])),
    (
        "!vpoller-proxy -f @/secret.conf start",
        1,
        Line(&["/secret.conf: Permission denied", "; run this as a user who may read it"]),
    ),
    ("vpoller-proxy -f @/latin.conf start", 1, Line(&["/latin.conf: ", "it must be a text in UTF-8"])),
    (
        "vpoller-proxy -f @/syntax.conf start",
        1,
        Line(&["/syntax.conf: line 2: there is neither = nor : in it", "write \"key = value\" below a \"[section]\""]),
    ),
    ("vpoller-proxy -f @/value.conf start", 1, Line(&["line 2: [proxy] request_ttl = \"soon\" is no time", "write seconds"])),
    (
        "vpoller-proxy -f @/frontend.conf start",
        1,
        Log(&["cannot bind the frontend socket to tcp://127.0.0.1:", "listens there already"]),
    ),
    (
        "vpoller-proxy -f @/mgmt.conf start",
        1,
        Log(&["cannot bind the management socket to tcp://127.0.0.1:", "listens there already"]),
    ),
    (
        "vpoller-proxy -f @/elsewhere.conf start",
        1,
        Log(&["cannot bind the backend socket to tcp://192.0.2.1:1", "tcp://*:<port> means all"]),
    ),
    ("vpoller-proxy -f @/proxy.conf -o @/nowhere/log start", 1, Line(&["cannot open log file ", "/nowhere/log: No such file"])),
    (
        "vpoller-proxy -f @/proxy.conf -p @/nowhere/pid start",
        1,
        Log(&["cannot write the pid file ", "/nowhere/pid: No such file"]),
    ),
    ("vpoller-worker -f @/nowhere.conf start", 1, Line(&["/nowhere.conf does not exist"])),
    ("vpoller-worker -f @/worker-mgmt.conf start", 1, Log(&["cannot bind the management socket to ", "listens there already"])),
    (
        "vpoller-worker -f @/good.conf -p @/nowhere/pid start",
        1,
        Log(&["cannot write the pid file ", "/nowhere/pid: No such file"]),
    ),
    (
        "vpoller-worker -f @/star.conf start",
        1,
        Line(&["/star.conf: ", "line 3: [worker] proxy = \"tcp://*:10124\" is wrong: ", "is good for listening only"]),
    ),
    (
        "vpoller-worker -f @/helper.conf start",
        1,
        Line(&["line 4: [helper:mine] command = \"cat | sort\" is no command: write the absolute path"]),
    ),
    ("vpoller-worker run -f @/nowhere.conf -m about -V vc01", 1, Line(&["/nowhere.conf does not exist"])),
    // Their vSphere hosts.
    ("vpoller-worker -f @/none.conf start", 1, Log(&["/none.db does not exist; create it with `vconnector-cli -d "])),
    ("vpoller-worker -f @/exposed.conf start", 1, Log(&["holds passwords and can be read by every user; run `chmod 600 "])),
    (
        "vpoller-worker -f @/foreign.conf start",
        1,
        Log(&["/foreign.db has no usable table `hosts`; create one with `vconnector-cli "]),
    ),
    (
        "vpoller-worker -f @/corrupt.conf start",
        1,
        Log(&["/corrupt.db is no SQLite database or is damaged", "restore it from a backup"]),
    ),
    ("vpoller-worker -f @/text.conf start", 1, Log(&["/text.db is no SQLite database or is damaged"])),
    ("vpoller-worker -f @/locked.conf start", 1, Log(&["/locked.db is kept locked by another program; try again"])),
    (
        "!vpoller-worker -f @/unreadable.conf start",
        1,
        Log(&["/unreadable.db", "Permission denied (os error 13); run this as the file's owner"]),
    ),
    ("vpoller-worker -f @/no-folder.conf start", 1, Log(&["/nowhere does not exists or is not a directory"])),
    ("vpoller-worker -f @/empty-folder.conf start", 1, Log(&["No vSphere config files found in "])),
    ("vpoller-worker -f @/half-file.conf start", 1, Log(&["half/vc01.conf: [Default] password is missing"])),
    ("vpoller-worker -f @/exposed.conf --check-config", 1, Line(&["run `chmod 600 "])),
    ("vpoller-worker run -f @/exposed.conf -m about -V vc01", 1, Line(&["run `chmod 600 "])),
    // The clients.
    ("vpoller-client", 1, Usage("--method <METHOD>")),
    ("vpoller-client -m about", 1, Usage("--vsphere-host <HOST>")),
    ("vpoller-client -m about -V vc01 --nonsense", 1, Usage("unexpected argument '--nonsense'")),
    ("vpoller-client -m about -V vc01 -n", 1, Usage("a value is required for '--name <NAME>'")),
    ("vpoller-client -m about -V vc01 extra", 1, Usage("unexpected argument 'extra'")),
    ("vpoller-client -m about -V vc01 -t never", 1, Usage("invalid value 'never' for '--timeout <MS>'")),
    ("vpoller-client -m about -V vc01 -e tcp://h:99999", 1, Usage("65535; write it like tcp://host:10123")),
    ("vpoller-client -m about -V vc01 -e tcp://*:10123", 1, Usage("is good for listening only")),
    ("vpoller-client -m about -V vc01 --watch soon", 1, Usage("write seconds, from 0 to 86400")),
    (
        "vpoller-client -m about -V vc01 --password-file @/nowhere",
        1,
        Line(&["cannot read the guest password from ", "No such file"]),
    ),
    ("!vpoller-client -m about -V vc01 --password-file @/unreadable.txt", 1, Line(&["/unreadable.txt: Permission denied"])),
    ("vpoller-client -m about -V vc01 --local=@/nowhere.conf", 1, Line(&["/nowhere.conf does not exist"])),
    ("vpoller-cclient", 64, Usage("-m <METHOD>")),
    ("vpoller-cclient -m about -V vc01 -x", 64, Usage("unexpected argument '-x'")),
    ("vpoller-cclient -m about -V", 64, Usage("a value is required for '-V <HOST>'")),
    ("vpoller-cclient -m about -V vc01 -e nowhere", 64, Usage("has no transport; write it like tcp://host:10123")),
    ("vpoller-bench -r nonsense", 1, Usage("invalid value 'nonsense' for '--request <JSON>'")),
    ("vpoller-bench -f @/nowhere", 1, Line(&["/nowhere: No such file"])),
    ("vpoller-bench -f @/requests.txt", 1, Line(&["/requests.txt line 1: the request lacks "])),
    // The importer.
    ("zabbix-vsphere-import", 1, Usage("--file <CONFIG>")),
    ("zabbix-vsphere-import -f @/nowhere --nonsense", 1, Usage("unexpected argument '--nonsense'")),
    ("zabbix-vsphere-import -f @/nowhere --allow-empty", 1, Usage("--delete")),
    ("zabbix-vsphere-import -f @/nowhere", 1, Log(&["Cannot load configuration file ", "/nowhere: ", "No such file"])),
    // The database's own tool.
    ("vconnector-cli", 1, Usage("<COMMAND>")),
    ("vconnector-cli list", 1, Usage("invalid value 'list'")),
    ("vconnector-cli get --nonsense", 1, Usage("unexpected argument '--nonsense'")),
    ("vconnector-cli -d", 1, Usage("a value is required for '--database <FILE>'")),
    ("vconnector-cli -d @/good.db enable", 1, Usage("the host is missing: -H <host>")),
    ("vconnector-cli -d @/good.db -H vc02 add", 1, Usage("the user is missing: -U <user>")),
    (
        "vconnector-cli -d @/good.db -H vc02 -U root add",
        1,
        Usage("the password is missing: --pwd-stdin with the password on stdin, or"),
    ),
    ("vconnector-cli -d @/good.db -H vc02 -U root -P x --port 70000 add", 1, Usage("invalid value '70000' for '--port <PORT>'")),
    ("vconnector-cli -d @/good.db -H '' -U root -P x add", 1, Log(&["\"\" is neither a host name nor an address"])),
    ("vconnector-cli -d @/good.db -H vc01 trust --fingerprint 12", 1, Usage("64 hexadecimal digits")),
    (
        "vconnector-cli -d @/good.db -H vc01 trust --ca-file @/nowhere",
        1,
        Line(&["cannot read CA file ", "/nowhere: No such file"]),
    ),
    (
        "vconnector-cli -d @/good.db -H vc01 trust --ca-file @/requests.txt",
        1,
        Line(&["cannot use the CA file ", "/requests.txt: it holds no certificate in PEM form"]),
    ),
    (
        "vconnector-cli -d @/good.db -H vc02 trust --off",
        1,
        Line(&["Cannot update database: vc02 is not in ", "add it with `vconnector-cli ", "add`, which asks for the password"]),
    ),
    ("vconnector-cli -d @/good.db -o @/nowhere/log get", 1, Line(&["cannot open log file ", "/nowhere/log: No such file"])),
    (
        "vconnector-cli -d @/good.db init",
        1,
        Log(&["Cannot initialize database: ", "already has a table `hosts`; nothing was changed"]),
    ),
    ("vconnector-cli -d @/foreign.db init", 1, Log(&["database of another program", "nothing was changed"])),
    ("vconnector-cli -d @/corrupt.db init", 1, Log(&["is damaged", "restore it from a backup, it was left untouched"])),
    ("vconnector-cli -d @/text.db init", 1, Log(&["is no SQLite database or is damaged"])),
    (
        "vconnector-cli -d @/corrupt.db get",
        1,
        Line(&["Cannot read database: ", "restore it from a backup, it was left untouched"]),
    ),
    (
        "vconnector-cli -d @/corrupt.db -H vc01 -U root -P x add",
        1,
        Line(&["Cannot update database: ", "restore it from a backup"]),
    ),
    ("vconnector-cli -d @/corrupt.db -H vc01 remove", 1, Line(&["Cannot update database: ", "restore it from a backup"])),
    (
        "vconnector-cli -d @/none.db get",
        1,
        Line(&["Cannot read database: ", "/none.db does not exist; create it with `vconnector-cli -d "]),
    ),
    ("vconnector-cli -d @/none.db -H vc01 enable", 1, Line(&["Cannot update database: ", "does not exist; create it"])),
    (
        "vconnector-cli -d @/locked.db -H vc01 disable",
        1,
        Log(&["Cannot update database: ", "is kept locked by another program; try again"]),
    ),
    (
        "!vconnector-cli -d @/unreadable.db get",
        1,
        Line(&["Cannot read database: ", "Permission denied (os error 13); run this as the file's owner"]),
    ),
    ("!vconnector-cli -d @/readonly.db -H vc01 disable", 1, Log(&["cannot be written; run this as the file's owner"])),
    ("!vconnector-cli -d @/new.db init", 1, Log(&["Cannot initialize database: cannot create ", "Permission denied"])),
];

/// What is wrong with what a mistake led to.
fn fault(done: &Finished, code: i32, said: Said) -> Option<&'static str> {
    let lines: Vec<&str> = done.stderr.lines().collect();
    let last = lines.last().copied().unwrap_or_default();
    let has_all = |line: &str, parts: &[&str]| parts.iter().all(|part| line.contains(part));
    let right = match said {
        Usage(part) => {
            let before = done.stderr.split("Usage: ").next().unwrap_or_default();
            // A list of what is missing stands on lines of its own.
            done.stderr.contains("\nUsage: ") && before.starts_with("error: ") && before.contains(part)
        }
        Line(parts) => lines.len() == 1 && has_all(last, parts),
        Log(parts) => {
            // Other threads may log on after it.
            let mut serious = lines.iter().filter(|line| !line.contains(" - INFO") && !line.contains(" - WARNING"));
            serious.next().is_some_and(|line| has_all(line, parts)) && serious.next().is_none()
        }
    };
    match () {
        () if done.code != code => Some("another exit code"),
        () if !right => Some("another text"),
        () if done.stderr.contains("p4ssw0rd") => Some("a password"),
        () if !done.stdout.is_empty() && !matches!(said, Line(_)) => Some("output"),
        () => None,
    }
}

#[test]
fn every_mistake_is_told_and_changes_nothing() {
    let installation = Installation::new();
    let mut before = installation.state();
    let mut wrong = Vec::new();
    for (line, code, said) in MISTAKES {
        let done = installation.run(line);
        if let Some(fault) = fault(&done, *code, *said) {
            wrong.push(format!("{line}: {fault}: {} {}\n{}", done.code, done.stdout, done.stderr));
        }
        let after = installation.state();
        if after != before {
            wrong.push(format!("{line}: changed a file"));
        }
        before = after;
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MISTAKES.len(), wrong.join("\n"));
}

#[test]
fn every_program_is_in_the_table() {
    let entries = |folder: &str| fs::read_dir(workspace::root().join(folder)).unwrap();
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let tools = ["crates/cli/src/bin", "crates/importer/src/bin"].into_iter().flat_map(entries);
    for program in tools.map(|entry| stem(&entry.unwrap().path())) {
        let of_it = |(line, ..): &&(&str, i32, Said)| line.trim_start_matches('!').split(' ').next() == Some(&program);
        assert!(MISTAKES.iter().filter(of_it).count() >= 3, "{program}");
    }
}
