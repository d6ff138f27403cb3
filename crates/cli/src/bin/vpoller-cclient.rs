//! `vpoller-cclient`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_cli::cclient;

fn main() -> ExitCode {
    vpoller_cli::main(std::env::args_os(), cclient::USAGE, cclient::run)
}
