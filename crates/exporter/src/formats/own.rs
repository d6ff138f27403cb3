//! Our own page: what the collectors have to show.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::answer::{line, parameter, parameters};
use crate::exposition::{self, Exposition, ExpositionFormat};
use crate::format::Format;
use crate::state::ExporterState;
use crate::{collectors, parts};

pub(crate) const FORMAT: Format =
    Format { readers: |settings| settings.own.as_ref().map(collectors::readers).unwrap_or_default(), router: |_| Router::new() };

/// The page, in the format that the headers ask for: of the parts that the query names by `collect[]`, of the vSphere host that it
/// names by `vcenter`.
pub(crate) async fn page(state: &Arc<ExporterState>, query: &str, headers: &HeaderMap) -> Response {
    let vcenter = parameter(query, "vcenter").filter(|vcenter| !vcenter.is_empty());
    if let Some(unknown) = vcenter.as_deref().filter(|vcenter| state.hosts.get(vcenter).is_none()) {
        return line(StatusCode::NOT_FOUND, &format!("no vCenter {unknown:?} is served"));
    }
    let wanted: Vec<String> = parameters(query, "collect[]").collect();
    for part in &wanted {
        if !parts::names().any(|known| known == part) {
            let all = parts::names().collect::<Vec<_>>().join(", ");
            return line(StatusCode::BAD_REQUEST, &format!("collect[]={part}: there are {all}"));
        }
        if !collectors::is_shown(state, part) {
            let text =
                format!("collect[]={part}: it is switched off; vsphere_parts = +{part} in the section [exporter] shows it");
            return line(StatusCode::BAD_REQUEST, &text);
        }
    }
    let format = wanted_format(headers);
    let shared = Arc::clone(state);
    let make = move || {
        let mut page = Exposition::new(format, 16 << 10);
        let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == part);
        collectors::write(&shared, &wants, vcenter.as_deref(), &mut page);
        page.finish()
    };
    let content_type = match format {
        ExpositionFormat::Text => exposition::TEXT,
        ExpositionFormat::OpenMetrics => exposition::OPEN_METRICS,
    };
    match tokio::task::spawn_blocking(make).await {
        Ok(body) => ([(header::CONTENT_TYPE, content_type)], body).into_response(),
        Err(_) => line(StatusCode::INTERNAL_SERVER_ERROR, "this page failed by a defect, see the log"),
    }
}

/// `OpenMetrics` where it is preferred to plain text. What is not understood is passed over, and no `q` means 1.
fn wanted_format(headers: &HeaderMap) -> ExpositionFormat {
    let mut open = 0.0_f32;
    let mut text = 0.0_f32;
    for range in headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let quality =
            parts.filter_map(|part| part.strip_prefix("q=")).find_map(|quality| quality.parse::<f32>().ok()).unwrap_or(1.0);
        let best = match kind {
            "application/openmetrics-text" => &mut open,
            "text/plain" | "text/*" | "*/*" => &mut text,
            _ => continue,
        };
        *best = best.max(quality);
    }
    if open > 0.0 && open >= text { ExpositionFormat::OpenMetrics } else { ExpositionFormat::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_the_one_that_is_preferred() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wanted_format(&headers)
        };
        let of_prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.7,application/openmetrics-text;\
                               version=0.0.1;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;\
                               q=0.4,*/*;q=0.3";
        let of_prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                               text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for open in [of_prometheus_3, of_prometheus_2, "application/openmetrics-text"] {
            assert_eq!(wants(open), ExpositionFormat::OpenMetrics, "{open}");
        }
        for text in ["*/*", "text/plain;version=1.0.0", "text/plain, application/openmetrics-text;q=0.1", "image/png", ";;q=x,"] {
            assert_eq!(wants(text), ExpositionFormat::Text, "{text}");
        }
        assert_eq!(wanted_format(&HeaderMap::new()), ExpositionFormat::Text);
    }
}
