//! Routes the admin API, which needs the admin token (`docs/admin.md`).
//!
//! Each route is behind [`auth`]. No response header allows other origins, and no cookie is ever set, so a page of
//! another site cannot use it through a browser. Each change is written to the audit log.

pub(in crate::http) mod auth;
mod bans;
mod connections;
mod operations;
mod peer_report;
mod ranking;
mod refusals;
mod settings;
mod swarms;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use super::super::router::AppState;
use super::{alerts, history};

pub(in crate::http) use auth::{CallerAddress, bearer_token, check_admin_token, too_many_attempts};
pub(in crate::http) use ranking::RankingCache;

/// Returns all routes, behind authentication.
pub(in crate::http) fn routes(shared: &Arc<AppState>) -> Router<Arc<AppState>> {
    Router::new()
        .route("/api/v1/session", get(operations::session))
        .route("/api/v1/swarms", get(swarms::list))
        .route("/api/v1/swarms/{info_hash}", get(swarms::show))
        .route("/api/v1/connections/{id}/kick", post(connections::kick))
        .route("/api/v1/connections/{id}/ban", post(bans::ban))
        .route("/api/v1/hostile", get(connections::hostile))
        .route("/api/v1/origins", get(operations::origins))
        .route("/api/v1/refusals", get(refusals::list))
        .route("/api/v1/bans", get(bans::list))
        .route("/api/v1/bans/{key}", delete(bans::lift))
        .route(
            "/api/v1/settings",
            get(settings::list).patch(settings::change),
        )
        .route("/api/v1/settings/undo", post(settings::undo))
        .route("/api/v1/drain", post(operations::drain))
        .route("/api/v1/audit", get(operations::audit))
        .route("/api/v1/history/swarms", get(history::swarms))
        .merge(alerts::routes())
        .method_not_allowed_fallback(operations::method_not_allowed)
        .layer(from_fn_with_state(
            Arc::clone(shared),
            auth::require_admin_token,
        ))
}

/// Returns seconds with three decimals.
fn rounded_seconds(time: std::time::Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Returns seconds since 1970, with three decimals.
fn unix_seconds(time: std::time::SystemTime) -> f64 {
    rounded_seconds(
        time.duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
