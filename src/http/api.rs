//! The small answers: that the server is well, and which ICE servers pages shall use.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use super::site::Shared;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `GET /healthz`: says that connections are taken and answered.
pub(super) async fn healthz() -> Response {
    ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)], "ok\n").into_response()
}

/// `GET /ice`: what pages give to `RTCPeerConnection`.
pub(super) async fn ice(State(shared): State<Arc<Shared>>) -> Response {
    (
        [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)],
        shared.ice.clone(),
    )
        .into_response()
}
