//! The small answers: whether the server is well, and which ICE servers pages shall use.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::site::Shared;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `GET /healthz`: 200 while connections are taken, 503 once the server is stopping.
pub(super) async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let (status, text) = if shared.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ok\n")
    };
    (
        status,
        [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)],
        text,
    )
        .into_response()
}

/// `GET /ice`: what pages give to `RTCPeerConnection`.
pub(super) async fn ice(State(shared): State<Arc<Shared>>) -> Response {
    (
        [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)],
        shared.ice.clone(),
    )
        .into_response()
}
