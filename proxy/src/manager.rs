//! The main thread: starts the broker's thread, answers management, hears signals and passes a stop on to the broker's thread.

use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use vpoller_daemon::Program;
use vpoller_daemon::http::{Http, HttpError};
use vpoller_daemon::log::LogError;
use vpoller_daemon::mgmt::Management;
use vpoller_daemon::notify::{self, Pulse, Watchdog};
use vpoller_daemon::pages::Overview;
use vpoller_daemon::signal::{Signal, Signals};
use vpoller_daemon::status::VERSION;
use vpoller_daemon::wake::Wake;
use vpoller_wire::client::poll_timeout;

use crate::broker_thread::{self, BrokerThread};
use crate::status::{Endpoints, ProxyStatus};
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
    _http: Option<Http>,
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
        Ok(Self { endpoints, management, status, _http: http, ended, watchdog, thread })
    }

    fn open_pages(config: &Config, status: &Arc<ProxyStatus>) -> Result<Option<Http>, HttpError> {
        let overview: Arc<dyn Overview> = Arc::<ProxyStatus>::clone(status);
        let http = Http::start(&config.http, Program::Proxy.section(), &overview)?;
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

    /// Answers management until a shutdown is asked for or signalled, then ends everything in good order. `reload` is called
    /// when SIGHUP asks for it.
    ///
    /// # Errors
    /// When the proxy ended by itself.
    pub fn run(mut self, signals: Option<&Signals>, reload: impl Fn() -> Result<(), LogError>) -> Result<(), ProxyError> {
        let mut stop_by: Option<Instant> = None;
        while !self.wait(signals, stop_by)? {
            let asked = self.management.serve(|| self.status.document()).map_err(ProxyError::failed("management"))?;
            let mut stop = asked;
            while let Some(signal) = signals.and_then(Signals::next) {
                match signal {
                    Signal::Stop => stop = true,
                    Signal::Reload => {
                        notify::reloading();
                        reload().unwrap_or_else(|error| tracing::error!("{error}"));
                        notify::ready();
                    }
                }
            }
            self.watchdog.tend(Instant::now());
            if stop && stop_by.is_none() {
                stop_by = Some(self.begin_stop());
            }
            if stop_by.is_some_and(|limit| limit <= Instant::now()) {
                return Err(ProxyError::Thread("did not stop in time"));
            }
        }
        tracing::info!("Closing Proxy Manager sockets");
        join(self.thread)
    }

    /// Waits for something to happen; says whether the broker's thread ended.
    fn wait(&self, signals: Option<&Signals>, limit: Option<Instant>) -> Result<bool, ProxyError> {
        let mut items = vec![self.management.poll_item(), zmq::PollItem::from_fd(self.ended.fd(), zmq::POLLIN)];
        items.extend(signals.map(|signals| zmq::PollItem::from_fd(signals.fd(), zmq::POLLIN)));
        let now = Instant::now();
        let until = limit.map(|limit| limit.saturating_duration_since(now));
        let timeout = until.into_iter().chain(self.watchdog.wait(now)).min().map_or(-1, poll_timeout);
        match zmq::poll(&mut items, timeout) {
            Ok(_) | Err(zmq::Error::EINTR) => Ok(self.ended.drain()),
            Err(source) => Err(ProxyError::Failed { role: "management", source }),
        }
    }

    fn begin_stop(&self) -> Instant {
        tracing::info!("Received shutdown signal");
        tracing::info!("Proxy Manager is shutting down");
        notify::stopping();
        tracing::info!("Stopping Proxy process");
        self.status.stopping.store(true, Ordering::Relaxed);
        self.status.commander.send(ThreadCommand::Stop);
        Instant::now() + broker_thread::STOP_LIMIT + MARGIN
    }
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
