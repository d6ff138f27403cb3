//! The agent, as one run of a key and as a daemon.

use std::process::Command;

use super::Setting;
use crate::process::{self, Finished, Process};
use crate::wait::SOON;
use crate::{ports, wait_until};

impl Setting {
    /// Runs one key in `zabbix_agentd -t`: everything but a daemon.
    #[must_use]
    #[track_caller]
    pub fn agent_test(&self, key: &str) -> Finished {
        let conf = self.write("test.conf", &self.common("LogType=console\nServer=127.0.0.1\nHostname=testbed\n"));
        let mut command = self.command("sbin/zabbix_agentd");
        command.arg("-c").arg(conf).args(["-t", key]);
        process::run(command, SOON)
    }

    /// Lets `zabbix_agentd -p` print every key that it knows.
    #[must_use]
    #[track_caller]
    pub fn agent_print(&self) -> Finished {
        let conf = self.write("print.conf", &self.common("LogType=console\nServer=127.0.0.1\nHostname=testbed\n"));
        let mut command = self.command("sbin/zabbix_agentd");
        command.arg("-c").arg(conf).arg("-p");
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
