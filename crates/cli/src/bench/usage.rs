//! Processor time and memory of the workers, from the kernel.

use std::fs;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use vpoller_wire::client::VPollerClient;
use vpoller_wire::endpoint::Endpoint;

/// Unit of processor time in `/proc`: hundredths of a second on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// The processes that are measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes(Vec<u32>);

/// What all processes together have used so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ResourceUsage {
    /// Seconds of processor time.
    pub cpu: f64,
    /// Bytes of resident memory.
    pub memory: u64,
}

impl Processes {
    /// These processes and those behind these management endpoints.
    ///
    /// # Errors
    /// When an endpoint does not answer, or is another machine's.
    pub(super) fn find(pids: &[u32], endpoints: &[Endpoint]) -> anyhow::Result<Self> {
        let mut all = pids.to_vec();
        for endpoint in endpoints {
            all.push(ask(endpoint).with_context(|| format!("cannot watch the worker at {endpoint}"))?);
        }
        let processes = Self(all);
        processes.usage()?;
        Ok(processes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ids(&self) -> &[u32] {
        &self.0
    }

    /// # Errors
    /// When one is gone.
    pub(super) fn usage(&self) -> anyhow::Result<ResourceUsage> {
        let mut all = ResourceUsage { cpu: 0.0, memory: 0 };
        for pid in &self.0 {
            let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
            let found = read("stat").ok().and_then(|stat| cpu(&stat)).zip(read("status").ok().and_then(|status| memory(&status)));
            let (cpu, memory) = found.with_context(|| format!("there is no process {pid} on this machine"))?;
            all = ResourceUsage { cpu: all.cpu + cpu, memory: all.memory + memory };
        }
        Ok(all)
    }
}

fn ask(endpoint: &Endpoint) -> anyhow::Result<u32> {
    let request = json!({"method": "status"}).to_string();
    let reply = VPollerClient::new(endpoint.clone()).retries(1).ask(request.as_bytes(), |_| ())?;
    let reply: Value = serde_json::from_slice(&reply).context("its status is no JSON")?;
    let member = |name: &str| reply.pointer(&format!("/result/{name}"));
    let host = member("hostname").and_then(Value::as_str);
    let own = fs::read_to_string("/proc/sys/kernel/hostname");
    ensure!(host == own.ok().as_deref().map(str::trim), "it runs on {}, not here", host.unwrap_or("an unknown machine"));
    member("pid").and_then(Value::as_u64).and_then(|pid| u32::try_from(pid).ok()).context("its status has no process id")
}

/// User and system time in `/proc/PID/stat`; the name before them may hold anything.
fn cpu(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(str::parse::<f64>);
    let user = fields.next()?.ok()?;
    let system = fields.next()?.ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// `VmRSS` in `/proc/PID/status`.
fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 500 0 0 0 250 50 7 7 20 0 4 0 100 1000 300 1844";
        assert_eq!(cpu(stat), Some(3.0));
        assert_eq!(memory("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t4\n"), Some(2 * 1024 * 1024));
        assert_eq!((cpu("nonsense"), memory("")), (None, None));
        let own = Processes::find(&[std::process::id()], &[]).unwrap().usage().unwrap();
        assert!(own.memory > 100_000, "{own:?}");
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = Processes::find(&[u32::MAX], &[]).unwrap_err().to_string();
        assert!(error.contains("no process 4294967295"), "{error}");
    }
}
