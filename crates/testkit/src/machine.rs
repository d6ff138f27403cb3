//! Tests on a machine of their own: the documents' ports, host names and files, without touching those of this machine.

use std::env;
use std::process::Command;
use std::time::Duration;

use crate::{process, workspace};

const INSIDE: &str = "VPOLLER_TEST_MACHINE";

/// Runs `body` in namespaces of its own (see `tools/netns-run`): the calling test's own program runs once more inside, with only
/// this test. `test` is the test's full name as `cargo test` prints it.
///
/// # Panics
/// When the test fails inside, with its output; when it is not there; when the machine lets nobody make namespaces.
#[track_caller]
pub fn inside(test: &str, limit: Duration, body: impl FnOnce()) {
    if env::var(INSIDE).is_ok_and(|name| name == test) {
        return body();
    }
    let mut command = Command::new(workspace::root().join("tools/netns-run"));
    command.arg(env::current_exe().expect("path of the running test"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, test);
    let done = process::run(command, limit);
    let ran = done.stdout.contains("1 passed") || done.stdout.contains("1 failed");
    assert!(ran, "no test named {test:?} ran in the machine of its own:\n{}\n{}", done.stdout, done.stderr);
    assert_eq!(done.code, 0, "in a machine of its own:\n{}\n{}", done.stdout, done.stderr);
}
