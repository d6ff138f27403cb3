//! Copies what an item asks out of Zabbix's request.

use std::ffi::CStr;
use std::time::Duration;

use crate::abi::{Request70, RequestHead};
use crate::generation::Generation;

/// One check: its parameters and, from Zabbix 7.0 on, its time limit.
#[derive(Clone, Default)]
pub(crate) struct ItemCall {
    /// The parameters; bytes that are not UTF-8 replaced. They may hold a password, hence no `Debug`.
    pub parameters: Vec<String>,
    /// The item's own time limit.
    pub timeout: Option<Duration>,
}

impl ItemCall {
    /// Copies what is needed; fields that the generation does not have are not read.
    ///
    /// # Safety
    /// `request` points to a request of that generation.
    pub(crate) unsafe fn read(request: *const RequestHead, generation: Generation) -> Self {
        // SAFETY: every generation has the head.
        let head = unsafe { &*request };
        let count = usize::try_from(head.nparam).unwrap_or(0);
        let parameters = (0..count).map(|index| {
            // SAFETY: there are `nparam` parameters, each a C string (or, to be sure, null) that lives during the call.
            unsafe {
                let text = *head.params.add(index);
                if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
            }
        });
        let seconds = match generation {
            // SAFETY: this generation's request is this structure.
            Generation::Zabbix70 => unsafe { (&raw const (*request.cast::<Request70>()).timeout).read() },
            _ => 0,
        };
        let timeout = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Self { parameters: parameters.collect(), timeout }
    }
}
