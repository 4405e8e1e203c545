//! Serves `/api/v1/clients`: client programs of the peers, seeder counts, and address families of connections.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::api_error::{ApiError, json_response};
use crate::census::Census;
use crate::http::router::AppState;

/// `GET /api/v1/clients`
pub(super) async fn clients(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let census = census(&shared).await?;
    let clients = census.clients.iter().map(|counted| {
        json!({
            "name": counted.client.name,
            "version": counted.client.version,
            "members": counted.peers,
            "websocket": counted.websocket,
            "http": counted.http,
        })
    });
    let body = json!({
        "at": census_seconds(&census),
        "peers": census.peers,
        "seeders_only": census.seeders_only,
        "leechers_only": census.leechers_only,
        "both": census.both,
        "websocket": census.transports.websocket,
        "http": census.transports.http,
        "families": {
            "ipv4": census.connections.ipv4,
            "ipv6": census.connections.ipv6,
            "unix": census.connections.unix,
        },
        "http_families": {
            "ipv4": census.transports.http_ipv4,
            "ipv6": census.transports.http_ipv6,
        },
        "clients": clients.collect::<Vec<Value>>(),
    });
    Ok(json_response(&body))
}

/// Returns a recent client census.
///
/// # Errors
///
/// No census is available: the server is shutting down or overloaded.
pub(in crate::http) async fn census(shared: &AppState) -> Result<Arc<Census>, ApiError> {
    let census = shared.node().telemetry().census().fresh().await;
    census.ok_or_else(|| {
        let text = "client census timed out; try again";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(10)
    })
}

/// Returns the time of a census in seconds since 1970.
fn census_seconds(census: &Census) -> f64 {
    let since = census.at.duration_since(UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO).as_secs_f64()
}
