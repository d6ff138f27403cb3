//! The exporter as a part of the worker: it reads the worker's hosts, so that it costs no session and no snapshot of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vpoller_daemon::doors::{Doors, DoorsError, SchemeError};
use vpoller_exporter::{Exporter, FileSettings};
use vpoller_inventory::Hosts;
use vpoller_web::{Limits, Server};

/// Why the exporter's pages cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The address, or the listener.
    #[error("{0}; [exporter] http names another place")]
    Web(#[from] vpoller_web::Error),
    /// The files that guard the pages.
    #[error("[exporter]: {0}")]
    Doors(#[from] DoorsError),
    /// The address says another thing about TLS than these files.
    #[error("[exporter]: {0}")]
    Scheme(#[from] SchemeError),
}

/// The running exporter.
pub(crate) struct MountedExporter {
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// What answers that are under way may take at the end.
const STOP: Duration = Duration::from_secs(3);

impl MountedExporter {
    /// Opens the listener and gathers samples of these hosts. All of them are logged in to.
    pub(crate) fn start(settings: &FileSettings, hosts: &Arc<Hosts>, runtime: &Runtime) -> Result<Self, MountError> {
        let doors = Doors::load(&settings.doors)?;
        Doors::check_scheme(doors.as_ref(), &settings.listen)?;
        let scheme = if doors.as_ref().is_some_and(Doors::is_tls) { "https" } else { "http" };
        let server = Server::bind(std::slice::from_ref(&settings.listen), Limits::default(), doors)?;
        for address in server.local_addresses() {
            tracing::info!("Metrics of vSphere are at {scheme}://{address}/metrics");
        }
        let exporter = Exporter::new(Arc::clone(hosts), settings.settings.clone());
        let (stop, stopped) = watch::channel(false);
        let (for_server, for_cycles) = (stopped.clone(), stopped);
        let serving = runtime.spawn(async move {
            let gathering = exporter.run(until(for_cycles));
            let (_, served) = tokio::join!(gathering, server.serve(exporter.router(), until(for_server)));
            if let Err(error) = served {
                tracing::error!("{error}");
            }
        });
        Ok(Self { stop, serving })
    }

    /// Reads the files that guard the pages, as a start does; what of them is worth a warning.
    pub(crate) fn check(settings: &FileSettings) -> Result<Vec<String>, MountError> {
        Doors::examine(&settings.doors, &settings.listen)
    }

    /// Ends it.
    pub(crate) fn stop(self, runtime: &Runtime) {
        let _ = self.stop.send(true);
        // What does not end in time is ended with the runtime.
        let _ = runtime.block_on(async { tokio::time::timeout(STOP, self.serving).await });
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // When the sender is gone, so is the worker.
    let _ = stopped.wait_for(|stop| *stop).await;
}
