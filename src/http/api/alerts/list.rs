//! Serves the summary of firing alerts, and the list of rules, transitions, silences and receivers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::alerts::{AlertEvent, AlertSummary, RuleView, Silence, SinkStatus};
use crate::history::Journal;
use crate::http::api::stats_access::not_public_error;
use crate::http::api::tags::{ALERTS, STATISTICS};
use crate::http::api_error::ApiError;
use crate::http::response::json_response;
use crate::http::state::AppState;
use crate::metrics::Detail;

/// The time span of `history`.
const HISTORY_SPAN: Duration = Duration::from_hours(30 * 24);
/// Maximum number of history entries: a rule that fires and clears every 45 minutes makes this many in 30 days.
const HISTORY_ENTRIES_MAX: usize = 2000;
/// Maximum size of the history entries as stored: dashboards request them every few seconds.
const HISTORY_BYTES_MAX: usize = 256 * 1024;

/// Returns the number and names of firing rules.
#[utoipa::path(
    get,
    path = "/api/v1/alerts/summary",
    operation_id = "getAlertSummary",
    tag = STATISTICS,
    responses((status = OK, body = AlertSummary))
)]
pub(in crate::http::api) async fn summary(
    State(shared): State<Arc<AppState>>,
    Extension(detail): Extension<Detail>,
) -> Result<Response, ApiError> {
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
pub(in crate::http::api) async fn list(
    State(shared): State<Arc<AppState>>,
) -> Result<Response, ApiError> {
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
