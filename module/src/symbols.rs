//! Functions and variables of the program that loaded the module, looked up by name.
//!
//! The module links to no function of Zabbix: one missing name would keep the whole daemon from starting. Zabbix daemons export
//! all their functions, so each can be looked up, and a missing one shows the generation.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The address of a function or variable of that name in any loaded file; `None` when there is none.
pub(crate) fn find(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: dlsym reads the name and the loader's tables.
    NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
}

/// Whether the main program itself, not some library, has a function of that name.
pub(crate) fn in_main_program(name: &CStr) -> bool {
    let Some(address) = find(name) else { return false };
    // The kernel gives every program the address of its own headers. Without it there is nothing to compare with.
    // SAFETY: getauxval takes a number and returns one.
    let headers = unsafe { libc::getauxval(libc::AT_PHDR) } as *const c_void;
    match (object_of(address.as_ptr()), object_of(headers)) {
        (Some(object), Some(program)) => object == program,
        _ => true,
    }
}

/// The start of the loaded file that an address lies in.
fn object_of(address: *const c_void) -> Option<*const c_void> {
    let mut info = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: dladdr takes any address and writes to `info` only, wholly when it returns a number other than 0.
    unsafe { (libc::dladdr(address, info.as_mut_ptr()) != 0).then(|| info.assume_init().dli_fbase.cast_const()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_knows_whose_it_is() {
        assert!(find(c"malloc").is_some());
        assert!(!in_main_program(c"malloc"), "malloc is libc's");
        assert!(find(c"no_such_function_anywhere").is_none());
        assert!(!in_main_program(c"no_such_function_anywhere"));
    }
}
