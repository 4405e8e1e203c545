//! Serves `GET /metrics`: the statistics for Prometheus and other programs that read its formats.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, VARY, WWW_AUTHENTICATE,
};

use super::api::stats_access::visible_detail;
use super::auth::{CallerAddress, bearer_token, too_many_attempts};
use super::response::{NO_STORE, TEXT};
use super::response_body::shared_response;
use super::state::AppState;
use crate::limits::TooManyAttempts;
use crate::metrics::{Detail, Exposition};
use crate::node::TokenScope;

const PLAIN: HeaderValue = HeaderValue::from_static(Exposition::PLAIN_CONTENT_TYPE);
const OPEN_METRICS: HeaderValue = HeaderValue::from_static(Exposition::OPEN_METRICS_CONTENT_TYPE);

/// `GET /metrics`, in the requested format.
pub(super) async fn metrics(State(shared): State<Arc<AppState>>, request: Request) -> Response {
    let headers = request.headers();
    let detail = match allowed_detail(&shared, &request) {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let telemetry = shared.node().telemetry();
    let Ok(written) = shared.metrics_cache.rendered(telemetry, detail) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (content_type, text) = if accepts_open_metrics(headers) {
        (OPEN_METRICS, written.open_metrics)
    } else {
        (PLAIN, written.plain)
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, NO_STORE),
        (VARY, HeaderValue::from_static("accept")),
    ];
    shared_response((headers, text))
}

/// Returns the detail that the sender may see. With `metrics.token`: all for requests with that token or the admin
/// token, nothing for others. On listeners of `metrics.listen`: all. Otherwise the rule of all statistics applies.
fn allowed_detail(shared: &AppState, request: &Request) -> Result<Detail, Box<Response>> {
    let refused = |response: Response| Err(Box::new(response));
    if shared.http_settings().metrics_token.is_none() {
        if shared.metrics_cache.has_own_listener() {
            return Ok(Detail::All);
        }
        return visible_detail(shared, request).or_else(|refusal| refused(refusal.into_response()));
    }
    let Some(token) = bearer_token(request.headers()) else {
        return refused(unauthorized());
    };
    let CallerAddress(address) = request.extensions().get().copied().unwrap_or_default();
    match check_token(shared, address.ip(), token) {
        Ok(true) => Ok(Detail::All),
        Ok(false) => refused(unauthorized()),
        Err(too_many_wrong) => refused(too_many_attempts(too_many_wrong).into_response()),
    }
}

/// Returns whether a request of a banned address carries a valid metrics token.
pub(super) fn has_metrics_token(
    shared: &AppState,
    headers: &HeaderMap,
    address: Option<IpAddr>,
) -> bool {
    bearer_token(headers).is_some_and(|token| check_token(shared, address, token) == Ok(true))
}

/// Checks a token against `metrics.token` and the admin token.
fn check_token(
    shared: &AppState,
    address: Option<IpAddr>,
    candidate: &[u8],
) -> Result<bool, TooManyAttempts> {
    let (live, node) = (shared.http_settings(), shared.node());
    let tokens = [&live.metrics_token, &live.admin_token];
    let is_valid = || {
        tokens
            .into_iter()
            .flatten()
            .any(|token| token.matches(candidate))
    };
    node.access_tokens().check_token(
        TokenScope::Metrics,
        address,
        node.clock().uptime(),
        is_valid,
    )
}

fn unauthorized() -> Response {
    let headers = [
        (CONTENT_TYPE, TEXT),
        (CACHE_CONTROL, NO_STORE),
        (
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"metrics\""),
        ),
    ];
    let text = "Metrics need a token (metrics.token): send it as Authorization: Bearer TOKEN.\n";
    (StatusCode::UNAUTHORIZED, headers, text).into_response()
}

/// Returns whether the client accepts OpenMetrics. Prometheus lists all formats that it accepts; other clients mostly
/// list none and read the older format.
fn accepts_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"))
}
