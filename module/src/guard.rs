//! No panic leaves the module: a worker process of Zabbix that dies takes the whole daemon with it.

use std::panic::{self, AssertUnwindSafe};

use crate::log::{self, Level};

/// Runs `body`; `None` when it panicked, which the panic hook has logged.
pub(crate) fn contain<T>(body: impl FnOnce() -> T) -> Option<T> {
    // What `body` left unfinished is data of this call, or the connection, which is dropped after any panic.
    match panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping a payload may run foreign code, and panic again.
            std::mem::forget(payload);
            None
        }
    }
}

/// From now on a panic of this module is one line in Zabbix's log. The text of the panic stays out of it: it could quote a
/// parameter, and parameters hold passwords.
///
/// A loaded library has its own copy of Rust's runtime, so panics of other code are not affected.
pub(crate) fn report_panics_in_one_line() {
    panic::set_hook(Box::new(|panic| {
        let position = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        log::write(Level::Error, &format!("internal error in the vPoller module at {position}, please report it"));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics again while it is dropped.
    struct Spiteful;

    impl Drop for Spiteful {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_panic_stays_inside() {
        assert_eq!(contain(|| 3), Some(3));
        assert_eq!(contain(|| -> i32 { panic!("inside") }), None);
        assert_eq!(contain(|| -> i32 { panic::panic_any(Spiteful) }), None);
        assert_eq!(contain(|| contain(|| -> i32 { panic!("inner") }).unwrap_or(7)), Some(7));
    }

    #[test]
    fn a_panic_does_not_cross_a_c_function() {
        extern "C" fn guarded() -> i32 {
            contain(|| -> i32 { panic!("inside a C function") }).unwrap_or(-1)
        }
        assert_eq!(guarded(), -1);
    }
}
