//! `vpoller.so`: the Zabbix module that turns item keys into requests to vPoller.
//!
//! One file serves Zabbix server, proxy and agent from 2.2 on. It stays thin: no runtime, no thread of its own, no knowledge of
//! methods or of what a result means. `abi` and `exports` are the border to C; behind it are plain values:
//!
//! * `call` and `result_fields` — what Zabbix asks, and where the answer goes,
//! * `item` — parameters to request, reply to answer,
//! * `budget` and `proxy_pool` — how long to wait, and the connections to the proxies,
//! * `log` and `guard` — lines for Zabbix's log, and no panic past the border.
//!
//! Nothing is made before Zabbix forks: no ZeroMQ context, thread or descriptor. What a parent made a child forgets, never closes.

pub mod abi;
mod budget;
mod call;
mod config;
pub mod exports;
mod generation;
mod guard;
mod item;
mod keyvalue;
mod log;
mod proxy_pool;
mod result_fields;
mod state;
mod symbols;
