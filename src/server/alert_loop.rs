//! Evaluates the alert rules each second, stores the results, and sends notifications.
//!
//! Rule states, changed rules and silences are stored as one document, so that they survive a restart. Firing and
//! resolved events are stored in a journal.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{Instant, sleep, timeout};

use crate::alerts::{AlertEvent, AlertRule, AlertTransition, Alerts, SharedAlerts, round_for_log};
use crate::history::{HistoryStore, Journal};
use crate::metrics::Statistics;
use crate::node::Node;
use crate::notify::Notifier;

/// Name of the stored document.
const DOCUMENT: &str = "alerts";
/// How often the document is saved while a rule counts its `for` time: a restart loses at most this much of it.
const SAVE_EVERY: Duration = Duration::from_secs(30);

/// Name under which a document of an earlier run is saved that this version cannot read, so that it is not lost.
const UNREADABLE_DOCUMENT: &str = "alerts-unreadable";
/// How long the start waits for the disk; serving is more important than alerts.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the document is requested until it can be read.
const RESTORE_RETRY_EVERY: Duration = Duration::from_secs(1);

/// Restores the alerts of the previous run, if they can be read soon.
pub(super) async fn restore(alerts: &SharedAlerts, history: &HistoryStore) {
    alerts.lock().mark_document_pending();
    if !timeout(RESTORE_TIMEOUT, try_restore(alerts, history))
        .await
        .unwrap_or(false)
    {
        tracing::warn!(
            "stored alert rules and silences cannot be read yet: the default rules are active and cannot be changed until then"
        );
    }
}

/// Restores the stored document; returns false if it cannot be read or saved aside yet.
async fn try_restore(alerts: &SharedAlerts, history: &HistoryStore) -> bool {
    let Ok(document) = history.load_document(DOCUMENT).await else {
        return false;
    };
    let mut unread = Vec::new();
    let skip = |rule| unread.push(rule);
    let read = document
        .as_deref()
        .map_or(Ok(()), |text| Alerts::restore(text, skip).map(drop));
    let is_whole = read.is_ok() && unread.is_empty();
    // Saved before restoring, because the restored alerts will soon overwrite the document.
    if !is_whole
        && !history.save_document(UNREADABLE_DOCUMENT, document.clone().unwrap_or_default())
    {
        return false;
    }
    let outcome = alerts.lock().merge_document(document.as_deref(), |_| ());
    if let Err(reason) = &outcome {
        tracing::error!(
            reason,
            kept_as = UNREADABLE_DOCUMENT,
            "stored alerts are invalid; the default rules are active"
        );
    } else if !unread.is_empty() {
        tracing::error!(
            rules = unread.join("; "),
            kept_as = UNREADABLE_DOCUMENT,
            "some stored alert rules are invalid and not active"
        );
    }
    true
}

/// Restores as soon as possible what could not be read at the start; never completes.
async fn retry_restore(alerts: &SharedAlerts, history: &HistoryStore) {
    while alerts.lock().is_document_pending() {
        if try_restore(alerts, history).await {
            tracing::info!("stored alert rules and silences restored");
        }
        sleep(RESTORE_RETRY_EVERY).await;
    }
    std::future::pending::<()>().await;
}

/// The alert loop of the server.
pub(super) struct AlertLoop {
    node: Arc<Node>,
    /// Identifies this server in notifications.
    instance: String,
    /// Sends the notifications; set while the loop runs.
    notifier: Option<Arc<Notifier>>,
    saved_at: Instant,
}

impl AlertLoop {
    /// Creates the loop. `port` is the first port listened on, if any; host name and port identify the server.
    pub(super) fn new(node: &Arc<Node>, port: Option<u16>) -> Self {
        let host = hostname::get()
            .ok()
            .and_then(|name| name.into_string().ok());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        Self {
            node: Arc::clone(node),
            instance: port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")),
            notifier: None,
            saved_at: Instant::now(),
        }
    }

    /// Evaluates the rules once a second; never completes.
    pub(super) async fn run(&mut self) {
        let node = Arc::clone(&self.node);
        let (alerts, history) = (node.telemetry().alerts(), node.storage().history());
        tokio::select! {
            () = retry_restore(alerts, history) => {}
            () = self.run_notifiers(&node) => {}
        }
    }

    /// Saves the changes of the last second when the loop has stopped.
    pub(super) fn finish(&mut self) {
        let waiting = self
            .notifier
            .as_ref()
            .map(|notifier| notifier.undelivered_rules());
        let shared = self.node.telemetry().alerts();
        let mut alerts = shared.lock();
        alerts.set_undelivered(waiting.unwrap_or_default());
        let is_changed = !alerts.is_document_pending() && alerts.take_changed();
        let document = is_changed.then(|| alerts.document());
        drop(alerts);
        let history = self.node.storage().history();
        if let Some(document) = document
            && !history.save_document(DOCUMENT, document)
        {
            shared.lock().mark_changed();
        }
    }

    async fn run_notifiers(&mut self, node: &Node) {
        loop {
            let settings = node.settings().alerts.clone();
            let former = self.notifier.take().and_then(Arc::into_inner);
            let notifier = match Notifier::new(&settings, &self.instance, former) {
                Ok(notifier) => Arc::new(notifier),
                Err(error) => {
                    tracing::error!(%error, "alert notifications cannot be sent");
                    return std::future::pending().await;
                }
            };
            self.notifier = Some(Arc::clone(&notifier));
            tokio::select! {
                () = notifier.run(node.telemetry().server_counters()) => {}
                () = self.evaluate_each_second(&notifier) => {}
            }
        }
    }

    /// Evaluates each second until the alert settings change.
    async fn evaluate_each_second(&mut self, notifier: &Notifier) {
        let node = Arc::clone(&self.node);
        let mut updates = node.telemetry().stats_channel().subscribe();
        while updates.changed().await.is_ok() {
            let statistics = Arc::clone(&updates.borrow_and_update());
            self.evaluate(&statistics, notifier);
            if !notifier.uses_settings(&node.settings().alerts) {
                return;
            }
        }
    }

    fn evaluate(&mut self, statistics: &Statistics, notifier: &Notifier) {
        let node = &self.node;
        let (alert_state, counters) = (
            node.telemetry().alerts(),
            node.telemetry().server_counters(),
        );
        let evaluation = alert_state.lock().evaluate(statistics);
        for event in &evaluation.events {
            let rule = alert_state.lock().rule(&event.rule).cloned();
            log_event(event, rule.as_ref());
            let json = serde_json::to_string(event).unwrap_or_default();
            node.storage()
                .history()
                .append_journal(Journal::Alerts, statistics.at, json);
        }
        notifier.notify_all(&evaluation.notices, counters);
        let every = notifier.settings().repeat.as_secs_f64();
        let reminders = alert_state.lock().due_reminders(every);
        notifier.remind(&reminders, counters);
        notifier.repeat_firing(|| alert_state.lock().firing(), counters);
        if alert_state.take_test_request() {
            let now = statistics.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            notifier.send_test(now.as_secs_f64(), counters);
        }
        alert_state.set_sink_statuses(notifier.statuses());
        alert_state
            .lock()
            .set_undelivered(notifier.undelivered_rules());
        self.save_if_changed();
    }

    /// Saves the alerts for the next start when they have changed, and regularly while a rule counts. Does nothing
    /// before the alerts of the last run are read, because they would be lost.
    fn save_if_changed(&mut self) {
        let node = &self.node;
        let document = {
            let mut alerts = node.telemetry().alerts().lock();
            if alerts.is_document_pending() {
                return;
            }
            let is_due = self.saved_at.elapsed() >= SAVE_EVERY && alerts.has_running_timer();
            (alerts.take_changed() || is_due).then(|| alerts.document())
        };
        if let Some(document) = document {
            self.saved_at = Instant::now();
            if !node.storage().history().save_document(DOCUMENT, document) {
                node.telemetry().alerts().lock().mark_changed();
            }
        }
    }
}

/// Logs an event. `known` is the rule, unless it was deleted.
fn log_event(event: &AlertEvent, known: Option<&AlertRule>) {
    let (rule, value) = (&event.rule, event.value.map(round_for_log));
    let description = known.map(|known| known.describe(event.state, event.value));
    match event.state {
        AlertTransition::Firing => tracing::warn!(rule, value, description, "alert"),
        AlertTransition::Resolved => tracing::info!(rule, value, description, "alert resolved"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::alerts::{ALL_RULES, Comparison, Severity};
    use crate::config::Config;

    /// Creates a node that uses this store.
    fn alerting_node(store: &HistoryStore) -> (Arc<Node>, AlertLoop) {
        let config = Config::default();
        let node = Arc::new(Node::new(&config, 0).with_store(store.clone()));
        let alerting = AlertLoop::new(&node, Some(8000));
        (node, alerting)
    }

    fn rule() -> AlertRule {
        AlertRule {
            name: "many_swarms".to_owned(),
            doc: String::new(),
            series: "swarms".to_owned(),
            of: None,
            of_min: 0.0,
            comparison: Comparison::Above,
            threshold: 10.0,
            clear: 10.0,
            hold: 0.0,
            keep_firing: 0.0,
            severity: Severity::Info,
            enabled: true,
        }
    }

    fn statistics(swarms: f64) -> Statistics {
        let mut statistics = Statistics {
            at: SystemTime::now(),
            ..Statistics::default()
        };
        statistics.gauges.swarms = swarms;
        statistics
    }

    #[tokio::test]
    async fn alert_states_and_events_survive_a_restart() {
        let store = HistoryStore::disabled();
        let (node, mut alerting) = alerting_node(&store);
        let notifier = Notifier::new(&node.settings().alerts, "a", None).unwrap();
        node.telemetry().alerts().lock().put_rule(rule()).unwrap();
        alerting.evaluate(&statistics(11.0), &notifier);
        let now = statistics(0.0)
            .at
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let silenced = node
            .telemetry()
            .alerts()
            .lock()
            .add_silence(ALL_RULES, 1000.0, "why", now);
        silenced.unwrap();
        alerting.evaluate(&statistics(11.0), &notifier);

        let (node, mut alerting) = alerting_node(&store);
        restore(node.telemetry().alerts(), &store).await;
        let alert_state = node.telemetry().alerts();
        assert_eq!(alert_state.lock().summary().names, ["many_swarms"]);
        assert_eq!(alert_state.lock().silences()[0].comment, "why");
        alerting.evaluate(&statistics(1.0), &notifier);
        assert_eq!(alert_state.lock().summary().firing, 0);
        let journal = store.journal_entries(Journal::Alerts, UNIX_EPOCH, 10).await;
        let states = journal.newest.iter().map(|(_, json)| {
            let event: AlertEvent = serde_json::from_str(json).unwrap();
            (event.rule, event.state)
        });
        let wanted = [AlertTransition::Resolved, AlertTransition::Firing]
            .map(|turn| ("many_swarms".to_owned(), turn));
        assert_eq!(states.collect::<Vec<_>>(), wanted);
    }

    #[tokio::test]
    async fn an_unreadable_document_leaves_the_default_rules() {
        let store = HistoryStore::disabled();
        store.save_document(DOCUMENT, "half a docu".to_owned());
        let (node, _) = alerting_node(&store);
        restore(node.telemetry().alerts(), &store).await;
        {
            let alerts = node.telemetry().alerts().lock();
            assert!(alerts.rule("memory_high").is_some() && !alerts.is_document_pending());
        }
        let aside = store.load_document(UNREADABLE_DOCUMENT).await;
        assert_eq!(aside, Ok(Some("half a docu".to_owned())));
    }
}
