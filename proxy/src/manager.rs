//! The main thread: starts the broker's thread, answers management, hears signals and passes a stop on to the broker's thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use vpoller_daemon::Program;
use vpoller_daemon::frame::{Frame, MainLoop};
use vpoller_daemon::http::Http;
use vpoller_daemon::mgmt::Management;
use vpoller_daemon::notify::{self, Pulse, Watchdog};
use vpoller_daemon::pages::PagesError;
use vpoller_daemon::routes;
use vpoller_daemon::status::{StatusDocument, VERSION};
use vpoller_daemon::wake::Wake;

use crate::broker_thread::{self, BrokerThread};
use crate::status::{DESCRIPTORS, Endpoints, METRIC_PREFIX, ProxyStatus};
use crate::thread_command::{self, ThreadCommand};
use crate::{Config, ProxyError};

/// What the broker's thread may take beyond the time it gives its requests, to send the last answers.
const MARGIN: Duration = Duration::from_secs(2);
const THREAD_NAME: &str = "VPollerProxy-1";

pub struct Manager {
    endpoints: Endpoints,
    management: Management,
    status: Arc<ProxyStatus>,
    /// Serves as long as the proxy lives.
    http: Option<Http>,
    /// Woken when the broker's thread ends.
    ended: Wake,
    watchdog: Watchdog,
    thread: JoinHandle<Result<(), ProxyError>>,
}

impl Manager {
    /// Binds all sockets and starts the broker's thread; clients and workers are served when this returns.
    ///
    /// # Errors
    /// When a socket cannot be bound or a thread cannot be started.
    pub fn start(config: &Config) -> Result<Self, ProxyError> {
        tracing::info!("Starting Proxy Manager");
        tracing::info!("vPoller {VERSION} release");
        let system = |action| move |source| ProxyError::System { action, source };
        let context = zmq::Context::new();
        tracing::info!("Creating Proxy Manager sockets");
        let management = Management::bind(&context, &config.mgmt, Program::Proxy, config.mgmt_allow.clone())?;
        let ended = Wake::new().map_err(system("make an eventfd"))?;
        let (commander, commands) = thread_command::channel(Wake::new().map_err(system("make an eventfd"))?);
        let (ready, is_ready) = mpsc::channel();
        let pulse = Pulse::new(THREAD_NAME);
        let watchdog = Watchdog::new(Instant::now(), vec![pulse.clone()]);
        tracing::info!("Starting Proxy process");
        let status = Arc::new(ProxyStatus::new(commander));
        let http = Self::open_pages(config, &status)?;
        let thread = {
            let config = config.clone();
            let ended = ended.clone();
            let status = Arc::clone(&status);
            let body = move || {
                let _ended = WakeAtEnd(ended);
                let broker = BrokerThread::bind(&context, &config, commands, pulse, status)?;
                // The manager waits for this; it is gone only when the whole program is.
                let _ = ready.send((broker.frontend().to_owned(), broker.backend().to_owned()));
                broker.run()
            };
            thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(body).map_err(system("start a thread"))?
        };
        let Ok((frontend, backend)) = is_ready.recv() else {
            return Err(join(thread).err().unwrap_or(ProxyError::Thread("ended")));
        };
        let endpoints = Endpoints { frontend, backend, mgmt: management.endpoint().to_owned() };
        tracing::info!(
            "Clients connect to {}, workers to {}, management to {}",
            endpoints.frontend,
            endpoints.backend,
            endpoints.mgmt
        );
        tracing::info!("No CURVE keys are configured: whoever reaches these ports may ask; keep them inside your network");
        // This is the only place that sets it.
        let _ = status.endpoints.set(endpoints.clone());
        tracing::info!("Proxy Manager is ready and running");
        Ok(Self { endpoints, management, status, http, ended, watchdog, thread })
    }

    fn open_pages(config: &Config, status: &Arc<ProxyStatus>) -> Result<Option<Http>, PagesError> {
        let routes = routes::of_status(status, METRIC_PREFIX, DESCRIPTORS);
        let http = Http::start(&config.http, Program::Proxy.section(), routes)?;
        if let Some(http) = &http {
            tracing::info!("Metrics and status are at {}", http.url());
            // This is the only place that sets it.
            let _ = status.http.set(http.url());
        }
        Ok(http)
    }

    /// Where clients connect, with the port that the system chose.
    #[must_use]
    pub fn frontend(&self) -> &str {
        &self.endpoints.frontend
    }

    /// Where workers connect, with the port that the system chose.
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.endpoints.backend
    }

    /// Where management asks, with the port that the system chose.
    #[must_use]
    pub fn mgmt(&self) -> &str {
        &self.endpoints.mgmt
    }

    /// Answers management until a shutdown is asked for or signalled, then ends everything in good order. Without a frame, as in
    /// tests, no signal is heard.
    ///
    /// # Errors
    /// When the proxy ended by itself.
    pub fn run(self, frame: Option<&Frame>) -> Result<(), ProxyError> {
        let Self { management, status, ended, watchdog, thread, http, .. } = self;
        let mut main_loop = MainLoop::new(management, ended, watchdog, frame);
        let mut stop_by: Option<Instant> = None;
        loop {
            let limit = stop_by.map(|limit| limit.saturating_duration_since(Instant::now()));
            let turn = main_loop.turn(limit, || status.document()).map_err(ProxyError::failed("management"))?;
            if turn.woken {
                break;
            }
            if let Some(frame) = frame.filter(|_| turn.reload) {
                notify::reloading();
                frame.reopen_log().unwrap_or_else(|error| tracing::error!("{error}"));
                notify::ready();
            }
            if turn.stop && stop_by.is_none() {
                stop_by = Some(begin_stop(&status));
            }
            if stop_by.is_some_and(|limit| limit <= Instant::now()) {
                return Err(ProxyError::Thread("did not stop in time"));
            }
        }
        tracing::info!("Closing Proxy Manager sockets");
        let result = join(thread);
        drop(http);
        result
    }
}

fn begin_stop(status: &ProxyStatus) -> Instant {
    tracing::info!("Received shutdown signal");
    tracing::info!("Proxy Manager is shutting down");
    notify::stopping();
    tracing::info!("Stopping Proxy process");
    status.stopping.store(true, Ordering::Relaxed);
    status.commander.send(ThreadCommand::Stop);
    Instant::now() + broker_thread::STOP_LIMIT + MARGIN
}

fn join(thread: JoinHandle<Result<(), ProxyError>>) -> Result<(), ProxyError> {
    thread.join().unwrap_or(Err(ProxyError::Thread("ended by a bug; see above")))
}

/// Wakes the manager when the thread ends, also by a panic.
struct WakeAtEnd(Wake);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        self.0.wake();
    }
}
