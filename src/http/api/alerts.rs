//! Serves the alerts API: firing alerts, rules, silences, and a test notification.
//!
//! All routes except the summary need the admin token. Each change is written to the audit log.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::request_params;
use super::stats_access::not_public_error;
use super::tags::{ALERTS, STATISTICS};
use crate::alerts::{
    AlertEvent, AlertRule, AlertSummary, AlertsError, RuleView, Silence, SinkStatus,
};
use crate::history::Journal;
use crate::http::api_error::ApiError;
use crate::http::response::{json_response, json_response_with};
use crate::http::state::AppState;
use crate::metrics::Detail;

/// The time span of `history`.
const HISTORY_SPAN: Duration = Duration::from_hours(30 * 24);
/// Maximum number of history entries: a rule that fires and clears every 45 minutes makes this many in 30 days.
const HISTORY_ENTRIES_MAX: usize = 2000;
/// Maximum size of the history entries as stored: dashboards request them every few seconds.
const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// Seconds until a retry of a change that was refused because stored rules are not loaded yet.
const UNREAD_RETRY_SECONDS: u64 = 10;

/// The routes that need the admin token; the admin API adds its authentication.
pub(super) fn routes() -> Router<Arc<AppState>> {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route(
            "/api/v1/alerts/rules/{name}",
            put(put_rule).delete(delete_rule),
        )
        .route("/api/v1/alerts/silences", post(create_silence))
        .route("/api/v1/alerts/silences/{id}", delete(delete_silence))
        .route("/api/v1/alerts/test", post(send_test))
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

type ApiResult = Result<Response, ApiError>;

/// Returns the number and names of firing rules.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/summary",
    operation_id = "getAlertSummary",
    tag = STATISTICS,
    responses((status = OK, body = AlertSummary))
)]
pub(super) async fn summary(
    State(shared): State<Arc<AppState>>,
    Extension(detail): Extension<Detail>,
) -> ApiResult {
    if detail == Detail::Totals {
        return Err(not_public_error("the alert summary"));
    }
    let summary = shared.node().telemetry().alerts().lock().summary();
    Ok(json_response(&summary))
}

/// All rules and what happened to them.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AlertsResponse {
    /// Sorted by name.
    rules: Vec<RuleView>,
    /// Whether the rules of earlier runs are not loaded yet.
    unread: bool,
    /// Transitions of the last thirty days, the newest first.
    history: Vec<AlertEvent>,
    /// Whether the history could be read.
    history_complete: bool,
    /// Whether there are more transitions than listed.
    history_more: bool,
    silences: Vec<Silence>,
    /// The receivers of notifications.
    sinks: Vec<SinkStatus>,
}

/// Returns rules with their states, transitions of the last thirty days, silences and receivers.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    operation_id = "listAlerts",
    tag = ALERTS,
    responses((status = OK, body = AlertsResponse))
)]
async fn list(State(shared): State<Arc<AppState>>) -> ApiResult {
    let node = shared.node();
    let since = SystemTime::now() - HISTORY_SPAN;
    let store = node.storage().history();
    let entries = store
        .journal_entries(Journal::Alerts, since, HISTORY_ENTRIES_MAX + 1)
        .await;
    let count = entries_within_limits(entries.newest.iter().map(|(_, json)| json.as_str()));
    let has_more = count < entries.newest.len();
    let history = entries.newest.iter().take(count);
    let history = history.filter_map(|(_, json)| serde_json::from_str::<AlertEvent>(json).ok());
    let history: Vec<_> = history.collect();
    let alert_state = node.telemetry().alerts();
    let (rules, silences, is_document_pending) = {
        let alerts = alert_state.lock();
        let silences = alerts.silences().to_vec();
        (alerts.rule_views(), silences, alerts.is_document_pending())
    };
    Ok(json_response(&AlertsResponse {
        rules,
        unread: is_document_pending,
        history,
        history_complete: entries.is_complete,
        history_more: has_more,
        silences,
        sinks: alert_state.sink_statuses(),
    }))
}

/// Returns the number of history entries that fit the limits.
fn entries_within_limits<'a>(entries: impl Iterator<Item = &'a str>) -> usize {
    let mut remaining = HISTORY_BYTES_MAX;
    let fits = |entry: &&str| match remaining.checked_sub(entry.len()) {
        Some(rest) => {
            remaining = rest;
            true
        }
        None => false,
    };
    entries.take(HISTORY_ENTRIES_MAX).take_while(fits).count()
}

/// Creates or changes a rule. Omitted fields keep their values.
#[utoipa::path(
    put,
    path = "/api/v1/alerts/rules/{name}",
    operation_id = "putAlertRule",
    tag = ALERTS,
    params(("name" = String, Path, description = "The name of the rule")),
    request_body(content = ref("#/components/schemas/AlertRuleChange")),
    responses((status = OK, body = AlertRule))
)]
async fn put_rule(
    State(shared): State<Arc<AppState>>,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult {
    let fields = request_params::read_json::<serde_json::Map<String, Value>>(body).await?;
    let node = shared.node();
    let (rule, before) = {
        let mut alerts = node.telemetry().alerts().lock();
        let before = alerts.rule(&name).cloned();
        let rule = merge_rule(&name, before.as_ref(), fields)?;
        alerts.put_rule(rule.clone())?;
        let before = before.map_or_else(|| "new".to_owned(), |before| describe_rule(&before));
        (rule, before)
    };
    node.storage().audit(
        "alert rule",
        &format!("{name}: {before} → {}", describe_rule(&rule)),
    );
    Ok(json_response(&rule))
}

/// A rule that was deleted or reset.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RuleDeleteResponse {
    /// `deleted` or `reset`.
    done: &'static str,
}

/// Deletes a rule, or resets a default rule.
#[utoipa::path(
    delete,
    path = "/api/v1/alerts/rules/{name}",
    operation_id = "deleteAlertRule",
    tag = ALERTS,
    params(("name" = String, Path, description = "The name of the rule")),
    responses((status = OK, body = RuleDeleteResponse))
)]
async fn delete_rule(State(shared): State<Arc<AppState>>, Path(name): Path<String>) -> ApiResult {
    let node = shared.node();
    let is_deleted = node.telemetry().alerts().lock().delete_rule(&name)?;
    let done = if is_deleted { "deleted" } else { "reset" };
    node.storage()
        .audit("alert rule", &format!("{name}: {done}"));
    Ok(json_response(&RuleDeleteResponse { done }))
}

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
async fn create_silence(State(shared): State<Arc<AppState>>, body: Body) -> ApiResult {
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
async fn delete_silence(State(shared): State<Arc<AppState>>, Path(id): Path<String>) -> ApiResult {
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
async fn send_test(State(shared): State<Arc<AppState>>) -> ApiResult {
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

/// Returns a rule with the sent fields merged into its previous values, or into the defaults for a new rule.
fn merge_rule(
    name: &str,
    before: Option<&AlertRule>,
    sent: serde_json::Map<String, Value>,
) -> Result<AlertRule, ApiError> {
    if sent.get("name").is_some_and(|other| other != name) {
        return Err(ApiError::bad_request(
            "the name in the body differs from the name in the path",
        ));
    }
    let mut whole = match before.map(serde_json::to_value) {
        Some(Ok(Value::Object(before))) => before,
        _ => serde_json::Map::from_iter([
            ("severity".to_owned(), json!("warning")),
            (
                "clear".to_owned(),
                sent.get("threshold").cloned().unwrap_or_default(),
            ),
            ("for".to_owned(), json!(60)),
        ]),
    };
    whole.extend(sent);
    whole.insert("name".to_owned(), name.into());
    serde_json::from_value(whole.into()).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Returns a rule in one line, for the audit log.
fn describe_rule(rule: &AlertRule) -> String {
    let AlertRule {
        clear,
        hold,
        keep_firing,
        severity,
        enabled,
        ..
    } = rule;
    let off = if *enabled { "" } else { ", off" };
    format!(
        "{}, clear {clear}, for {hold} s, keep firing {keep_firing} s, {}{off}",
        rule.expression(),
        severity.label()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_limited_in_entries_and_bytes() {
        let short = vec!["{}"; HISTORY_ENTRIES_MAX + 1];
        assert_eq!(
            entries_within_limits(short.iter().copied()),
            HISTORY_ENTRIES_MAX
        );
        assert_eq!(entries_within_limits(short.iter().copied().take(7)), 7);
        let long = "x".repeat(HISTORY_BYTES_MAX / 100);
        let long = vec![long.as_str(); 200];
        assert_eq!(entries_within_limits(long.iter().copied()), 100);
    }
}
