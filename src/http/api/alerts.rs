//! Serves the alerts API: firing alerts, rules, silences, and a test notification.
//!
//! All routes except the summary need the admin token. Each change is written to the audit log.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::access::not_public;
use super::asked;
use super::refusal::{Refusal, answer};
use crate::http::site::Shared;
use crate::insight::Detail;
use crate::insight::alerts::{Event, Refused, Rule};
use crate::insight::history::Journal;

/// The time span of `history`.
const HISTORY: Duration = Duration::from_hours(30 * 24);
/// Maximum number of history entries: a rule that fires and clears every 45 minutes makes this many in 30 days.
const HISTORY_MAX: usize = 2000;
/// Maximum size of the history entries as stored: dashboards request them every few seconds.
const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// Seconds until a retry of a change that was refused because stored rules are not loaded yet.
const UNREAD_RETRY: u64 = 10;

/// The routes that need the admin token; the admin API adds its authentication.
pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/api/v1/alerts", get(all))
        .route(
            "/api/v1/alerts/rules/{name}",
            put(put_rule).delete(delete_rule),
        )
        .route("/api/v1/alerts/silences", post(silence))
        .route("/api/v1/alerts/silences/{id}", delete(unsilence))
        .route("/api/v1/alerts/test", post(test))
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Unknown(_) => Self::not_found(text),
            Refused::Invalid(_) => Self::bad_request(text),
            Refused::Unread => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(UNREAD_RETRY)
            }
        }
    }
}

type Answered = Result<Response, Refusal>;

/// Returns a JSON response with this status.
fn told(status: StatusCode, what: &impl Serialize) -> Response {
    let body = serde_json::to_value(what).unwrap_or_default();
    (status, answer(&body)).into_response()
}

/// `GET /api/v1/alerts/summary`: the number and names of firing rules.
pub(super) async fn summary(
    State(shared): State<Arc<Shared>>,
    Extension(detail): Extension<Detail>,
) -> Answered {
    if detail == Detail::Totals {
        return Err(not_public("the alert summary"));
    }
    let summary = shared.node().alerts().alerts().summary();
    Ok(told(StatusCode::OK, &summary))
}

/// `GET /api/v1/alerts`: rules with their states, events of the last thirty days, silences and receivers.
async fn all(State(shared): State<Arc<Shared>>) -> Answered {
    let node = shared.node();
    let since = SystemTime::now() - HISTORY;
    let store = node.store();
    let entries = store.journal(Journal::Alerts, since, HISTORY_MAX + 1).await;
    let count = shown(entries.newest.iter().map(|(_, json)| json.as_str()));
    let has_more = count < entries.newest.len();
    let history = entries.newest.iter().take(count);
    let history = history.filter_map(|(_, json)| serde_json::from_str::<Event>(json).ok());
    let history: Vec<_> = history.collect();
    let alert_state = node.alerts();
    let (rules, silences, is_unread) = {
        let alerts = alert_state.alerts();
        let silences = alerts.silences().to_vec();
        (alerts.views(), silences, alerts.is_unread())
    };
    Ok(answer(&json!({
        "rules": rules,
        "unread": is_unread,
        "history": history,
        "history_complete": entries.is_complete,
        "history_more": has_more,
        "silences": silences,
        "sinks": alert_state.sinks(),
    })))
}

/// Returns the number of history entries that fit the limits.
fn shown<'a>(entries: impl Iterator<Item = &'a str>) -> usize {
    let mut remaining = HISTORY_BYTES_MAX;
    let fits = |entry: &&str| match remaining.checked_sub(entry.len()) {
        Some(rest) => {
            remaining = rest;
            true
        }
        None => false,
    };
    entries.take(HISTORY_MAX).take_while(fits).count()
}

/// `PUT /api/v1/alerts/rules/NAME`: creates or changes a rule; omitted fields keep their values.
async fn put_rule(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Body,
) -> Answered {
    let fields = asked::body::<serde_json::Map<String, Value>>(body).await?;
    let node = shared.node();
    let (rule, before) = {
        let mut alerts = node.alerts().alerts();
        let before = alerts.rule(&name).cloned();
        let rule = merged(&name, before.as_ref(), fields)?;
        alerts.put(rule.clone())?;
        let before = before.map_or_else(|| "new".to_owned(), |before| words(&before));
        (rule, before)
    };
    node.audit(
        "alert rule",
        &format!("{name}: {before} → {}", words(&rule)),
    );
    Ok(told(StatusCode::OK, &rule))
}

/// `DELETE /api/v1/alerts/rules/NAME`: deletes a rule, or resets a default rule.
async fn delete_rule(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let node = shared.node();
    let is_deleted = node.alerts().alerts().delete(&name)?;
    let done = if is_deleted { "deleted" } else { "reset" };
    node.audit("alert rule", &format!("{name}: {done}"));
    Ok(answer(&json!({ "done": done })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSilence {
    rule: String,
    seconds: f64,
    #[serde(default)]
    comment: String,
}

/// `POST /api/v1/alerts/silences`: suppresses notifications of one rule, or of all (`*`), for some seconds.
async fn silence(State(shared): State<Arc<Shared>>, body: Body) -> Answered {
    let NewSilence {
        rule,
        seconds,
        comment,
    } = asked::body(body).await?;
    let node = shared.node();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since.unwrap_or_default().as_secs_f64();
    let silence = node
        .alerts()
        .alerts()
        .silence(&rule, seconds, &comment, now)?;
    let reason = if comment.is_empty() {
        String::new()
    } else {
        format!(": {comment}")
    };
    node.audit("silence", &format!("{rule} for {seconds} s{reason}"));
    Ok(told(StatusCode::CREATED, &silence))
}

/// `DELETE /api/v1/alerts/silences/ID`: ends a silence.
async fn unsilence(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answered {
    let unknown = |_| Refused::Unknown(format!("silence {id:?}"));
    let number = id.parse().map_err(unknown)?;
    let node = shared.node();
    let silence = node.alerts().alerts().unsilence(number)?;
    node.audit("silence", &format!("{} ended", silence.rule));
    Ok(told(StatusCode::OK, &silence))
}

/// `POST /api/v1/alerts/test`: sends a test alert to all receivers.
async fn test(State(shared): State<Arc<Shared>>) -> Answered {
    let alert_state = shared.node().alerts();
    let sinks = alert_state.sinks().len();
    if sinks == 0 {
        let text =
            "no receiver is configured: set alerts.webhook, alerts.alertmanager or alerts.chat";
        return Err(Refusal::new(StatusCode::CONFLICT, text));
    }
    alert_state.want_test();
    Ok(told(StatusCode::ACCEPTED, &json!({ "sinks": sinks })))
}

/// Returns a rule with the sent fields merged into its previous values, or into the defaults for a new rule.
fn merged(
    name: &str,
    before: Option<&Rule>,
    sent: serde_json::Map<String, Value>,
) -> Result<Rule, Refusal> {
    if sent.get("name").is_some_and(|other| other != name) {
        return Err(Refusal::bad_request(
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
    serde_json::from_value(whole.into()).map_err(|error| Refusal::bad_request(error.to_string()))
}

/// Returns a rule in one line, for the audit log.
fn words(rule: &Rule) -> String {
    let Rule {
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
    fn so_many_entries_of_the_history_are_shown_and_so_many_bytes() {
        let short = vec!["{}"; HISTORY_MAX + 1];
        assert_eq!(shown(short.iter().copied()), HISTORY_MAX);
        assert_eq!(shown(short.iter().copied().take(7)), 7);
        let long = "x".repeat(HISTORY_BYTES_MAX / 100);
        let long = vec![long.as_str(); 200];
        assert_eq!(shown(long.iter().copied()), 100);
    }
}
