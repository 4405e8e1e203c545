//! Serves the active settings, changes them at run time, and undoes changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::api_error::{ApiError, json_response};
use super::super::request_params::read_json;
use crate::config::{
    ChangedSetting, Config, InvalidConfig, ReloadPolicy, Section, Setting, SettingUnit, ValueSyntax,
};
use crate::http::router::AppState;
use crate::http::server_control::{ActiveSettings, SettingsChangeResult};

/// The note sent with each change.
const NOTE: &str = "valid until a restart or a reload of the configuration";

/// `GET /api/v1/settings`: all settings with their values; secrets are masked.
pub(super) async fn list(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    let ActiveSettings {
        config,
        loaded,
        can_undo,
    } = shared.control()?.active_settings();
    let defaults = Config::default();
    let settings = Setting::all()
        .iter()
        .map(|setting| setting_json(setting, &config, &loaded, &defaults));
    let settings: Vec<Value> = settings.collect();
    Ok(json_response(&json!({
        "settings": settings,
        "sections": sections(),
        "can_undo": can_undo,
        "note": NOTE,
    })))
}

fn setting_json(setting: &Setting, config: &Config, loaded: &Config, defaults: &Config) -> Value {
    let syntax = setting.syntax();
    let doc: Vec<&str> = setting.doc.iter().map(|line| line.trim()).collect();
    let (value, default) = (setting.to_toml(config), setting.to_toml(defaults));
    // The mask of a secret is not its value.
    let plain =
        |toml: &Option<String>| toml.as_deref().filter(|_| !syntax.secret).map(toml_to_json);
    json!({
        "key": setting.key,
        "section": setting.section.map(|section| section.name),
        "kind": value_kind(setting, &syntax),
        "many": syntax.list,
        "choices": syntax.choices.values,
        "other_values": syntax.choices.allows_others || syntax.choices.values.is_empty(),
        "plain": plain(&value),
        "default_plain": plain(&default),
        "value": value,
        "default": default,
        "is_default": setting.is_same(config, defaults),
        "doc": doc.join(" "),
        "bounds": syntax.bounds,
        "live": setting.reload_policy == ReloadPolicy::Live,
        "takes": setting.reload_policy.label(),
        "secret": syntax.secret,
        "changed": !setting.is_same(config, loaded),
    })
}

fn value_kind(setting: &Setting, syntax: &ValueSyntax) -> &'static str {
    match setting.unit() {
        Some(SettingUnit::Count) => "number",
        Some(SettingUnit::Seconds) => "seconds",
        Some(SettingUnit::Bytes) => "bytes",
        Some(SettingUnit::Percent) => "percent",
        None if syntax.boolean => "switch",
        None => "text",
    }
}

/// Returns the groups of settings in order; settings without a group come first and are not included.
fn sections() -> Vec<Value> {
    let mut sections: Vec<&Section> = Setting::all()
        .iter()
        .filter_map(|one| one.section)
        .collect();
    sections.dedup();
    let shown = sections
        .iter()
        .map(|section| json!({ "name": section.name, "doc": section.doc.trim() }));
    shown.collect()
}

/// Converts a TOML value to JSON.
fn toml_to_json(toml: &str) -> Value {
    let value = toml.parse::<toml::Value>();
    value.map_or(Value::Null, |value| json!(value))
}

/// `PATCH /api/v1/settings`: changes settings, all or none. A value is JSON, or a string with TOML text; `null` sets
/// the default.
pub(super) async fn change(
    State(shared): State<Arc<AppState>>,
    text: Body,
) -> Result<Response, ApiError> {
    let changes: BTreeMap<String, Value> = read_json(text).await?;
    if changes.is_empty() {
        return Err(ApiError::bad_request("name at least one setting"));
    }
    let change = move |config: &Config| {
        let mut amended = config.clone();
        let results = changes
            .iter()
            .map(|(key, value)| amended.update_setting(key, json_to_toml(value).as_deref()));
        let errors: Vec<_> = results.filter_map(Result::err).collect();
        if errors.is_empty() {
            Ok(amended)
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

/// `POST /api/v1/settings/undo`: undoes the last change as a whole.
pub(super) async fn undo(State(shared): State<Arc<AppState>>) -> Result<Response, ApiError> {
    match shared.control()?.undo_settings().await {
        None => Err(ApiError::new(
            hyper::StatusCode::CONFLICT,
            "no change to undo",
        )),
        Some(undone) => change_response(undone),
    }
}

fn change_response(amended: SettingsChangeResult) -> Result<Response, ApiError> {
    match amended {
        Ok(changes) => Ok(changed_json(&changes)),
        Err(problems) => Err(invalid_change(&problems)),
    }
}

fn changed_json(changes: &[ChangedSetting]) -> Response {
    let list: Vec<Value> = changes
        .iter()
        .map(|ChangedSetting { setting, from, to }| json!({ "key": setting.key, "from": from, "to": to }))
        .collect();
    json_response(&json!({ "changed": list, "note": NOTE }))
}

fn invalid_change(problems: &[InvalidConfig]) -> ApiError {
    let errors: Vec<_> = problems.iter().map(ToString::to_string).collect();
    ApiError::bad_request(format!("nothing was changed: {}", errors.join("; "))).with_errors(errors)
}
