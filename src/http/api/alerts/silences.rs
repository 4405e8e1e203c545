//! Creates and ends silences, and sends test notifications.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alerts::{AlertsError, Silence};
use crate::http::api::request_params;
use crate::http::api::tags::ALERTS;
use crate::http::api_error::ApiError;
use crate::http::response::{json_response, json_response_with};
use crate::http::state::AppState;

/// The body of `POST /api/v1/alerts/silences`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SilenceRequest {
    /// The name of the rule, or `*` for all.
    rule: String,
    #[schema(minimum = 1, maximum = 2_592_000)]
    seconds: f64,
    #[serde(default)]
    comment: String,
}

/// Suppresses the notifications of one rule, or of all, for some seconds.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/silences",
    operation_id = "createSilence",
    tag = ALERTS,
    request_body = SilenceRequest,
    responses((status = CREATED, body = Silence))
)]
pub(in crate::http::api) async fn create_silence(
    State(shared): State<Arc<AppState>>,
    body: Body,
) -> Result<Response, ApiError> {
    let SilenceRequest {
        rule,
        seconds,
        comment,
    } = request_params::read_json(body).await?;
    let node = shared.node();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.unwrap_or_default().as_secs_f64();
    let silence = node
        .telemetry()
        .alerts()
        .lock()
        .add_silence(&rule, seconds, &comment, now)?;
    let reason = if comment.is_empty() {
        String::new()
    } else {
        format!(": {comment}")
    };
    node.storage()
        .audit("silence", &format!("{rule} for {seconds} s{reason}"));
    Ok(json_response_with(StatusCode::CREATED, &silence))
}

/// Ends a silence.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/silences/{id}",
    operation_id = "deleteSilence",
    tag = ALERTS,
    params(("id" = u64, Path, description = "The id of the silence")),
    responses((status = OK, body = Silence))
)]
pub(in crate::http::api) async fn delete_silence(
    State(shared): State<Arc<AppState>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let unknown = |_| AlertsError::Unknown(format!("silence {id:?}"));
    let number = id.parse().map_err(unknown)?;
    let node = shared.node();
    let silence = node.telemetry().alerts().lock().remove_silence(number)?;
    node.storage()
        .audit("silence", &format!("{} ended", silence.rule));
    Ok(json_response(&silence))
}

/// A test notification that was requested.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AlertTestResponse {
    /// Number of receivers.
    sinks: usize,
}

/// Sends a test alert to all receivers.
#[utoipa::path(
    post,
    path = "/api/v1/alerts/test",
    operation_id = "sendTestAlert",
    tag = ALERTS,
    responses((status = ACCEPTED, body = AlertTestResponse))
)]
pub(in crate::http::api) async fn send_test(
    State(shared): State<Arc<AppState>>,
) -> Result<Response, ApiError> {
    let alert_state = shared.node().telemetry().alerts();
    let sinks = alert_state.sink_statuses().len();
    if sinks == 0 {
        let text =
            "no receiver is configured: set alerts.webhook, alerts.alertmanager or alerts.chat";
        return Err(ApiError::new(StatusCode::CONFLICT, text));
    }
    alert_state.request_test();
    Ok(json_response_with(
        StatusCode::ACCEPTED,
        &AlertTestResponse { sinks },
    ))
}
