//! A whole Zabbix: server, database and frontend.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use super::database::Database;
use super::{Api, Series, Setting};
use crate::process::{self, Process};
use crate::wait::SOON;
use crate::{ports, wait_until, workspace};

/// A running Zabbix server with database and frontend, fresh as after its installation.
pub struct Server {
    /// The server's main process.
    pub process: Process,
    /// The API, logged in as administrator.
    pub api: Api,
    port: u16,
    pages: SocketAddr,
    setting: Setting,
    // Fields end in this order: who uses the database goes first.
    _frontend: Process,
    database: Database,
}

impl Setting {
    /// Starts a server with frontend; `more` is added to the server's configuration and goes before what stands here.
    ///
    /// # Panics
    /// When a part of it does not start.
    #[must_use]
    #[track_caller]
    pub fn server(self, more: &str) -> Server {
        let series = self.series;
        let database = Database::start(series);
        let [port, pages] = ports::free();
        let pages = SocketAddr::from((Ipv4Addr::LOCALHOST, pages));
        let conf = self.write("server.conf", &self.common(&server_conf(&self, database.port(), port, more)));
        let mut command = self.command("sbin/zabbix_server");
        command.arg("-c").arg(conf).arg("-f");
        let process = Process::spawn_ended_by(libc::SIGTERM, command);
        let frontend = frontend(&self, database.port(), port, pages);
        let mut server =
            Server { process, api: Api::new(series, pages), port, pages, setting: self, _frontend: frontend, database };
        server.wait_until_up();
        server.api = server.api.clone().log_in();
        server
    }
}

impl Server {
    /// The series.
    #[must_use]
    pub fn series(&self) -> Series {
        self.setting.series
    }

    /// The server's own port, for proxies and agents.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its pages are, e.g. `http://127.0.0.1:20123`.
    #[must_use]
    pub fn pages(&self) -> String {
        format!("http://{}", self.pages)
    }

    /// The server's log.
    #[must_use]
    pub fn log(&self) -> String {
        self.setting.log("server.log")
    }

    /// Where it keeps its files: `server.log`, `server.conf`, and external checks where it looks for them.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.setting.folder.path()
    }

    /// Lets the server read its configuration now, instead of at the next of its intervals.
    #[track_caller]
    pub fn reload(&self) {
        let mut command = self.setting.command("sbin/zabbix_server");
        command.arg("-c").arg(self.setting.folder.path().join("server.conf")).args(["-R", "config_cache_reload"]);
        let done = process::run(command, SOON);
        assert_eq!(done.code, 0, "config_cache_reload: {}{}", done.stdout, done.stderr);
    }

    /// Seconds of processor time that the server and its database have used so far.
    #[must_use]
    pub fn processor_seconds(&self) -> [f64; 2] {
        [self.process.processor_seconds(), self.database.processor_seconds()]
    }

    /// Rows of the server's database, columns separated by `|`.
    #[must_use]
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        self.database.sql(text)
    }

    /// What the button "Test" of an item's form does: runs a simple check on the server at once.
    ///
    /// # Errors
    /// When the item would not be supported; the text is its message.
    ///
    /// # Panics
    /// When the server does not answer.
    #[track_caller]
    pub fn test_item(&self, host_id: &str, key: &str) -> Result<String, String> {
        let interface = json!({"address": "127.0.0.1", "port": "10050"});
        let data = match self.series() {
            Series::V6_0 => {
                json!({"type": 3, "key": key, "value_type": 4, "hostid": host_id, "proxy_hostid": 0, "interface": interface})
            }
            Series::V7_0 => json!({
                "item": {"type": 3, "key": key, "value_type": 4, "timeout": "10s"},
                "host": {"hostid": host_id, "interface": interface}, "options": {"single": false},
            }),
        };
        let answer = self.trapper(&json!({"request": "item.test", "sid": self.api.session(), "data": data}));
        let outcome = match self.series() {
            Series::V6_0 => &answer["data"],
            Series::V7_0 => &answer["data"]["item"],
        };
        match (outcome["result"].as_str(), outcome["error"].as_str()) {
            (Some(value), _) => Ok(value.to_owned()),
            (None, Some(error)) => Err(error.to_owned()),
            (None, None) => panic!("item.test {key}: {answer}"),
        }
    }

    /// Sends one message to the server's own port and returns the answer.
    fn trapper(&self, message: &Value) -> Value {
        let body = message.to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the server's port");
        stream.set_read_timeout(Some(SOON)).expect("a time limit");
        let mut frame = b"ZBXD\x01".to_vec();
        frame.extend(u64::try_from(body.len()).expect("a length").to_le_bytes());
        frame.extend(body.as_bytes());
        stream.write_all(&frame).expect("message to the server");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answer of the server");
        serde_json::from_slice(answer.get(13..).unwrap_or_default())
            .unwrap_or_else(|error| panic!("answer of the server ({error}): {}", String::from_utf8_lossy(&answer)))
    }

    /// Ends the server the way its administrator does and waits for it; database and frontend stay.
    #[track_caller]
    pub fn stop(&mut self) {
        self.process.signal(libc::SIGTERM);
        self.process.wait_exit(SOON);
    }

    /// Starts the server again after [`Server::stop`] or its death.
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut command = self.setting.command("sbin/zabbix_server");
        command.arg("-c").arg(self.setting.folder.path().join("server.conf")).arg("-f");
        self.process = Process::spawn_ended_by(libc::SIGTERM, command);
        self.wait_until_up();
    }

    fn wait_until_up(&mut self) {
        wait_until(SOON, &format!("the server; its log:\n{}", self.log()), || {
            assert!(self.process.is_running(), "the server ended:\n{}{}", self.process.stderr(), self.log());
            [self.port, self.pages.port()].iter().all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok())
        });
    }
}

fn server_conf(setting: &Setting, database: u16, port: u16, more: &str) -> String {
    let folder = setting.folder.path().display();
    // Zabbix reads the last of a parameter's lines.
    format!(
        "LogType=file\nLogFile={folder}/server.log\nLogFileSize=0\nPidFile={folder}/server.pid\nSocketDir={folder}\n\
         ListenIP=127.0.0.1\nListenPort={port}\nDBHost=127.0.0.1\nDBPort={database}\nDBName=zabbix\nDBUser=zabbix\n\
         StartPollers=5\nStartPollersUnreachable=1\nStartTrappers=2\nStartPingers=1\nStartDiscoverers=0\nStartHTTPPollers=0\n\
         CacheUpdateFrequency=1\nCacheSize=64M\nFpingLocation=/usr/bin/fping\nStatsAllowedIP=127.0.0.1\nExternalScripts={folder}\n{more}\n"
    )
}

/// PHP's own web server, one request at a time.
fn frontend(setting: &Setting, database: u16, server: u16, address: SocketAddr) -> Process {
    let folder = setting.folder.path();
    let mut command = Command::new("php");
    command.args(["-S", &address.to_string(), "-t"]).arg(setting.series.program("share/zabbix"));
    let session = format!("session.save_path={}", folder.display());
    let settings = [
        "memory_limit=512M",
        "post_max_size=64M",
        "max_execution_time=300",
        "max_input_time=300",
        "date.timezone=UTC",
        "display_errors=0",
        &session,
    ];
    for setting in settings {
        command.args(["-d", setting]);
    }
    command.env("ZABBIX_DATABASE_PORT", database.to_string()).env("ZABBIX_SERVER_PORT", server.to_string());
    command.env("LOCPATH", workspace::artefact("zabbix/locale"));
    Process::spawn(command)
}
