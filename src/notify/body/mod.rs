//! Builds request bodies: labels, texts and times of alerts, in Alertmanager's formats or by the operator's template.
//!
//! Sources: the webhook's data is `template.Data` of Alertmanager (notify/webhook, version "4"); the body for
//! Alertmanagers is `postableAlerts` of its API v2; a fingerprint is that of Prometheus' `model.LabelSet` (FNV-1a over
//! the sorted labels).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::alerts::{AlertTransition, Notice};
use crate::config::chat_template;

/// Seconds after which an Alertmanager resolves an alert that is not repeated: four times the repeat interval, as in
/// Prometheus.
const ALERT_LIFETIME_SECONDS: f64 = 240.0;
/// The time that means "not yet" in Alertmanager's format.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

type Labels = BTreeMap<&'static str, String>;

/// The server that sends the alerts.
#[derive(Debug)]
pub(super) struct AlertSource {
    instance: String,
    /// URL of the dashboard; empty if not configured.
    url: String,
}

impl AlertSource {
    pub(super) fn new(instance: &str, url: Option<&str>) -> Self {
        Self {
            instance: instance.to_owned(),
            url: url.unwrap_or_default().to_owned(),
        }
    }

    fn labels(&self, notice: &Notice) -> Labels {
        Labels::from([
            ("alertname", notice.rule.name.clone()),
            ("instance", self.instance.clone()),
            ("job", "swarmhub".to_owned()),
            ("severity", notice.rule.severity.label().to_owned()),
        ])
    }

    fn annotations(&self, notice: &Notice) -> Labels {
        Labels::from([
            ("description", notice.rule.doc.clone()),
            ("summary", self.summary(notice)),
        ])
    }

    /// Returns one line for people.
    fn summary(&self, notice: &Notice) -> String {
        let (rule, instance) = (&notice.rule, &self.instance);
        if notice.is_test {
            return format!("This is a test of the notifications of {instance}. Nothing is wrong.");
        }
        let (status, sentence) = (
            status(notice.transition),
            rule.describe(notice.transition, notice.value),
        );
        format!("[{status}] {} on {instance}: {sentence}", rule.name)
    }
}

/// Returns the body for a webhook, with one alert.
pub(super) fn webhook(notice: &Notice, origin: &AlertSource) -> String {
    let (labels, annotations) = (origin.labels(notice), origin.annotations(notice));
    let status = status(notice.transition);
    let name = &notice.rule.name;
    let body = json!({
        "version": "4",
        "groupKey": format!("{{}}:{{alertname=\"{name}\"}}"),
        "truncatedAlerts": 0,
        "receiver": "swarmhub",
        "status": status,
        "groupLabels": { "alertname": name },
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": origin.url,
        "alerts": [{
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": rfc3339(notice.starts_at),
            "endsAt": notice.ends_at.map_or_else(|| ZERO_TIME.to_owned(), rfc3339),
            "generatorURL": origin.url,
            "fingerprint": fingerprint(&labels),
        }],
    });
    body.to_string()
}

/// Returns the body for an Alertmanager at the time `now`, in Unix seconds.
pub(super) fn alertmanager(notices: &[Notice], origin: &AlertSource, now: f64) -> String {
    let alerts = notices.iter().map(|notice| {
        let ends_at = notice.ends_at.unwrap_or(now + ALERT_LIFETIME_SECONDS);
        let mut alert = Map::from_iter([
            ("labels".to_owned(), json!(origin.labels(notice))),
            ("annotations".to_owned(), json!(origin.annotations(notice))),
            ("startsAt".to_owned(), rfc3339(notice.starts_at).into()),
            ("endsAt".to_owned(), rfc3339(ends_at).into()),
        ]);
        if !origin.url.is_empty() {
            alert.insert("generatorURL".to_owned(), origin.url.clone().into());
        }
        Value::Object(alert)
    });
    Value::Array(alerts.collect()).to_string()
}

/// Returns the body for a chat service, from its template.
pub(super) fn chat(notice: &Notice, origin: &AlertSource, template: &str) -> String {
    chat_template::render(template, |place| match place {
        "summary" => origin.summary(notice),
        "description" => notice.rule.doc.clone(),
        "name" => notice.rule.name.clone(),
        "status" => status(notice.transition).to_owned(),
        "severity" => notice.rule.severity.label().to_owned(),
        // A template may use it without quotes.
        "value" => notice.value.map_or_else(|| "null".to_owned(), format_value),
        "instance" => origin.instance.clone(),
        _ => String::new(),
    })
}

fn status(transition: AlertTransition) -> &'static str {
    match transition {
        AlertTransition::Firing => "firing",
        AlertTransition::Resolved => "resolved",
    }
}

/// Formats a number for a template, in its own unit: an integer from 100 on, else up to three decimal places.
fn format_value(value: f64) -> String {
    if value.abs() >= 100.0 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats Unix seconds as RFC 3339 with milliseconds.
fn rfc3339(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let milliseconds = (seconds * 1000.0).round() as i128;
    let time = OffsetDateTime::from_unix_timestamp_nanos(milliseconds.saturating_mul(1_000_000));
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| ZERO_TIME.to_owned())
}

fn fingerprint(labels: &Labels) -> String {
    const START: u64 = 14_695_981_039_346_656_037;
    const PRIME: u64 = 1_099_511_628_211;
    const SEPARATOR: u8 = 255;
    let bytes = labels.iter().flat_map(|(name, value)| {
        let name = name.bytes().chain([SEPARATOR]);
        name.chain(value.bytes()).chain([SEPARATOR])
    });
    let hash = bytes.fold(START, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;
