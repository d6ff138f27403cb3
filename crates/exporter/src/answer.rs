//! Answers that several pages give.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const PLAIN: &str = "text/plain; charset=utf-8";

/// One line of text.
pub(crate) fn line(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, PLAIN)], format!("{text}\n")).into_response()
}
