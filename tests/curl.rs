//! `curl`, the client that everybody has.

use std::process::Command;

use vpoller_testkit::exposition;
use vpoller_testkit::process;
use vpoller_testkit::wait::SLOW;

/// What came of asking.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The exit code of `curl`: 0 when there was an answer, 35 where TLS failed, 60 where the certificate did.
    pub code: i32,
    /// The status; 0 without an answer.
    pub status: u16,
    pub headers: String,
    pub body: String,
}

impl Fetched {
    /// The value of a header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.headers.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next().unwrap_or_default()
    }
}

/// Runs it with these arguments. A body that is no text is shown as far as it is one.
#[track_caller]
pub(crate) fn curl(arguments: &[&str]) -> Fetched {
    let folder = tempfile::tempdir().unwrap();
    let [headers, body] = ["headers", "body"].map(|name| folder.path().join(name));
    let mut command = Command::new("curl");
    // Settings of whoever runs the tests are none of ours.
    command.args(["-q", "-sS", "--noproxy", "*", "--max-time", "100", "-w", "%{http_code}"]);
    command.arg("-D").arg(&headers).arg("-o").arg(&body).args(arguments);
    let done = process::run(command, SLOW);
    let read = |path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let fetched = Fetched { code: done.code, status: done.stdout.parse().unwrap_or(0), headers: read(headers), body: read(body) };
    if fetched.status == 200 && !fetched.body.is_empty() {
        exposition::check(&fetched.headers, &fetched.body);
    }
    fetched
}
