//! Alerts: what fires, the rules, silences, and a notification to try the receivers.
//!
//! All but the summary is for who has the admin token. Every change goes into the audit.

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

/// How far back `history` goes.
const HISTORY: Duration = Duration::from_hours(30 * 24);
/// Entries of it that are shown: a rule that comes and goes every three quarters of an hour has so many in thirty days.
const HISTORY_MAX: usize = 2000;
/// Bytes of them, as they are kept: dashboards ask every few seconds.
const HISTORY_BYTES_MAX: usize = 256 * 1024;
/// Seconds after which a change may be tried again that was refused because earlier rules cannot be read yet.
const UNREAD_RETRY: u64 = 10;

/// The routes for who has the token, which the admin API puts behind its guard.
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

/// What the API says about something that can be written as JSON.
fn told(status: StatusCode, what: &impl Serialize) -> Response {
    let body = serde_json::to_value(what).unwrap_or_default();
    (status, answer(&body)).into_response()
}

/// `GET /api/v1/alerts/summary`: how many rules fire, and which.
pub(super) async fn summary(
    State(shared): State<Arc<Shared>>,
    Extension(detail): Extension<Detail>,
) -> Answered {
    if detail == Detail::Totals {
        return Err(not_public("which alerts fire is"));
    }
    let summary = shared.node().alerts().alerts().summary();
    Ok(told(StatusCode::OK, &summary))
}

/// `GET /api/v1/alerts`: rules and how they stand, what happened in the last thirty days, silences and receivers.
async fn all(State(shared): State<Arc<Shared>>) -> Answered {
    let node = shared.node();
    let since = SystemTime::now() - HISTORY;
    let store = node.store();
    let entries = store.journal(Journal::Alerts, since, HISTORY_MAX + 1).await;
    let shown = shown(entries.newest.iter().map(|(_, json)| json.as_str()));
    let has_more = shown < entries.newest.len();
    let history = entries.newest.iter().take(shown);
    let history = history.filter_map(|(_, json)| serde_json::from_str::<Event>(json).ok());
    let history: Vec<_> = history.collect();
    let desk = node.alerts();
    let (rules, silences, is_unread) = {
        let alerts = desk.alerts();
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
        "sinks": desk.sinks(),
    })))
}

/// How many entries of the history are shown, of those there are.
fn shown<'a>(entries: impl Iterator<Item = &'a str>) -> usize {
    let mut left = HISTORY_BYTES_MAX;
    let fits = |entry: &&str| match left.checked_sub(entry.len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    entries.take(HISTORY_MAX).take_while(fits).count()
}

/// `PUT /api/v1/alerts/rules/NAME`: makes a rule or changes one; what is not sent stays as it is.
async fn put_rule(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Body,
) -> Answered {
    let sent = asked::body::<serde_json::Map<String, Value>>(body).await?;
    let node = shared.node();
    let (rule, before) = {
        let mut alerts = node.alerts().alerts();
        let before = alerts.rule(&name).cloned();
        let rule = merged(&name, before.as_ref(), sent)?;
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

/// `DELETE /api/v1/alerts/rules/NAME`: deletes a rule; a shipped one becomes again what it was.
async fn delete_rule(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let node = shared.node();
    let is_gone = node.alerts().alerts().delete(&name)?;
    let done = if is_gone { "deleted" } else { "reset" };
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

/// `POST /api/v1/alerts/silences`: nobody is told of a rule, or of `*`, for some seconds.
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

/// `POST /api/v1/alerts/test`: sends an alert that is none to all receivers.
async fn test(State(shared): State<Arc<Shared>>) -> Answered {
    let desk = shared.node().alerts();
    let sinks = desk.sinks().len();
    if sinks == 0 {
        let sentence =
            "nobody is told of alerts: set alerts.webhook, alerts.alertmanager or alerts.chat";
        return Err(Refusal::new(StatusCode::CONFLICT, sentence));
    }
    desk.want_test();
    Ok(told(StatusCode::ACCEPTED, &json!({ "sinks": sinks })))
}

/// A rule with what was sent in place of what it had, or for a new one of what is usual.
fn merged(
    name: &str,
    before: Option<&Rule>,
    sent: serde_json::Map<String, Value>,
) -> Result<Rule, Refusal> {
    if sent.get("name").is_some_and(|other| other != name) {
        return Err(Refusal::bad_request("the name in the path is another one"));
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

/// A rule in one line, for the audit.
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
