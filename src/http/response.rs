//! Header values and helpers that many responses share.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue,
};
use serde::Serialize;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Returns an uncacheable JSON response. Keys are sorted.
pub(super) fn json_response(body: &impl Serialize) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    (headers, sorted_json(body)).into_response()
}

/// Returns an uncacheable JSON response with this status.
pub(super) fn json_response_with(status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = json_response(body);
    *response.status_mut() = status;
    response
}

/// Returns JSON with sorted keys.
pub(super) fn sorted_json(body: &impl Serialize) -> String {
    // The types of the API have string keys only, so serialising them cannot fail.
    serde_json::to_value(body).unwrap_or_default().to_string()
}

/// Returns a response with a text for people.
pub(super) fn text_response(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response
}

/// Lets pages of all origins read and load a public response.
pub(super) fn for_all_origins(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}
