//! Decides which statistics a client may see: totals for all clients while `public_stats` is on, all statistics with the
//! admin token or from this machine.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;

use crate::http::api_error::ApiError;
use crate::http::auth::{bearer_token, check_admin_token};
use crate::http::local::IsLocal;
use crate::http::state::AppState;
use crate::metrics::Detail;

/// Middleware: stores the visible detail in the extensions of a request.
pub(super) async fn insert_detail(
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
    let (live, headers) = (shared.http_settings(), request.headers());
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
