//! `vpoller-proxy`: see [`vpoller_proxy`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_proxy::cli;

fn main() -> ExitCode {
    match vpoller_daemon::cli::parse(std::env::args_os()) {
        Ok(arguments) => cli::run(&arguments),
        Err(code) => code,
    }
}
