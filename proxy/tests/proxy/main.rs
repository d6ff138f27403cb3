//! The proxy on real sockets, with workers that misbehave on demand.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod failure;
mod harness;
mod management;
mod program;
mod telling;
mod traffic;
