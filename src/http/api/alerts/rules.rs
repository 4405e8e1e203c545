//! Changes, deletes and resets alert rules.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::alerts::AlertRule;
use crate::http::api::request_params;
use crate::http::api::tags::ALERTS;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;

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
pub(in crate::http::api) async fn put_rule(
    State(shared): State<Arc<AppState>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, ApiError> {
    let fields = request_params::read_json::<Map<String, Value>>(body).await?;
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
pub(in crate::http::api) async fn delete_rule(
    State(shared): State<Arc<AppState>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let node = shared.node();
    let is_deleted = node.telemetry().alerts().lock().delete_rule(&name)?;
    let done = if is_deleted { "deleted" } else { "reset" };
    node.storage()
        .audit("alert rule", &format!("{name}: {done}"));
    Ok(json_response(&RuleDeleteResponse { done }))
}

/// Returns a rule with the sent fields merged into its previous values, or into the defaults for a new rule.
fn merge_rule(
    name: &str,
    before: Option<&AlertRule>,
    sent: Map<String, Value>,
) -> Result<AlertRule, ApiError> {
    if sent.get("name").is_some_and(|other| other != name) {
        return Err(ApiError::bad_request(
            "the name in the body differs from the name in the path",
        ));
    }
    let mut whole = match before.map(serde_json::to_value) {
        Some(Ok(Value::Object(before))) => before,
        _ => Map::from_iter([
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
