//! `vpoller-scenarios`, the measurements of `make bench`: one scenario for each row of the table in docs/performance.md, on real processes and VMware's
//! simulator.
//!
//! A row says what is measured, what it should reach, and the result. Ratios come from one run on one machine, alternating; calls
//! are counted by the simulator and are exact. Nothing here is a test: a row that misses its target is reported.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that cannot be made ends with a panic's text, which the report shows"
)]

mod collector;
mod exporters;
mod figures;
mod readers;
mod report;
mod rows;
mod setup;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use crate::figures::Figures;

/// One measurement.
struct Row {
    /// The name on the command line.
    name: &'static str,
    /// What happens.
    what: &'static str,
    /// What is measured.
    measured: &'static str,
    /// What it should reach.
    target: &'static str,
    run: fn(&RunOptions) -> Figures,
}

struct RunOptions {
    /// Short runs, to see that everything works; their figures mean little.
    quick: bool,
    /// How long a row that watches memory runs, where that is not left to it.
    minutes: Option<u64>,
    /// How many seconds lie between two rounds of its questions.
    every: Option<u64>,
}

impl RunOptions {
    /// One of two values, for a thorough or for a quick run.
    fn pick<T>(&self, thorough: T, quick: T) -> T {
        if self.quick { quick } else { thorough }
    }
}

struct RowResult {
    row: &'static Row,
    figures: Result<Figures, String>,
    seconds: f64,
}

const USAGE: &str = "vpoller-scenarios [--quick] [--minutes N] [--every SECONDS] [--list] [NAME...]: measures everything, or the \
                     rows of these names; the two numbers are for the rows `readers` and `both`";

fn main() -> ExitCode {
    let mut run_options = RunOptions { quick: false, minutes: None, every: None };
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => run_options.quick = true,
            "--minutes" | "--every" => {
                let Some(number) = arguments.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0) else {
                    eprintln!("{argument} needs a number above 0. {USAGE}");
                    return ExitCode::FAILURE;
                };
                let place = if argument == "--minutes" { &mut run_options.minutes } else { &mut run_options.every };
                *place = Some(number);
            }
            "--list" => {
                rows::ROWS.iter().for_each(|row| eprintln!("{:<12} {}; {}", row.name, row.what, row.measured));
                return ExitCode::SUCCESS;
            }
            name if rows::ROWS.iter().any(|row| row.name == name) => names.push(argument),
            _ => {
                eprintln!("{argument}? {USAGE}");
                return ExitCode::FAILURE;
            }
        }
    }
    let chosen = rows::ROWS.iter().filter(|row| names.is_empty() || names.iter().any(|name| name == row.name));
    let results: Vec<_> = chosen.map(|row| measure(row, &run_options)).collect();
    report::write(&results, &run_options);
    // A row that misses its target is a finding; one that could not be measured is a failure of this program.
    if results.iter().all(|result| result.figures.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(row: &'static Row, run_options: &RunOptions) -> RowResult {
    eprintln!("{}: {}; {}", row.name, row.what, row.measured);
    let start = Instant::now();
    let figures = catch_unwind(AssertUnwindSafe(|| (row.run)(run_options))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_default().lines().next().unwrap_or("no reason given").to_owned()
    });
    let result = RowResult { row, figures, seconds: start.elapsed().as_secs_f64() };
    eprintln!("  {} ({})", result.shown(), row.target);
    result
}
