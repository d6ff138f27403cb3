//! The `vpoller-exporter` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    vpoller_exporter::program::main(std::env::args_os())
}
