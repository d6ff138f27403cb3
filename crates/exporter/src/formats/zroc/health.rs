//! `/health`: whether samples are gathered, as JSON that the collector's users know.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vpoller_text::json::{self, Style};

use super::READER;
use crate::samples::Gathered;
use crate::settings::ZrocSettings;
use crate::state::ExporterState;

/// The members, in this order.
#[derive(Debug, Serialize)]
struct HealthDocument {
    status: &'static str,
    last_collection_time: Option<f64>,
    last_collection_duration_seconds: f64,
    last_vm_count: usize,
    last_error: Option<String>,
    collection_cycles: u64,
    stale: bool,
}

/// 200 when samples are gathered, else 503.
pub(super) fn answer(state: &Arc<ExporterState>) -> Response {
    let interval = state.settings.zroc.map_or(ZrocSettings::default().poll_interval, |zroc| zroc.poll_interval);
    let hosts = state.read(READER);
    let cycles: Vec<_> = hosts.iter().filter_map(|data| data.gathered.clone()).collect();
    // Of several vCenters the one that is worst off counts, and one that never answered is the worst.
    let missing = hosts.len() > cycles.len() || hosts.is_empty();
    let away = hosts.iter().find(|data| data.view.is_none()).and_then(|data| data.host.connection().last_error);
    let document = document(&cycles, missing, away, interval, SystemTime::now());
    let is_healthy = document.status == "ok";
    let body = json::to_vec(&document, Style::Indented(2)).unwrap_or_default();
    let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn document(
    cycles: &[Arc<Gathered>],
    missing: bool,
    away: Option<String>,
    interval: Duration,
    now: SystemTime,
) -> HealthDocument {
    let oldest = cycles.iter().map(|gathered| gathered.last_whole).min().flatten();
    let age = oldest.and_then(|oldest| now.duration_since(oldest).ok());
    let stale = missing || age.is_none_or(|age| age > 3 * interval);
    let failed = cycles.iter().filter_map(|gathered| gathered.failed.as_ref());
    let last_error = failed.map(|(count, error)| if *count > 0 { format!("{count} VMs failed") } else { error.clone() }).next();
    let last_error = last_error.or(away);
    let healthy = !stale && last_error.is_none();
    HealthDocument {
        status: if healthy { "ok" } else { "degraded" },
        last_collection_time: oldest
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|time| hundredths(time.as_secs_f64())),
        last_collection_duration_seconds: cycles
            .iter()
            .map(|gathered| hundredths(gathered.took.as_secs_f64()))
            .fold(0.0, f64::max),
        last_vm_count: cycles.iter().map(|gathered| gathered.answered).sum(),
        last_error,
        collection_cycles: cycles.iter().map(|gathered| gathered.cycles).min().unwrap_or(0),
        stale,
    }
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
