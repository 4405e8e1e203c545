//! Routes the statistics API and decides which statistics a client may see: totals for all clients while `public_stats`
//! is on, all statistics with the admin token or from this machine.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;

use super::admin::auth::{bearer_token, check_admin_token};
use super::api_error::ApiError;
use super::{alerts, clients, history, live_stats, stats};
use crate::http::local::IsLocal;
use crate::http::reference_stats as reference;
use crate::http::response_cache;
use crate::http::router::AppState;
use crate::metrics::Detail;

/// The routes that are readable without the admin token.
pub(in crate::http) fn routes(shared: &Arc<AppState>) -> Router<Arc<AppState>> {
    let cached = || from_fn_with_state(Arc::clone(shared), response_cache::serve_cached);
    Router::new()
        .route("/api/v1/stats", get(stats::latest).route_layer(cached()))
        .route("/api/v1/series", get(stats::series))
        .route("/api/v1/history", get(history::history).head(history::head))
        .route(
            "/api/v1/clients",
            get(clients::clients).route_layer(cached()),
        )
        .route("/stats", get(reference::page).route_layer(cached()))
        .route("/stats.json", get(reference::json).route_layer(cached()))
        .route(
            "/api/v1/live",
            get(live_stats::subscribe).head(live_stats::head),
        )
        .route("/api/v1/alerts/summary", get(alerts::summary))
        .layer(from_fn_with_state(Arc::clone(shared), insert_detail))
}

/// Middleware: stores the visible detail in the extensions of a request.
async fn insert_detail(
    State(shared): State<Arc<AppState>>,
    mut request: Request,
    next: Next,
) -> Response {
    match visible_detail(&shared, &request) {
        Ok(detail) => {
            request.extensions_mut().insert(detail);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Returns how much of the statistics a request may see.
///
/// # Errors
///
/// The statistics are not public and the request has no admin token, or its token is invalid.
pub(in crate::http) fn visible_detail(
    shared: &AppState,
    request: &Request,
) -> Result<Detail, ApiError> {
    let (live, headers) = (shared.live_settings(), request.headers());
    let extensions = request.extensions();
    let shows_token = if live.public_stats {
        // Other credentials, such as the password of a proxy in front, are ignored.
        bearer_token(headers).is_some()
    } else {
        headers.contains_key(AUTHORIZATION)
    };
    if shows_token && live.admin_token.is_some() {
        let caller = extensions.get().copied().unwrap_or_default();
        return check_admin_token(shared, headers, caller).map(|()| Detail::All);
    }
    if !live.public_stats {
        let text = "statistics are not public (public_stats): the admin token is required";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    let IsLocal(is_local) = extensions.get().copied().unwrap_or_default();
    Ok(if is_local || live.metrics_public {
        Detail::All
    } else {
        Detail::Totals
    })
}

/// Returns the refusal of a request for more than the totals.
pub(super) fn not_public_error(what: &str) -> ApiError {
    let text = format!(
        "{what} is not public (metrics.public): send the admin token, or connect from the server's machine"
    );
    ApiError::new(StatusCode::FORBIDDEN, text)
}
