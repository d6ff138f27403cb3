//! Who may ask for which vCenter, and the answer in pieces.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::READER;
use super::writer::PageWriter;
use crate::answer::{line, parameter};
use crate::state::ExporterState;

/// As vmware_exporter has it.
const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
/// What has not been confirmed for so long is not shown as if it were so.
const TOO_OLD: Duration = Duration::from_secs(600);

/// The page of the vCenter that the query names, or of the only one.
pub(crate) fn page(state: &Arc<ExporterState>, query: &str) -> Response {
    let Some(settings) = state.settings.vmware else {
        return line(StatusCode::NOT_FOUND, "vmware_exporter's page is switched off; [exporter] vmware = yes shows it");
    };
    let target = ["target", "vsphere_host"].into_iter().find_map(|name| parameter(query, name).filter(|name| !name.is_empty()));
    let mut known = state.read(READER);
    let data = match target {
        Some(target) => match known.into_iter().find(|data| data.host.name() == target) {
            Some(data) => data,
            // Only vCenters that the operator configured: stored passwords go to nobody whom a scraper names.
            None => return line(StatusCode::NOT_FOUND, &format!("no vCenter {target:?} is configured")),
        },
        None if known.len() > 1 => {
            let text = "several vCenters are configured: choose one, as in /metrics?target=NAME";
            return line(StatusCode::BAD_REQUEST, text);
        }
        None => match known.pop() {
            Some(data) => data,
            None => return line(StatusCode::NOT_FOUND, "no vCenter is configured: vconnector-cli add registers one"),
        },
    };
    let name = data.host.name().to_owned();
    let Some(view) = data.view.filter(|view| view.confirmed().elapsed() <= TOO_OLD) else {
        return line(StatusCode::SERVICE_UNAVAILABLE, &format!("[{name}] has not been read lately"));
    };
    let writer = PageWriter::new(view, data.gathered, settings);
    // Each piece is made when the reader has taken the one before: a slow reader holds neither a thread nor a lock.
    let pieces = stream::try_unfold(writer, |writer| async {
        let made = tokio::task::spawn_blocking(move || {
            let mut writer = writer;
            writer.piece().map(|piece| (Bytes::from(piece), writer))
        });
        made.await
    });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], Body::from_stream(pieces)).into_response()
}
