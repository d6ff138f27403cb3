//! A worker's status: over management, over HTTP, and to clients that ask with the method for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value as Json, json};
use vpoller_daemon::metrics::{MetricDescriptor, MetricKind};
use vpoller_daemon::status::{self, Identity, Readiness, StatusDocument};

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
    pub(crate) fn new(
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

impl StatusDocument for WorkerStatus {
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
}

impl Readiness for WorkerStatus {
    fn readiness(&self, document: &Map<String, Json>) -> Result<String, String> {
        status::health(document)?;
        let hosts = self.executors.hosts().all();
        match hosts.iter().filter(|host| host.is_connected()).count() {
            0 if hosts.is_empty() => Err("no vSphere host is registered and enabled".to_owned()),
            0 if !hosts.iter().any(|host| host.is_wanted()) => Err("no agent is connected, none was needed yet".to_owned()),
            0 => Err("no agent is connected".to_owned()),
            count => Ok(format!("{count} of {} agents connected", hosts.len())),
        }
    }
}

/// What begins the name of every metric of the worker.
pub(crate) const METRIC_PREFIX: &str = "vpoller_worker";

const fn metric(name: &'static str, kind: MetricKind, label: &'static str, help: &'static str) -> MetricDescriptor {
    MetricDescriptor { name, kind, label, help }
}

/// Types and descriptions of the worker's metrics.
pub const DESCRIPTORS: &[MetricDescriptor] = &[
    metric("vpoller_worker_status", MetricKind::Text, "status", "What the worker says of itself."),
    metric("vpoller_worker_version", MetricKind::Text, "version", "Release of the worker."),
    metric("vpoller_worker_pid", MetricKind::Gauge, "", "Process id."),
    metric("vpoller_worker_concurrency", MetricKind::Gauge, "", "Threads with a socket to the proxy."),
    metric("vpoller_worker_restarts", MetricKind::Counter, "", "Threads that ended by themselves and were started again."),
    metric("vpoller_worker_external_helper_running", MetricKind::Gauge, "", "Commands of a helper that run now."),
    metric("vpoller_worker_external_helper_runs", MetricKind::Counter, "", "Commands of a helper that were started."),
    metric("vpoller_worker_external_helper_failures", MetricKind::Counter, "", "Commands of a helper that failed."),
    metric("vpoller_worker_process_link", MetricKind::Text, "link", "The connection of a thread to the proxy."),
    metric("vpoller_worker_process_in_work", MetricKind::Gauge, "", "Requests that a thread has and did not answer yet."),
    metric("vpoller_worker_process_requests", MetricKind::Counter, "", "Messages that a thread took for requests."),
    metric("vpoller_worker_process_replies", MetricKind::Counter, "", "Replies that a thread sent."),
    metric("vpoller_worker_process_dropped", MetricKind::Counter, "", "Messages that a thread could not answer."),
    metric("vpoller_worker_process_refused", MetricKind::Counter, "", "Requests beyond what a thread takes on."),
    metric("vpoller_worker_process_unsent", MetricKind::Counter, "", "Replies that could not be sent."),
    metric("vpoller_worker_process_reconnects", MetricKind::Counter, "", "Sockets replaced because the proxy was silent."),
    metric("vpoller_worker_agent_state", MetricKind::Text, "state", "What an agent says of its vSphere host."),
    metric("vpoller_worker_agent_connected", MetricKind::Gauge, "", "Whether an agent can answer."),
    metric("vpoller_worker_agent_in_work", MetricKind::Gauge, "", "Requests that an agent has and did not answer yet."),
    metric("vpoller_worker_agent_limit", MetricKind::Gauge, "", "Requests that an agent takes on at once."),
    metric("vpoller_worker_agent_requests", MetricKind::Counter, "", "Requests that an agent took on."),
    metric("vpoller_worker_agent_failures", MetricKind::Counter, "", "Requests that an agent answered with a failure."),
    metric("vpoller_worker_agent_timeouts", MetricKind::Counter, "", "Requests that vSphere did not answer in time."),
    metric("vpoller_worker_agent_refused", MetricKind::Counter, "", "Requests beyond what an agent takes on."),
    metric("vpoller_worker_agent_restarts", MetricKind::Counter, "", "Restarts of an agent after a defect."),
    metric("vpoller_worker_agent_latency_seconds", MetricKind::Histogram, "", "Time to answer a request, by method."),
    metric("vpoller_worker_agent_vsphere_logins", MetricKind::Counter, "", "Sessions opened at a vSphere host."),
    metric("vpoller_worker_agent_vsphere_calls", MetricKind::Counter, "", "Calls to a vSphere host."),
    metric("vpoller_worker_agent_vsphere_bytes_in", MetricKind::Counter, "", "Bytes of a vSphere host's answers."),
    metric("vpoller_worker_agent_vsphere_bytes_out", MetricKind::Counter, "", "Bytes of calls to a vSphere host."),
    metric("vpoller_worker_agent_vsphere_errors", MetricKind::Counter, "class", "Failed calls to a vSphere host."),
    metric("vpoller_worker_agent_vsphere_soap_calls", MetricKind::Counter, "", "Calls to a vSphere host, by SOAP method."),
    metric("vpoller_worker_agent_vsphere_soap_bytes_in", MetricKind::Counter, "", "Bytes of answers, by SOAP method."),
    metric("vpoller_worker_agent_vsphere_soap_bytes_out", MetricKind::Counter, "", "Bytes of calls, by SOAP method."),
    metric("vpoller_worker_agent_vsphere_soap_errors", MetricKind::Counter, "class", "Failed calls, by SOAP method."),
    metric("vpoller_worker_agent_vsphere_soap_latency_seconds", MetricKind::Histogram, "", "Time of calls, by SOAP method."),
    metric(
        "vpoller_worker_agent_vsphere_cache_state",
        MetricKind::Text,
        "state",
        "What the snapshot of a vSphere host is worth.",
    ),
    metric(
        "vpoller_worker_agent_vsphere_cache_age_seconds",
        MetricKind::Gauge,
        "",
        "Time since vSphere last confirmed the snapshot.",
    ),
    metric("vpoller_worker_agent_vsphere_cache_objects", MetricKind::Gauge, "type", "Objects in the snapshot."),
    metric(
        "vpoller_worker_agent_vsphere_cache_watched_paths",
        MetricKind::Gauge,
        "kind",
        "Properties that vSphere keeps up to date.",
    ),
    metric(
        "vpoller_worker_agent_vsphere_cache_learned_values",
        MetricKind::Gauge,
        "",
        "Values of properties that were asked for.",
    ),
    metric("vpoller_worker_agent_vsphere_cache_learned_bytes", MetricKind::Gauge, "", "Memory of those values."),
    metric("vpoller_worker_agent_vsphere_cache_hits", MetricKind::Counter, "", "Values that memory had."),
    metric("vpoller_worker_agent_vsphere_cache_misses", MetricKind::Counter, "", "Values that were read from vSphere."),
    metric("vpoller_worker_agent_vsphere_cache_shared", MetricKind::Counter, "", "Questions answered along with another one."),
    metric("vpoller_worker_agent_vsphere_cache_updates", MetricKind::Counter, "", "Sets of changes that vSphere sent."),
    metric("vpoller_worker_agent_vsphere_cache_objects_changed", MetricKind::Counter, "", "Objects in those sets."),
    metric("vpoller_worker_agent_vsphere_cache_loads", MetricKind::Counter, "", "Times the snapshot was loaded."),
    metric("vpoller_worker_agent_vsphere_cache_load_seconds", MetricKind::Gauge, "", "Time the last load took."),
    metric(
        "vpoller_worker_agent_vsphere_cache_half_made",
        MetricKind::Gauge,
        "",
        "Objects left out because vSphere lists them without values.",
    ),
    metric("vpoller_worker_agent_vsphere_cache_losses", MetricKind::Counter, "", "Times the stream of changes broke."),
    metric(
        "vpoller_worker_agent_vsphere_cache_refused",
        MetricKind::Counter,
        "",
        "Properties that vSphere did not let us watch.",
    ),
    metric("vpoller_worker_agent_vsphere_cache_path_hits", MetricKind::Counter, "", "Values that memory had, by property."),
    metric(
        "vpoller_worker_agent_vsphere_cache_path_misses",
        MetricKind::Counter,
        "",
        "Values that were read from vSphere, by property.",
    ),
    metric(
        "vpoller_worker_agent_vsphere_cache_path_stage",
        MetricKind::Text,
        "stage",
        "How far a property is from being watched.",
    ),
    metric("vpoller_worker_agent_vsphere_perf_calls", MetricKind::Counter, "", "Calls for samples of performance counters."),
    metric("vpoller_worker_agent_vsphere_perf_objects", MetricKind::Counter, "", "Objects in those calls."),
    metric("vpoller_worker_agent_vsphere_perf_series", MetricKind::Counter, "", "Series in those calls."),
    metric("vpoller_worker_agent_vsphere_perf_asked", MetricKind::Counter, "", "Series that requests asked for."),
    metric("vpoller_worker_agent_vsphere_perf_hits", MetricKind::Counter, "", "Of these, answered without waiting."),
    metric("vpoller_worker_agent_vsphere_perf_joined", MetricKind::Counter, "", "Of these, answered by a call under way."),
    metric("vpoller_worker_agent_vsphere_perf_prefetched", MetricKind::Counter, "", "Series asked along."),
    metric(
        "vpoller_worker_agent_vsphere_perf_prefetched_used",
        MetricKind::Counter,
        "",
        "Of these, asked for before they were old.",
    ),
    metric("vpoller_worker_agent_vsphere_perf_failed", MetricKind::Counter, "", "Calls for samples that failed."),
    metric("vpoller_worker_agent_vsphere_perf_isolating", MetricKind::Counter, "", "Calls to find out what was to blame in one."),
    metric("vpoller_worker_agent_vsphere_perf_halvings", MetricKind::Counter, "", "Times the size of calls was halved."),
    metric("vpoller_worker_agent_vsphere_perf_kept", MetricKind::Gauge, "", "Series kept."),
    metric("vpoller_worker_agent_vsphere_perf_under_way", MetricKind::Gauge, "", "Calls for samples under way."),
    metric("vpoller_worker_agent_vsphere_perf_waiting", MetricKind::Gauge, "", "Objects that wait for such a call."),
    metric("vpoller_worker_agent_vsphere_perf_objects_per_call", MetricKind::Gauge, "", "Objects that a call may have."),
    metric("vpoller_worker_agent_vsphere_perf_calls_at_once", MetricKind::Gauge, "", "Calls that may be under way at once."),
    metric(
        "vpoller_worker_agent_vsphere_perf_series_per_historical_call",
        MetricKind::Gauge,
        "",
        "Series that a historical call may have.",
    ),
];
