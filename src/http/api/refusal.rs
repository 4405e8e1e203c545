//! What the API answers when it does not do what it is asked: a status, and a sentence as JSON.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::{JSON, NO_STORE};

/// Why a request is refused.
#[derive(Debug)]
pub(in crate::http) struct Refusal {
    status: StatusCode,
    text: String,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Refusal {
    pub(in crate::http) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            retry_after: None,
        }
    }

    pub(in crate::http) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(in crate::http) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// To be tried again after so many seconds.
    pub(in crate::http) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = answer(&json!({ "error": self.text }));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A JSON answer that nobody keeps.
pub(in crate::http) fn answer(body: &serde_json::Value) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    (headers, body.to_string()).into_response()
}
