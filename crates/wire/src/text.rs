//! Texts and endpoints that are part of the contract and used by more than one program, and how texts from outside are shown.

use std::ffi::CStr;

pub use vpoller_text::{Controls, one_line, shorten};

/// Where clients connect when nothing else is configured.
pub const DEFAULT_FRONTEND: &str = "tcp://localhost:10123";
/// Where workers connect when nothing else is configured.
pub const DEFAULT_BACKEND: &str = "tcp://localhost:10124";
/// What `vpoller-client` prints, inside a failure reply, when nothing came back.
pub const NO_RESPONSE: &str = "Did not receive response, aborting...";
/// What the C client prints, inside a failure reply, when nothing came back.
pub const NO_REPLY_FROM_SERVER: &str = "Did not receive reply from server, aborting...";
/// The item error of the Zabbix module when nothing came back.
pub const NO_RESPONSE_FROM_VPOLLER: &str = "Did not receive response from vPoller";
/// A request that is not JSON.
pub const INVALID_MESSAGE: &str = "Invalid message received";
/// A request whose `method` is missing or unknown.
pub const UNKNOWN_METHOD: &str = "Unknown or missing task/method name";
/// A request whose `hostname` is missing or no enabled agent.
pub const UNKNOWN_AGENT: &str = "Unknown or missing agent name";
/// A request that lacks a field the method demands.
pub const INVALID_TASK_REQUEST: &str = "Invalid task request";
/// The `hostname` under which the proxy answers for itself; no vSphere host has such a name.
pub const PROXY_ITSELF: &str = "@proxy";
/// The `hostname` under which any worker answers for itself.
pub const ANY_WORKER: &str = "@worker";
/// Before the name of the one worker that is to answer for itself, in place of a `hostname`.
pub const ONE_WORKER: &str = "@worker:";
/// The service method that asks a daemon about itself.
pub const STATUS: &str = "vpoller.status";
/// The item key for that.
pub const STATUS_KEY: &CStr = c"vpoller.status";
