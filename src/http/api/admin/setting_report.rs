//! Describes one setting for the API.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::config::{Config, ReloadPolicy, Section, Setting, SettingUnit, ValueSyntax};

/// One setting and its value.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the API")]
pub(in crate::http) struct SettingReport {
    key: &'static str,
    /// Null for the common ones.
    #[schema(required)]
    section: Option<&'static str>,
    kind: ValueKind,
    /// Whether it is a list.
    many: bool,
    /// The values to choose from.
    choices: &'static [&'static str],
    /// Whether other values are allowed too.
    other_values: bool,
    /// Its value; null for a secret, or if it is not set.
    #[schema(value_type = Option<PlainValue>, required)]
    plain: Option<Value>,
    /// Its default value; null for a secret, or if there is none.
    #[schema(value_type = Option<PlainValue>, required)]
    default_plain: Option<Value>,
    /// Its value as TOML.
    #[schema(required)]
    value: Option<String>,
    /// Its default value as TOML.
    #[schema(required)]
    default: Option<String>,
    is_default: bool,
    /// Its meaning.
    doc: String,
    /// The allowed values.
    bounds: String,
    /// Whether it can be changed while the server runs.
    live: bool,
    takes: ReloadPolicyName,
    secret: bool,
    /// Whether it differs from the configuration.
    changed: bool,
}

/// A group of settings.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct SectionReport {
    name: &'static str,
    doc: &'static str,
}

/// The kind of a value.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ValueKind {
    Switch,
    Number,
    Seconds,
    Bytes,
    Percent,
    Text,
}

/// What makes a change of a setting take effect.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ReloadPolicyName {
    /// This API, or a reload.
    Live,
    /// A reload of the configuration.
    Reload,
    /// A restart.
    Restart,
}

impl From<ReloadPolicy> for ReloadPolicyName {
    fn from(policy: ReloadPolicy) -> Self {
        match policy {
            ReloadPolicy::Live => Self::Live,
            ReloadPolicy::Reload => Self::Reload,
            ReloadPolicy::Restart => Self::Restart,
        }
    }
}

/// The value of a setting as JSON.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "only describes the JSON that `toml_to_json` returns"
)]
pub(in crate::http) enum PlainValue {
    Switch(bool),
    Number(f64),
    Text(String),
    List(Vec<String>),
}

impl SettingReport {
    /// Describes a setting. `loaded` are the settings as loaded last.
    pub(super) fn new(
        setting: &'static Setting,
        config: &Config,
        loaded: &Config,
        defaults: &Config,
    ) -> Self {
        let syntax = setting.syntax();
        let doc: Vec<&str> = setting.doc.iter().map(|line| line.trim()).collect();
        let (value, default) = (setting.to_toml(config), setting.to_toml(defaults));
        // The mask of a secret is not its value.
        let plain =
            |toml: &Option<String>| toml.as_deref().filter(|_| !syntax.secret).map(toml_to_json);
        Self {
            key: setting.key,
            section: setting.section.map(|section| section.name),
            kind: ValueKind::new(setting, &syntax),
            many: syntax.list,
            choices: syntax.choices.values,
            other_values: syntax.choices.allows_others || syntax.choices.values.is_empty(),
            plain: plain(&value),
            default_plain: plain(&default),
            value,
            default,
            is_default: setting.is_same(config, defaults),
            doc: doc.join(" "),
            bounds: syntax.bounds,
            live: setting.reload_policy == ReloadPolicy::Live,
            takes: setting.reload_policy.into(),
            secret: syntax.secret,
            changed: !setting.is_same(config, loaded),
        }
    }
}

impl ValueKind {
    fn new(setting: &Setting, syntax: &ValueSyntax) -> Self {
        match setting.unit() {
            Some(SettingUnit::Count) => Self::Number,
            Some(SettingUnit::Seconds) => Self::Seconds,
            Some(SettingUnit::Bytes) => Self::Bytes,
            Some(SettingUnit::Percent) => Self::Percent,
            None if syntax.boolean => Self::Switch,
            None => Self::Text,
        }
    }
}

/// Returns the groups of settings in order; settings without a group come first and are not included.
pub(super) fn sections() -> Vec<SectionReport> {
    let mut sections: Vec<&Section> = Setting::all()
        .iter()
        .filter_map(|one| one.section)
        .collect();
    sections.dedup();
    let shown = sections.iter().map(|section| SectionReport {
        name: section.name,
        doc: section.doc.trim(),
    });
    shown.collect()
}

/// Converts a TOML value to JSON.
fn toml_to_json(toml: &str) -> Value {
    let value = toml.parse::<toml::Value>();
    value.map_or(Value::Null, |value| serde_json::json!(value))
}
