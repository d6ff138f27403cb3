//! `vpoller-bench`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_cli::bench;

fn main() -> ExitCode {
    vpoller_cli::main(std::env::args_os(), vpoller_cli::USAGE, bench::run)
}
