//! Serves the counts of named swarms to pages that join none of them, such as a counter of viewers.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::admin::swarm::parse_info_hash;
use super::admin::swarms::list;
use super::request_params::QueryParams;
use super::tags::COUNTS;
use crate::http::api_error::ApiError;
use crate::http::auth::check_admin_token;
use crate::http::ice::for_allowed_origins;
use crate::http::response::{JSON, sorted_json};
use crate::http::state::AppState;
use crate::protocol::InfoHash;

/// Maximum number of swarms in one request.
const SWARMS_MAX: usize = 50;
/// Browsers and proxies may reuse the counts for as long as they are not sent more often to subscribers either.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// The counts of named swarms.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct CountsResponse {
    /// In the order of the info-hashes.
    swarms: Vec<SwarmCounts>,
}

/// The counts of one swarm; zero if it does not exist.
#[derive(Debug, Serialize, ToSchema)]
struct SwarmCounts {
    /// 40 hexadecimal digits.
    info_hash: String,
    seeders: u32,
    leechers: u32,
    /// Downloads completed since the swarm was created.
    completed: u32,
}

/// Returns the counts of named swarms. `/api/v1/swarms` with `info_hash` parameters is the same.
///
/// A page can also subscribe to the counts over a WebSocket of the tracker, which sends changes at most once a second:
/// `/docs/protocol#counts-without-joining`.
#[utoipa::path(
    get,
    path = "/api/v1/counts",
    operation_id = "getCounts",
    tag = COUNTS,
    params(
        ("info_hash" = Vec<String>, Query, description = "40 hexadecimal digits; up to 50 of these parameters"),
    ),
    responses((status = OK, body = CountsResponse))
)]
pub(super) async fn counts(State(shared): State<Arc<AppState>>, request: Request) -> Response {
    let response = match counts_response(&shared, request.uri()).await {
        Ok(document) => {
            let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, CACHED)];
            (headers, sorted_json(&document)).into_response()
        }
        Err(error) => error.into_response(),
    };
    let requested = (request.extensions().get(), request.headers());
    for_allowed_origins(response, &shared.http_settings(), requested)
}

/// Returns the counts of the swarms in the query, or the page of all swarms to requests with the admin token.
pub(super) async fn counts_or_list(
    State(shared): State<Arc<AppState>>,
    request: Request,
) -> Response {
    if QueryParams::of_uri(request.uri())
        .get("info_hash")
        .is_some()
    {
        return counts(State(shared), request).await;
    }
    let caller = request.extensions().get().copied().unwrap_or_default();
    match check_admin_token(&shared, request.headers(), caller) {
        Ok(()) => list(State(shared), request.uri().clone())
            .await
            .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn counts_response(shared: &AppState, uri: &Uri) -> Result<CountsResponse, ApiError> {
    let node = shared.node();
    if node.access_tokens().requires_token() || !shared.http_settings().public_stats {
        let text = "counts are not public on this tracker (access.tokens_file, public_stats)";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    let info_hashes = info_hashes(&QueryParams::of_uri(uri))?;
    let counted = node.find_counts(info_hashes.into_iter().collect()).await;
    let swarms = counted.into_iter().map(|(info_hash, counts)| SwarmCounts {
        info_hash: info_hash.to_string(),
        seeders: counts.complete,
        leechers: counts.incomplete,
        completed: counts.downloaded,
    });
    Ok(CountsResponse {
        swarms: swarms.collect(),
    })
}

fn info_hashes(params: &QueryParams<'_>) -> Result<BTreeSet<InfoHash>, ApiError> {
    let mut info_hashes = BTreeSet::new();
    for (number, text) in params.all("info_hash").enumerate() {
        if number == SWARMS_MAX {
            let text = format!("at most {SWARMS_MAX} info_hash parameters");
            return Err(ApiError::bad_request(text));
        }
        let info_hash = parse_info_hash(&text)
            .ok_or_else(|| ApiError::bad_request("info_hash must be 40 hexadecimal digits"))?;
        info_hashes.insert(info_hash);
    }
    if info_hashes.is_empty() {
        let text = "name the swarms: /api/v1/counts?info_hash=…&info_hash=…";
        return Err(ApiError::bad_request(text));
    }
    Ok(info_hashes)
}
