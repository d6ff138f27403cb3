//! The real Zabbix daemons, unpacked by `make setup`: agent and lone proxy of each series, with the module of this build loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{self, Finished, Process};
use crate::{ports, wait_until, workspace};

/// Limit for starting and stopping a daemon and for one answer.
const SOON: Duration = Duration::from_secs(30);

/// A Zabbix series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Series {
    /// 6.0: no item timeout in a request.
    V6_0,
    /// 7.0: other log function, per-item timeouts.
    V7_0,
}

impl Series {
    /// Runs a check on every series. One that `make setup` could not get on this system (never so on Debian 12) is left out,
    /// which is printed.
    ///
    /// # Panics
    /// When `make setup` did not run, or there is no series at all.
    #[track_caller]
    pub fn each(check: impl Fn(Self)) {
        let there: Vec<_> = [Self::V6_0, Self::V7_0].into_iter().filter(|series| series.is_there()).collect();
        assert!(!there.is_empty(), "no Zabbix on this system; `make setup` says why");
        there.into_iter().for_each(check);
    }

    /// A program of this series, e.g. `sbin/zabbix_agentd`.
    ///
    /// # Panics
    /// When `make setup` did not run.
    #[must_use]
    #[track_caller]
    pub fn program(self, path: &str) -> PathBuf {
        let folder = workspace::artefact("zabbix").join(self.name());
        assert!(folder.join(".complete").exists(), "Zabbix is missing in {}: run `make setup`", folder.display());
        folder.join("usr").join(path)
    }

    fn is_there(self) -> bool {
        let reason = fs::read_to_string(workspace::artefact("zabbix").join(format!("{}.unavailable", self.name())));
        if let Ok(reason) = &reason {
            eprintln!("NOT RUN on Zabbix {}: {reason}", self.name());
        }
        reason.is_err()
    }

    fn name(self) -> &'static str {
        match self {
            Self::V6_0 => "6.0",
            Self::V7_0 => "7.0",
        }
    }
}

/// What a daemon is told, and where it keeps its files.
pub struct Setting {
    series: Series,
    folder: TempDir,
    module: PathBuf,
}

impl Setting {
    /// Files for one daemon. `module_conf` is the text of the module's configuration file.
    ///
    /// # Panics
    /// When the module was not built.
    #[must_use]
    #[track_caller]
    pub fn new(series: Series, module_conf: &str) -> Self {
        let folder = tempfile::tempdir().expect("folder of a Zabbix daemon");
        let module = folder.path().join("vpoller.so");
        fs::copy(workspace::module(), &module).expect("copy of the module");
        fs::write(folder.path().join("module.conf"), module_conf).expect("module.conf");
        Self { series, folder, module }
    }

    /// Runs one key in `zabbix_agentd -t`: everything but a daemon.
    #[must_use]
    #[track_caller]
    pub fn agent_test(&self, key: &str) -> Finished {
        let conf = self.write("test.conf", &self.common("LogType=console\nServer=127.0.0.1\nHostname=testbed\n"));
        let mut command = self.command("sbin/zabbix_agentd");
        command.arg("-c").arg(conf).args(["-t", key]);
        process::run(command, SOON)
    }

    /// Starts an agent daemon; `more` is added to its configuration.
    #[must_use]
    #[track_caller]
    pub fn agent(self, more: &str) -> Agent {
        let [port] = ports::free();
        let text = format!(
            "LogType=file\nLogFile={0}/agentd.log\nLogFileSize=0\nPidFile={0}/agentd.pid\nListenIP=127.0.0.1\nListenPort={port}\n\
             Server=127.0.0.1\nHostname=testbed\nStartAgents=3\n{more}\n",
            self.folder.path().display()
        );
        let conf = self.write("agentd.conf", &self.common(&text));
        let mut command = self.command("sbin/zabbix_agentd");
        command.arg("-c").arg(conf).arg("-f");
        let mut agent = Agent { process: Process::spawn(command), port, setting: self };
        wait_until(SOON, &format!("the agent; its log:\n{}", agent.log()), || {
            assert!(agent.process.is_running(), "the agent ended:\n{}{}", agent.process.stderr(), agent.log());
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        agent
    }

    /// Starts a proxy daemon without a server, which polls these keys every second; `more` is added to its configuration.
    #[must_use]
    #[track_caller]
    pub fn proxy(self, keys: &[&str], more: &str) -> LoneProxy {
        let folder = self.folder.path().display();
        let database = self.folder.path().join("proxy.db");
        let schema = self.series.program("share/zabbix-proxy-sqlite3/schema.sql.gz");
        let mut script = Command::new("/bin/sh");
        script.args([
            "-ec",
            "{ echo 'PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY;'; zcat \"$1\"; cat \"$2\"; } | sqlite3 -bail \"$3\"",
            "sh",
        ]);
        script.arg(schema).arg(self.write("items.sql", &items(keys))).arg(&database);
        let done = process::run(script, SOON);
        assert_eq!(done.code, 0, "proxy database: {}", done.stderr);
        let text = format!(
            "ProxyMode=0\nServer=127.0.0.9\nHostname=alone\nLogType=file\nLogFile={folder}/proxy.log\nLogFileSize=0\nPidFile={folder}/proxy.pid\n\
             SocketDir={folder}\nDBName={folder}/proxy.db\nStartPollers=3\nStartPollersUnreachable=1\nStartPingers=0\nStartTrappers=0\n\
             StartDiscoverers=0\nStartHTTPPollers=0\n{more}\n"
        );
        let conf = self.write("proxy.conf", &self.common(&text));
        let mut command = self.command("sbin/zabbix_proxy");
        command.arg("-c").arg(conf).arg("-f");
        LoneProxy { process: Process::spawn(command), setting: self }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.series.program(program));
        command.env("VPOLLER_MODULE_CONF", self.folder.path().join("module.conf"));
        command
    }

    fn common(&self, text: &str) -> String {
        let timeout = if text.contains("Timeout=") { "" } else { "Timeout=4\n" };
        format!("{text}{timeout}AllowRoot=1\nLoadModule={}\n", self.module.display())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("file of a Zabbix daemon");
        path
    }

    fn log(&self, name: &str) -> String {
        read(&self.folder.path().join(name))
    }
}

/// A running agent daemon.
pub struct Agent {
    /// The main process.
    pub process: Process,
    port: u16,
    setting: Setting,
}

impl Agent {
    /// What `zabbix_get` prints for a key, without the line end.
    #[must_use]
    #[track_caller]
    pub fn get(&self, key: &str) -> String {
        let mut command = Command::new(self.setting.series.program("bin/zabbix_get"));
        command.args(["-s", "127.0.0.1", "-p", &self.port.to_string(), "-k", key]);
        process::run(command, SOON).stdout.trim_end_matches('\n').to_owned()
    }

    /// The daemon's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.setting.log("agentd.log")
    }
}

/// A row of a proxy's history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// Row number, growing.
    pub id: u64,
    /// Index of the key in the list the proxy was started with.
    pub item: usize,
    /// Whether the item is supported; if not, `value` is the message.
    pub supported: bool,
    /// The value.
    pub value: String,
}

/// A running proxy daemon without a server.
pub struct LoneProxy {
    /// The main process.
    pub process: Process,
    setting: Setting,
}

impl LoneProxy {
    /// Everything polled so far with a row number above `after`.
    #[must_use]
    #[track_caller]
    pub fn history(&self, after: u64) -> Vec<Row> {
        let query = format!("select id, itemid, state, hex(value) from proxy_history where id > {after} order by id");
        let mut command = Command::new("sqlite3");
        command.args(["-cmd", ".timeout 5000", "-separator", " "]).arg(self.setting.folder.path().join("proxy.db")).arg(query);
        let done = process::run(command, SOON);
        assert_eq!(done.code, 0, "proxy history: {}", done.stderr);
        done.stdout.lines().map(row).collect()
    }

    /// Waits for a row above `after` that the condition likes.
    ///
    /// # Panics
    /// When there is none within 30 s; with the history and the log.
    #[track_caller]
    pub fn wait_for(&mut self, after: u64, what: &str, mut wanted: impl FnMut(&Row) -> bool) -> Row {
        let found = crate::wait::poll(SOON, || {
            assert!(self.process.is_running(), "the proxy ended:\n{}{}", self.process.stderr(), self.log());
            self.history(after).into_iter().find(|row| wanted(row))
        });
        found.unwrap_or_else(|| panic!("no {what}; history: {:#?}\nlog:\n{}", self.history(0), self.log()))
    }

    /// Ends the daemon the way its administrator does and waits for it.
    #[track_caller]
    pub fn stop(mut self) {
        self.process.signal(libc::SIGTERM);
        self.process.wait_exit(SOON);
    }

    /// The daemon's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.setting.log("proxy.log")
    }
}

/// The host and the simple checks that a server would have sent.
fn items(keys: &[&str]) -> String {
    let mut sql = String::from(
        "insert into hosts(hostid,host,name,status) values (1,'h1','h1',0);\n\
         insert into interface(interfaceid,hostid,main,type,useip,ip,dns,port) values (1,1,1,1,1,'127.0.0.1','','10050');\n",
    );
    for (index, key) in keys.iter().enumerate() {
        let (id, key) = (index + 1, key.replace('\'', "''"));
        sql.push_str(&format!(
            "insert into items(itemid,type,hostid,name,key_,delay,value_type,interfaceid,status,flags) \
             values ({id},3,1,'item {id}','{key}','1s',4,1,0,0);\ninsert into item_rtdata(itemid) values ({id});\n"
        ));
    }
    sql
}

fn row(line: &str) -> Row {
    let mut fields = line.split(' ');
    let mut number = || fields.next().and_then(|field| field.parse::<u64>().ok()).expect("a number in the proxy's history");
    let (id, item, state) = (number(), number(), number());
    let value = fields.next().unwrap_or_default();
    let bytes: Vec<u8> =
        (0..value.len()).step_by(2).filter_map(|at| u8::from_str_radix(value.get(at..at + 2)?, 16).ok()).collect();
    let item = usize::try_from(item - 1).expect("an item number of ours");
    Row { id, item, supported: state == 0, value: String::from_utf8_lossy(&bytes).into_owned() }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
