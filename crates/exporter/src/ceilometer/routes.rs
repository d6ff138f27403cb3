//! The paths that Ceilometer asks.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::READER;
use super::answer::{BASE, Question, Refused};
use super::entries::{Defaults, Instances};
use super::machines::{is_ready, machines};
use crate::settings::CeilometerSettings;
use crate::state::ExporterState;

/// Its paths.
pub(super) fn router(state: &Arc<ExporterState>) -> Router {
    let page = || get(page).fallback(|| async { refused(&Refused::new(405, "only GET is answered here")) });
    let router = Router::new().route(BASE, page()).route(BASE.trim_end_matches('/'), page());
    router.route(&format!("{BASE}{{*rest}}"), page()).with_state(Arc::clone(state))
}

async fn page(State(state): State<Arc<ExporterState>>, address: Uri) -> Response {
    let rest = address.path().strip_prefix(BASE).unwrap_or_default();
    let question = match Question::read(rest, address.query().unwrap_or_default()) {
        Ok(question) => question,
        Err(reason) => return refused(&reason),
    };
    if state.settings.ceilometer.is_none() {
        return refused(&Refused::new(
            404,
            "nothing is gathered for Ceilometer here: set ceilometer = yes in the section [exporter]",
        ));
    }
    // Thousands of machines are looked through and written, which other requests must not wait for.
    let made = tokio::task::spawn_blocking(move || {
        let settings = state.settings.ceilometer.as_ref().ok_or_else(|| Refused::new(404, "it is switched off"))?;
        answer(&state, settings, &question)
    });
    match made.await {
        Ok(Ok(body)) => json(StatusCode::OK, body),
        Ok(Err(reason)) => refused(&reason),
        Err(error) => {
            tracing::error!("an answer for Ceilometer could not be made: {error}");
            refused(&Refused::new(500, "the answer could not be made; the log says why"))
        }
    }
}

/// The answer about everything that is known now. Other readers than the first may come at any time; Ceilometer takes a 503 for a
/// poll that failed, and an empty list for an estate without machines.
fn answer(state: &ExporterState, settings: &CeilometerSettings, question: &Question) -> Result<Vec<u8>, Refused> {
    let hosts = state.read(READER);
    if !hosts.iter().any(is_ready) {
        return Err(Refused::new(503, "no vSphere host has been read within the last two intervals"));
    }
    let defaults = Defaults { project: &settings.project, user: &settings.user };
    let instances =
        Instances::new(hosts.iter().flat_map(machines).collect(), defaults).with_virtual_disks(settings.virtual_disks);
    question.answer(&instances)
}

fn refused(reason: &Refused) -> Response {
    json(StatusCode::from_u16(reason.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), reason.body())
}

/// Ceilometer reads JSON of another type as Latin-1.
fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
