//! Serves `/healthz`, `/readyz` and `/ice`, and contains the modules of the API.

pub(super) mod admin;
mod alerts;
pub(super) mod api_error;
pub(super) mod clients;
mod history;
pub(super) mod live_stats;
mod request_params;
mod stats;
pub(super) mod stats_access;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::local::IsLocal;
use super::response_body::shared_response;
use super::router::AppState;
use crate::protocol::http::HttpFailure;

pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

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

/// Returns the response of `/ice` to a request without a required token, or over the rate limit.
pub(super) fn ice_refusal(failure: HttpFailure) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    if let HttpFailure::TooFast(wait) = failure {
        let text =
            "Too many requests from this address (limits.address_http_requests_per_second).\n";
        let seconds = wait.as_secs() + 1;
        let retry = [(RETRY_AFTER, HeaderValue::from(seconds))];
        return (StatusCode::TOO_MANY_REQUESTS, headers, retry, text).into_response();
    }
    let text = "This tracker needs a token: request /ice?token=TOKEN.\n";
    (StatusCode::FORBIDDEN, headers, text).into_response()
}

/// `GET /ice`: the configuration for `RTCPeerConnection`; for a page on `localhost` also its URLs for other machines.
pub(super) async fn ice(
    State(shared): State<Arc<AppState>>,
    local: Option<Extension<IsLocal>>,
) -> Response {
    let ice = shared.live_settings().ice.clone();
    let document = if local.is_some_and(|Extension(IsLocal(is_local))| is_local) {
        shared.add_page_urls(&ice)
    } else {
        ice
    };
    shared_response(([(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)], document))
}
