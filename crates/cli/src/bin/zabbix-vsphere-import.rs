//! `zabbix-vsphere-import`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use vpoller_cli::importer;

fn main() -> ExitCode {
    vpoller_cli::main(std::env::args_os(), vpoller_cli::USAGE, importer::run)
}
