//! The exporter itself, and the process that it is a part of.

use std::fs;
use std::time::Duration;

use vpoller_daemon::status::VERSION;

use super::figures::{Collector, figure};
use crate::exposition::FamilyKind::{Counter, Gauge, Info};

pub(super) const COLLECTOR: Collector = Collector {
    name: "exporter",
    figures: &[
        figure(Info, "vpoller_exporter_build", "", &["version"], "Version of the exporter.", |_, page| {
            page.sample(&[("version", VERSION)], 1);
        }),
        figure(Gauge, "vpoller_exporter_uptime_seconds", "seconds", &[], "Time since the exporter started.", |figures, page| {
            page.sample(&[], figures.state.started.elapsed().as_secs_f64());
        }),
        figure(Counter, "process_cpu_seconds", "seconds", &[], "Processor time of the process.", |_, page| {
            if let Some(process) = ProcessFigures::read() {
                page.sample(&[], process.processor_time.as_secs_f64());
            }
        }),
        figure(Gauge, "process_resident_memory_bytes", "bytes", &[], "Memory of the process.", |_, page| {
            if let Some(bytes) = ProcessFigures::read().and_then(|process| process.memory) {
                page.sample(&[], bytes);
            }
        }),
        figure(Gauge, "process_open_fds", "", &[], "Open files of the process.", |_, page| {
            if let Ok(open) = fs::read_dir("/proc/self/fd") {
                page.sample(&[], open.count());
            }
        }),
    ],
};

/// What the system says of this process.
struct ProcessFigures {
    processor_time: Duration,
    memory: Option<u64>,
}

/// Ticks of a second in the files of the system, the same on every architecture that we build for.
const TICKS: u64 = 100;

impl ProcessFigures {
    fn read() -> Option<Self> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let (_, behind) = text.rsplit_once(')')?;
        let mut fields = behind.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        let ticks = ticks()? + ticks()?;
        let status = fs::read_to_string("/proc/self/status").ok();
        let memory = status.and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        });
        Some(Self { processor_time: Duration::from_millis(ticks * 1000 / TICKS), memory })
    }
}
