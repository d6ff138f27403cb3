//! `zabbix-vsphere-import`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    vpoller_cli::main(std::env::args_os(), vpoller_cli::USAGE, vpoller_importer::run)
}
