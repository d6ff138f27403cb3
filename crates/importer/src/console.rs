//! What the operator sees of a run: log lines on stderr and, on a terminal, a progress bar.

use std::cell::{Cell, RefCell};
use std::fmt;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::message::{Message, MessageLevel};
use vpoller_cli::log::Log;

/// Log lines and progress bar. Counts failures, for the exit code.
pub(crate) struct Console {
    log: Log,
    bar: RefCell<ProgressBar>,
    failures: Cell<u64>,
}

impl Console {
    /// Lines go to the log. The bar shows on a terminal only, and only after [`Console::expect`].
    pub(crate) fn new(log: Log) -> Self {
        Self { log, bar: RefCell::new(ProgressBar::hidden()), failures: Cell::new(0) }
    }

    /// Shows the progress bar for this number of steps; on a terminal only.
    pub(crate) fn expect(&self, steps: usize) {
        let bar = ProgressBar::with_draw_target(u64::try_from(steps).ok(), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {eta} left") {
            bar.set_style(style);
        }
        *self.bar.borrow_mut() = bar;
    }

    /// Records that this number of steps was done, or failed.
    pub(crate) fn advance(&self, steps: usize) {
        self.bar.borrow().inc(u64::try_from(steps).unwrap_or(u64::MAX));
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.borrow().finish_and_clear();
    }

    /// A line about something in progress or done.
    pub(crate) fn info(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.info(text));
    }

    /// A line about something that may not be what was meant.
    pub(crate) fn warning(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.warning(text));
    }

    /// A line about something that was not done because the run ends here.
    pub(crate) fn error(&self, text: impl fmt::Display) {
        self.fail();
        self.bar.borrow().suspend(|| self.log.error(text));
    }

    /// A line that helps to find out why something is slow or wrong.
    pub(crate) fn debug(&self, text: impl fmt::Display) {
        self.bar.borrow().suspend(|| self.log.debug(text));
    }

    /// A line about something that was not done; the run goes on.
    pub(crate) fn failed(&self, text: impl fmt::Display) {
        self.fail();
        self.warning(text);
    }

    /// Logs a message of the plan, with the prefix if the message wants one.
    pub(crate) fn message(&self, prefix: &str, message: &Message) {
        if message.fails {
            self.fail();
        }
        let text = if message.prefixed { format!("{prefix} {}", message.text) } else { message.text.clone() };
        match message.level {
            MessageLevel::Info => self.info(text),
            MessageLevel::Warning => self.warning(text),
            MessageLevel::Error => self.bar.borrow().suspend(|| self.log.error(text)),
        }
    }

    /// Number of failures so far.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// For code that writes log lines itself.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    fn fail(&self) {
        self.failures.set(self.failures.get() + 1);
    }
}
