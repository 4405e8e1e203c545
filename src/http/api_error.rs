//! Error responses of the API: a status, and a message as JSON.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;

use super::response::json_response_with;
use crate::alerts::AlertsError;
use crate::history::StoreError;
use crate::hub::WorkerBusy;
use crate::limits::Limited;

/// Seconds until a retry of a change that was refused because stored rules are not loaded yet.
const UNREAD_RETRY_SECONDS: u64 = 10;
/// Seconds until a retry when the history is overloaded.
pub(super) const HISTORY_RETRY_SECONDS: u64 = 5;

/// The JSON of an error response.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorResponse {
    /// What is wrong, in a sentence.
    error: String,
    /// The single errors, if there may be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
}

/// An error response of the API.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    text: String,
    /// The single errors, if there may be several.
    errors: Vec<String>,
    /// `Retry-After` in seconds.
    retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    /// Adds the list of all errors.
    pub(super) fn with_errors(self, errors: Vec<String>) -> Self {
        Self { errors, ..self }
    }

    /// Adds `Retry-After`, in seconds.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
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

impl From<Limited> for ApiError {
    fn from(limited: Limited) -> Self {
        let status = StatusCode::from_u16(limited.status());
        let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self::new(status, limited.to_string()).retry_after(limited.retry_after())
    }
}

impl From<AlertsError> for ApiError {
    fn from(refused: AlertsError) -> Self {
        let text = refused.to_string();
        match refused {
            AlertsError::Unknown(_) => Self::not_found(text),
            AlertsError::Invalid(_) => Self::bad_request(text),
            AlertsError::NotLoaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(UNREAD_RETRY_SECONDS)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Disabled => Self::not_found(text),
            StoreError::Busy | StoreError::TimedOut | StoreError::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(HISTORY_RETRY_SECONDS)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorResponse {
            error: self.text,
            errors: self.errors,
        };
        let mut response = json_response_with(self.status, &body);
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
