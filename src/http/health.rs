//! Serves `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::response::{NO_STORE, TEXT};
use super::state::AppState;

/// What a client is told while the node is alone: NATS servers restart within seconds.
const ALONE_RETRY_AFTER_SECONDS: u32 = 5;

/// `GET /healthz`: confirms that the process responds, also while it drains.
pub(super) async fn healthz() -> Response {
    ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)], "ok\n").into_response()
}

/// `GET /readyz`: reports whether the server accepts new connections, for load balancers.
pub(super) async fn readyz(State(shared): State<Arc<AppState>>) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    let unready = |headers, seconds: HeaderValue, reason| {
        let code = StatusCode::SERVICE_UNAVAILABLE;
        (code, headers, [(RETRY_AFTER, seconds)], reason).into_response()
    };
    if let Some(seconds) = shared.retry_after() {
        return unready(headers, seconds, "draining\n");
    }
    let is_alone = shared.node().cluster().is_some_and(|it| !it.is_connected());
    if !is_alone {
        return (headers, "ready\n").into_response();
    }
    if shared.http_settings().ready_when_alone {
        return (headers, "ready, without NATS\n").into_response();
    }
    let reason = "no NATS server is reachable\n";
    unready(
        headers,
        HeaderValue::from(ALONE_RETRY_AFTER_SECONDS),
        reason,
    )
}
