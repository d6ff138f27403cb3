//! A proxy without a server: it polls what its own database says.

use std::process::Command;

use super::Setting;
use crate::process::{self, Process};
use crate::wait::SOON;

impl Setting {
    /// Starts a proxy daemon that asks a server on this machine for its items; `more` is added to its configuration.
    #[must_use]
    #[track_caller]
    pub fn active_proxy(self, name: &str, server: u16, more: &str) -> ActiveProxy {
        let folder = self.folder.path().display();
        let frequency = match self.series {
            super::Series::V6_0 => "ConfigFrequency=1",
            super::Series::V7_0 => "ProxyConfigFrequency=1",
        };
        let text = format!(
            "ProxyMode=0\nServer=127.0.0.1:{server}\nHostname={name}\nLogType=file\nLogFile={folder}/active.log\nLogFileSize=0\n\
             PidFile={folder}/active.pid\nSocketDir={folder}\nDBName={folder}/active.db\n{frequency}\nDataSenderFrequency=1\nStartPingers=0\n\
             StartTrappers=0\nStartDiscoverers=0\nStartHTTPPollers=0\n{more}\n"
        );
        let conf = self.write("active.conf", &self.common(&text));
        let mut command = self.command("sbin/zabbix_proxy");
        command.arg("-c").arg(conf).arg("-f");
        ActiveProxy { process: Process::spawn_ended_by(libc::SIGTERM, command), setting: self }
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
}

/// A running proxy daemon of a server.
pub struct ActiveProxy {
    /// The main process.
    pub process: Process,
    setting: Setting,
}

impl ActiveProxy {
    /// The daemon's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.setting.log("active.log")
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
    /// When there is none within [`SOON`]; with the history and the log.
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
        let id = index + 1;
        let key = key.replace('\'', "''");
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
    let id = number();
    let item = number();
    let state = number();
    let value = fields.next().unwrap_or_default();
    let bytes: Vec<u8> =
        (0..value.len()).step_by(2).filter_map(|at| u8::from_str_radix(value.get(at..at + 2)?, 16).ok()).collect();
    let item = usize::try_from(item - 1).expect("an item number of ours");
    Row { id, item, supported: state == 0, value: String::from_utf8_lossy(&bytes).into_owned() }
}
