//! Serves `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};

use super::response::{NO_STORE, TEXT};
use super::state::AppState;

/// `GET /healthz`: confirms that the process responds, also while it drains.
pub(super) async fn healthz() -> Response {
    ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)], "ok\n").into_response()
}

/// `GET /readyz`: reports whether the server accepts new connections, for load balancers.
pub(super) async fn readyz(State(shared): State<Arc<AppState>>) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    match shared.retry_after() {
        None => (headers, "ready\n").into_response(),
        Some(seconds) => (
            StatusCode::SERVICE_UNAVAILABLE,
            headers,
            [(RETRY_AFTER, seconds)],
            "draining\n",
        )
            .into_response(),
    }
}
