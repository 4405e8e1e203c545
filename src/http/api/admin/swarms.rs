//! Serves the paged list of swarms.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hyper::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use super::ranking::RANKED_SWARMS_MAX;
use super::ranking::query::{InfoHashPrefix, SwarmListQuery, SwarmRow, SwarmSort};
use crate::http::api::request_params::QueryParams;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;

/// Maximum number of swarms on one page.
const PAGE_MAX: usize = 500;

/// A page of all swarms.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SwarmsResponse {
    /// Number of swarms that match the filter.
    total: usize,
    swarms: Vec<SwarmReport>,
}

/// The size of one swarm.
#[derive(Debug, Serialize, ToSchema)]
struct SwarmReport {
    info_hash: String,
    seeders: u32,
    leechers: u32,
    /// Members that announce over HTTP.
    http: u32,
}

impl From<&SwarmRow> for SwarmReport {
    fn from(row: &SwarmRow) -> Self {
        Self {
            info_hash: row.info_hash.to_string(),
            seeders: row.seeders,
            leechers: row.leechers,
            http: row.http,
        }
    }
}

/// Returns a page of all swarms. With `info_hash` parameters this path is `/api/v1/counts`, which needs no token.
#[utoipa::path(
    get,
    path = "/api/v1/swarms",
    operation_id = "listSwarms",
    tag = ADMIN,
    params(
        ("sort" = Option<SwarmSort>, Query, description = "`members` by default"),
        ("order" = Option<String>, Query, description = "`asc` or `desc`; the largest first by default"),
        ("filter" = Option<String>, Query, description = "The first hexadecimal digits of the info-hash"),
        ("offset" = Option<u32>, Query, description = "Number of swarms to skip", maximum = 99_500),
        ("limit" = Option<u32>, Query, description = "Maximum number of swarms; 50 by default", minimum = 1, maximum = 500),
    ),
    responses((status = OK, body = SwarmsResponse))
)]
pub(in crate::http::api) async fn list(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let params = QueryParams::of_uri(&uri);
    let query = list_query(&params)?;
    let limit = params.number("limit", 50, 1..=PAGE_MAX)?;
    let offset = params.number("offset", 0, 0..=RANKED_SWARMS_MAX - PAGE_MAX)?;
    let (swarms, clock) = (shared.node().tracker().swarms(), shared.node().clock());
    let ranking = shared
        .rankings()
        .top(swarms, clock, &query, offset + limit)
        .await;
    let page = ranking.rows.iter().skip(offset).take(limit);
    Ok(json_response(&SwarmsResponse {
        total: ranking.total,
        swarms: page.map(SwarmReport::from).collect(),
    }))
}

fn list_query(params: &QueryParams<'_>) -> Result<SwarmListQuery, ApiError> {
    let sort = match params.get("sort").as_deref() {
        None | Some("members") => SwarmSort::Members,
        Some("seeders") => SwarmSort::Seeders,
        Some("leechers") => SwarmSort::Leechers,
        Some("info_hash") => SwarmSort::InfoHash,
        Some(_) => {
            let text = "sort must be `members`, `seeders`, `leechers` or `info_hash`";
            return Err(ApiError::bad_request(text));
        }
    };
    let descending = match params.get("order").as_deref() {
        None => sort != SwarmSort::InfoHash,
        Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(ApiError::bad_request("order must be `asc` or `desc`")),
    };
    let filter =
        InfoHashPrefix::new(&params.get("filter").unwrap_or_default()).ok_or_else(|| {
            ApiError::bad_request("filter must be the first hexadecimal digits of an info_hash")
        })?;
    Ok(SwarmListQuery {
        sort,
        descending,
        filter,
    })
}
