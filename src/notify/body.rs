//! What receivers are sent: labels, words and times of an alert, in the forms of Alertmanager and by the operator's template.
//!
//! Sources: the webhook's data is `template.Data` of Alertmanager (notify/webhook, version "4"); what Alertmanagers take is
//! `postableAlerts` of its API v2; a fingerprint is that of Prometheus' `model.LabelSet` (FNV-1a over the sorted labels).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::template;
use crate::insight::alerts::{Notice, Turn};

/// Seconds that an Alertmanager believes in an alert without being told again: four times as long as between two repeats,
/// as Prometheus has it.
const LASTS: f64 = 240.0;
/// How Alertmanager writes "not yet".
const NEVER: &str = "0001-01-01T00:00:00Z";

type Labels = BTreeMap<&'static str, String>;

/// Who tells.
#[derive(Debug)]
pub(super) struct Origin {
    instance: String,
    /// Of the dashboard; empty if nobody said.
    url: String,
}

impl Origin {
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

    /// One line for people.
    fn summary(&self, notice: &Notice) -> String {
        let (rule, instance) = (&notice.rule, &self.instance);
        if notice.is_test {
            return format!("This is a test of the notifications of {instance}. Nothing is wrong.");
        }
        let (status, sentence) = (
            status(notice.turn),
            rule.sentence(notice.turn, notice.value),
        );
        format!("[{status}] {} on {instance}: {sentence}", rule.name)
    }
}

/// The body of a webhook, each alert by itself.
pub(super) fn webhook(notice: &Notice, origin: &Origin) -> String {
    let (labels, annotations) = (origin.labels(notice), origin.annotations(notice));
    let status = status(notice.turn);
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
            "endsAt": notice.ends_at.map_or_else(|| NEVER.to_owned(), rfc3339),
            "generatorURL": origin.url,
            "fingerprint": fingerprint(&labels),
        }],
    });
    body.to_string()
}

/// What an Alertmanager is told at the time `now`, Unix seconds.
pub(super) fn alertmanager(notices: &[Notice], origin: &Origin, now: f64) -> String {
    let alerts = notices.iter().map(|notice| {
        let ends_at = notice.ends_at.unwrap_or(now + LASTS);
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

/// The body for a chat service, by its template.
pub(super) fn chat(notice: &Notice, origin: &Origin, template: &str) -> String {
    template::render(template, |place| match place {
        "summary" => origin.summary(notice),
        "description" => notice.rule.doc.clone(),
        "name" => notice.rule.name.clone(),
        "status" => status(notice.turn).to_owned(),
        "severity" => notice.rule.severity.label().to_owned(),
        // It may stand without quotes.
        "value" => notice.value.map_or_else(|| "null".to_owned(), short),
        "instance" => origin.instance.clone(),
        _ => String::new(),
    })
}

fn status(turn: Turn) -> &'static str {
    match turn {
        Turn::Firing => "firing",
        Turn::Resolved => "resolved",
    }
}

/// A number as a template gets it, in its own unit: whole if it is large, else three places.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Unix seconds as RFC 3339 with milliseconds.
fn rfc3339(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float becomes the nearest whole number there is"
    )]
    let milliseconds = (seconds * 1000.0).round() as i128;
    let time = OffsetDateTime::from_unix_timestamp_nanos(milliseconds.saturating_mul(1_000_000));
    let text = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| NEVER.to_owned())
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
#[path = "tests/body.rs"]
mod tests;
