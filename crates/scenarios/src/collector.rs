//! The cost of monitoring an estate with a whole Zabbix: with vPoller's templates, and with Zabbix's own VMware collector and its
//! template. Both with their defaults, on the same simulator, and each in a Zabbix of its own.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::figures::number;
use crate::setup::{Scene, Setup};
use crate::{Figures, RunOptions};
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::zabbix::{Series, Server, Setting};
use vpoller_testkit::{Simulator, Stack, workspace};

/// Longest wait for a value of every machine.
const LIMIT: Duration = Duration::from_secs(1200);
/// After this time without any value the discovery rules are executed by hand, as an administrator would do. A rule of Zabbix's own
/// template that was due before the collector had its first data has no value, and is due again an hour later.
const PATIENCE: Duration = Duration::from_secs(150);
/// Pause between two queries, which load the database.
const PACE: Duration = Duration::from_secs(3);
/// Seconds between changes of the statistics of all machines, which a vCenter changes together.
const CHURN: u64 = 20;
/// Caches for this number of items. No interval is changed; the server reads its configuration as often as 7.0 does by default.
const ROOM: &str = "CacheUpdateFrequency=10\nCacheSize=512M\nValueCacheSize=128M\nVMwareCacheSize=256M\nHistoryCacheSize=64M\nHistoryIndexCacheSize=64M\nTrendCacheSize=64M\n";
/// Hosts beside the first. None has a SCSI disk: the collector would make more calls for each.
const MORE_HOSTS: usize = 19;
/// The tables with values.
const HISTORY: [&str; 5] = ["history", "history_uint", "history_str", "history_text", "history_log"];
/// Enabled items of enabled hosts, without prototypes.
const ITEMS: &str = "items i join hosts h using (hostid) join item_rtdata r using (itemid) where i.status = 0 and h.status = 0 and i.flags in (0, 4) and h.flags <> 2";

/// What monitors the estate.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Watcher {
    Vpoller,
    ZabbixCollector,
}

/// A simulated vCenter with what monitors it.
struct WatchedEstate {
    watcher: Watcher,
    vms: usize,
    // Fields are dropped in this order: the server asks the others.
    server: Server,
    stack: Option<Stack>,
    simulator: Simulator,
    vsphere: String,
}

/// When values arrived, in seconds after the vCenter was added as a host.
struct ArrivalTimes {
    first: f64,
    /// The first value of the last machine.
    last: f64,
    machines: f64,
    /// When the discovery rules were executed by hand.
    executed_by_hand: Option<f64>,
}

/// Counters at one time.
struct Totals {
    at: Instant,
    calls: f64,
    /// Requests that vPoller has received.
    checks: f64,
    /// Values in Zabbix's history.
    values: f64,
    server: f64,
    database: f64,
    proxy: f64,
    worker: f64,
}

/// vPoller's templates and Zabbix's own, one after the other.
pub(crate) fn beside(run_options: &RunOptions) -> Figures {
    let vms = run_options.pick(500, 20);
    let [ours, theirs] =
        [Watcher::Vpoller, Watcher::ZabbixCollector].map(|watcher| WatchedEstate::start(watcher, vms).measure(run_options));
    let both = |name: &str, digits: usize| format!("{:.digits$} against {:.digits$}", number(&ours[name]), number(&theirs[name]));
    let times = number(&theirs["calls_per_minute"]) / number(&ours["calls_per_minute"]);
    let shown = format!(
        "{} SOAP calls a minute (1/{times:.0}); server CPU {} s a minute, database {} s (vPoller's own {:.1} s); \
         first value after {} s, of every VM after {} s; {} new values a second; {} of {} items not supported",
        both("calls_per_minute", 0),
        both("server_cpu_per_minute", 1),
        both("database_cpu_per_minute", 1),
        number(&ours["proxy_cpu_per_minute"]) + number(&ours["worker_cpu_per_minute"]),
        both("first_value_seconds", 0),
        both("every_value_seconds", 0),
        both("values_per_second", 0),
        both("unsupported", 0),
        both("items", 0),
    );
    let executed_by_hand = match theirs["discovery_executed_seconds"].as_f64() {
        Some(seconds) => format!("; its discovery was executed by hand after {seconds:.0} s"),
        None => String::new(),
    };
    let shown = shown + &executed_by_hand;
    let no_later = |name: &str| number(&ours[name]) <= number(&theirs[name]);
    let met = times >= 50.0 && no_later("first_value_seconds") && no_later("every_value_seconds");
    Figures::new(shown, met, json!({"ours": ours, "theirs": theirs}))
}

/// vPoller's templates alone, for a bigger estate.
pub(crate) fn thousand(run_options: &RunOptions) -> Figures {
    let found = WatchedEstate::start(Watcher::Vpoller, run_options.pick(1000, 40)).measure(run_options);
    let [checks, calls, unsupported] = ["checks_per_minute", "calls_per_minute", "unsupported"].map(|name| number(&found[name]));
    let query = found["methods_per_minute"]["QueryPerf"].as_f64().unwrap_or(0.0);
    let shown =
        format!("{checks:.0} checks, {calls:.0} calls a minute, {query:.0} of them QueryPerf; {unsupported:.0} items failed");
    Figures::new(shown, query <= 100.0 && unsupported == 0.0, found)
}

impl Watcher {
    /// The template of the vCenter's host, which makes the other hosts.
    const fn template(self) -> &'static str {
        match self {
            Self::Vpoller => "VMware vSphere by vPoller",
            Self::ZabbixCollector => "VMware",
        }
    }

    /// Pattern of the key of the item with the power state of a machine.
    const fn power(self) -> &'static str {
        match self {
            Self::Vpoller => "vpoller.vm[power]",
            Self::ZabbixCollector => "vmware.vm.powerstate[%",
        }
    }
}

impl WatchedEstate {
    /// Starts everything; the vCenter is not a host of Zabbix yet.
    fn start(watcher: Watcher, vms: usize) -> Self {
        let scene = Scene { vms, hosts: MORE_HOSTS, documents: false };
        let (simulator, stack) = match watcher {
            Watcher::Vpoller => {
                let setup = Setup::start(scene);
                (setup.simulator, Some(setup.stack))
            }
            Watcher::ZabbixCollector => (scene.simulator(), None),
        };
        let hosts = (1..=MORE_HOSTS).map(|number| format!("esxi-{number:04}.example.org"));
        for name in hosts.chain(["esxi01.example.org".to_owned()]) {
            simulator.set("HostSystem", &name, "config.storageDevice.scsiTopology", &Value::Null);
        }
        simulator.page("POST", "/churn", &json!({"together": CHURN}).to_string());
        let module = stack.as_ref().map(|stack| format!("vPollerProxy={}\n", stack.frontend())).unwrap_or_default();
        let collectors = if watcher == Watcher::ZabbixCollector { "StartVMwareCollectors=2\n" } else { "" };
        let server = Setting::new(Series::V7_0, &module).server(&format!("{ROOM}{collectors}"));
        let own = server.api.get("host", &json!({"filter": {"host": ["Zabbix server"]}, "output": ["hostid"]}));
        server.api.call("host.update", &json!({"hostid": own[0]["hostid"], "status": 1}));
        let vsphere = simulator.address().ip().to_string();
        Self { watcher, vms, server, stack, simulator, vsphere }
    }

    /// Adds the vCenter, waits for all values, and counts for a while.
    fn measure(mut self, run_options: &RunOptions) -> Value {
        self.simulator.reset_calls();
        let added = self.add_vcenter();
        let arrival = self.wait_for_values(added);
        let first_calls = self.simulator.calls().total;
        // The time that passes is what is measured: first some until everything is regular, then some to count.
        thread::sleep(run_options.pick(Duration::from_secs(120), Duration::from_secs(10)));
        self.simulator.reset_calls();
        let before = self.count();
        thread::sleep(run_options.pick(Duration::from_secs(240), Duration::from_secs(20)));
        let after = self.count();
        let minutes = after.at.duration_since(before.at).as_secs_f64() / 60.0;
        let rate = |pick: fn(&Totals) -> f64| (pick(&after) - pick(&before)) / minutes;
        let methods = self.simulator.calls().methods;
        json!({
            "vms": self.vms,
            "first_value_seconds": arrival.first,
            "every_value_seconds": arrival.last,
            "machines_with_values": arrival.machines,
            "discovery_executed_seconds": arrival.executed_by_hand,
            "calls_until_then": first_calls,
            "minutes": minutes,
            "calls_per_minute": rate(|count| count.calls),
            "methods_per_minute": methods.iter().map(|(name, calls)| (name.clone(), json!(*calls as f64 / minutes))).collect::<serde_json::Map<_, _>>(),
            "checks_per_minute": rate(|count| count.checks),
            "values_per_second": rate(|count| count.values) / 60.0,
            "server_cpu_per_minute": rate(|count| count.server),
            "database_cpu_per_minute": rate(|count| count.database),
            "proxy_cpu_per_minute": rate(|count| count.proxy),
            "worker_cpu_per_minute": rate(|count| count.worker),
            "items": self.number(&format!("select count(*) from {ITEMS}")),
            "unsupported": self.number(&format!("select count(*) from {ITEMS} and r.state = 1")),
            "unsupported_keys": self.lines(&format!(
                "select split_part(i.key_, '[', 1), count(*), min(r.error) from {ITEMS} and r.state = 1 \
                 group by 1 order by 2 desc"
            )),
            "keys_without_values": self.lines(&self.without_values()),
        })
    }

    /// Adds the vCenter as a host and returns the time before.
    fn add_vcenter(&self) -> f64 {
        let api = &self.server.api;
        let url = self.simulator.url();
        let macros: &[(&str, &str)] = match self.watcher {
            Watcher::Vpoller => {
                let file = workspace::root().join("templates/zabbix/vpoller-all.yaml");
                let file = std::fs::read_to_string(file).expect("vpoller-all.yaml");
                api.import(&file).unwrap_or_else(|error| panic!("import: {error}"));
                &[("{$VSPHERE.HOST}", &self.vsphere)]
            }
            Watcher::ZabbixCollector => {
                &[("{$VMWARE.URL}", &url), ("{$VMWARE.USERNAME}", USER), ("{$VMWARE.PASSWORD}", PASSWORD)]
            }
        };
        let before = now();
        api.add_host("vCenter", "vSphere", &[self.watcher.template()], macros);
        before
    }

    /// Waits until there is a power state of every machine.
    fn wait_for_values(&mut self, added: f64) -> ArrivalTimes {
        let question = format!(
            "select min(clock), max(clock), count(*) from (select min(v.clock) clock from history_uint v join items i using (itemid) \
             where i.key_ like '{}' group by i.itemid) firsts",
            self.watcher.power()
        );
        let start = Instant::now();
        let mut executed_by_hand = None;
        loop {
            thread::sleep(PACE);
            assert!(self.server.process.is_running(), "the Zabbix server has ended itself: its log says why");
            let row = self.server.sql(&question);
            let mut fields = row.trim().split('|').map(|field| field.parse::<f64>().unwrap_or(f64::NAN));
            let [first, last, count] = [(); 3].map(|()| fields.next().unwrap_or(f64::NAN));
            if count as usize >= self.vms || start.elapsed() > LIMIT {
                return ArrivalTimes { first: first - added, last: last - added, machines: count, executed_by_hand };
            }
            if count < 1.0 && executed_by_hand.is_none() && start.elapsed() > PATIENCE {
                executed_by_hand = Some(now() - added);
                self.execute_discovery();
            }
        }
    }

    fn execute_discovery(&self) {
        let host = self.server.api.get("host", &json!({"filter": {"host": ["vCenter"]}, "output": ["hostid"]}));
        let rules = json!({"hostids": host[0]["hostid"], "output": ["itemid"], "filter": {"type": 3}});
        let tasks: Vec<Value> =
            self.server.api.get("discoveryrule", &rules).iter().map(|rule| json!({"type": 6, "request": rule})).collect();
        self.server.api.call("task.create", &json!(tasks));
    }

    fn count(&self) -> Totals {
        let calls = self.simulator.calls().total as f64;
        let tables = HISTORY.map(|table| format!("(select count(*) from {table})")).join(" + ");
        let [server, database] = self.server.processor_seconds();
        let stack = self.stack.as_ref();
        let proxy = stack.and_then(|stack| stack.proxy.as_ref());
        let worker = stack.and_then(|stack| stack.workers.first());
        Totals {
            at: Instant::now(),
            calls,
            checks: stack.map_or(0.0, |stack| number(&stack.proxy_status()["result"]["counters"]["received"])),
            values: self.number(&format!("select {tables}")),
            server,
            database,
            proxy: proxy.map_or(0.0, |proxy| proxy.processor_seconds()),
            worker: worker.map_or(0.0, |worker| worker.process.processor_seconds()),
        }
    }

    /// A query for the stored items without any value, by key.
    fn without_values(&self) -> String {
        let none = HISTORY.map(|table| format!("not exists (select from {table} v where v.itemid = i.itemid)")).join(" and ");
        format!(
            "select split_part(i.key_, '[', 1), count(*) from {ITEMS} and i.history <> '0' and {none} group by 1 order by 2 desc"
        )
    }

    fn number(&self, question: &str) -> f64 {
        let row = self.server.sql(question);
        row.trim().parse().unwrap_or_else(|_| panic!("{question}: {row}"))
    }

    fn lines(&self, question: &str) -> Vec<String> {
        self.server.sql(question).lines().map(str::to_owned).collect()
    }
}

/// Seconds since 1970; values in Zabbix have whole seconds.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}
