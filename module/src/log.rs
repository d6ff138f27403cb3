//! Writes lines to Zabbix's log, through Zabbix's own function if it is found by name, else to standard error.
//!
//! Standard output stays untouched: with `zabbix_agentd -t` it carries the result. Nothing here may be called from a signal handler
//! or from `zbx_module_uninit`: Zabbix's function takes a lock.

use std::ffi::{CString, c_char, c_int, c_void};
use std::io::{self, Write};
use std::mem::transmute;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use once_cell::sync::OnceCell;
use vpoller_wire::text::{self, Controls};

use crate::symbols;

/// Log levels with Zabbix's numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Level {
    /// Something is wrong with the module or its configuration.
    Error = 2,
    /// A request went wrong.
    Warning = 3,
    Debug = 4,
    /// Always written.
    Information = 127,
}

/// Zabbix cuts at 64 kB, headers included.
const MAX_BYTES: usize = 60_000;

/// Writes one line, if Zabbix logs that level.
pub(crate) fn write(level: Level, text: &str) {
    let sink = SINK.get_or_init(Sink::find);
    if sink.wants(level) {
        sink.write(level, text);
    }
}

/// As [`write()`] at [`Level::Debug`]; the text is only made when it is logged.
pub(crate) fn debug(text: impl FnOnce() -> String) {
    let sink = SINK.get_or_init(Sink::find);
    if sink.wants(Level::Debug) {
        sink.write(Level::Debug, &text());
    }
}

static SINK: OnceCell<Sink> = OnceCell::new();

type HostLog = unsafe extern "C" fn(level: c_int, format: *const c_char, ...);
type HostLevel = unsafe extern "C" fn() -> c_int;

enum Sink {
    Host { log: HostLog, level_source: LevelSource },
    StandardError,
}

/// Where Zabbix keeps its log level.
enum LevelSource {
    /// Nowhere: the log function itself drops lines (up to 3.4).
    LogFunction,
    /// A variable (4.0 to 6.0).
    Variable(&'static AtomicI32),
    /// A pointer to a variable, one for each process (6.4).
    Pointer(&'static AtomicPtr<c_int>),
    /// A function (from 7.0).
    Function(HostLevel),
}

impl Sink {
    fn find() -> Self {
        if let (Some(log), Some(level)) = (symbols::find(c"zbx_log_handle"), symbols::find(c"zbx_get_log_level")) {
            // SAFETY: under these names Zabbix has functions of these types.
            let (log, level) = unsafe { (host_log(log), transmute::<*mut c_void, HostLevel>(level.as_ptr())) };
            return Self::Host { log, level_source: LevelSource::Function(level) };
        }
        match symbols::find(c"__zbx_zabbix_log") {
            // SAFETY: as above.
            Some(log) => Self::Host { log: unsafe { host_log(log) }, level_source: LevelSource::find() },
            None => Self::StandardError,
        }
    }

    fn wants(&self, level: Level) -> bool {
        match self {
            Self::Host { level_source, .. } => level == Level::Information || level_source.admits(level as c_int),
            Self::StandardError => level != Level::Debug,
        }
    }

    fn write(&self, level: Level, text: &str) {
        let line = one_line(text);
        match self {
            Self::Host { log, .. } => {
                let Ok(line) = CString::new(line) else { return };
                // SAFETY: the format takes exactly one C string, and Zabbix copies it.
                unsafe { log(level as c_int, c"%s".as_ptr(), line.as_ptr()) };
            }
            Self::StandardError => {
                let _ = writeln!(io::stderr(), "vpoller: {line}"); // nowhere to complain about a lost complaint
            }
        }
    }
}

/// # Safety
/// The address is that of a function of this type.
unsafe fn host_log(address: NonNull<c_void>) -> HostLog {
    // SAFETY: the caller's promise.
    unsafe { transmute::<*mut c_void, HostLog>(address.as_ptr()) }
}

impl LevelSource {
    fn find() -> Self {
        if let Some(variable) = symbols::find(c"zbx_log_level") {
            // SAFETY: under this name Zabbix has an int that lives as long as the program.
            return Self::Variable(unsafe { AtomicI32::from_ptr(variable.cast().as_ptr()) });
        }
        match symbols::find(c"zbx_plog_level") {
            // SAFETY: under this name Zabbix has a pointer to int. It belongs to the calling thread, which is the main thread of
            // the daemon and, as a copy at the same address, of each process forked from it.
            Some(pointer) => Self::Pointer(unsafe { AtomicPtr::from_ptr(pointer.cast().as_ptr()) }),
            None => Self::LogFunction,
        }
    }

    fn admits(&self, level: c_int) -> bool {
        let limit = match self {
            Self::LogFunction => return true,
            Self::Variable(limit) => limit.load(Ordering::Relaxed),
            Self::Pointer(pointer) => {
                let limit = pointer.load(Ordering::Relaxed);
                // SAFETY: Zabbix's pointer points to its int, or nowhere.
                if limit.is_null() { Level::Warning as c_int } else { unsafe { limit.read() } }
            }
            // SAFETY: the function takes nothing and returns a number.
            Self::Function(limit) => unsafe { limit() },
        };
        level <= limit
    }
}

/// Parameters may hold control characters, which would end the line or the text: they become blanks.
fn one_line(text: &str) -> String {
    let mut line = text::one_line(text, Controls::Replaced(' ')).into_owned();
    let mut end = line.len().min(MAX_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_of_bounded_length() {
        assert_eq!(one_line("a\nb\0c\td 100%"), "a b c d 100%");
        let long = one_line(&"é".repeat(MAX_BYTES));
        assert_eq!(long.len(), MAX_BYTES);
        assert!(one_line(&format!("x{}", "é".repeat(MAX_BYTES))).len() < MAX_BYTES);
    }

    #[test]
    fn without_a_host_only_debug_lines_are_dropped() {
        let sink = Sink::find();
        assert!(matches!(sink, Sink::StandardError));
        assert!(sink.wants(Level::Warning) && sink.wants(Level::Information) && !sink.wants(Level::Debug));
    }

    #[test]
    fn each_way_to_know_the_level_is_obeyed() {
        static LIMIT: AtomicI32 = AtomicI32::new(3);
        static POINTER: AtomicPtr<c_int> = AtomicPtr::new(LIMIT.as_ptr());
        unsafe extern "C" fn limit() -> c_int {
            LIMIT.load(Ordering::Relaxed)
        }
        for level_source in [LevelSource::Variable(&LIMIT), LevelSource::Pointer(&POINTER), LevelSource::Function(limit)] {
            assert!(level_source.admits(Level::Warning as c_int) && !level_source.admits(Level::Debug as c_int));
        }
        assert!(LevelSource::LogFunction.admits(Level::Debug as c_int), "the function itself drops it");
    }
}
