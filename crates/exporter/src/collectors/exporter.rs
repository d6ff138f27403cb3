//! The exporter itself.

use std::sync::Arc;

use vpoller_daemon::status::VERSION;

use super::Collector;
use crate::exposition::{Exposition, FamilyKind};
use crate::state::ExporterState;

pub(crate) const COLLECTOR: Collector = Collector { reader: None, collect };

fn collect(state: &Arc<ExporterState>, page: &mut Exposition) {
    page.family("vpoller_exporter_build", FamilyKind::Info, "Version of the exporter.");
    page.sample(&[("version", VERSION)], 1);
    page.family("vpoller_exporter_uptime_seconds", FamilyKind::Gauge, "Time since the exporter started.");
    page.sample(&[], state.started.elapsed().as_secs_f64());
}
