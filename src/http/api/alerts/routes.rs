//! The routes of the alerts API.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post, put};

use super::{list, rules, silences};
use crate::http::state::AppState;

/// The routes that need the admin token; the admin API adds its authentication.
pub(in crate::http::api) fn routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/api/v1/alerts", get(list::list))
        .route(
            "/api/v1/alerts/rules/{name}",
            put(rules::put_rule).delete(rules::delete_rule),
        )
        .route("/api/v1/alerts/silences", post(silences::create_silence))
        .route(
            "/api/v1/alerts/silences/{id}",
            delete(silences::delete_silence),
        )
        .route("/api/v1/alerts/test", post(silences::send_test))
}
