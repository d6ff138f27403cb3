//! Answers that several pages give.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The value of a parameter in a query, percent signs resolved; the first where there are several.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    parameters(query, name).next()
}

/// All values of a parameter in a query, percent signs resolved in names and values.
pub(crate) fn parameters<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(move |(key, _)| decoded(key) == name).map(|(_, value)| decoded(value))
}

/// What percent signs and plus signs stand for; bytes that are no text become the replacement character.
fn decoded(text: &str) -> String {
    let plain = text.replace('+', " ");
    percent_encoding::percent_decode_str(&plain).decode_utf8_lossy().into_owned()
}

const PLAIN: &str = "text/plain; charset=utf-8";

/// One line of text.
pub(crate) fn line(status: StatusCode, text: &str) -> Response {
    (status, [(header::CONTENT_TYPE, PLAIN)], format!("{text}\n")).into_response()
}
