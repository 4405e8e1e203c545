//! Serves the active settings, changes them at run time, and undoes changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::asked::body;
use super::super::refusal::{Refusal, answer};
use crate::config::{Changed, Config, InvalidConfig, Section, Setting, Shape, Takes, Unit};
use crate::http::site::Shared;
use crate::http::steering::{Amended, InForce};

/// The note sent with each change.
const NOTE: &str = "valid until a restart or a reload of the configuration";

/// `GET /api/v1/settings`: all settings with their values; secrets are masked.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    let InForce {
        config,
        loaded,
        can_undo,
    } = shared.steering()?.in_force();
    let defaults = Config::default();
    let settings = Setting::all()
        .iter()
        .map(|setting| shown(setting, &config, &loaded, &defaults));
    let settings: Vec<Value> = settings.collect();
    Ok(answer(&json!({
        "settings": settings,
        "sections": sections(),
        "can_undo": can_undo,
        "note": NOTE,
    })))
}

fn shown(setting: &Setting, config: &Config, loaded: &Config, defaults: &Config) -> Value {
    let shape = setting.shape();
    let doc: Vec<&str> = setting.doc.iter().map(|line| line.trim()).collect();
    let (value, default) = (setting.toml(config), setting.toml(defaults));
    // The mask of a secret is not its value.
    let plain = |toml: &Option<String>| toml.as_deref().filter(|_| !shape.secret).map(json_of);
    json!({
        "key": setting.key,
        "section": setting.section.map(|section| section.name),
        "kind": kind(setting, &shape),
        "many": shape.many,
        "choices": shape.choices.words,
        "other_values": shape.choices.others || shape.choices.words.is_empty(),
        "plain": plain(&value),
        "default_plain": plain(&default),
        "value": value,
        "default": default,
        "is_default": setting.is_same(config, defaults),
        "doc": doc.join(" "),
        "bounds": shape.bounds,
        "live": setting.takes == Takes::Live,
        "takes": setting.takes.label(),
        "secret": shape.secret,
        "changed": !setting.is_same(config, loaded),
    })
}

fn kind(setting: &Setting, shape: &Shape) -> &'static str {
    match setting.unit() {
        Some(Unit::Count) => "number",
        Some(Unit::Seconds) => "seconds",
        Some(Unit::Bytes) => "bytes",
        Some(Unit::Percent) => "percent",
        None if shape.switch => "switch",
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
fn json_of(toml: &str) -> Value {
    let value = toml.parse::<toml::Value>();
    value.map_or(Value::Null, |value| json!(value))
}

/// `PATCH /api/v1/settings`: changes settings, all or none. A value is JSON, or a string with TOML text; `null` sets
/// the default.
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    text: Body,
) -> Result<Response, Refusal> {
    let changes: BTreeMap<String, Value> = body(text).await?;
    if changes.is_empty() {
        return Err(Refusal::bad_request("name at least one setting"));
    }
    let change = move |config: &Config| {
        let mut amended = config.clone();
        let results = changes
            .iter()
            .map(|(key, value)| amended.amend(key, toml(value).as_deref()));
        let errors: Vec<_> = results.filter_map(Result::err).collect();
        if errors.is_empty() {
            Ok(amended)
        } else {
            Err(errors)
        }
    };
    let changed = shared.steering()?.change(Box::new(change)).await;
    answered(changed)
}

/// Converts a JSON value to TOML text. A value that TOML cannot express stays JSON text, which every setting rejects
/// with a suitable error.
fn toml(value: &Value) -> Option<String> {
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
pub(super) async fn undo(State(shared): State<Arc<Shared>>) -> Result<Response, Refusal> {
    match shared.steering()?.undo().await {
        None => Err(Refusal::new(
            hyper::StatusCode::CONFLICT,
            "no change to undo",
        )),
        Some(undone) => answered(undone),
    }
}

fn answered(amended: Amended) -> Result<Response, Refusal> {
    match amended {
        Ok(changes) => Ok(told(&changes)),
        Err(problems) => Err(refused(&problems)),
    }
}

fn told(changes: &[Changed]) -> Response {
    let list: Vec<Value> = changes
        .iter()
        .map(|Changed { setting, from, to }| json!({ "key": setting.key, "from": from, "to": to }))
        .collect();
    answer(&json!({ "changed": list, "note": NOTE }))
}

fn refused(problems: &[InvalidConfig]) -> Refusal {
    let errors: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Refusal::bad_request(format!("nothing was changed: {}", errors.join("; "))).with_errors(errors)
}
