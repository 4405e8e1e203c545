//! Totals, and who may see them: everybody while `public_stats` is on, else whoever has the admin token.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;

use super::admin::guard::sign_in;
use super::refusal::Refusal;
use super::{alerts, clients, history, live, stats};
use crate::http::site::Shared;
use crate::http::stats as reference;

/// All routes that tell totals.
pub(in crate::http) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/stats", get(stats::now))
        .route("/api/v1/series", get(stats::series))
        .route("/api/v1/history", get(history::history))
        .route("/api/v1/clients", get(clients::clients))
        .route("/stats", get(reference::page))
        .route("/stats.json", get(reference::json))
        .route("/api/v1/live", get(live::live))
        .route("/api/v1/alerts/summary", get(alerts::summary))
        .layer(from_fn_with_state(Arc::clone(shared), guard))
}

async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    match may_see_totals(&shared, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Lets in who may see totals.
///
/// # Errors
///
/// They are not public, and no admin token is shown, or a wrong one.
pub(in crate::http) fn may_see_totals(shared: &Shared, request: &Request) -> Result<(), Refusal> {
    let live = shared.live();
    if live.public_stats {
        return Ok(());
    }
    let headers = request.headers();
    if live.admin_token.is_none() || !headers.contains_key(AUTHORIZATION) {
        let text = "statistics are not public here (public_stats): they need the admin token";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    let caller = request.extensions().get().copied().unwrap_or_default();
    sign_in(shared, headers, caller)
}
