//! A worker's status: over management, over HTTP, and to clients that ask with the method for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json, json};
use vpoller_daemon::metrics::{Kind, Known};
use vpoller_daemon::pages::{self, Overview};
use vpoller_daemon::status::Identity;

use crate::config::Config;
use crate::executors::Executors;
use crate::helpers::external::Externals;
use crate::socket::ThreadState;

/// The worker's status document, for every thread that shows it.
pub(crate) struct WorkerStatus {
    pub identity: Identity,
    config: Config,
    executors: Arc<Executors>,
    externals: Arc<Externals>,
    /// The threads with a socket.
    sockets: Vec<Arc<ThreadState>>,
    /// Threads that ended and were started again.
    pub restarts: AtomicU64,
    /// Where management listens.
    mgmt: String,
    /// Where the pages are.
    pub http: OnceLock<String>,
}

impl WorkerStatus {
    pub fn new(
        config: &Config,
        mgmt: &str,
        executors: Arc<Executors>,
        externals: Arc<Externals>,
        sockets: Vec<Arc<ThreadState>>,
    ) -> Self {
        Self {
            identity: Identity::now(),
            config: config.clone(),
            executors,
            externals,
            sockets,
            restarts: AtomicU64::new(0),
            mgmt: mgmt.to_owned(),
            http: OnceLock::new(),
        }
    }
}

impl Overview for WorkerStatus {
    fn document(&self) -> Map<String, Json> {
        let all = self.sockets.iter().all(|socket| socket.is_running());
        let mut members = self.identity.members(if all { "running" } else { "degraded" });
        let numbered = |(number, socket): (usize, &Arc<ThreadState>)| {
            let mut status = socket.status();
            status.insert("number".to_owned(), json!(number));
            Json::Object(status)
        };
        let own = [
            ("proxy", json!(self.config.proxy.as_str())),
            ("mgmt", json!(self.mgmt)),
            ("http", json!(self.http.get())),
            ("db", json!(self.config.db)),
            ("concurrency", json!(self.sockets.len())),
            ("helpers", json!(self.config.helpers)),
            ("external_helpers", self.externals.status()),
            ("tasks", json!(self.config.tasks)),
            ("vsphere_agents", json!(self.executors.hosts().names())),
            ("agents", self.executors.status()),
            ("processes", (1..).zip(&self.sockets).map(numbered).collect()),
            ("restarts", json!(self.restarts.load(Ordering::Relaxed))),
        ];
        members.extend(own.map(|(name, value)| (name.to_owned(), value)));
        members
    }

    fn readiness(&self, document: &Map<String, Json>) -> Result<String, String> {
        pages::health(document)?;
        let hosts = self.executors.hosts().all();
        match hosts.iter().filter(|host| host.is_connected()).count() {
            0 if hosts.is_empty() => Err("no vSphere host is registered and enabled".to_owned()),
            0 if !hosts.iter().any(|host| host.is_wanted()) => Err("no agent is connected, none was needed yet".to_owned()),
            0 => Err("no agent is connected".to_owned()),
            count => Ok(format!("{count} of {} agents connected", hosts.len())),
        }
    }

    fn prefix(&self) -> &'static str {
        "vpoller_worker"
    }

    fn known(&self) -> &'static [Known] {
        KNOWN
    }
}

const fn known(name: &'static str, kind: Kind, label: &'static str, help: &'static str) -> Known {
    Known { name, kind, label, help }
}

/// What is known of the worker's metrics.
const KNOWN: &[Known] = &[
    known("vpoller_worker_status", Kind::Word, "status", "What the worker says of itself."),
    known("vpoller_worker_version", Kind::Word, "version", "Release of the worker."),
    known("vpoller_worker_pid", Kind::Gauge, "", "Process id."),
    known("vpoller_worker_concurrency", Kind::Gauge, "", "Threads with a socket to the proxy."),
    known("vpoller_worker_restarts", Kind::Counter, "", "Threads that ended by themselves and were started again."),
    known("vpoller_worker_process_link", Kind::Word, "link", "The connection of a thread to the proxy."),
    known("vpoller_worker_process_in_work", Kind::Gauge, "", "Requests that a thread has and did not answer yet."),
    known("vpoller_worker_process_requests", Kind::Counter, "", "Messages that a thread took for requests."),
    known("vpoller_worker_process_replies", Kind::Counter, "", "Replies that a thread sent."),
    known("vpoller_worker_process_dropped", Kind::Counter, "", "Messages that a thread could not answer."),
    known("vpoller_worker_process_refused", Kind::Counter, "", "Requests beyond what a thread takes on."),
    known("vpoller_worker_process_unsent", Kind::Counter, "", "Replies that could not be sent."),
    known("vpoller_worker_process_reconnects", Kind::Counter, "", "Sockets replaced because the proxy was silent."),
    known("vpoller_worker_agent_state", Kind::Word, "state", "What an agent says of its vSphere host."),
    known("vpoller_worker_agent_connected", Kind::Gauge, "", "Whether an agent can answer."),
    known("vpoller_worker_agent_in_work", Kind::Gauge, "", "Requests that an agent has and did not answer yet."),
    known("vpoller_worker_agent_limit", Kind::Gauge, "", "Requests that an agent takes on at once."),
    known("vpoller_worker_agent_requests", Kind::Counter, "", "Requests that an agent took on."),
    known("vpoller_worker_agent_failures", Kind::Counter, "", "Requests that an agent answered with a failure."),
    known("vpoller_worker_agent_timeouts", Kind::Counter, "", "Requests that vSphere did not answer in time."),
    known("vpoller_worker_agent_refused", Kind::Counter, "", "Requests beyond what an agent takes on."),
    known("vpoller_worker_agent_restarts", Kind::Counter, "", "Restarts of an agent after a defect."),
    known("vpoller_worker_agent_latency_seconds", Kind::Histogram, "", "Time to answer a request, by method."),
    known("vpoller_worker_agent_vsphere_logins", Kind::Counter, "", "Sessions opened at a vSphere host."),
    known("vpoller_worker_agent_vsphere_calls", Kind::Counter, "", "Calls to a vSphere host."),
    known("vpoller_worker_agent_vsphere_bytes_in", Kind::Counter, "", "Bytes of a vSphere host's answers."),
    known("vpoller_worker_agent_vsphere_bytes_out", Kind::Counter, "", "Bytes of calls to a vSphere host."),
    known("vpoller_worker_agent_vsphere_errors", Kind::Counter, "class", "Failed calls to a vSphere host."),
    known("vpoller_worker_agent_vsphere_soap_calls", Kind::Counter, "", "Calls to a vSphere host, by SOAP method."),
    known("vpoller_worker_agent_vsphere_soap_bytes_in", Kind::Counter, "", "Bytes of answers, by SOAP method."),
    known("vpoller_worker_agent_vsphere_soap_bytes_out", Kind::Counter, "", "Bytes of calls, by SOAP method."),
    known("vpoller_worker_agent_vsphere_soap_errors", Kind::Counter, "class", "Failed calls, by SOAP method."),
    known("vpoller_worker_agent_vsphere_soap_latency_seconds", Kind::Histogram, "", "Time of calls, by SOAP method."),
    known("vpoller_worker_agent_vsphere_cache_state", Kind::Word, "state", "What the snapshot of a vSphere host is worth."),
    known("vpoller_worker_agent_vsphere_cache_age_seconds", Kind::Gauge, "", "Time since vSphere last confirmed the snapshot."),
    known("vpoller_worker_agent_vsphere_cache_objects", Kind::Gauge, "type", "Objects in the snapshot."),
    known("vpoller_worker_agent_vsphere_cache_watched_paths", Kind::Gauge, "kind", "Properties that vSphere keeps up to date."),
    known("vpoller_worker_agent_vsphere_cache_learned_values", Kind::Gauge, "", "Values of properties that were asked for."),
    known("vpoller_worker_agent_vsphere_cache_learned_bytes", Kind::Gauge, "", "Memory of those values."),
    known("vpoller_worker_agent_vsphere_cache_hits", Kind::Counter, "", "Values that memory had."),
    known("vpoller_worker_agent_vsphere_cache_misses", Kind::Counter, "", "Values that were read from vSphere."),
    known("vpoller_worker_agent_vsphere_cache_shared", Kind::Counter, "", "Questions answered along with another one."),
    known("vpoller_worker_agent_vsphere_cache_updates", Kind::Counter, "", "Sets of changes that vSphere sent."),
    known("vpoller_worker_agent_vsphere_cache_objects_changed", Kind::Counter, "", "Objects in those sets."),
    known("vpoller_worker_agent_vsphere_cache_loads", Kind::Counter, "", "Times the snapshot was loaded."),
    known("vpoller_worker_agent_vsphere_cache_load_seconds", Kind::Gauge, "", "Time the last load took."),
    known("vpoller_worker_agent_vsphere_cache_losses", Kind::Counter, "", "Times the stream of changes broke."),
    known("vpoller_worker_agent_vsphere_cache_refused", Kind::Counter, "", "Properties that vSphere did not let us watch."),
    known("vpoller_worker_agent_vsphere_cache_path_hits", Kind::Counter, "", "Values that memory had, by property."),
    known(
        "vpoller_worker_agent_vsphere_cache_path_misses",
        Kind::Counter,
        "",
        "Values that were read from vSphere, by property.",
    ),
    known("vpoller_worker_agent_vsphere_cache_path_stage", Kind::Word, "stage", "How far a property is from being watched."),
    known("vpoller_worker_agent_vsphere_perf_calls", Kind::Counter, "", "Calls for samples of performance counters."),
    known("vpoller_worker_agent_vsphere_perf_objects", Kind::Counter, "", "Objects in those calls."),
    known("vpoller_worker_agent_vsphere_perf_series", Kind::Counter, "", "Series in those calls."),
    known("vpoller_worker_agent_vsphere_perf_asked", Kind::Counter, "", "Series that requests asked for."),
    known("vpoller_worker_agent_vsphere_perf_hits", Kind::Counter, "", "Of these, answered without waiting."),
    known("vpoller_worker_agent_vsphere_perf_joined", Kind::Counter, "", "Of these, answered by a call under way."),
    known("vpoller_worker_agent_vsphere_perf_prefetched", Kind::Counter, "", "Series asked along."),
    known("vpoller_worker_agent_vsphere_perf_prefetched_used", Kind::Counter, "", "Of these, asked for before they were old."),
    known("vpoller_worker_agent_vsphere_perf_failed", Kind::Counter, "", "Calls for samples that failed."),
    known("vpoller_worker_agent_vsphere_perf_isolating", Kind::Counter, "", "Calls to find out what was to blame in one."),
    known("vpoller_worker_agent_vsphere_perf_halvings", Kind::Counter, "", "Times the size of calls was halved."),
    known("vpoller_worker_agent_vsphere_perf_kept", Kind::Gauge, "", "Series kept."),
    known("vpoller_worker_agent_vsphere_perf_under_way", Kind::Gauge, "", "Calls for samples under way."),
    known("vpoller_worker_agent_vsphere_perf_waiting", Kind::Gauge, "", "Objects that wait for such a call."),
    known("vpoller_worker_agent_vsphere_perf_objects_per_call", Kind::Gauge, "", "Objects that a call may have."),
    known("vpoller_worker_agent_vsphere_perf_calls_at_once", Kind::Gauge, "", "Calls that may be under way at once."),
    known(
        "vpoller_worker_agent_vsphere_perf_series_per_historical_call",
        Kind::Gauge,
        "",
        "Series that a historical call may have.",
    ),
];
