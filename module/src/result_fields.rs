//! Writes an item's answer into Zabbix's result structure, which has one of two layouts.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use crate::abi::{AR_MESSAGE, AR_STRING, RET_FAIL, RET_OK, Result22, Result30};
use crate::generation::Generation;
use crate::item::ItemAnswer;

/// The three fields of a result that the module writes.
pub(crate) struct ResultFields {
    kind: *mut c_int,
    value: *mut *mut c_char,
    message: *mut *mut c_char,
}

impl ResultFields {
    /// The fields of a result. `None` when they are not empty: then it is no result, or one of another layout.
    ///
    /// # Safety
    /// `result` points to a result of that generation that stays valid as long as the fields are used.
    pub(crate) unsafe fn find(result: *mut c_void, generation: Generation) -> Option<Self> {
        let old = result.cast::<Result22>();
        let new = result.cast::<Result30>();
        // SAFETY: one of the two structures is Zabbix's (what 7.0 added lies behind), and only addresses are computed.
        let fields = unsafe {
            match generation {
                Generation::Zabbix22 => {
                    Self { kind: &raw mut (*old).kind, value: &raw mut (*old).str, message: &raw mut (*old).msg }
                }
                _ => Self { kind: &raw mut (*new).kind, value: &raw mut (*new).str, message: &raw mut (*new).msg },
            }
        };
        // SAFETY: the addresses lie in Zabbix's structure.
        let is_empty = unsafe { *fields.kind == 0 && (*fields.value).is_null() && (*fields.message).is_null() };
        is_empty.then_some(fields)
    }

    /// Writes the answer and returns what the item function has to return.
    pub(crate) fn fill(self, answer: &ItemAnswer) -> c_int {
        let (ItemAnswer::Value(text) | ItemAnswer::Failure(text)) = answer;
        let copy = c_copy(text);
        if copy.is_null() {
            return RET_FAIL;
        }
        let (field, kind, code) = match answer {
            ItemAnswer::Value(_) => (self.value, AR_STRING, RET_OK),
            ItemAnswer::Failure(_) => (self.message, AR_MESSAGE, RET_FAIL),
        };
        // SAFETY: the caller of `find` promised that the fields are valid.
        unsafe {
            field.write(copy);
            self.kind.write(kind);
        }
        code
    }
}

/// A copy that Zabbix can release with `free`, up to the first NUL; null when there is no memory.
fn c_copy(text: &str) -> *mut c_char {
    let bytes = text.split('\0').next().unwrap_or_default().as_bytes();
    // SAFETY: the block is one byte longer than the text, and both are written within it.
    unsafe {
        let block = libc::malloc(bytes.len() + 1).cast::<u8>();
        if !block.is_null() {
            ptr::copy_nonoverlapping(bytes.as_ptr(), block, bytes.len());
            block.add(bytes.len()).write(0);
        }
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::mem::zeroed;

    #[test]
    fn writes_the_field_its_generation_has_and_nothing_else() {
        // SAFETY: all-zero bytes are a valid result, and the pointers are to locals.
        unsafe {
            let mut result: Result22 = zeroed();
            let fields = ResultFields::find((&raw mut result).cast(), Generation::Zabbix22).unwrap();
            assert_eq!(fields.fill(&ItemAnswer::Value("poweredOn\0\u{1}".to_owned())), RET_OK);
            assert_eq!((result.kind, result.msg, result.text), (AR_STRING, ptr::null_mut(), ptr::null_mut()));
            assert_eq!(CStr::from_ptr(result.str), c"poweredOn");
            libc::free(result.str.cast());

            let mut result: Result30 = zeroed();
            let fields = ResultFields::find((&raw mut result).cast(), Generation::Zabbix70).unwrap();
            assert_eq!(fields.fill(&ItemAnswer::Failure("no".to_owned())), RET_FAIL);
            assert_eq!((result.kind, result.str, result.lastlogsize), (AR_MESSAGE, ptr::null_mut(), 0));
            libc::free(result.msg.cast());
        }
    }

    #[test]
    fn a_result_that_is_not_empty_is_left_alone() {
        // SAFETY: as above.
        unsafe {
            let mut result: Result30 = zeroed();
            result.kind = 1;
            assert!(ResultFields::find((&raw mut result).cast(), Generation::Zabbix30).is_none());
        }
    }
}
