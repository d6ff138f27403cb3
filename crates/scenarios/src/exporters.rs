//! What the exporter costs: beside zROC's own collector, at fifteen thousand machines, and in a worker with two kinds of readers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vpoller_testkit::exposition::Exposition;
use vpoller_testkit::process::Process;
use vpoller_testkit::simulator::{PASSWORD, USER};
use vpoller_testkit::{Simulator, ports, wait_until, workspace};

use crate::figures::{median, number, slope};
use crate::readers::{CHURN, MIB, peak};
use crate::setup::{Scene, Setup};
use crate::{Figures, RunOptions};

/// Longest wait for a first cycle.
const LIMIT: Duration = Duration::from_secs(600);
/// What zROC Planner's own collector took for its first cycle, measured once on two processors against the same simulated estate of 10,000
/// machines on 204 hosts: calls, bytes of answers, seconds of processor time, seconds.
const THEIRS: [f64; 4] = [130_248.0, 629e6, 184.0, 301.0];

/// An exporter on its own, set up by zROC's variables.
struct Lone {
    simulator: Simulator,
    process: Process,
    address: String,
    /// Until its first cycle ended.
    seconds: f64,
}

impl Lone {
    fn start(scene: Scene) -> Self {
        let simulator = scene.simulator();
        simulator.reset_calls();
        let [port] = ports::free();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(workspace::binary("vpoller-exporter"));
        command.arg(format!("--web.listen-address={address}"));
        command.env("VCENTER_HOST", simulator.address().ip().to_string());
        command.env("VCENTER_PORT", simulator.address().port().to_string());
        command.env("VCENTER_USER", USER).env("VCENTER_PASSWORD", PASSWORD).env("BATCH_DELAY", "0");
        let start = Instant::now();
        let process = Process::spawn(command);
        wait_until(LIMIT, "the first cycle", || TcpStream::connect(&address).is_ok() && scrape(&address, "/-/ready").0 == 200);
        Self { simulator, process, address, seconds: start.elapsed().as_secs_f64() }
    }

    /// Milliseconds of a scrape by who takes pages packed, the median of nine, and its bytes.
    fn packed(&self) -> (f64, usize) {
        let mut bytes = 0;
        let times: Vec<f64> = (0..9)
            .map(|_| {
                let start = Instant::now();
                bytes = fetch(&self.address, "/metrics", "Accept-Encoding: gzip\r\n").len();
                start.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        (median(&times), bytes)
    }

    /// Milliseconds of a scrape, the median of nine, and the last page.
    fn scrapes(&self) -> (f64, String) {
        let mut page = String::new();
        let times: Vec<f64> = (0..9)
            .map(|_| {
                let start = Instant::now();
                page = scrape(&self.address, "/metrics").1;
                start.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        (median(&times), page)
    }
}

/// The whole answer to a question for a page.
fn fetch(address: &str, path: &str, header: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the exporter");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{header}\r\n").expect("a question");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// Status and body of a page, unread.
fn scrape(address: &str, path: &str) -> (u16, String) {
    let answer = String::from_utf8(fetch(address, path, "")).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

/// The first cycle beside that of zROC's own collector.
pub(crate) fn zroc(run_options: &RunOptions) -> Figures {
    let vms = run_options.pick(10_000, 200);
    let lone = Lone::start(Scene { vms, hosts: run_options.pick(204, 10), documents: false });
    let processor = lone.process.processor_seconds();
    let calls = lone.simulator.calls();
    let (milliseconds, page) = lone.scrapes();
    let series = page.lines().filter(|line| line.starts_with("vcenter_vm_")).count();
    let ours = [calls.total as f64, calls.bytes_out as f64, processor, lone.seconds];
    let times = [0, 1, 2, 3].map(|place| THEIRS[place] / ours[place]);
    let shown = format!(
        "{:.0} calls (1/{:.0}), {:.0} MB (1/{:.1}), {:.1} s of processor time (1/{:.0}), {:.1} s (1/{:.0}); {series} series, a scrape \
         {milliseconds:.0} ms",
        ours[0],
        times[0],
        ours[1] / 1e6,
        times[1],
        ours[2],
        times[2],
        ours[3],
        times[3]
    );
    let met = times[2] >= 60.0 && times[1] >= 10.0 && series >= 4 * vms;
    let raw = json!({"ours": ours, "theirs": THEIRS, "methods": calls.methods, "series": series, "scrape_ms": milliseconds});
    Figures::new(shown, met, raw)
}

/// A cycle and a scrape of fifteen thousand machines.
pub(crate) fn fifteen(run_options: &RunOptions) -> Figures {
    let vms = run_options.pick(15_000, 300);
    let lone = Lone::start(Scene { vms, hosts: run_options.pick(300, 10), documents: false });
    let (milliseconds, page) = lone.scrapes();
    let own = Exposition::read(&scrape(&lone.address, "/metrics/vsphere").1);
    let cycle = own
        .of("vpoller_exporter_last_cycle_duration_seconds")
        .filter_map(|sample| sample.value.parse().ok())
        .fold(f64::NAN, f64::max);
    let machines = page.lines().filter(|line| line.starts_with("vcenter_vm_disk_write_iops{")).count();
    let (packed, bytes) = lone.packed();
    let shown = format!(
        "{cycle:.1} s; a scrape {milliseconds:.0} ms ({:.1} MB), packed {packed:.0} ms ({:.1} MB); {machines} machines",
        page.len() as f64 / 1e6,
        bytes as f64 / 1e6
    );
    let met = cycle <= 15.0 && milliseconds <= 100.0 && machines >= vms;
    let raw = json!({"cycle_seconds": cycle, "scrape_ms": milliseconds, "bytes": page.len(), "packed_ms": packed, "packed_bytes": bytes, "machines": machines});
    Figures::new(shown, met, raw)
}

/// The memory of a worker that zROC's Prometheus and Ceilometer read at once.
pub(crate) fn both(run_options: &RunOptions) -> Figures {
    let scene = Scene { vms: run_options.pick(10_000, 200), hosts: run_options.pick(200, 10), documents: false };
    let mut setup = Setup::without_worker(scene);
    setup.churn(json!({"together": CHURN}));
    let [port] = ports::free();
    let address = format!("127.0.0.1:{port}");
    let section =
        format!("[exporter]\nhttp = {address}\nvsphere = no\npoll_interval = 60\nceilometer = yes\nceilometer_interval = 60\n");
    setup.stack.start_worker_with(&section);
    let start = Instant::now();
    wait_until(LIMIT, "the first cycle", || scrape(&address, "/-/ready").0 == 200);
    let end = start.elapsed() + Duration::from_secs(60 * run_options.minutes.unwrap_or(run_options.pick(20, 1)));
    let every = Duration::from_secs(run_options.every.unwrap_or(run_options.pick(30, 5)));
    let (mut points, mut least) = (Vec::new(), [usize::MAX; 2]);
    for round in 1.. {
        let zroc = scrape(&address, "/metrics/zroc").1;
        let samples: Value = serde_json::from_str(&scrape(&address, SAMPLES).1).expect("samples of Ceilometer");
        let machines = zroc.lines().filter(|line| line.starts_with("vcenter_vm_disk_write_iops{")).count();
        least = [least[0].min(machines), least[1].min(samples["samples"].as_array().map_or(0, Vec::len))];
        drop((zroc, samples));
        // The time that passes is what is measured.
        thread::sleep((every * round).saturating_sub(start.elapsed()));
        points.push((start.elapsed().as_secs_f64() / 60.0, setup.memory() as f64 / MIB));
        if start.elapsed() >= end {
            break;
        }
    }
    let most = peak(setup.pid()) as f64 / MIB;
    let growth = slope(&points[points.len() / 2..]);
    let calls = setup.simulator.calls();
    let queries = calls.methods.get("QueryPerf").copied().unwrap_or(0) as f64 / start.elapsed().as_secs_f64() * 60.0;
    let shown = format!(
        "peak {most:.0} MiB, {:.0} MiB between scrapes, {growth:+.2} MiB a minute in the second half; {queries:.0} QueryPerf a minute",
        points.last().map_or(f64::NAN, |point| point.1)
    );
    let raw =
        json!({"minutes_and_mebibytes": points, "peak": most, "least_machines_and_samples": least, "methods": calls.methods});
    Figures::new(shown, most <= 180.0 && number(&json!(least[0])) > 0.0, raw)
}

/// A meter that every machine has.
const SAMPLES: &str = "/v1/ceilometer/samples?meter=cpu_util";
