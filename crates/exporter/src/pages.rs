//! Which path shows what.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::answer::line;
use crate::formats::{self, FORMATS};
use crate::settings::{MetricsPage as Page, PageChoice};
use crate::state::ExporterState;

/// All pages.
pub(crate) fn router(state: &Arc<ExporterState>) -> Router {
    let common = Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/metrics/zroc", get(zroc))
        .route("/metrics/vsphere", get(own))
        .route("/-/healthy", get(|| async { line(StatusCode::OK, "healthy") }))
        .route("/-/ready", get(ready))
        .with_state(Arc::clone(state));
    let of_formats = FORMATS.iter().map(|format| (format.router)(state));
    let refused = || async { line(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered") };
    let not_found = || async { line(StatusCode::NOT_FOUND, "Not Found") };
    // By far most of what a page says is said again and again: the quickest way is nearly as good as the best one.
    let packed = CompressionLayer::new().quality(CompressionLevel::Fastest);
    of_formats.fold(common, Router::merge).method_not_allowed_fallback(refused).fallback(not_found).layer(packed)
}

async fn index() -> Response {
    line(StatusCode::OK, "/metrics, /metrics/zroc, /metrics/vmware, /metrics/vsphere, /health, /-/healthy, /-/ready")
}

/// Parameters by which vmware_exporter's users choose a vCenter and what to show.
const OF_VMWARE: [&str; 3] = ["target", "section", "vsphere_host"];

async fn metrics(State(state): State<Arc<ExporterState>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    let page = match state.settings.page {
        PageChoice::Auto { .. } if names(&query).any(|name| OF_VMWARE.contains(&name)) => Page::Vmware,
        PageChoice::Auto { fallback } => fallback,
        PageChoice::Always(page) => page,
    };
    match page {
        Page::Zroc => formats::zroc::page(&state, &query).await,
        Page::Vmware => formats::vmware::page(&state, &query),
        Page::Own => formats::own_page(&state, &query, &headers).await,
    }
}

async fn zroc(State(state): State<Arc<ExporterState>>, RawQuery(query): RawQuery) -> Response {
    formats::zroc::page(&state, &query.unwrap_or_default()).await
}

async fn own(State(state): State<Arc<ExporterState>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    formats::own_page(&state, &query.unwrap_or_default(), &headers).await
}

/// Ready once one vSphere host is known, and one cycle of each interval has brought something.
async fn ready(State(state): State<Arc<ExporterState>>) -> Response {
    let hosts = state.hosts.all();
    let is_gathered = |name: &str| (0..state.plans.len()).all(|plan| state.last(plan, name).is_some());
    if hosts.iter().any(|host| host.inventory().view().is_some() && is_gathered(host.name())) {
        line(StatusCode::OK, "ready")
    } else {
        line(StatusCode::SERVICE_UNAVAILABLE, "no vSphere host has been read yet")
    }
}

/// The names of the parameters of a query.
fn names(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}
