//! JSON responses of the API, above all its errors: a status and a message.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::json;

use super::{JSON, NO_STORE};
use crate::hub::WorkerBusy;

/// An error response of the API.
#[derive(Debug)]
pub(in crate::http) struct ApiError {
    status: StatusCode,
    text: String,
    /// The single errors, if there may be several.
    errors: Vec<String>,
    /// `Retry-After` in seconds.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(in crate::http) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(in crate::http) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(in crate::http) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Adds the list of all errors.
    pub(in crate::http) fn with_errors(self, errors: Vec<String>) -> Self {
        Self { errors, ..self }
    }

    /// Adds `Retry-After`, in seconds.
    pub(in crate::http) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl From<WorkerBusy> for ApiError {
    fn from(busy: WorkerBusy) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, busy.to_string()).retry_after(1)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.text });
        if !self.errors.is_empty() {
            body = json!({ "error": self.text, "errors": self.errors });
        }
        let mut response = json_response(&body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns an uncacheable JSON response.
pub(in crate::http) fn json_response(body: &serde_json::Value) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    (headers, body.to_string()).into_response()
}
