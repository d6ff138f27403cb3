//! What `make bench` runs: see [`vpoller_testkit::bench`].

use std::process::ExitCode;

fn main() -> ExitCode {
    vpoller_testkit::bench::main(std::env::args().skip(1))
}
