//! What people see of a run: log lines on stderr and, on a terminal, how far it is.

use std::cell::{Cell, RefCell};
use std::fmt;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::note::{Level, Note};
use vpoller_cli::log::Log;

/// Log lines and progress. Counts what went wrong, for the exit code.
pub struct Console {
    log: Log,
    bar: RefCell<ProgressBar>,
    failures: Cell<u64>,
}

impl Console {
    /// Lines go to the log. The bar shows on a terminal only, and only after [`Console::expect`].
    pub fn new(log: Log) -> Self {
        Self { log, bar: RefCell::new(ProgressBar::hidden()), failures: Cell::new(0) }
    }

    /// Shows progress towards so many steps from now on, where somebody looks.
    pub fn expect(&self, steps: usize) {
        let bar = ProgressBar::with_draw_target(u64::try_from(steps).ok(), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {eta} left") {
            bar.set_style(style);
        }
        *self.bar.borrow_mut() = bar;
    }

    /// So many steps were done, or failed.
    pub fn advance(&self, steps: usize) {
        self.bar.borrow().inc(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.borrow().finish_and_clear();
    }

    /// A line about something in progress or done.
    pub fn info(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.info(text));
    }

    /// A line about something that may not be what was meant.
    pub fn warning(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.warning(text));
    }

    /// A line about something that was not done because the run ends here.
    pub fn error(&self, text: impl fmt::Display) {
        self.fail();
        self.bar.borrow().suspend(|| self.log.error(text));
    }

    /// A line that helps to find out why something is slow or wrong.
    pub fn debug(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.debug(text));
    }

    /// A line about something that was not done; the run goes on.
    pub fn failed(&self, text: impl fmt::Display) {
        self.fail();
        self.warning(text);
    }

    /// A note, with what stands before those that want it.
    pub fn note(&self, prefix: &str, note: &Note) {
        if note.fails {
            self.fail();
        }
        let text = if note.prefixed { format!("{prefix} {}", note.text) } else { note.text.clone() };
        match note.level {
            Level::Info => self.info(text),
            Level::Warning => self.warning(text),
            Level::Error => self.bar.borrow().suspend(|| self.log.error(text)),
        }
    }

    /// How many things went wrong.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// Where the lines go, for those who write their own.
    pub fn log(&self) -> &Log {
        &self.log
    }

    fn fail(&self) {
        self.failures.set(self.failures.get() + 1);
    }
}
