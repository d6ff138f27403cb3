//! The worker as a whole: agents, threads, management, and an orderly end.
//!
//! The main thread answers management, hears signals and looks after the threads; it takes no requests.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};
use vpoller_daemon::Program;
use vpoller_daemon::cli::PidFileError;
use vpoller_daemon::frame::{Frame, MainLoop};
use vpoller_daemon::mgmt::Management;
use vpoller_daemon::notify::{self, Pulse, Watchdog};
use vpoller_daemon::pages::PagesError;
use vpoller_daemon::routes;
use vpoller_daemon::socket::SocketError;
use vpoller_daemon::status::{StatusDocument, VERSION};
use vpoller_daemon::wake::Wake;
use vpoller_inventory::{CacheSettings, Inventory};
use vpoller_web::pages::StatusPages;
use vpoller_wire::control::Announcement;

use crate::config::Config;
use crate::dispatch::Dispatcher;
use crate::executors::Executors;
use crate::exporter::{MountError, MountedExporter};
use crate::helpers::external::Externals;
use crate::host_files::{self, Found, HostsError, Registered};
use crate::methods;
use crate::reread::Reread;
use crate::socket::{CAPACITY, SocketThread, ThreadState};
use crate::status::{DESCRIPTORS, METRIC_PREFIX, WorkerStatus};

/// Why a worker does not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The vSphere hosts are not known.
    #[error(transparent)]
    Hosts(#[from] HostsError),
    /// A socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The file with the process id cannot be written.
    #[error(transparent)]
    PidFile(#[from] PidFileError),
    /// The pages cannot be shown where the configuration wants them.
    #[error(transparent)]
    Http(#[from] PagesError),
    /// The pages of the exporter cannot be shown where the configuration wants them.
    #[error(transparent)]
    Exporter(#[from] MountError),
    /// The system refuses something.
    #[error("cannot {action}: {source}")]
    System {
        /// What was attempted.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The management socket broke.
    #[error("the management socket failed: {0}")]
    Management(zmq::Error),
}

impl WorkerError {
    fn system(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { action, source }
    }
}

/// A thread that ends by itself is started again after this pause.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// The main loop looks at its threads at least this often.
const GLANCE: Duration = Duration::from_secs(1);
/// How often the threads for vSphere traffic show systemd's watchdog that they still take turns.
const BEAT: Duration = Duration::from_millis(100);
/// What tasks that ignore their end may still take.
const RUNTIME_STOP: Duration = Duration::from_secs(1);
/// Name of the threads for vSphere traffic.
const AGENTS: &str = "VPollerAgents";
/// More threads than this for vSphere traffic gain nothing: they wait most of the time.
const MOST_RUNTIME_THREADS: usize = 4;

/// The number of threads with a socket: as asked for, else one per processor.
#[must_use]
pub fn concurrency(asked: Option<i64>) -> usize {
    let processors = || thread::available_parallelism().map_or(1, NonZero::get);
    asked.filter(|number| *number > 0).and_then(|number| usize::try_from(number).ok()).unwrap_or_else(processors)
}

/// Runs a worker until a signal or management stops it.
///
/// # Errors
/// When it cannot start, or its management socket breaks.
pub fn run(config: &Config, concurrency: usize, frame: &Frame) -> Result<(), WorkerError> {
    let (mut manager, management) = Manager::start(config, concurrency)?;
    let _pid_file = frame.ready()?;
    let result = manager.serve(management, frame);
    manager.stop();
    result
}

struct Manager {
    config: Config,
    /// As the database had them when the agents were made.
    registered: Vec<Registered>,
    reread: Reread,
    /// Warnings of the last reading of the hosts. They are not logged again.
    logged: Vec<String>,
    /// systemd has been notified of a reload that is not finished.
    reloading: bool,
    externals: Arc<Externals>,
    executors: Arc<Executors>,
    runtime: Runtime,
    threads: Vec<Thread>,
    wake: Wake,
    status: Arc<WorkerStatus>,
    /// Serves as long as the worker does.
    http: Option<StatusPages>,
    exporter: Option<MountedExporter>,
}

/// A socket thread and what it was made of, to make it again.
struct Thread {
    socket_thread: SocketThread,
    running: Option<JoinHandle<()>>,
    ended: Option<Instant>,
}

impl Manager {
    fn start(config: &Config, concurrency: usize) -> Result<(Self, Management), WorkerError> {
        tracing::info!("Starting Worker Manager");
        tracing::info!("vPoller Worker {VERSION}");
        let wake = Wake::new().map_err(WorkerError::system("make a wake-up descriptor"))?;
        let reread = Reread::new(config, &wake, Instant::now());
        let found = host_files::load(config)?;
        let logged = found.complaints();
        let registered = found.hosts;
        logged.iter().for_each(|complaint| tracing::warn!("{complaint}"));
        if registered.is_empty() {
            tracing::warn!("No registered or enabled vSphere Agents found");
        }
        let executors = Arc::new(Executors::new(inventories(&registered, &config.cache), concurrency * CAPACITY));
        let context = zmq::Context::new();
        let management = Management::bind(&context, &config.mgmt, Program::Worker, config.mgmt_allow.clone())?;
        let sockets = (1..=concurrency).map(shared).collect::<Result<Vec<_>, _>>()?;
        let externals = Arc::new(Externals::new(&config.externals));
        let mgmt = management.endpoint();
        let status = Arc::new(WorkerStatus::new(config, mgmt, Arc::clone(&executors), Arc::clone(&externals), sockets.clone()));
        let http = open_pages(config, &status)?;
        let runtime = runtime()?;
        executors.hosts().start(runtime.handle());
        let exporter = config.exporter.as_ref();
        let exporter = exporter.map(|settings| MountedExporter::start(settings, executors.hosts(), &runtime)).transpose()?;
        let mut manager = Self {
            config: config.clone(),
            registered,
            reread,
            logged,
            reloading: false,
            externals,
            executors,
            runtime,
            threads: Vec::new(),
            wake,
            status,
            http,
            exporter,
        };
        manager.start_threads(&context, sockets)?;
        tracing::info!("Worker Manager is ready and running");
        Ok((manager, management))
    }

    fn start_threads(&mut self, context: &zmq::Context, sockets: Vec<Arc<ThreadState>>) -> Result<(), WorkerError> {
        tracing::info!("Starting Worker processes");
        tracing::info!("Concurrency: {} (processes)", sockets.len());
        let announcement = self.announcement();
        for (number, shared) in (1..).zip(sockets) {
            let status: Arc<dyn StatusDocument> = Arc::<WorkerStatus>::clone(&self.status);
            let socket_thread = SocketThread {
                number,
                context: context.clone(),
                endpoint: self.config.proxy.clone(),
                dispatcher: Dispatcher::new(Arc::clone(&self.executors))
                    .with_policy(self.config.policy)
                    .with_helpers(Arc::clone(&self.externals))
                    .with_status(status),
                hosts: Arc::clone(self.executors.hosts()),
                runtime: self.runtime.handle().clone(),
                announcement: announcement.clone(),
                modules: self.config.modules(),
                shared,
            };
            let running = Some(spawn(&socket_thread, &self.wake)?);
            self.threads.push(Thread { socket_thread, running, ended: None });
        }
        Ok(())
    }

    fn announcement(&self) -> Announcement {
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Announcement {
            process: format!("{}:{}:{moment:x}", self.status.identity.hostname(), std::process::id()),
            version: VERSION.to_owned(),
            hosts: Vec::new(),
            capacity: CAPACITY,
            never_repeat: methods::never_repeat(),
        }
    }

    /// Serves until a signal or management asks for a stop.
    fn serve(&mut self, management: Management, frame: &Frame) -> Result<(), WorkerError> {
        let mut main_loop = MainLoop::new(management, self.wake.clone(), self.watchdog(), Some(frame));
        loop {
            let turn = main_loop.turn(Some(GLANCE), || self.status.document()).map_err(WorkerError::Management)?;
            if turn.stop {
                return Ok(());
            }
            let now = Instant::now();
            if turn.reload {
                notify::reloading();
                reopen(frame);
                self.reread.demand(now);
                self.reloading = true;
            }
            if let Some(read) = self.reread.tend(now) {
                self.take_over(read);
            }
            if self.reloading && !self.reread.is_busy(now) {
                notify::ready();
                self.reloading = false;
            }
            self.look_after_threads();
        }
    }

    /// Watches every thread with a socket, and whether the agents' threads take turns.
    fn watchdog(&self) -> Watchdog {
        let agents = Pulse::new(AGENTS);
        let pulses = self.threads.iter().map(|thread| thread.socket_thread.shared.pulse.clone()).chain([agents.clone()]);
        let watchdog = Watchdog::new(Instant::now(), pulses.collect());
        if watchdog.is_on() {
            self.runtime.spawn(async move {
                let mut turns = tokio::time::interval(BEAT);
                loop {
                    turns.tick().await;
                    agents.beat();
                }
            });
        }
        watchdog
    }

    /// Serves the hosts as they were read anew: those that changed get new agents, those that are gone or disabled lose theirs,
    /// and the others do not notice.
    fn take_over(&mut self, read: Result<Found, HostsError>) {
        let mut found = match read {
            Ok(found) => found,
            Err(error) => return self.log_new(vec![format!("{error}; the vSphere hosts stay as they were")]),
        };
        let mut complaints = std::mem::take(&mut found.warnings);
        for (path, error) in std::mem::take(&mut found.broken) {
            complaints.push(format!("{error}; its vSphere host stays as it was"));
            let before = self.registered.iter().filter(|host| host.file.as_ref() == Some(&path));
            let missing = |host: &&Registered| found.hosts.iter().all(|other| other.name != host.name);
            found.hosts.extend(before.filter(missing).cloned().collect::<Vec<_>>());
        }
        self.log_new(complaints);
        self.exchange(found.hosts);
    }

    /// Logs what it has not logged since the last reading.
    fn log_new(&mut self, complaints: Vec<String>) {
        complaints.iter().filter(|text| !self.logged.contains(text)).for_each(|text| tracing::warn!("{text}"));
        self.logged = complaints;
    }

    fn exchange(&mut self, registered: Vec<Registered>) {
        let old = &self.registered;
        let is_kept = |host: &Registered| old.iter().any(|known| known.is_same(host));
        let (kept, new): (Vec<_>, Vec<_>) = registered.iter().cloned().partition(is_kept);
        if new.is_empty() && kept.len() == old.len() && !self.reloading {
            self.registered = registered;
            return;
        }
        let gone =
            self.executors.exchange(inventories(&new, &self.config.cache), |name| kept.iter().any(|host| host.name == name));
        tracing::info!("vSphere hosts read again: {} unchanged, {} new or changed, {} closed", kept.len(), new.len(), gone.len());
        self.executors.hosts().start(self.runtime.handle());
        // Hosts that were in use go on being so; others wait for the proxy or a request, as at the start.
        gone.iter().filter(|host| host.is_wanted()).for_each(|host| self.executors.hosts().want(&[host.name().to_owned()]));
        self.runtime.spawn(vpoller_inventory::close(gone));
        self.registered = registered;
        self.threads.iter().for_each(|thread| thread.socket_thread.shared.announce());
    }

    /// A thread that ended by itself is started again, after a pause.
    fn look_after_threads(&mut self) {
        for thread in &mut self.threads {
            if thread.running.as_ref().is_some_and(JoinHandle::is_finished) {
                tracing::error!("{} ended; it is started again", name(thread.socket_thread.number));
                thread.running = None;
                thread.ended = Some(Instant::now());
                self.status.restarts.fetch_add(1, Ordering::Relaxed);
            }
            if thread.running.is_none() && thread.ended.is_some_and(|ended| ended.elapsed() >= RESTART_PAUSE) {
                match spawn(&thread.socket_thread, &self.wake) {
                    Ok(running) => thread.running = Some(running),
                    Err(error) => {
                        tracing::error!("{error}");
                        thread.ended = Some(Instant::now());
                    }
                }
            }
        }
    }

    fn stop(mut self) {
        notify::stopping();
        tracing::info!("Received shutdown signal");
        tracing::info!("Worker Manager is shutting down");
        tracing::info!("Closing Worker Manager sockets");
        drop(self.http.take());
        if let Some(exporter) = self.exporter.take() {
            exporter.stop(&self.runtime);
        }
        tracing::info!("Stopping Worker processes");
        self.threads.iter().for_each(|thread| thread.socket_thread.shared.finish());
        for running in self.threads.iter_mut().filter_map(|thread| thread.running.take()) {
            // A thread that panicked has said so in the log.
            let _ = running.join();
        }
        self.runtime.block_on(self.executors.hosts().stop());
        self.runtime.shutdown_timeout(RUNTIME_STOP);
    }
}

fn inventories(registered: &[Registered], cache: &CacheSettings) -> impl Iterator<Item = (String, Arc<dyn Inventory>)> {
    registered.iter().map(|host| (host.name.clone(), host.inventory(cache)))
}

/// What the manager and the thread of this number share.
fn shared(number: usize) -> Result<Arc<ThreadState>, WorkerError> {
    let wake = Wake::new().map_err(WorkerError::system("make a wake-up descriptor"))?;
    Ok(Arc::new(ThreadState::new(wake, Pulse::new(&name(number)))))
}

fn open_pages(config: &Config, status: &Arc<WorkerStatus>) -> Result<Option<StatusPages>, PagesError> {
    let routes = routes::of_status(status, METRIC_PREFIX, DESCRIPTORS);
    let http = StatusPages::start(&config.http, Program::Worker.section(), routes)?;
    if let Some(http) = &http {
        tracing::info!("Metrics and status are at {}", http.url());
        // This is the only place that sets it.
        let _ = status.http.set(http.url().to_owned());
    }
    Ok(http)
}

fn runtime() -> Result<Runtime, WorkerError> {
    let threads = concurrency(None).min(MOST_RUNTIME_THREADS);
    Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(AGENTS)
        .enable_all()
        .build()
        .map_err(WorkerError::system("start threads for the agents"))
}

fn name(number: usize) -> String {
    format!("VPollerWorker-{number}")
}

fn spawn(socket_thread: &SocketThread, wake: &Wake) -> Result<JoinHandle<()>, WorkerError> {
    let work = socket_thread.clone();
    let at_end = WakeAtEnd(wake.clone(), Arc::clone(&socket_thread.shared));
    let body = move || {
        let _at_end = at_end;
        if let Err(error) = work.run() {
            tracing::error!("{error}");
        }
    };
    socket_thread.shared.set_running(true);
    thread::Builder::new().name(name(socket_thread.number)).spawn(body).map_err(WorkerError::system("start a thread"))
}

/// Wakes the main thread when a thread ends, also by a panic.
struct WakeAtEnd(Wake, Arc<ThreadState>);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.1.set_running(false);
        self.0.wake();
    }
}

fn reopen(frame: &Frame) {
    match frame.reopen_log() {
        Ok(()) => tracing::info!("Log reopened"),
        Err(error) => tracing::error!("{error}"),
    }
}
