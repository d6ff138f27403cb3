//! The rows of the table: each measurement with what it should reach.

use std::fmt::Write;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::figures::{median, number, percentile, slope};
use crate::setup::{Scene, Setup, failures, reference};
use crate::{Figures, Row, RunOptions, collector, exporters, readers};
use vpoller_testkit::{Client, SimOptions, Simulator, wait_until};

/// Every measurement, in the order of the table.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "still",
        what: "100,000 property checks of the shipped kinds, warm, nothing changing, 1,000 VMs",
        measured: "property calls that vCenter saw, long polls aside",
        target: "0",
        run: still,
    },
    Row {
        name: "together",
        what: "all 1,000 VMs' statistics change together every 20 s",
        measured: "calls a minute, long polls included",
        target: "≤ 30",
        run: |run_options| changing(run_options, json!({"together": 20}), 30.0),
    },
    Row {
        name: "spread",
        what: "50 changes a second, spread evenly over 1,000 VMs",
        measured: "calls a minute, long polls included",
        target: "≤ 75",
        run: |run_options| changing(run_options, json!({"rate": 50}), 75.0),
    },
    Row {
        name: "throughput",
        what: "`vm.get` (czabbix), 64 clients, 1,000 VMs",
        measured: "share of the echo's rate through the same proxy, median of 7 alternating rounds",
        target: "≥ 0.80",
        run: throughput,
    },
    Row {
        name: "latency",
        what: "`vm.get` (czabbix), one client, 1,000 VMs",
        measured: "p50 as a multiple of the echo's, median of 9 alternating rounds",
        target: "≤ 1.20",
        run: latency,
    },
    Row {
        name: "size",
        what: "the same checks with 50, 1,000 and 10,000 VMs",
        measured: "worker CPU seconds per 1,000 checks, largest / smallest of the medians of 7 alternating rounds",
        target: "≤ 1.15",
        run: size,
    },
    Row {
        name: "counters",
        what: "20 counters of each of 1,000 VMs, each asked once a minute, spread evenly",
        measured: "QueryPerf calls a minute",
        target: "≤ 100",
        run: counters,
    },
    Row {
        name: "change",
        what: "a change in vCenter until a check shows it, 1,000 VMs, 50 other changes a second",
        measured: "p99 of 200",
        target: "≤ 1,500 ms",
        run: change,
    },
    Row {
        name: "discover",
        what: "`vm.discover` with 10 paths, 10,000 VMs, warm",
        measured: "share of the time of one plain RetrievePropertiesEx of the same set (govmomi), medians of 9",
        target: "≤ 0.20",
        run: discover,
    },
    Row {
        name: "memory",
        what: "10,000 VMs, 200 hosts, 10 minutes and 5 million checks of the shipped kinds",
        measured: "resident memory of the worker at the end; growth over the second half",
        target: "≤ 120 MB, flat",
        run: memory,
    },
    Row {
        name: "readers",
        what: "10,000 VMs, 200 hosts whose statistics change together every 20 s; all of `@vm.base` (`vm.discover`) and twelve counters \
               (`perf.get`) of all of them once a minute, for an hour",
        measured: "the most memory the worker ever had; between questions; growth over the second half",
        target: "≤ 150 MiB, flat",
        run: readers::readers,
    },
    Row {
        name: "both",
        what: "10,000 VMs, 200 hosts whose statistics change together every 20 s; a worker with an exporter that is read for zROC and for \
               Ceilometer every 30 s, for 20 minutes",
        measured: "the most memory the worker ever had; growth over the second half",
        target: "≤ 180 MiB",
        run: exporters::both,
    },
    Row {
        name: "zroc",
        what: "the first cycle of `vpoller-exporter` by zROC's variables, 10,000 VMs, 204 hosts",
        measured: "calls, bytes, processor time and time, with the share of what zROC's own collector took",
        target: "processor time ≤ 1/60, bytes ≤ 1/10",
        run: exporters::zroc,
    },
    Row {
        name: "fifteen",
        what: "`vpoller-exporter` by zROC's variables with `BATCH_DELAY=0`, 15,000 VMs, 300 hosts",
        measured: "a cycle; a scrape, the median of 9",
        target: "≤ 15 s; ≤ 100 ms",
        run: exporters::fifteen,
    },
    Row {
        name: "load",
        what: "first load of 10,000 VMs",
        measured: "multiple of the time of one plain RetrievePropertiesEx of the same set (govmomi), medians of 7",
        target: "≤ 1.5",
        run: first_load,
    },
    Row {
        name: "restart",
        what: "vCenter killed for 20 s and started again during 500 checks a second",
        measured: "failed checks; time from its first answer until a check shows a change",
        target: "0; ≤ 5 s",
        run: restart,
    },
    Row {
        name: "collector",
        what: "Zabbix 7.0 watches 500 VMs on 20 hosts: our templates beside its own VMware collector and template, one after the other",
        measured: "SOAP calls and server CPU a minute, time to values, new values a second",
        target: "≤ 1/50 of its calls, values no later",
        run: collector::beside,
    },
    Row {
        name: "thousand",
        what: "Zabbix 7.0 watches 1,000 VMs on 20 hosts with our templates",
        measured: "checks and SOAP calls a minute, long polls included",
        target: "≤ 100 QueryPerf, none of the checks failed",
        run: collector::thousand,
    },
];

const POWER_STATE: &str = r#"{"method": "vm.get", "hostname": "vc01.example.org", "name": "{vm.discover}", "properties": ["runtime.powerState"], "helper": "vpoller.helpers.czabbix"}"#;
/// A machine of the documents and a property of it, which only the scenario itself changes.
const PROBE: &str = "vm01.example.org";
const PROBED: &str = "summary.quickStats.overallCpuUsage";
const SOON: Duration = Duration::from_secs(60);
/// Limit for a few rounds of a minute each.
const LONG: Duration = Duration::from_secs(600);

fn still(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(1000, 50)));
    let checks = setup.checks();
    let warm = setup.warm(&checks, run_options.pick(20_000, 1000));
    let count = run_options.pick("100000", "1000");
    setup.simulator.reset_calls();
    let report = setup.load(&checks, &["-c", count, "-n", "16", "-w", "0"]);
    let calls = setup.property_calls();
    let shown = format!("{calls} calls, {} of {count} checks failed{}", failures(&report), warmth(warm));
    Figures::new(shown, calls == 0 && failures(&report) == 0, json!({"calls": setup.simulator.calls().methods, "report": report}))
}

fn changing(run_options: &RunOptions, pace: Value, most: f64) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(1000, 50)));
    let checks = setup.checks();
    let warm = setup.warm(&checks, run_options.pick(20_000, 1000));
    setup.churn(pace);
    let seconds = run_options.pick("120", "20");
    setup.simulator.reset_calls();
    let start = Instant::now();
    let report = setup.load(&checks, &["-d", seconds, "--rate", "500", "-n", "16", "-w", "0"]);
    let per_minute = setup.simulator.calls().total as f64 * 60.0 / start.elapsed().as_secs_f64();
    let shown = format!("{per_minute:.0} a minute, {} checks failed{}", failures(&report), warmth(warm));
    let met = per_minute <= most && failures(&report) == 0;
    Figures::new(shown, met, json!({"calls": setup.simulator.calls().methods, "report": report}))
}

fn throughput(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(1000, 50)));
    let requests = setup.requests(POWER_STATE);
    let warm = setup.warm(&requests, run_options.pick(3000, 200));
    let seconds = run_options.pick("5", "1");
    let backend = setup.stack.backend();
    let pid = setup.pid().to_string();
    let options = ["-n", "64", "-d", seconds, "--rounds", "7", "--echo", &backend, "--worker-pid", &pid];
    let report = setup.load(&requests, &options);
    let ratio = number(&report["ratio"]);
    let rate = |part: &str| number(&report[part]["per_second"]);
    let shown = format!("{ratio:.2} ({:.0}/s against {:.0}/s){}", rate("requests"), rate("echo"), warmth(warm));
    Figures::new(shown, ratio >= 0.8 && failures(&report) == 0, report)
}

fn latency(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(1000, 50)));
    let requests = setup.requests(POWER_STATE);
    let warm = setup.warm(&requests, run_options.pick(3000, 200));
    let backend = setup.stack.backend();
    let count = run_options.pick("4000", "300");
    let report = setup.load(&requests, &["-n", "1", "-c", count, "--rounds", "9", "--echo", &backend]);
    let ratio = number(&report["p50_ratio"]);
    let part = |part: &str| {
        let us = |name: &str| number(&report[part]["latency_us"][name]);
        format!("p50 {:.0} µs, p99 {:.0} µs", us("p50"), us("p99"))
    };
    let shown = format!("{ratio:.2} ({}; echo {}){}", part("requests"), part("echo"), warmth(warm));
    Figures::new(shown, ratio <= 1.2 && failures(&report) == 0, report)
}

fn size(run_options: &RunOptions) -> Figures {
    let sizes = run_options.pick([50, 1000, 10_000], [50, 100, 200]);
    let setups = sizes.map(|vms| Setup::start(Scene::with_vms(vms)));
    let requests = setups.each_ref().map(|setup| setup.requests(POWER_STATE));
    let warm = setups
        .iter()
        .zip(&requests)
        .zip(sizes)
        .all(|((setup, requests), vms)| setup.warm(requests, run_options.pick(vms.max(1000), 200)));
    let count = run_options.pick("50000", "500");
    let mut costs = sizes.map(|_| Vec::new());
    for _ in 0..run_options.pick(7, 3) {
        for ((setup, requests), costs) in setups.iter().zip(&requests).zip(&mut costs) {
            let pid = setup.pid().to_string();
            let report = setup.load(requests, &["-n", "16", "-c", count, "-w", "0", "--worker-pid", &pid]);
            assert_eq!(failures(&report), 0, "{report}");
            costs.push(number(&report["worker"]["cpu_seconds_per_1000"]));
        }
    }
    let medians = costs.each_ref().map(|costs| median(costs));
    let ratio = percentile(&medians, 100) / percentile(&medians, 1);
    let each: Vec<_> = sizes.iter().zip(&medians).map(|(vms, cost)| format!("{vms}: {cost:.4}")).collect();
    let shown = format!("{ratio:.2} ({}){}", each.join(", "), warmth(warm));
    Figures::new(shown, ratio <= 1.15, json!({"vms": sizes, "cpu_seconds_per_1000": costs}))
}

const COUNTERS: [&str; 20] = [
    "cpu.usage.percent.average",
    "cpu.usagemhz.megaHertz.average",
    "cpu.ready.millisecond.summation",
    "cpu.wait.millisecond.summation",
    "cpu.used.millisecond.summation",
    "cpu.system.millisecond.summation",
    "cpu.idle.millisecond.summation",
    "mem.usage.percent.average",
    "mem.active.kiloBytes.average",
    "mem.consumed.kiloBytes.average",
    "mem.granted.kiloBytes.average",
    "mem.overhead.kiloBytes.average",
    "mem.shared.kiloBytes.average",
    "mem.swapped.kiloBytes.average",
    "mem.vmmemctl.kiloBytes.average",
    "disk.usage.kiloBytesPerSecond.average",
    "net.usage.kiloBytesPerSecond.average",
    "net.received.kiloBytesPerSecond.average",
    "net.transmitted.kiloBytesPerSecond.average",
    "sys.uptime.second.latest",
];

fn counters(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(1000, 100)));
    let mut lines = String::new();
    for counter in COUNTERS {
        let request = json!({
            "method": "vm.perf.metric.get", "hostname": "vc01.example.org", "name": "{vm.discover}",
            "counter-name": counter, "instance": "", "helper": "vpoller.helpers.czabbix",
        });
        writeln!(lines, "{request}").expect("text");
    }
    let mut client = setup.stack.client();
    let known = setup.ask(&mut client, json!({"method": "vm.perf.metric.get", "name": "vm-00001", "counter-name": COUNTERS[0]}));
    if known["msg"] == "Unknown or missing task/method name" {
        return Figures::missing("this build has no performance methods");
    }
    let requests = setup.requests(&lines);
    // In the first rounds the worker learns which counters are asked for, and how often.
    let round = run_options.pick(20_000.0, 2000.0);
    let (learning, counted) = run_options.pick((2.0, 3.0), (1.0, 1.0));
    let rate = (round / 60.0_f64).to_string();
    let seconds = (60.0 * (learning + counted) + 5.0).to_string();
    let before = received(&setup);
    let (report, calls, minutes) = thread::scope(|scope| {
        let load = scope.spawn(|| setup.load(&requests, &["-n", "64", "--rate", &rate, "-d", &seconds, "-w", "0"]));
        wait_until(LONG, "the rounds before", || received(&setup) > before + learning * round);
        setup.simulator.reset_calls();
        let start = Instant::now();
        wait_until(LONG, "the rounds that count", || received(&setup) > before + (learning + counted) * round);
        let calls = setup.simulator.calls();
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        (load.join().expect("the load"), calls, minutes)
    });
    let per_minute = |method: &str| calls.methods.get(method).copied().unwrap_or(0) as f64 / minutes;
    let query = per_minute("QueryPerf");
    let count = round * counted / minutes;
    let shown = format!("{query:.0} a minute for {count:.0} checks, {} failed", failures(&report));
    Figures::new(shown, query <= 100.0 && failures(&report) == 0, json!({"calls": calls.methods, "report": report}))
}

fn change(run_options: &RunOptions) -> Figures {
    let count = run_options.pick(200, 20);
    let setup = Setup::start(Scene { vms: run_options.pick(1000, 50), documents: true, ..Scene::default() });
    let warm = setup.warm(&setup.requests(&POWER_STATE.replace("runtime.powerState", PROBED)), run_options.pick(3000, 200));
    setup.churn(json!({"rate": 50}));
    let mut client = setup.stack.client();
    let delays: Vec<f64> = (0..count).map(|turn| delay_of_change(&setup, &mut client, 100_000 + turn)).collect();
    let own = reference(&setup.simulator, "push", &["-vm", PROBE, "-count", &count.to_string()]);
    let p99 = percentile(&delays, 99);
    let shown = format!(
        "{p99:.0} ms, p50 {:.0} ms (the simulator's own push: p99 {:.0} ms, p50 {:.0} ms){}",
        median(&delays),
        percentile(&own, 99),
        median(&own),
        warmth(warm)
    );
    Figures::new(shown, p99 <= 1500.0, json!({"ms": delays, "simulator_ms": own}))
}

/// Milliseconds from a change to the first check that shows it.
fn delay_of_change(setup: &Setup, client: &mut Client, value: i32) -> f64 {
    let start = Instant::now();
    setup.simulator.set("VirtualMachine", PROBE, PROBED, &json!(value));
    let question = json!({"method": "vm.get", "name": PROBE, "properties": [PROBED]});
    wait_until(SOON, "the change in a check", || setup.ask(client, question.clone())["result"][0][PROBED] == json!(value));
    start.elapsed().as_secs_f64() * 1000.0
}

const DISCOVERED: [&str; 10] = [
    "name",
    "runtime.powerState",
    "runtime.connectionState",
    "summary.overallStatus",
    "summary.quickStats.overallCpuUsage",
    "summary.quickStats.guestMemoryUsage",
    "summary.quickStats.uptimeSeconds",
    "config.hardware.numCPU",
    "config.hardware.memoryMB",
    "guest.toolsRunningStatus",
];

fn discover(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene::with_vms(run_options.pick(10_000, 200)));
    let request = json!({"method": "vm.discover", "hostname": "vc01.example.org", "properties": DISCOVERED});
    let requests = setup.requests(&request.to_string());
    // A new property is in memory a while after the first request for it, with 10,000 machines a long while.
    let warm = (0..5).any(|_| setup.warm(&requests, 1));
    let set = format!("VirtualMachine={}", DISCOVERED.join(","));
    let mut ours = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..9 {
        let report = setup.load(&requests, &["-n", "1", "-c", "1", "-w", "0", "-t", "60000"]);
        assert_eq!(failures(&report), 0, "{report}");
        ours.push(number(&report["requests"]["latency_us"]["p50"]) / 1000.0);
        plain.extend(reference(&setup.simulator, "read", &["-rounds", "1", "-set", &set]));
    }
    let ratio = median(&ours) / median(&plain);
    let shown = format!("{ratio:.2} ({:.0} ms against {:.0} ms){}", median(&ours), median(&plain), warmth(warm));
    Figures::new(shown, ratio <= 0.2, json!({"ms": ours, "reference_ms": plain}))
}

fn memory(run_options: &RunOptions) -> Figures {
    let setup = Setup::start(Scene { vms: run_options.pick(10_000, 200), hosts: run_options.pick(200, 10), documents: false });
    let checks = setup.checks();
    let warm = setup.warm(&checks, run_options.pick(40_000, 1000));
    let (time, wanted) = run_options.pick((Duration::from_secs(600), 5_000_000.0), (Duration::from_secs(20), 1000.0));
    let start = Instant::now();
    let mut checked = 0.0;
    let mut failed = 0;
    let mut points = vec![(0.0, setup.memory() as f64)];
    // A machine that is too slow for this number of checks gets twice the time.
    while (start.elapsed() < time || checked < wanted) && start.elapsed() < 2 * time {
        let report = setup.load(&checks, &["-d", "10", "-n", "32", "-w", "0"]);
        checked += number(&report["requests"]["count"]);
        failed += failures(&report);
        points.push((start.elapsed().as_secs_f64() / 60.0, setup.memory() as f64));
    }
    let late = &points[points.len() / 2..];
    let growth = slope(late) / 1e6;
    let last = points.last().map_or(f64::NAN, |point| point.1) / 1e6;
    let shown = format!(
        "{last:.0} MB after {:.1} million checks ({failed} failed), {growth:+.3} MB a minute in the second half{}",
        checked / 1e6,
        warmth(warm)
    );
    // In the second half, memory counts as flat up to one part in a hundred a minute.
    let met = last <= 120.0 && growth.abs() <= last / 100.0 && checked >= wanted && failed == 0;
    Figures::new(shown, met, json!({"minutes_and_bytes": points, "checks": checked, "failed": failed}))
}

/// The properties that a worker always watches, as `crates/inventory/src/snapshot/base.rs` has them; in addition those of
/// [`EVERYWHERE`].
const WATCHED: [(&str, &str); 9] = [
    (
        "VirtualMachine",
        ",runtime.host,resourcePool,parentVApp,datastore,network,config.template,config.instanceUuid,config.uuid,\
         runtime.powerState,runtime.connectionState",
    ),
    ("HostSystem", ",datastore,network,runtime.powerState,runtime.connectionState,summary.hardware.uuid"),
    ("Datastore", ",info.url,summary.url,summary.accessible"),
    ("ComputeResource", ",resourcePool"),
    ("ResourcePool", ",owner"),
    ("Network", ",summary.accessible"),
    ("Datacenter", ""),
    ("Folder", ""),
    ("DistributedVirtualSwitch", ""),
];
const EVERYWHERE: &str = "name,parent,overallStatus,triggeredAlarmState";

fn first_load(run_options: &RunOptions) -> Figures {
    let mut setup = Setup::without_worker(Scene::with_vms(run_options.pick(10_000, 200)));
    let sets: Vec<String> = WATCHED.iter().map(|(kind, own)| format!("{kind}={EVERYWHERE}{own}")).collect();
    let options: Vec<&str> = ["-rounds", "1"].into_iter().chain(sets.iter().flat_map(|set| ["-set", set])).collect();
    let mut ours = Vec::new();
    let mut plain = Vec::new();
    for _ in 0..run_options.pick(7, 2) {
        setup.start_worker();
        let mut load = Value::Null;
        wait_until(SOON, "the first load", || {
            let cache = setup.agent()["vsphere"]["cache"].take();
            load = cache["counters"]["load_seconds"].clone();
            cache["state"] == "live" && number(&load) > 0.0
        });
        ours.push(number(&load) * 1000.0);
        setup.stack.workers.clear();
        plain.extend(reference(&setup.simulator, "read", &options));
    }
    let ratio = median(&ours) / median(&plain);
    let shown = format!("{ratio:.2} ({:.0} ms against {:.0} ms)", median(&ours), median(&plain));
    Figures::new(shown, ratio <= 1.5, json!({"ms": ours, "reference_ms": plain}))
}

fn restart(run_options: &RunOptions) -> Figures {
    let mut setup = Setup::start(Scene { vms: run_options.pick(1000, 50), documents: true, ..Scene::default() });
    let checks = setup.requests(&(POWER_STATE.to_owned() + "\n" + &POWER_STATE.replace("runtime.powerState", PROBED)));
    let warm = setup.warm(&checks, run_options.pick(6000, 400));
    let seconds = run_options.pick("60", "40");
    let address = setup.simulator.address();
    let options = ["-d", seconds, "--rate", "500", "-n", "64", "-w", "0"];
    let frontend = setup.stack.frontend();
    let before = received(&setup);
    let (report, fresh) = thread::scope(|scope| {
        let load = scope.spawn(|| crate::setup::load(&frontend, &checks, &options));
        // The load begins with requests for the names.
        wait_until(SOON, "the load", || received(&setup) > before + 1000.0);
        setup.simulator.process().kill();
        let down = Instant::now();
        thread::sleep(Duration::from_secs(20).saturating_sub(down.elapsed()));
        setup.simulator =
            Simulator::start(&SimOptions { vms: run_options.pick(1000, 50), listen: address, ..SimOptions::default() });
        let mut client = Client::new(frontend.clone());
        let fresh = delay_of_change(&setup, &mut client, 123_456) / 1000.0;
        (load.join().expect("the load"), fresh)
    });
    let failed = failures(&report);
    let count = number(&report["requests"]["count"]);
    let shown = format!("{failed} of {count:.0} checks failed, fresh after {fresh:.1} s{}", warmth(warm));
    Figures::new(shown, failed == 0 && fresh <= 5.0, json!({"fresh_seconds": fresh, "report": report}))
}

/// Requests that the proxy has received.
fn received(setup: &Setup) -> f64 {
    number(&setup.stack.proxy_status()["result"]["counters"]["received"])
}

fn warmth(warm: bool) -> &'static str {
    if warm { "" } else { "; it never got warm" }
}
