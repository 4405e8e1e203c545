//! The routes of the admin API. Each is behind [`require_admin_token`].

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};

use super::{bans, connections, operations, refusals, settings, sites, swarm};
use crate::http::api::{alerts, history};
use crate::http::auth::require_admin_token;
use crate::http::state::AppState;

/// Returns all routes, behind authentication.
pub(in crate::http) fn routes(shared: &Arc<AppState>) -> Router<Arc<AppState>> {
    Router::new()
        .route("/api/v1/session", get(operations::session))
        .route("/api/v1/swarms/{info_hash}", get(swarm::show))
        .route("/api/v1/connections/{id}/kick", post(connections::kick))
        .route("/api/v1/connections/{id}/ban", post(bans::ban))
        .route("/api/v1/hostile", get(connections::hostile))
        .route("/api/v1/origins", get(operations::origins))
        .route("/api/v1/sites", get(sites::list))
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
        .route("/api/v1/history/swarms", get(history::top_swarms::swarms))
        .merge(alerts::routes::routes())
        .method_not_allowed_fallback(operations::method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(shared), require_admin_token))
}
