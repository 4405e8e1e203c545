//! Serves `/ice`, the configuration for `RTCPeerConnection`.

mod client;
mod servers;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN,
    RETRY_AFTER, VARY,
};
use serde::Serialize;

use super::http_settings::HttpSettings;
use super::local::IsLocal;
use super::requested_site::RequestedSite;
use super::response::{JSON, NO_STORE, TEXT};
use super::response_body::shared_response;
use super::state::AppState;
use crate::config::IceServer;
use crate::protocol::http::HttpFailure;

pub(super) use client::IceClient;
pub(super) use servers::offered_kinds;

/// The response of `/ice`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IceDocument {
    ice_servers: Vec<IceServer>,
    /// Seconds for which a page may use the response. Then it asks again: servers and their passwords change.
    ttl: u64,
    /// The URLs under which other machines can open the page, for a page on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pages: Option<Vec<String>>,
}

/// Returns the response of `/ice` to a request without a required token, or over the rate limit.
pub(super) fn ice_refusal(
    failure: HttpFailure,
    live: &HttpSettings,
    request: (Option<&RequestedSite>, &HeaderMap),
) -> Response {
    let response = if let HttpFailure::TooFast(wait) = failure {
        too_many_requests("limits.address_http_requests_per_second", wait)
    } else {
        let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
        let text = "This tracker needs a token: request /ice?token=TOKEN.\n";
        (StatusCode::FORBIDDEN, headers, text).into_response()
    };
    for_allowed_origins(response, live, request)
}

fn too_many_requests(setting: &str, wait: Duration) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    let retry = [(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))];
    let text = format!("Too many requests from this address ({setting}).\n");
    (StatusCode::TOO_MANY_REQUESTS, headers, retry, text).into_response()
}

/// Lets pages of allowed origins read a response. Responses differ by origin, so caches must not mix them up.
pub(super) fn for_allowed_origins(
    mut response: Response,
    live: &HttpSettings,
    (site, request_headers): (Option<&RequestedSite>, &HeaderMap),
) -> Response {
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = request_headers.get(ORIGIN)
        && live.allows_origin(origin, || {
            site.is_some_and(|site| site.is_own(origin, request_headers))
        })
    {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// `GET /ice`: the configuration for `RTCPeerConnection`; for a page on `localhost` also its URLs for other machines.
pub(super) async fn ice(
    State(shared): State<Arc<AppState>>,
    local: Option<Extension<IsLocal>>,
    client: Option<Extension<IceClient>>,
    site: Option<Extension<RequestedSite>>,
    request_headers: HeaderMap,
) -> Response {
    let is_local = local.is_some_and(|Extension(IsLocal(is_local))| is_local);
    let host = request_headers.get(HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let servers = client.map(|Extension(client)| servers::ice_servers(&shared, &client, host));
    let live = shared.http_settings();
    let ice_servers = match servers {
        Some(Ok(servers)) => servers,
        Some(Err(wait)) => {
            let refusal = too_many_requests("limits.address_ice_per_second", wait);
            return for_allowed_origins(refusal, &live, (site.as_deref(), &request_headers));
        }
        None => live.ice_servers.clone(),
    };
    let document = serde_json::to_string(&IceDocument {
        ice_servers,
        ttl: live.credentials_lifetime.as_secs(),
        pages: is_local.then(|| shared.page_urls()),
    });
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    let response = shared_response((headers, document.unwrap_or_default()));
    for_allowed_origins(response, &live, (site.as_deref(), &request_headers))
}
