//! `vpoller-scenarios`, the measurements of `make bench`: one scenario for each row of the table in docs/performance.md, on real processes and VMware's
//! simulator.
//!
//! A row says what is measured, what it should reach, and what it took. Ratios come from one run on one machine, alternating;
//! calls are counted by the simulator and are exact. Nothing here is a test: a row that misses its mark is reported.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a measurement that cannot be made ends with a panic's text, which the report shows"
)]

mod bed;
mod collector;
mod figures;
mod report;
mod rows;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use crate::figures::Figures;

/// One measurement.
pub struct Row {
    /// A word for the command line.
    name: &'static str,
    /// What happens.
    what: &'static str,
    /// What is measured.
    measured: &'static str,
    /// What it should reach.
    target: &'static str,
    run: fn(&Settings) -> Figures,
}

/// How thorough to be.
pub struct Settings {
    /// Short runs, to see that everything works; the figures mean little.
    quick: bool,
}

impl Settings {
    /// The one or the other.
    fn pick<T>(&self, thorough: T, quick: T) -> T {
        if self.quick { quick } else { thorough }
    }
}

/// What became of a row.
struct Outcome {
    row: &'static Row,
    figures: Result<Figures, String>,
    seconds: f64,
}

const USAGE: &str = "vpoller-scenarios [--quick] [--list] [NAME...]: measures everything, or the rows of these names";

fn main() -> ExitCode {
    let mut settings = Settings { quick: false };
    let mut names = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => settings.quick = true,
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
    let outcomes: Vec<_> = chosen.map(|row| measure(row, &settings)).collect();
    report::write(&outcomes, &settings);
    // A row that misses its mark is a finding; one that could not be measured is a failure of this program.
    if outcomes.iter().all(|outcome| outcome.figures.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(row: &'static Row, settings: &Settings) -> Outcome {
    eprintln!("{}: {}; {}", row.name, row.what, row.measured);
    let start = Instant::now();
    let figures = catch_unwind(AssertUnwindSafe(|| (row.run)(settings))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        text.unwrap_or_default().lines().next().unwrap_or("no reason given").to_owned()
    });
    let outcome = Outcome { row, figures, seconds: start.elapsed().as_secs_f64() };
    eprintln!("  {} ({})", outcome.shown(), row.target);
    outcome
}
