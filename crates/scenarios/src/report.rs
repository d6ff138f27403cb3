//! The files that a run leaves in `target/bench`.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::{RowResult, RunOptions};
use vpoller_testkit::workspace;

impl RowResult {
    pub(crate) fn shown(&self) -> String {
        match &self.figures {
            Ok(figures) => format!("{}: {}", if figures.met { "met" } else { "MISSED" }, figures.shown),
            Err(reason) => format!("FAILED: {reason}"),
        }
    }

    fn json(&self) -> Value {
        let (shown, met, raw) = match &self.figures {
            Ok(figures) => (figures.shown.as_str(), Some(figures.met), figures.raw.clone()),
            Err(reason) => (reason.as_str(), None, Value::Null),
        };
        json!({
            "name": self.row.name,
            "what": self.row.what,
            "measured_as": self.row.measured,
            "target": self.row.target,
            "result": shown,
            "met": met,
            "raw": raw,
            "seconds": self.seconds,
        })
    }
}

/// Writes `latest.json` and `latest.md`.
pub(crate) fn write(results: &[RowResult], run_options: &RunOptions) {
    let folder = workspace::artefact("bench");
    fs::create_dir_all(&folder).expect("folder for the results");
    let rows: Vec<_> = results.iter().map(RowResult::json).collect();
    let all =
        json!({"machine": machine(), "commit": output("git", &["rev-parse", "HEAD"]), "quick": run_options.quick, "rows": rows});
    let text = serde_json::to_string_pretty(&all).expect("JSON of the results");
    fs::write(folder.join("latest.json"), text + "\n").expect("latest.json");
    let mut table = format!("{}\n\n| | measured as | should be | is | |\n| --- | --- | --- | --- | --- |\n", machine_line());
    for result in results {
        let (is, verdict) = match &result.figures {
            Ok(figures) => (figures.shown.clone(), if figures.met { "reached" } else { "missed" }),
            Err(reason) => (reason.clone(), "failed"),
        };
        let row = result.row;
        writeln!(table, "| {} | {} | {} | {is} | {verdict} |", row.what, row.measured, row.target).expect("text");
    }
    fs::write(folder.join("latest.md"), &table).expect("latest.md");
    eprintln!("\n{table}\nwritten to {}", folder.display());
}

fn machine() -> Value {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<_> = processor.lines().filter_map(|line| line.strip_prefix("model name")?.split_once(": ")).collect();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    json!({
        "processor": models.first().map(|(_, model)| *model),
        "processors": models.len(),
        "memory_gib": kilobytes.map(|kilobytes| kilobytes / 1_048_576),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
    })
}

fn machine_line() -> String {
    let machine = machine();
    let text = |name: &str| machine[name].as_str().unwrap_or("?").to_owned();
    format!("{} x {}, {} GiB, Linux {}", machine["processors"], text("processor"), machine["memory_gib"], text("kernel"))
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).current_dir(workspace::root()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}
