//! The memory of a worker that two readers of a whole, busy estate ask.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::figures::slope;
use crate::setup::{Scene, Setup};
use crate::{Figures, RunOptions};

/// The statistics of all machines change together this often, in seconds.
pub(crate) const CHURN: u64 = 20;
/// What comes from vCenter is counted until then: the first load, and the first questions.
const BEGINNING: Duration = Duration::from_secs(120);
/// What the worker may take.
const MOST: u64 = 150 << 20;
pub(crate) const MIB: f64 = 1_048_576.0;

/// Every property of a set and twelve counters of every machine, again and again.
pub(crate) fn readers(run_options: &RunOptions) -> Figures {
    let scene = Scene { vms: run_options.pick(10_000, 200), hosts: run_options.pick(200, 10), documents: false };
    let mut setup = Setup::without_worker(scene);
    setup.churn(json!({"together": CHURN}));
    setup.simulator.reset_calls();
    let start = Instant::now();
    setup.start_worker();
    let minutes = run_options.minutes.unwrap_or(run_options.pick(60, 1));
    let every = Duration::from_secs(run_options.every.unwrap_or(run_options.pick(60, 5)));
    let end = Duration::from_secs(60 * minutes);
    let questions = [
        json!({"method": "vm.discover", "properties": ["@vm.base"], "timeout": 60_000}),
        json!({"method": "perf.get", "properties": ["@vm.perf"], "timeout": 60_000}),
    ];
    let mut client = setup.stack.client();
    let (mut asked, mut failed, mut bytes_of_replies) = (0, 0, 0);
    let mut bytes_in_the_beginning = None;
    // At rest: before a round of questions, when those of the round before have long been answered.
    let mut points = Vec::new();
    for round in 1.. {
        for question in &questions {
            let reply = setup.ask(&mut client, question.clone());
            let rows = reply["result"].as_array().map_or(0, Vec::len);
            asked += 1;
            failed += u64::from(rows < scene.vms);
            bytes_of_replies = bytes_of_replies.max(reply.to_string().len());
            if rows < scene.vms {
                eprintln!("  {}: {rows} rows, {}", question["method"], reply["msg"]);
            }
        }
        // The time that passes is what is measured.
        thread::sleep((every * round).saturating_sub(start.elapsed()));
        if bytes_in_the_beginning.is_none() && start.elapsed() >= BEGINNING.min(end) {
            bytes_in_the_beginning = Some(setup.simulator.calls().bytes_out);
        }
        points.push((start.elapsed().as_secs_f64() / 60.0, setup.memory() as f64 / MIB));
        if start.elapsed() >= end {
            break;
        }
    }
    let peak = peak(setup.pid());
    let rest = points.last().map_or(f64::NAN, |point| point.1);
    let growth = slope(&points[points.len() / 2..]);
    let beginning = bytes_in_the_beginning.unwrap_or(0) as f64 / 1e6;
    let shown = format!(
        "peak {:.0} MiB, {rest:.0} MiB between questions, {growth:+.2} MiB a minute in the second half; {asked} questions, {failed} \
         without all machines; {beginning:.0} MB from vCenter in the first {} s",
        peak as f64 / MIB,
        BEGINNING.min(end).as_secs()
    );
    // One part in a thousand of the whole a minute is what counts as flat.
    let met = peak <= MOST && growth.abs() <= rest / 1000.0 && failed == 0;
    let raw = json!({
        "minutes_and_mebibytes": points, "peak_bytes": peak, "largest_reply_bytes": bytes_of_replies, "asked": asked,
        "failed": failed, "bytes_in_the_beginning": bytes_in_the_beginning, "calls": methods(&setup),
    });
    Figures::new(shown, met, raw)
}

fn methods(setup: &Setup) -> Value {
    json!(setup.simulator.calls().methods)
}

/// The most memory that a process ever had, in bytes.
pub(crate) fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("status of the worker");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM of the worker");
    line.trim().strip_suffix(" kB").and_then(|text| text.parse::<u64>().ok()).expect("kilobytes") * 1024
}
