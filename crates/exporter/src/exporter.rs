//! The exporter as a whole.

use std::sync::Arc;

use axum::Router;
use vpoller_inventory::Hosts;

use crate::formats::FORMATS;
use crate::settings::Settings;
use crate::state::ExporterState;
use crate::{cycle, pages};

/// Pages about vSphere hosts, and the cycles that fill them. Clones are the same exporter.
#[derive(Clone)]
pub struct Exporter {
    state: Arc<ExporterState>,
}

impl Exporter {
    /// An exporter of these hosts. Nothing is asked of them before [`Exporter::run`].
    #[must_use]
    pub fn new(hosts: Arc<Hosts>, settings: Settings) -> Self {
        let readers = FORMATS.iter().flat_map(|format| (format.readers)(&settings)).collect();
        Self { state: Arc::new(ExporterState::new(hosts, settings, readers)) }
    }

    /// Its pages.
    pub fn router(&self) -> Router {
        pages::router(&self.state)
    }

    /// Logs in to every host, has watched what its pages show, and gathers samples, until `stop` ends. The hosts' own tasks are
    /// started by the caller.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = cycle::run(Arc::clone(&self.state)) => {}
        }
    }
}
