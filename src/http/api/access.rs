//! Statistics, and who may see how much of them: totals everybody while `public_stats` is on, all of them whoever has the admin
//! token or asks from this machine.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;

use super::admin::guard::{shown, sign_in};
use super::refusal::Refusal;
use super::{alerts, clients, history, live, stats};
use crate::http::cache;
use crate::http::local::Local;
use crate::http::site::Shared;
use crate::http::stats as reference;
use crate::insight::Detail;

/// All routes that tell totals.
pub(in crate::http) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let kept = || from_fn_with_state(Arc::clone(shared), cache::kept);
    Router::new()
        .route("/api/v1/stats", get(stats::now).route_layer(kept()))
        .route("/api/v1/series", get(stats::series))
        .route("/api/v1/history", get(history::history).head(history::head))
        .route("/api/v1/clients", get(clients::clients).route_layer(kept()))
        .route("/stats", get(reference::page).route_layer(kept()))
        .route("/stats.json", get(reference::json).route_layer(kept()))
        .route("/api/v1/live", get(live::live).head(live::head))
        .route("/api/v1/alerts/summary", get(alerts::summary))
        .layer(from_fn_with_state(Arc::clone(shared), guard))
}

/// Puts into the extensions of a request how much its sender may see.
async fn guard(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    match may_see(&shared, &request) {
        Ok(detail) => {
            request.extensions_mut().insert(detail);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// How much of the statistics the sender of a request may see.
///
/// # Errors
///
/// They are not public and no admin token is shown, or a wrong one is.
pub(in crate::http) fn may_see(shared: &Shared, request: &Request) -> Result<Detail, Refusal> {
    let (live, headers) = (shared.live(), request.headers());
    let extensions = request.extensions();
    let shows_token = if live.public_stats {
        // What a proxy in front asks for, such as a password, is none of ours.
        shown(headers).is_some()
    } else {
        headers.contains_key(AUTHORIZATION)
    };
    if shows_token && live.admin_token.is_some() {
        let caller = extensions.get().copied().unwrap_or_default();
        return sign_in(shared, headers, caller).map(|()| Detail::All);
    }
    if !live.public_stats {
        let text = "statistics are not public here (public_stats): they need the admin token";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    let Local(is_local) = extensions.get().copied().unwrap_or_default();
    Ok(if is_local || live.metrics_public {
        Detail::All
    } else {
        Detail::Totals
    })
}

/// What strangers are told who ask for more than totals.
pub(super) fn not_public(what: &str) -> Refusal {
    let text = format!(
        "{what} told only with the admin token, or on the machine of the server (metrics.public)"
    );
    Refusal::new(StatusCode::FORBIDDEN, text)
}
