//! Serves `/api/v1/check`: whether this tracker would serve a page of an origin, with a token, at the address of the request.
//!
//! Browsers hide the reason of a refused WebSocket from a page; this response any page can read. It tells about one origin
//! and one token at a time, and about no other address.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::request_params::QueryParams;
use super::tags::CHECK;
use crate::http::api_error::ApiError;
use crate::http::ice;
use crate::http::own_origin::origin_of_url;
use crate::http::requested_site::RequestedSite;
use crate::http::response::{for_all_origins, json_response_with};
use crate::http::state::AppState;
use crate::limits::Limited;
use crate::metrics::RefusalKind;
use crate::protocol::PageRefusal;
use crate::protocol::http::RequestTarget;

/// Longest origin in bytes: the longest host name with its scheme and port.
const ORIGIN_BYTES_MAX: usize = 270;

/// Whether the tracker would serve a page.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CheckResponse {
    address: AddressCheck,
    server: ServerCheck,
    /// Null if the request names no origin (non-browser clients need none), or the address is refused.
    origin: Option<OriginCheck>,
    /// Null if the address is refused.
    token: Option<TokenCheck>,
    /// The WebSocket URL of the tracker as the server knows it; null if this listener has no tracker.
    websocket_url: Option<String>,
    /// Whether the request reached the server, or a trusted proxy, over TLS.
    tls: bool,
    /// Whether `/ice` offers a STUN server.
    stun: bool,
    /// Whether `/ice` offers a TURN server.
    turn: bool,
    /// The server's time, in seconds since 1970.
    time: f64,
    /// The version of the server; null unless statistics are public.
    version: Option<&'static str>,
}

/// Whether the address of the request is served.
#[derive(Debug, Serialize, ToSchema)]
struct AddressCheck {
    state: AddressState,
    /// Why not, for people.
    reason: Option<String>,
    /// Seconds until a retry.
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AddressState {
    Served,
    Banned,
    /// A limit of the address or of the server is reached.
    Limited,
}

/// Whether the server opens WebSockets.
#[derive(Debug, Serialize, ToSchema)]
struct ServerCheck {
    state: ServerState,
    /// Why not, for people.
    reason: Option<&'static str>,
    /// Seconds until a retry.
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ServerState {
    Serving,
    /// It shuts down; another server may take over.
    Draining,
    /// This listener serves only pages.
    NoTracker,
}

/// Whether pages of an origin are served.
#[derive(Debug, Serialize, ToSchema)]
struct OriginCheck {
    /// The origin that was checked.
    origin: String,
    state: OriginState,
    /// Why not, for people.
    reason: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OriginState {
    Allowed,
    Denied,
}

/// Whether a token is needed, and whether that of the request is valid.
#[derive(Debug, Serialize, ToSchema)]
struct TokenCheck {
    state: TokenState,
    /// What to do, for people.
    reason: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum TokenState {
    NotNeeded,
    Valid,
    Missing,
    Wrong,
}

/// Returns whether this tracker would serve a page, and why not. Pages of all sites may read it.
#[utoipa::path(
    get,
    path = "/api/v1/check",
    operation_id = "check",
    tag = CHECK,
    params(
        ("origin" = Option<String>, Query, description = "The origin of the page; without it the header Origin counts"),
        ("token" = Option<String>, Query, description = "The token that the page would send"),
    ),
    responses((status = OK, body = CheckResponse))
)]
pub(super) async fn check(
    State(shared): State<Arc<AppState>>,
    site: Option<Extension<RequestedSite>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = site.map(|Extension(site)| site);
    let response = match requested_origin(&uri, &headers) {
        Ok(origin) => {
            let served = AddressCheck {
                state: AddressState::Served,
                reason: None,
                retry_after: None,
            };
            let mut report = CheckResponse::new(&shared, site.as_ref(), &headers, served);
            report.origin = origin.map(|origin| {
                let is_own = || site.is_some_and(|site| site.is_own(&origin, &headers));
                OriginCheck::new(&shared, &origin, is_own)
            });
            let token = TokenCheck::new(&shared, &uri);
            if matches!(token.state, TokenState::Wrong) {
                let site = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
                let telemetry = shared.node().telemetry();
                telemetry.record_refusal(RefusalKind::Token, site.unwrap_or("check"));
            }
            report.token = Some(token);
            json_response_with(StatusCode::OK, &report)
        }
        Err(error) => error.into_response(),
    };
    for_all_origins(response)
}

/// Returns the response to a request that a limit of its address or of the server refuses.
pub(in crate::http) fn limited_response(
    shared: &AppState,
    (site, headers): (Option<&RequestedSite>, &HeaderMap),
    limited: Limited,
) -> Response {
    let state = match limited {
        Limited::Banned { .. } | Limited::PageBanned { .. } => AddressState::Banned,
        _ => AddressState::Limited,
    };
    let status = StatusCode::from_u16(limited.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let wait = limited.retry_after();
    refusal(
        shared,
        (site, headers),
        (status, state, limited.to_string(), wait),
    )
}

/// Returns the response to an address that sends too many requests.
pub(in crate::http) fn too_many_requests(
    shared: &AppState,
    site: (Option<&RequestedSite>, &HeaderMap),
    wait: Duration,
) -> Response {
    let text = "Too many requests from this address (limits.address_http_requests_per_second)";
    let (status, state) = (StatusCode::TOO_MANY_REQUESTS, AddressState::Limited);
    refusal(
        shared,
        site,
        (status, state, text.to_owned(), wait.as_secs() + 1),
    )
}

fn refusal(
    shared: &AppState,
    (site, headers): (Option<&RequestedSite>, &HeaderMap),
    (status, state, reason, retry_after): (StatusCode, AddressState, String, u64),
) -> Response {
    let address = AddressCheck {
        state,
        reason: Some(reason),
        retry_after: Some(retry_after),
    };
    let report = CheckResponse::new(shared, site, headers, address);
    let mut response = for_all_origins(json_response_with(status, &report));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(retry_after));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Returns the origin to check: the parameter, else the header.
///
/// # Errors
///
/// The parameter cannot be an origin.
fn requested_origin(uri: &Uri, headers: &HeaderMap) -> Result<Option<HeaderValue>, ApiError> {
    let Some(origin) = QueryParams::of_uri(uri).get("origin") else {
        return Ok(headers.get(ORIGIN).cloned());
    };
    // People paste addresses; browsers send only their origin, in one form.
    let origin = if origin == "null" {
        Some(origin)
    } else {
        origin_of_url(&origin)
    };
    let value = origin.and_then(|origin| HeaderValue::try_from(origin).ok());
    let value = value.filter(|value| value.to_str().is_ok() && value.len() <= ORIGIN_BYTES_MAX);
    value.map(Some).ok_or_else(|| {
        let text = "origin must be what browsers send, such as https://example.org or null";
        ApiError::bad_request(text)
    })
}

impl CheckResponse {
    fn new(
        shared: &AppState,
        site: Option<&RequestedSite>,
        headers: &HeaderMap,
        address: AddressCheck,
    ) -> Self {
        let live = shared.http_settings();
        let (stun, turn) = ice::offered_kinds(shared);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let websocket_url =
            site.and_then(|site| site.websocket_url(headers, live.base_path.as_deref()));
        Self {
            address,
            server: ServerCheck::new(shared, websocket_url.is_some()),
            origin: None,
            token: None,
            websocket_url,
            tls: site.is_some_and(|site| site.is_tls),
            stun,
            turn,
            time: now.unwrap_or_default().as_secs_f64(),
            version: live.public_stats.then_some(env!("CARGO_PKG_VERSION")),
        }
    }
}

impl ServerCheck {
    fn new(shared: &AppState, has_tracker: bool) -> Self {
        let retry_after = shared.retry_after();
        let (state, reason) = match &retry_after {
            Some(_) => (ServerState::Draining, Some("the server is shutting down")),
            None if !has_tracker => (
                ServerState::NoTracker,
                Some("this address serves only pages, no tracker"),
            ),
            None => (ServerState::Serving, None),
        };
        Self {
            state,
            reason,
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
        }
    }
}

impl OriginCheck {
    fn new(shared: &AppState, origin: &HeaderValue, is_own: impl FnOnce() -> bool) -> Self {
        let is_allowed = shared.http_settings().allows_origin(origin, is_own);
        let (state, reason) = if is_allowed {
            (OriginState::Allowed, None)
        } else {
            (OriginState::Denied, Some(PageRefusal::Origin.text()))
        };
        Self {
            origin: String::from_utf8_lossy(origin.as_bytes()).into_owned(),
            state,
            reason,
        }
    }
}

impl TokenCheck {
    fn new(shared: &AppState, uri: &Uri) -> Self {
        let tokens = shared.node().access_tokens();
        let target = RequestTarget {
            path: "",
            query: uri.query().unwrap_or_default().as_bytes(),
        };
        let is_given = target.token().is_some_and(|token| !token.is_empty());
        let (state, reason) = if !tokens.requires_token() {
            (TokenState::NotNeeded, None)
        } else if !is_given {
            (TokenState::Missing, Some(PageRefusal::TokenMissing.text()))
        } else if tokens.has_valid_token(target) {
            (TokenState::Valid, None)
        } else {
            (TokenState::Wrong, Some(PageRefusal::TokenWrong.text()))
        };
        Self { state, reason }
    }
}
