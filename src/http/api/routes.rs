//! The routes of the API.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::{
    admin, alerts, check, clients, counts, history, live_stats, openapi, stats, stats_access,
};
use crate::http::state::AppState;
use crate::http::{cached_routes, reference_stats};

/// Returns all routes of the API.
pub(in crate::http) fn routes(shared: &Arc<AppState>) -> Router<Arc<AppState>> {
    statistics_routes(shared)
        .merge(admin::routes::routes(shared))
        .route("/api/v1/counts", get(counts::counts))
        .route("/api/v1/swarms", get(counts::counts_or_list))
        .route("/api/v1/check", get(check::check))
}

/// The routes that are readable without the admin token.
fn statistics_routes(shared: &Arc<AppState>) -> Router<Arc<AppState>> {
    let cached = || from_fn_with_state(Arc::clone(shared), cached_routes::serve_cached);
    Router::new()
        .route("/api/v1/openapi.json", get(openapi::openapi))
        .route("/api/v1/stats", get(stats::latest).route_layer(cached()))
        .route("/api/v1/series", get(stats::series))
        .route(
            "/api/v1/history",
            get(history::series::history).head(history::series::head),
        )
        .route(
            "/api/v1/clients",
            get(clients::clients).route_layer(cached()),
        )
        .route("/stats", get(reference_stats::page).route_layer(cached()))
        .route(
            "/stats.json",
            get(reference_stats::json).route_layer(cached()),
        )
        .route(
            "/api/v1/live",
            get(live_stats::subscribe).head(live_stats::head),
        )
        .route("/api/v1/alerts/summary", get(alerts::list::summary))
        .layer(from_fn_with_state(
            Arc::clone(shared),
            stats_access::insert_detail,
        ))
}
