//! The functions that Zabbix calls.
//!
//! Nothing here may unwind into C: every function that does anything runs in `guard::contain`.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::null;

use vpoller_wire::text::STATUS_KEY;

use crate::abi::{API_VERSION_2, CF_HAVEPARAMS, MODULE_FAIL, MODULE_OK, Metric, RET_FAIL, RequestHead};
use crate::call::ItemCall;
use crate::item::{self, ItemAnswer, ItemKey};
use crate::result_fields::ResultFields;
use crate::{guard, state};

/// The list of item keys in memory that Zabbix may write to.
struct ItemList(UnsafeCell<[Metric; 6]>);

// SAFETY: Rust code never looks into the list; Zabbix does, from its main process only, which has one thread at that time.
unsafe impl Sync for ItemList {}

static ITEMS: ItemList = ItemList(UnsafeCell::new([
    metric(c"vpoller".as_ptr(), vpoller, null()),
    metric(c"vpoller.raw".as_ptr(), vpoller_raw, null()),
    metric(c"vpoller.json".as_ptr(), vpoller_json, null()),
    metric(STATUS_KEY.as_ptr(), vpoller_status, null()),
    metric(c"vpoller.echo".as_ptr(), vpoller_echo, c"vPoller".as_ptr()),
    Metric { key: null(), flags: 0, function: None, test_param: null() },
]));

type ItemFunction = unsafe extern "C" fn(*const RequestHead, *mut c_void) -> c_int;

/// `zabbix_agentd -p` runs every key with its test parameter, so none may cause a request to vPoller.
const fn metric(key: *const c_char, function: ItemFunction, test_param: *const c_char) -> Metric {
    Metric { key, flags: CF_HAVEPARAMS, function: Some(function), test_param }
}

/// Tells Zabbix which kind of module this is. The first function called: from here on it is known who the host is.
#[unsafe(no_mangle)]
pub extern "C" fn zbx_module_api_version() -> c_int {
    guard::contain(|| {
        guard::report_panics_in_one_line();
        state::get().api_version()
    })
    .unwrap_or(API_VERSION_2)
}

/// Writes the first log lines; refuses to go on only in a host whose structures are unknown.
#[unsafe(no_mangle)]
pub extern "C" fn zbx_module_init() -> c_int {
    match guard::contain(|| state::get().announce()) {
        Some(true) => MODULE_OK,
        _ => MODULE_FAIL,
    }
}

/// Does nothing: it may run inside a signal handler, and there is nothing to give back.
#[unsafe(no_mangle)]
pub extern "C" fn zbx_module_uninit() -> c_int {
    MODULE_OK
}

/// The item keys, ended by an entry without a key.
#[unsafe(no_mangle)]
pub extern "C" fn zbx_module_item_list() -> *mut Metric {
    ITEMS.0.get().cast()
}

/// Takes the daemon's `Timeout` in seconds.
#[unsafe(no_mangle)]
pub extern "C" fn zbx_module_item_timeout(seconds: c_int) {
    let _ = guard::contain(|| state::set_item_timeout(seconds)); // a panic has been logged
}

/// `vpoller[...]`.
unsafe extern "C" fn vpoller(request: *const RequestHead, result: *mut c_void) -> c_int {
    // SAFETY: Zabbix hands over its request and result for the time of the call.
    unsafe { answer(ItemKey::Value, request, result) }
}

/// `vpoller.raw[...]`.
unsafe extern "C" fn vpoller_raw(request: *const RequestHead, result: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe { answer(ItemKey::Raw, request, result) }
}

/// `vpoller.json[...]`.
unsafe extern "C" fn vpoller_json(request: *const RequestHead, result: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe { answer(ItemKey::Json, request, result) }
}

/// `vpoller.status[...]`.
unsafe extern "C" fn vpoller_status(request: *const RequestHead, result: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe { answer(ItemKey::Status, request, result) }
}

/// `vpoller.echo[...]`.
unsafe extern "C" fn vpoller_echo(request: *const RequestHead, result: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe { answer(ItemKey::Echo, request, result) }
}

/// Reads what Zabbix asks, has it answered and writes the answer where Zabbix looks for it.
///
/// # Safety
/// `request` and `result` point to structures of the Zabbix that loaded the module.
unsafe fn answer(key: ItemKey, request: *const RequestHead, result: *mut c_void) -> c_int {
    let filled = guard::contain(|| {
        let state = state::get();
        let generation = state.generation()?;
        // SAFETY: the caller's promise, and the generation is that of the host.
        let (call, result_fields) = unsafe { (ItemCall::read(request, generation), ResultFields::find(result, generation)?) };
        let answer = guard::contain(|| item::answer(state, key, &call)).unwrap_or_else(ItemAnswer::after_a_panic);
        Some(result_fields.fill(&answer))
    });
    filled.flatten().unwrap_or(RET_FAIL)
}
