//! Serves `/ice`, the configuration for `RTCPeerConnection`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::local::IsLocal;
use super::response::{JSON, NO_STORE, TEXT};
use super::response_body::shared_response;
use super::state::AppState;
use crate::protocol::http::HttpFailure;

/// Returns the response of `/ice` to a request without a required token, or over the rate limit.
pub(super) fn ice_refusal(failure: HttpFailure) -> Response {
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, NO_STORE)];
    if let HttpFailure::TooFast(wait) = failure {
        let text =
            "Too many requests from this address (limits.address_http_requests_per_second).\n";
        let seconds = wait.as_secs() + 1;
        let retry = [(RETRY_AFTER, HeaderValue::from(seconds))];
        return (StatusCode::TOO_MANY_REQUESTS, headers, retry, text).into_response();
    }
    let text = "This tracker needs a token: request /ice?token=TOKEN.\n";
    (StatusCode::FORBIDDEN, headers, text).into_response()
}

/// `GET /ice`: the configuration for `RTCPeerConnection`; for a page on `localhost` also its URLs for other machines.
pub(super) async fn ice(
    State(shared): State<Arc<AppState>>,
    local: Option<Extension<IsLocal>>,
) -> Response {
    let ice = shared.http_settings().ice.clone();
    let document = if local.is_some_and(|Extension(IsLocal(is_local))| is_local) {
        add_page_urls(&ice, shared.page_urls())
    } else {
        ice
    };
    shared_response(([(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)], document))
}

/// Returns the document for a page on this machine: `ice`, plus the URLs under which other machines can open the page.
fn add_page_urls(ice: &Bytes, pages: Vec<String>) -> Bytes {
    match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(ice) {
        Ok(mut document) => {
            document.insert("pages".to_owned(), pages.into());
            serde_json::Value::from(document).to_string().into()
        }
        Err(_) => ice.clone(),
    }
}
