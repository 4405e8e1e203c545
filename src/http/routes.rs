//! The routes of all requests that are not WebSocket upgrades and not for the HTTP tracker.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::paths::{HEALTHZ, ICE, METRICS, READYZ};
use super::state::AppState;
use super::{api, docs, embed, health, ice, metrics, pages, web_app};

/// Returns the routes of one worker.
pub(super) fn routes(shared: &Arc<AppState>) -> Router {
    Router::new()
        .route("/", get(pages::index))
        .route("/dashboard", get(pages::dashboard))
        .route("/check", get(pages::check))
        .route("/connect", get(pages::connect))
        .route("/docs", get(docs::slash))
        .route("/docs/", get(docs::start))
        .route("/docs/{*path}", get(docs::file))
        .route("/embed.js", get(embed::share_script))
        .route("/check.js", get(embed::check_script))
        .route("/embed.json", get(embed::versions))
        .route("/sw.js", get(pages::service_worker))
        .route("/manifest.webmanifest", get(web_app::manifest))
        .route(
            "/share-target",
            post(web_app::share_target).get(web_app::share_target),
        )
        .route("/assets/{version}/{*path}", get(pages::asset))
        .route(ICE, get(ice::ice))
        .route(HEALTHZ, get(health::healthz))
        .route(READYZ, get(health::readyz))
        .route(METRICS, get(metrics::metrics))
        .merge(api::routes::routes(shared))
        .fallback(pages::other_path)
        .with_state(Arc::clone(shared))
}
