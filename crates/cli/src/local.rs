//! `vpoller-client --local`: executes one request without proxy and running worker, by starting the worker's program.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, bail};
use vpoller_wire::password::GUEST_PASSWORD_VARIABLE;
use vpoller_wire::{Request, Secret};

/// The program; it lies beside this one, or in a folder of `PATH`.
const WORKER: &str = "vpoller-worker";

/// Time beyond the request's own for the program to start, log in and log out.
const GRACE: Duration = Duration::from_secs(30);

/// Executes a request and returns the reply.
///
/// # Errors
/// When the program cannot be run, fails (then its own message is on stderr), or runs longer than `timeout` and the time for start
/// and end.
pub(crate) fn run(request: &Request, config: Option<&Path>, timeout: Duration, debug: bool) -> anyhow::Result<Vec<u8>> {
    let program = std::env::current_exe().map(|path| path.with_file_name(WORKER)).ok().filter(|path| path.exists());
    let program = program.unwrap_or_else(|| PathBuf::from(WORKER));
    let mut command = Command::new(&program);
    command.arg("run").args(options(request)).arg(format!("--timeout={}", timeout.as_millis()));
    if let Some(config) = config {
        command.arg("--file").arg(config);
    }
    if debug {
        command.arg("--debug");
    }
    // Not as an option: all users can see the options of a process.
    match &request.password {
        Some(password) => command.env(GUEST_PASSWORD_VARIABLE, Secret::expose(password)),
        None => command.env_remove(GUEST_PASSWORD_VARIABLE),
    };
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run {}; --local needs it on this machine", program.display()))?;
    let reply = read(&mut child, timeout + GRACE);
    if reply.is_err() {
        // Fails when the program has just ended; it is reaped below.
        let _ = child.kill();
    }
    let status = child.wait().with_context(|| format!("cannot wait for {WORKER}"))?;
    let mut reply = reply?;
    match status.code() {
        Some(0) => {}
        // Its own message is on stderr.
        Some(1) => bail!(AlreadyReported),
        _ => bail!("{WORKER} failed ({status})"),
    }
    if reply.last() == Some(&b'\n') {
        reply.pop();
    }
    Ok(reply)
}

/// The worker's program failed and has printed why.
#[derive(Debug, thiserror::Error)]
#[error("{WORKER} failed")]
pub(crate) struct AlreadyReported;

/// The options of the worker's program, in the form that lets a value begin with a hyphen.
fn options(request: &Request) -> Vec<String> {
    let properties = (!request.properties.is_empty()).then(|| request.properties.join(","));
    let options = [
        ("method", Some(&request.method)),
        ("vsphere-host", Some(&request.hostname)),
        ("name", request.name.as_ref()),
        ("properties", properties.as_ref()),
        ("key", request.key.as_ref()),
        ("guest-username", request.username.as_ref()),
        ("counter", request.counter_name.as_ref()),
        ("instance", request.instance.as_ref()),
        ("max-sample", request.max_sample.as_ref()),
        ("perf-interval", request.perf_interval.as_ref()),
        ("helper", request.helper.as_ref()),
    ];
    options.iter().filter_map(|(name, value)| value.map(|value| format!("--{name}={value}"))).collect()
}

/// Everything that the child prints, within a time limit.
fn read(child: &mut Child, limit: Duration) -> anyhow::Result<Vec<u8>> {
    let mut stdout = child.stdout.take().context("the child has no stdout")?;
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new()
        .spawn(move || {
            let mut text = Vec::new();
            // Fails when the limit has passed and the receiver is gone.
            let _ = sender.send(stdout.read_to_end(&mut text).map(|_| text));
        })
        .context("cannot start a thread")?;
    let read = receiver.recv_timeout(limit).map_err(|_| anyhow::anyhow!("{WORKER} did not end within {limit:?}"))?;
    read.with_context(|| format!("cannot read what {WORKER} prints"))
}
