//! The `vpoller-worker` program.
#![forbid(unsafe_code)]

fn main() {}
