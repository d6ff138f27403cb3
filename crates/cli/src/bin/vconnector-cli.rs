//! `vconnector-cli`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_cli::vconnector;

fn main() -> ExitCode {
    vpoller_cli::main(std::env::args_os(), vpoller_cli::USAGE, vconnector::run)
}
