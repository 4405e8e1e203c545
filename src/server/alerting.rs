//! Evaluates the alert rules each second, stores the results, and sends notifications.
//!
//! Rule states, changed rules and silences are stored as one document, so that they survive a restart. Firing and
//! resolved events are stored in a journal.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{Instant, sleep, timeout};

use super::handle::Control;
use crate::hub::Node;
use crate::insight::Statistics;
use crate::insight::alerts::{Alerts, Event, Rule, Turn, rounded};
use crate::insight::history::Journal;
use crate::notify::Notifier;

/// Name of the stored document.
const DOCUMENT: &str = "alerts";
/// How often the document is saved while a rule counts its `for` time: a restart loses at most this much of it.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// Name under which a document of an earlier run is saved that this version cannot read, so that it is not lost.
const UNREADABLE: &str = "alerts-unreadable";
/// How long the start waits for the disk; serving is more important than alerts.
const START_WITHIN: Duration = Duration::from_secs(3);
/// How often the document is requested until it can be read.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Restores the alerts of the previous run, if they can be read soon.
pub(super) async fn restore(node: &Node) {
    node.alerts().alerts().wait_for_document();
    if !timeout(START_WITHIN, take_up(node)).await.unwrap_or(false) {
        tracing::warn!(
            "stored alert rules and silences cannot be read yet: the default rules are active and cannot be changed until then"
        );
    }
}

/// Restores the stored document; returns false if it cannot be read or saved aside yet.
async fn take_up(node: &Node) -> bool {
    let Ok(document) = node.store().load(DOCUMENT).await else {
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
        && !node
            .store()
            .save(UNREADABLE, document.clone().unwrap_or_default())
    {
        return false;
    }
    let outcome = node.alerts().alerts().take_up(document.as_deref(), |_| ());
    if let Err(reason) = &outcome {
        tracing::error!(
            reason,
            kept_as = UNREADABLE,
            "stored alerts are invalid; the default rules are active"
        );
    } else if !unread.is_empty() {
        tracing::error!(
            rules = unread.join("; "),
            kept_as = UNREADABLE,
            "some stored alert rules are invalid and not active"
        );
    }
    true
}

/// Restores as soon as possible what could not be read at the start; never completes.
async fn catch_up(node: &Node) {
    while node.alerts().alerts().is_unread() {
        if take_up(node).await {
            tracing::info!("stored alert rules and silences restored");
        }
        sleep(ASK_EVERY).await;
    }
    std::future::pending::<()>().await;
}

/// The alert loop of the server.
pub(super) struct Alerting {
    control: Arc<Control>,
    /// Identifies this server in notifications.
    instance: String,
    /// Sends the notifications; set while the loop runs.
    notifier: Option<Arc<Notifier>>,
    kept: Instant,
}

impl Alerting {
    /// Creates the loop. `port` is the first port listened on, if any; host name and port identify the server.
    pub(super) fn new(control: &Arc<Control>, port: Option<u16>) -> Self {
        let host = hostname::get()
            .ok()
            .and_then(|name| name.into_string().ok());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        Self {
            control: Arc::clone(control),
            instance: port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")),
            notifier: None,
            kept: Instant::now(),
        }
    }

    /// Evaluates the rules once a second; never completes.
    pub(super) async fn run(&mut self) {
        let control = Arc::clone(&self.control);
        tokio::select! {
            () = catch_up(&control.node) => {}
            () = self.go_on(&control) => {}
        }
    }

    /// Saves the changes of the last second when the loop has stopped.
    pub(super) fn finish(&mut self) {
        let waiting = self.notifier.as_ref().map(|notifier| notifier.waiting());
        let mut alerts = self.control.node.alerts().alerts();
        alerts.set_waiting(waiting.unwrap_or_default());
        let is_changed = !alerts.is_unread() && alerts.take_changed();
        let document = is_changed.then(|| alerts.document());
        drop(alerts);
        if let Some(document) = document
            && !self.control.node.store().save(DOCUMENT, document)
        {
            self.control.node.alerts().alerts().still_changed();
        }
    }

    async fn go_on(&mut self, control: &Arc<Control>) {
        loop {
            let settings = control.in_force.borrow().config.alerts.clone();
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
                () = notifier.run(control.node.own_counters()) => {}
                () = self.watch(&notifier) => {}
            }
        }
    }

    /// Evaluates each second until the alert settings change.
    async fn watch(&mut self, notifier: &Notifier) {
        let control = Arc::clone(&self.control);
        let mut updates = control.node.board().follow();
        while updates.changed().await.is_ok() {
            let statistics = Arc::clone(&updates.borrow_and_update());
            self.look(&statistics, notifier);
            if !notifier.goes_by(&control.in_force.borrow().config.alerts) {
                return;
            }
        }
    }

    fn look(&mut self, statistics: &Statistics, notifier: &Notifier) {
        let node = &self.control.node;
        let (alert_state, counters) = (node.alerts(), node.own_counters());
        let evaluation = alert_state.alerts().look(statistics);
        for event in &evaluation.events {
            let rule = alert_state.alerts().rule(&event.rule).cloned();
            tell(event, rule.as_ref());
            let json = serde_json::to_string(event).unwrap_or_default();
            node.store().note(Journal::Alerts, statistics.at, json);
        }
        notifier.tell(&evaluation.notices, counters);
        let every = notifier.settings().repeat.as_secs_f64();
        let reminders = alert_state.alerts().reminders(every);
        notifier.remind(&reminders, counters);
        notifier.repeat(|| alert_state.alerts().firing(), counters);
        if alert_state.take_test() {
            let now = statistics.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            notifier.test(now.as_secs_f64(), counters);
        }
        alert_state.set_sinks(notifier.statuses());
        alert_state.alerts().set_waiting(notifier.waiting());
        self.keep();
    }

    /// Saves the alerts for the next start when they have changed, and regularly while a rule counts. Does nothing
    /// before the alerts of the last run are read, because they would be lost.
    fn keep(&mut self) {
        let node = &self.control.node;
        let document = {
            let mut alerts = node.alerts().alerts();
            if alerts.is_unread() {
                return;
            }
            let is_due = self.kept.elapsed() >= KEEP_EVERY && alerts.is_counting();
            (alerts.take_changed() || is_due).then(|| alerts.document())
        };
        if let Some(document) = document {
            self.kept = Instant::now();
            if !node.store().save(DOCUMENT, document) {
                node.alerts().alerts().still_changed();
            }
        }
    }
}

/// Logs an event. `known` is the rule, unless it was deleted.
fn tell(event: &Event, known: Option<&Rule>) {
    let (rule, value) = (&event.rule, event.value.map(rounded));
    let description = known.map(|known| known.sentence(event.state, event.value));
    match event.state {
        Turn::Firing => tracing::warn!(rule, value, description, "alert"),
        Turn::Resolved => tracing::info!(rule, value, description, "alert resolved"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::config::Config;
    use crate::insight::alerts::{ALL, Comparison, Severity};
    use crate::insight::history::Store;

    /// Creates a server that uses this store.
    fn server(store: &Store) -> (Arc<Control>, Alerting) {
        let config = Config::default();
        let node = Arc::new(Node::new(&config, 0).with_store(store.clone()));
        let control = Control::new(&config, &node, 0);
        let alerting = Alerting::new(&control, Some(8000));
        (control, alerting)
    }

    fn rule() -> Rule {
        Rule {
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
    async fn what_fires_and_is_silenced_is_found_again_and_what_happened_is_noted() {
        let store = Store::none();
        let (control, mut alerting) = server(&store);
        let notifier = Notifier::new(&control.in_force.borrow().config.alerts, "a", None).unwrap();
        control.node.alerts().alerts().put(rule()).unwrap();
        alerting.look(&statistics(11.0), &notifier);
        let now = statistics(0.0)
            .at
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let silenced = control
            .node
            .alerts()
            .alerts()
            .silence(ALL, 1000.0, "why", now);
        silenced.unwrap();
        alerting.look(&statistics(11.0), &notifier);

        let (control, mut alerting) = server(&store);
        restore(&control.node).await;
        let alert_state = control.node.alerts();
        assert_eq!(alert_state.alerts().summary().names, ["many_swarms"]);
        assert_eq!(alert_state.alerts().silences()[0].comment, "why");
        alerting.look(&statistics(1.0), &notifier);
        assert_eq!(alert_state.alerts().summary().firing, 0);
        let journal = store.journal(Journal::Alerts, UNIX_EPOCH, 10).await;
        let states = journal.newest.iter().map(|(_, json)| {
            let event: Event = serde_json::from_str(json).unwrap();
            (event.rule, event.state)
        });
        let wanted = [Turn::Resolved, Turn::Firing].map(|turn| ("many_swarms".to_owned(), turn));
        assert_eq!(states.collect::<Vec<_>>(), wanted);
    }

    #[tokio::test]
    async fn a_document_that_cannot_be_read_leaves_the_shipped_rules() {
        let store = Store::none();
        store.save(DOCUMENT, "half a docu".to_owned());
        let (control, _) = server(&store);
        restore(&control.node).await;
        {
            let alerts = control.node.alerts().alerts();
            assert!(alerts.rule("memory_high").is_some() && !alerts.is_unread());
        }
        let aside = store.load(UNREADABLE).await;
        assert_eq!(aside, Ok(Some("half a docu".to_owned())));
    }
}
