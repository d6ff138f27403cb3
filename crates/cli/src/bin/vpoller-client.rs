//! `vpoller-client`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_cli::client;

fn main() -> ExitCode {
    vpoller_cli::main(client::tolerate(std::env::args_os()), vpoller_cli::USAGE, client::run)
}
