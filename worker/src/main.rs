//! The `vpoller-worker` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Replies of many megabytes come and go beside thousands of small ones. The system's allocator keeps most of what it once had; this one
/// gives it back, as its settings in `.cargo/config.toml` say. The worker's only: what is loaded into Zabbix uses Zabbix's.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    vpoller_worker::cli::main(std::env::args_os())
}
