//! Serves the active settings, changes them at run time, and undoes changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::setting_report::{SectionReport, SettingReport, sections};
use crate::config::{ChangedSetting, Config, InvalidConfig, Setting};
use crate::http::api::request_params::read_json;
use crate::http::api::tags::ADMIN;
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::server_control::{SettingsChangeResult, SettingsState};
use crate::http::state::AppState;

/// The note sent with each change.
const NOTE: &str = "valid until a restart or a reload of the configuration";

/// All settings.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingsResponse {
    settings: Vec<SettingReport>,
    /// The groups in order; settings without a group come first.
    sections: Vec<SectionReport>,
    /// Whether there is a change to undo.
    can_undo: bool,
    /// How long changes hold.
    note: &'static str,
}

/// Returns all settings with their values; secrets are masked.
#[utoipa::path(
    get,
    path = "/api/v1/settings",
    operation_id = "listSettings",
    tag = ADMIN,
    responses((status = OK, body = SettingsResponse))
)]
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let SettingsState {
        config,
        loaded,
        can_undo,
    } = shared.control()?.settings_state();
    let defaults = Config::default();
    let settings = Setting::all()
        .iter()
        .map(|setting| SettingReport::new(setting, &config, &loaded, &defaults));
    Ok(json_response(&SettingsResponse {
        settings: settings.collect(),
        sections: sections(),
        can_undo,
        note: NOTE,
    }))
}

/// The changes that were made.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SettingsChangeResponse {
    changed: Vec<ChangedSettingReport>,
    /// How long they hold.
    note: &'static str,
}

/// One setting that was changed.
#[derive(Debug, Serialize, ToSchema)]
struct ChangedSettingReport {
    key: &'static str,
    /// Its previous value as TOML; null if it was not set.
    #[schema(required)]
    from: Option<String>,
    /// Its value as TOML; null if it is not set.
    #[schema(required)]
    to: Option<String>,
}

/// Changes settings, all or none. A value is JSON, or a string with TOML text; `null` sets the default.
#[utoipa::path(
    patch,
    path = "/api/v1/settings",
    operation_id = "changeSettings",
    tag = ADMIN,
    request_body = BTreeMap<String, Value>,
    responses((status = OK, body = SettingsChangeResponse))
)]
pub(super) async fn change(
    State(shared): State<Arc<AppState>>,
    text: Body,
) -> Result<Response, ApiError> {
    let changes: BTreeMap<String, Value> = read_json(text).await?;
    if changes.is_empty() {
        return Err(ApiError::bad_request("name at least one setting"));
    }
    let change = move |config: &Config| {
        let mut new_config = config.clone();
        let results = changes
            .iter()
            .map(|(key, value)| new_config.update_setting(key, json_to_toml(value).as_deref()));
        let errors: Vec<_> = results.filter_map(Result::err).collect();
        if errors.is_empty() {
            Ok(new_config)
        } else {
            Err(errors)
        }
    };
    let result = shared.control()?.change_settings(Box::new(change)).await;
    change_response(result)
}

/// Converts a JSON value to TOML text. A value that TOML cannot express stays JSON text, which every setting rejects
/// with a suitable error.
fn json_to_toml(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(toml) => Some(toml.clone()),
        other => Some(
            toml::Value::try_from(other)
                .map_or_else(|_| other.to_string(), |toml| toml.to_string()),
        ),
    }
}

/// Undoes the last change as a whole.
#[utoipa::path(
    post,
    path = "/api/v1/settings/undo",
    operation_id = "undoSettings",
    tag = ADMIN,
    responses((status = OK, body = SettingsChangeResponse))
)]
pub(super) async fn undo(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    match shared.control()?.undo_settings().await {
        None => Err(ApiError::new(
            hyper::StatusCode::CONFLICT,
            "no change to undo",
        )),
        Some(undone) => change_response(undone),
    }
}

fn change_response(result: SettingsChangeResult) -> Result<Response, ApiError> {
    match result {
        Ok(changes) => Ok(changed_response(&changes)),
        Err(problems) => Err(invalid_change(&problems)),
    }
}

fn changed_response(changes: &[ChangedSetting]) -> Response {
    let list = changes.iter().map(|change| ChangedSettingReport {
        key: change.setting.key,
        from: change.from.clone(),
        to: change.to.clone(),
    });
    json_response(&SettingsChangeResponse {
        changed: list.collect(),
        note: NOTE,
    })
}

fn invalid_change(problems: &[InvalidConfig]) -> ApiError {
    let errors: Vec<_> = problems.iter().map(ToString::to_string).collect();
    ApiError::bad_request(format!("nothing was changed: {}", errors.join("; "))).with_errors(errors)
}
