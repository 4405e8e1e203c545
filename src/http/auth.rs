//! Authenticates admin API requests by the admin token, and limits wrong attempts.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::api_error::ApiError;
use super::state::AppState;
use crate::limits::TooManyAttempts;
use crate::node::{ClientAddress, TokenScope};

/// The address of the client, as reported by trusted proxies; stored in the extensions of the request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CallerAddress(pub(super) ClientAddress);

/// Middleware: passes only requests with the admin token.
pub(super) async fn require_admin_token(
    State(shared): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get().copied().unwrap_or_default();
    match check_admin_token(&shared, request.headers(), caller) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Checks the admin token of a request.
///
/// # Errors
///
/// The admin API is off, the token is missing or invalid, or too many wrong tokens came from the address or from all.
pub(super) fn check_admin_token(
    shared: &AppState,
    headers: &HeaderMap,
    CallerAddress(address): CallerAddress,
) -> Result<(), ApiError> {
    let live = shared.http_settings();
    let Some(token) = &live.admin_token else {
        return Err(ApiError::not_found("the admin API is off: set admin_token"));
    };
    let Some(candidate) = bearer_token(headers) else {
        let text = "admin token required: send it as Authorization: Bearer TOKEN";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, text));
    };
    let node = shared.node();
    match node.access_tokens().check_token(
        TokenScope::Admin,
        address.ip(),
        node.clock().uptime(),
        || token.matches(candidate),
    ) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let text = "invalid admin token";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, text))
        }
        Err(too_many_wrong) => Err(too_many_attempts(too_many_wrong)),
    }
}

/// Returns the error after too many wrong tokens; the token is not checked.
pub(super) fn too_many_attempts(wrong: TooManyAttempts) -> ApiError {
    let text = if wrong.is_total {
        "too many wrong tokens from all addresses; try again later (limits.all_wrong_tokens_per_minute)"
    } else {
        "too many wrong tokens from your address; try again later (limits.wrong_tokens_per_minute; \
         if they are not yours, check that proxies.trusted lists your proxy)"
    };
    let refusal = ApiError::new(StatusCode::TOO_MANY_REQUESTS, text);
    refusal.retry_after(wrong.wait.as_secs() + 1)
}

/// Returns the token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), if there is exactly one such header.
pub(super) fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then_some(token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_bearer_header_carries_a_token() {
        let shown_by = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().expect("a value"));
            }
            bearer_token(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(shown_by(&["Bearer abc"]).as_deref(), Some(&b"abc"[..]));
        assert_eq!(shown_by(&["bearer  abc "]).as_deref(), Some(&b"abc"[..]));
        for values in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer a", "Bearer b"],
            &["Bearer"],
        ] {
            assert_eq!(shown_by(values), None, "{values:?}");
        }
    }
}
