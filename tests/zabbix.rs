//! The module in the real daemons: agent (`-t` and as a daemon) and lone proxy, of every series there is.

use std::time::Duration;

use vpoller_testkit::zabbix::{Series, Setting};
use vpoller_testkit::{Host, SimOptions, Simulator, Stack, ports, workspace};

const VALUE: &str = "\"poweredOn\"";

/// Keys that cannot be answered, and what the item's message must name.
fn mistakes(host: &str) -> Vec<(String, &'static str)> {
    vec![
        ("vpoller[vm.get,vc99.example.org,vm01.example.org,runtime.powerState]".to_owned(), "Unknown or missing agent name"),
        (format!("vpoller[vm.get,{host},no-such-vm,runtime.powerState]"), "Cannot find object no-such-vm"),
        (format!("vpoller[vm.get,{host},vm01.example.org,no.such.property]"), "no.such.property"),
        (format!("vpoller[vm.get,{host},vm01.example.org]"), "Invalid number of arguments"),
        (format!("vpoller[vm.fetch,{host},vm01.example.org,name]"), "Unknown or missing task/method name"),
        (format!("vpoller[vm.process.get,{host},vm01.example.org,cmdLine,,root,wrong]"), "Cannot get guest processes"),
    ]
}

fn power_state(host: &str) -> String {
    format!("vpoller[vm.get, {host}, ns01.example.org, runtime.powerState]")
}

/// A vSphere host and vPoller, for the module in a Zabbix program to ask.
pub(crate) struct Monitored {
    pub stack: Stack,
    pub host: String,
    _simulator: Simulator,
}

impl Monitored {
    /// `vms` are virtual machines beside those of the documents.
    pub(crate) fn start(vms: usize, workers: usize) -> Self {
        let simulator = Simulator::start(&SimOptions { vms, ..SimOptions::default() });
        let host = Host::at(simulator.address());
        Self { stack: Stack::start(std::slice::from_ref(&host), workers), host: host.name, _simulator: simulator }
    }

    fn setting(&self, series: Series) -> Setting {
        Setting::new(series, &module_conf(&self.stack.frontend()))
    }
}

fn module_conf(endpoint: &str) -> String {
    format!("vPollerProxy={endpoint}\nvPollerTimeout=3000\n")
}

#[test]
fn agent_tests_a_key() {
    let monitored = Monitored::start(0, 1);
    Series::each(|series| {
        let setting = monitored.setting(series);
        let done = setting.agent_test(&power_state(&monitored.host));
        assert!(done.stdout.contains(&format!("|{VALUE}]")), "{series:?}: {done:?}");
        for (key, cause) in mistakes(&monitored.host) {
            let done = setting.agent_test(&key);
            let message = done.stdout.split_once("[m|ZBX_NOTSUPPORTED]").map(|(_, message)| message);
            assert!(message.is_some_and(|message| message.contains(cause)), "{series:?} {key}: {done:?}");
        }
    });
}

/// Every example on the page about Zabbix gets a value.
#[test]
fn keys_of_the_page_about_zabbix_work() {
    let monitored = Monitored::start(0, 1);
    let page = std::fs::read_to_string(workspace::root().join("docs/zabbix.md")).expect("the page");
    let keys: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("    vpoller") && !line.contains('<'))
        .map(|key| {
            let key = key.trim().replace("vc01.example.org", &monitored.host);
            key.replace("{$GUEST.USER}", "root").replace("{$GUEST.PASSWORD}", "p4ssw0rd")
        })
        .collect();
    assert!(keys.len() > 10, "{keys:?}");
    Series::each(|series| {
        let agent = monitored.setting(series).agent("");
        for key in &keys {
            let answer = agent.get(key);
            assert!(!answer.is_empty() && !answer.starts_with("ZBX_NOTSUPPORTED"), "{series:?} {key}: {answer}");
        }
    });
}

#[test]
fn agent_daemon_answers_and_says_what_is_wrong() {
    let monitored = Monitored::start(0, 1);
    Series::each(|series| {
        let mut agent = monitored.setting(series).agent("");
        assert!(agent.log().contains("loaded modules: "), "{}", agent.log());
        assert_eq!(agent.get(&power_state(&monitored.host)), VALUE, "{series:?}: {}", agent.log());
        for (key, cause) in mistakes(&monitored.host) {
            let answer = agent.get(&key);
            assert!(answer.starts_with("ZBX_NOTSUPPORTED") && answer.contains(cause), "{series:?} {key}: {answer}");
        }
        assert_eq!(agent.get("vpoller.echo[\"a, b\",unique]"), "a, b");
        assert_eq!(agent.get("vpoller.status[status]"), "running");
        assert_eq!(agent.get("vpoller.status[counters.expired.waiting]"), "0");
        assert_eq!(agent.get(&format!("vpoller.status[agents.{0}.state,{0}]", monitored.host)), "connected");
        let whole: serde_json::Value = serde_json::from_str(&agent.get("vpoller.status[,@worker]")).expect("a document");
        assert_eq!(whole["agents"][0]["host"], monitored.host.as_str());
        let missing = agent.get("vpoller.status[nobody]");
        assert_eq!(missing, "ZBX_NOTSUPPORTED: The status of the proxy has no member nobody", "{series:?}");
        assert_eq!(agent.get(&power_state(&monitored.host)), VALUE, "{series:?} after mistakes");
        assert!(agent.process.is_running());
        agent.process.signal(libc::SIGTERM);
        assert!(agent.process.wait_exit(Duration::from_secs(10)).success());
    });
}

#[test]
fn agent_survives_a_vpoller_that_is_down() {
    let [port] = ports::free();
    Series::each(|series| {
        let setting = Setting::new(series, &format!("vPollerProxy=tcp://127.0.0.1:{port}\nvPollerTimeout=1000\n"));
        let mut agent = setting.agent("");
        let answer = agent.get(&power_state("vc01.example.org"));
        assert!(answer.starts_with("ZBX_NOTSUPPORTED: Did not receive response from vPoller"), "{series:?}: {answer}");
        assert!(agent.process.is_running());
        assert_eq!(agent.get("agent.ping"), "1");
    });
}

#[test]
fn many_requests_at_once_get_their_own_answers() {
    let monitored = Monitored::start(0, 1);
    let machines = ["vm01.example.org", "vm02.example.org", "vm03.example.org", "ns01.example.org"];
    Series::each(|series| {
        let agent = monitored.setting(series).agent("");
        std::thread::scope(|scope| {
            for name in machines {
                let (agent, host) = (&agent, &monitored.host);
                scope.spawn(move || {
                    for _ in 0..10 {
                        let answer = agent.get(&format!("vpoller[vm.get,{host},{name},name]"));
                        assert_eq!(answer, format!("\"{name}\""), "{series:?}");
                    }
                });
            }
        });
    });
}

#[test]
fn lone_proxy_stores_values_and_messages() {
    let monitored = Monitored::start(0, 1);
    Series::each(|series| {
        let mistakes = mistakes(&monitored.host);
        let good = power_state(&monitored.host);
        let keys: Vec<&str> = std::iter::once(good.as_str()).chain(mistakes.iter().map(|(key, _)| key.as_str())).collect();
        let mut proxy = monitored.setting(series).proxy(&keys, "");
        let value = proxy.wait_for(0, "value of the good item", |row| row.item == 0);
        assert!(value.supported && value.value == VALUE, "{series:?}: {value:?}");
        for (index, (key, cause)) in mistakes.iter().enumerate() {
            let row = proxy.wait_for(0, key, |row| row.item == index + 1);
            assert!(!row.supported && row.value.contains(cause), "{series:?} {key}: {row:?}");
        }
        let last = proxy.history(0).last().map_or(0, |row| row.id);
        let later = proxy.wait_for(last, "a later value", |row| row.item == 0);
        assert!(later.supported && later.value == VALUE, "{series:?}: {later:?}");
        proxy.stop();
    });
}

/// What the module says when a daemon is told to say everything, and that it says nothing of it otherwise.
#[test]
fn daemons_that_say_everything_say_what_the_module_does() {
    let monitored = Monitored::start(0, 1);
    let own = [
        "vPoller Timeout: 3000 (ms)",
        "vPoller Proxy: tcp://127.0.0.1:",
        "Sending task request to vPoller: ",
        "Received reply from vPoller",
    ];
    let secret = format!("vpoller[vm.process.get,{},vm01.example.org,cmdLine,,root,gu3st-s3cret]", monitored.host);
    let check = |series: Series, log: &str, talks: bool| {
        for text in own {
            assert_eq!(log.contains(text), talks, "{series:?}: {text} in {log}");
        }
        // Zabbix itself writes keys into its log at this level.
        let told: Vec<&str> = log.lines().filter(|line| line.contains("vPoller")).collect();
        assert!(!told.iter().any(|line| line.contains("gu3st-s3cret")), "{series:?}: {told:#?}");
    };
    Series::each(|series| {
        for (level, talks) in [("DebugLevel=4", true), ("DebugLevel=3", false)] {
            let agent = monitored.setting(series).agent(level);
            assert_eq!(agent.get(&power_state(&monitored.host)), VALUE, "{series:?}");
            assert!(agent.get(&secret).contains("Cannot get guest processes"), "{series:?}");
            check(series, &agent.log(), talks);
            let mut proxy = monitored.setting(series).proxy(&[&power_state(&monitored.host), &secret], level);
            proxy.wait_for(0, "value of the good item", |row| row.item == 0 && row.supported);
            proxy
                .wait_for(0, "message of the other one", |row| row.item == 1 && row.value.contains("Cannot get guest processes"));
            check(series, &proxy.log(), talks);
            proxy.stop();
        }
    });
}

#[test]
fn lone_proxy_outlives_vpoller() {
    Series::each(|series| {
        let mut monitored = Monitored::start(0, 1);
        let good = power_state(&monitored.host);
        let mut proxy = monitored.setting(series).proxy(&[&good], "");
        proxy.wait_for(0, "a value", |row| row.supported && row.value == VALUE);
        monitored.stack.proxy = None;
        let down = proxy.wait_for(0, "the outage in the history", |row| !row.supported);
        assert!(down.value.contains("Did not receive response from vPoller"), "{series:?}: {down:?}");
        monitored.stack.start_proxy();
        let back = proxy.wait_for(down.id, "a value after the outage", |row| row.supported);
        assert_eq!(back.value, VALUE, "{series:?}");
        proxy.stop();
    });
}
