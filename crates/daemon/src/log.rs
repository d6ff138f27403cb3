//! Log lines as users know them: `[2014-09-06 10:33:28,420 - INFO/MainProcess] text`, local time, on stderr.
//!
//! The "process" is the thread's name: the original ran processes where we run threads, and log filters match on it. A line
//! stays a line: control characters in a text (names come from outside) are escaped.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Zoned;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use vpoller_text::{Controls, one_line};

/// Events of this target are printed as `CRITICAL`; see [`crate::critical`].
pub const CRITICAL: &str = "critical";

/// Logs what ends or cripples the program, with the level word `CRITICAL`.
#[macro_export]
macro_rules! critical {
    ($($arg:tt)+) => { $crate::tracing::error!(target: $crate::log::CRITICAL, $($arg)+) };
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verbosity {
    /// Everything, each request included (secrets never).
    Debug,
    /// What an operator wants to read.
    #[default]
    Info,
    /// Only what needs attention.
    Warning,
    /// Only what failed.
    Error,
}

impl From<bool> for Verbosity {
    fn from(debug: bool) -> Self {
        if debug { Self::Debug } else { Self::Info }
    }
}

impl From<Verbosity> for LevelFilter {
    fn from(verbosity: Verbosity) -> Self {
        match verbosity {
            Verbosity::Debug => Self::DEBUG,
            Verbosity::Info => Self::INFO,
            Verbosity::Warning => Self::WARN,
            Verbosity::Error => Self::ERROR,
        }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log file cannot be opened.
    #[error("cannot open log file {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    /// A log is there already.
    #[error("the log was set up twice in one process")]
    Twice,
}

/// The running log; keep it to reopen the file after it was rotated.
#[derive(Clone, Debug)]
pub struct Log {
    output: Output,
}

impl Log {
    /// Opens the log file again under its name; nothing happens when the log goes to stderr.
    ///
    /// # Errors
    /// When the file cannot be opened; the log then goes on in the old one.
    pub fn reopen(&self) -> Result<(), LogError> {
        self.output.reopen()
    }
}

/// Starts the log of this process and makes panics show up in it.
///
/// `output` names a file to append to; `None` and `-` mean stderr.
///
/// # Errors
/// When the file cannot be opened, or a log was started before.
pub fn init(verbosity: impl Into<Verbosity>, output: Option<PathBuf>) -> Result<Log, LogError> {
    let output = Output::open(output.filter(|path| path != Path::new("-")))?;
    let subscriber = subscriber(verbosity.into(), output.clone());
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    panic::set_hook(Box::new(|info| {
        critical!("A bug in vPoller: {info}");
    }));
    Ok(Log { output })
}

fn subscriber<W>(verbosity: Verbosity, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Libraries speak up only when something is wrong.
    let targets = Targets::new().with_default(LevelFilter::WARN).with_target("vpoller", LevelFilter::from(verbosity));
    let lines = tracing_subscriber::fmt::layer().event_format(LineFormat).with_writer(writer);
    tracing_subscriber::registry().with(targets).with(lines)
}

/// Where lines go.
#[derive(Clone, Debug)]
struct Output {
    /// `None` is stderr. The mutex is held for one write.
    file: Option<Arc<(PathBuf, Mutex<File>)>>,
}

impl Output {
    fn open(path: Option<PathBuf>) -> Result<Self, LogError> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let file = open(&path)?;
        Ok(Self { file: Some(Arc::new((path, Mutex::new(file)))) })
    }

    fn reopen(&self) -> Result<(), LogError> {
        if let Some((path, file)) = self.file.as_deref() {
            *lock(file) = open(path)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<File, LogError> {
    let fail = |source| LogError::Open { path: path.to_owned(), source };
    OpenOptions::new().append(true).create(true).open(path).map_err(fail)
}

fn lock(file: &Mutex<File>) -> MutexGuard<'_, File> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MakeWriter<'_> for Output {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.file.as_deref() {
            Some((_, file)) => lock(file).write(line),
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The format of one line.
struct LineFormat;

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut text = String::new();
        context.field_format().format_fields(Writer::new(&mut text), event)?;
        let now = Zoned::now();
        let milliseconds = now.subsec_nanosecond() / 1_000_000;
        let level = level_word(event.metadata());
        write!(writer, "[{},{milliseconds:03} - {level}/{}] ", now.strftime("%Y-%m-%d %H:%M:%S"), process_name())?;
        writeln!(writer, "{}", one_line(&text, Controls::Escaped))
    }
}

fn level_word(metadata: &Metadata<'_>) -> &'static str {
    match *metadata.level() {
        _ if metadata.target() == CRITICAL => "CRITICAL",
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

fn process_name() -> String {
    match std::thread::current().name() {
        None | Some("main") => "MainProcess".to_owned(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// What `say` logs at the given verbosity, from a thread of the given name.
    fn logged(verbosity: Verbosity, thread: &str, say: impl FnOnce() + Send + 'static) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let output = Output::open(Some(path.clone())).unwrap();
        let run = move || tracing::subscriber::with_default(subscriber(verbosity, output), say);
        thread::Builder::new().name(thread.to_owned()).spawn(run).unwrap().join().unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn lines_look_like_the_originals() {
        let text = logged(Verbosity::Info, "VPollerProxy-1", || {
            tracing::info!(target: "vpoller_proxy", "Proxy process is starting");
            tracing::warn!(target: "vpoller_proxy", host = "vc01", "slow");
            critical!("gone");
        });
        let lines: Vec<_> = text.lines().collect();
        let (time, rest) = lines[0].split_at("[2014-09-06 10:33:28,420".len());
        assert_eq!(rest, " - INFO/VPollerProxy-1] Proxy process is starting");
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(shape, "[9999-99-99 99:99:99,999");
        assert!(lines[1].contains(" - WARNING/VPollerProxy-1] slow host=\"vc01\""), "{}", lines[1]);
        assert!(lines[2].contains(" - CRITICAL/VPollerProxy-1] gone"), "{}", lines[2]);
    }

    #[test]
    fn the_main_thread_is_the_main_process() {
        assert!(logged(Verbosity::Info, "main", || tracing::info!(target: "vpoller", "x")).contains("INFO/MainProcess] x"));
    }

    #[test]
    fn verbosity_is_for_us_and_libraries_stay_quiet() {
        let say = || {
            tracing::debug!(target: "vpoller_proxy", "ours");
            tracing::info!(target: "hyper", "theirs");
        };
        assert!(logged(Verbosity::Debug, "t", say).contains("DEBUG/t] ours"));
        assert!(!logged(Verbosity::Debug, "t", say).contains("theirs"));
        assert_eq!(logged(Verbosity::Info, "t", say), "");
    }

    #[test]
    fn text_from_outside_cannot_start_a_line_of_its_own() {
        let text = logged(Verbosity::Info, "t", || tracing::info!(target: "vpoller", "a\n[forged]\x1b[0m ü"));
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("] a\\n[forged]") && text.ends_with("ü\n") && !text.contains('\x1b'), "{text}");
    }

    #[test]
    fn a_rotated_file_is_left_on_reopen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = Log { output: Output::open(Some(path.clone())).unwrap() };
        std::fs::rename(&path, directory.path().join("old")).unwrap();
        log.reopen().unwrap();
        log.output.clone().write_all(b"new\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
    }
}
