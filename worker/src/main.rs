//! The `vpoller-worker` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    vpoller_worker::cli::main(std::env::args_os())
}
