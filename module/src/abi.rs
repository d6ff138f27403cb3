//! Zabbix's constants and structures of every generation.
//!
//! Zabbix's own headers are not used, because they describe one release only. A structure here ends where the module stops
//! reading: what lies behind is absent in some release. `include/vpoller.h` is generated from this file and from `exports`, and
//! the C program of the tests compares both with the layouts it declares itself.

use core::ffi::{c_char, c_int, c_uint, c_void};
use core::mem::{offset_of, size_of};

/// What `zbx_module_api_version` answers to Zabbix 2.2, 2.4 and 3.0.
pub const API_VERSION_1: c_int = 1;
/// What `zbx_module_api_version` answers to Zabbix 3.2 and later.
pub const API_VERSION_2: c_int = 2;
/// Returned by `zbx_module_init` and `zbx_module_uninit`: all is well.
pub const MODULE_OK: c_int = 0;
/// Returned by `zbx_module_init`: Zabbix must not go on with this module.
pub const MODULE_FAIL: c_int = -1;
/// Returned by an item function: the result holds a value.
pub const RET_OK: c_int = 0;
/// Returned by an item function: the result holds a message, the item becomes not supported.
pub const RET_FAIL: c_int = 1;
/// Flag of a metric: its key takes parameters.
pub const CF_HAVEPARAMS: c_uint = 1;
/// Bit of a result's `kind`: `str` holds the value.
pub const AR_STRING: c_int = 0x04;
/// Bit of a result's `kind`: `msg` holds the reason why there is no value.
pub const AR_MESSAGE: c_int = 0x20;

/// One item key; the same in every release. Zabbix writes to `flags`.
#[repr(C)]
pub struct Metric {
    /// Name of the key; null in the entry that ends the list.
    pub key: *const c_char,
    /// `CF_HAVEPARAMS` or 0.
    pub flags: c_uint,
    /// Called for every check of this key.
    pub function: Option<unsafe extern "C" fn(request: *const RequestHead, result: *mut c_void) -> c_int>,
    /// Parameters that `zabbix_agentd -p` tries the key with; null for none.
    pub test_param: *const c_char,
}

/// The part of an item's request that every release has.
#[repr(C)]
pub struct RequestHead {
    /// The key without its parameters.
    pub key: *mut c_char,
    /// Number of parameters.
    pub nparam: c_int,
    /// The parameters, `nparam` strings that belong to Zabbix.
    pub params: *mut *mut c_char,
}

/// An item's request from Zabbix 7.0 on. Earlier ones end at or before `types`.
#[repr(C)]
pub struct Request70 {
    /// What every release has.
    pub head: RequestHead,
    /// Not used.
    pub lastlogsize: u64,
    /// Not used.
    pub mtime: c_int,
    /// Not used.
    pub types: *mut c_int,
    /// Seconds this check may take.
    pub timeout: c_int,
}

/// Where an item's result goes in Zabbix 2.2 and 2.4.
#[repr(C)]
pub struct Result22 {
    /// `AR_STRING` or `AR_MESSAGE`.
    pub kind: c_int,
    /// Not used.
    pub ui64: u64,
    /// Not used.
    pub dbl: f64,
    /// The value, from libc's `malloc`.
    pub str: *mut c_char,
    /// Not used.
    pub text: *mut c_char,
    /// The reason why there is no value, from libc's `malloc`.
    pub msg: *mut c_char,
    /// Not used.
    pub logs: *mut c_void,
}

/// Where an item's result goes from Zabbix 3.0 on. Since 7.0 the structure is longer, behind what is declared here.
#[repr(C)]
pub struct Result30 {
    /// Not used.
    pub lastlogsize: u64,
    /// Not used.
    pub ui64: u64,
    /// Not used.
    pub dbl: f64,
    /// The value, from libc's `malloc`.
    pub str: *mut c_char,
    /// Not used.
    pub text: *mut c_char,
    /// The reason why there is no value, from libc's `malloc`.
    pub msg: *mut c_char,
    /// Not used.
    pub log: *mut c_void,
    /// `AR_STRING` or `AR_MESSAGE`.
    pub kind: c_int,
    /// Not used.
    pub mtime: c_int,
}

/// Where an item's result goes from Zabbix 7.0 on.
#[repr(C)]
pub struct Result70 {
    /// What Zabbix 3.0 has.
    pub head: Result30,
    /// Not used.
    pub bin: *mut c_char,
}

const _: () = assert!(offset_of!(Result22, kind) == 0 && offset_of!(Result30, kind) == 56);
const _: () = assert!(offset_of!(Result22, str) == 24 && offset_of!(Result30, str) == 24);
const _: () = assert!(offset_of!(Result22, msg) == 40 && offset_of!(Result30, msg) == 40);
const _: () = assert!(size_of::<Result22>() == 56 && size_of::<Result30>() == 64 && size_of::<Result70>() == 72);
const _: () = assert!(size_of::<RequestHead>() == 24 && offset_of!(Request70, timeout) == 48);
