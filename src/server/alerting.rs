//! Looks at the rules each second, keeps what happened, and has it told.
//!
//! How rules stand, changed rules and silences are a document in the store, so that they are the same after a restart; what began
//! and ended is a journal.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{Instant, sleep, timeout};

use super::handle::Control;
use crate::hub::Node;
use crate::insight::Statistics;
use crate::insight::alerts::{Alerts, Event, Rule, Turn, rounded};
use crate::insight::history::Journal;
use crate::notify::Notifier;

/// Under which the alerts are kept.
const DOCUMENT: &str = "alerts";
/// How often they are kept while something only lasts: a restart costs at most so much of a `for`.
const KEEP_EVERY: Duration = Duration::from_secs(30);

/// A document of earlier alerts that this version cannot read, so that none is lost for good.
const UNREADABLE: &str = "alerts-unreadable";
/// How long a start waits for the disk; service is worth more than alerts.
const START_WITHIN: Duration = Duration::from_secs(3);
/// How often the document is asked for until it can be read.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Takes the alerts up as they were when the process ended, if that can be found out soon.
pub(super) async fn restore(node: &Node) {
    node.alerts().alerts().wait_for_document();
    if !timeout(START_WITHIN, take_up(node)).await.unwrap_or(false) {
        tracing::warn!(
            "alert rules and silences of earlier runs cannot be read yet: the shipped rules are in force, and none can be changed until then"
        );
    }
}

/// Whether it is known what an earlier run has kept, and taken up.
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
    // First, as what is taken up is soon kept in its place.
    if !is_whole
        && !node
            .store()
            .save(UNREADABLE, document.clone().unwrap_or_default())
    {
        return false;
    }
    let taken = node.alerts().alerts().take_up(document.as_deref(), |_| ());
    if let Err(reason) = &taken {
        tracing::error!(
            reason,
            kept_as = UNREADABLE,
            "the alerts of an earlier run cannot be read; the shipped rules are in force"
        );
    } else if !unread.is_empty() {
        tracing::error!(
            rules = unread.join("; "),
            kept_as = UNREADABLE,
            "alert rules of an earlier run cannot be read and are not in force"
        );
    }
    true
}

/// Takes up what could not be read at the start as soon as it can be; never completes.
async fn catch_up(node: &Node) {
    while node.alerts().alerts().is_unread() {
        if take_up(node).await {
            tracing::info!("alert rules and silences of earlier runs are in force again");
        }
        sleep(ASK_EVERY).await;
    }
    std::future::pending::<()>().await;
}

/// What looks at the rules.
pub(super) struct Alerting {
    control: Arc<Control>,
    /// Says in notifications which server it is.
    instance: String,
    /// Who is told, once it runs.
    notifier: Option<Arc<Notifier>>,
    kept: Instant,
}

impl Alerting {
    /// `port` is the first that is listened on, if there is one: with the machine's name it tells servers apart.
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

    /// Looks once a second; never completes.
    pub(super) async fn run(&mut self) {
        let control = Arc::clone(&self.control);
        tokio::select! {
            () = catch_up(&control.node) => {}
            () = self.go_on(&control) => {}
        }
    }

    /// Keeps what the last second has brought, when it runs no more.
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
                    tracing::error!(%error, "nobody can be told of alerts");
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

    /// Looks each second until other settings are in force.
    async fn watch(&mut self, notifier: &Notifier) {
        let control = Arc::clone(&self.control);
        let mut board = control.node.board().follow();
        while board.changed().await.is_ok() {
            let statistics = Arc::clone(&board.borrow_and_update());
            self.look(&statistics, notifier);
            if !notifier.goes_by(&control.in_force.borrow().config.alerts) {
                return;
            }
        }
    }

    fn look(&mut self, statistics: &Statistics, notifier: &Notifier) {
        let node = &self.control.node;
        let (desk, counters) = (node.alerts(), node.own_counters());
        let look = desk.alerts().look(statistics);
        for event in &look.events {
            let rule = desk.alerts().rule(&event.rule).cloned();
            tell(event, rule.as_ref());
            let json = serde_json::to_string(event).unwrap_or_default();
            node.store().note(Journal::Alerts, statistics.at, json);
        }
        notifier.tell(&look.notices, counters);
        let every = notifier.settings().repeat.as_secs_f64();
        let reminders = desk.alerts().reminders(every);
        notifier.remind(&reminders, counters);
        notifier.repeat(|| desk.alerts().firing(), counters);
        if desk.take_test() {
            let now = statistics.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            notifier.test(now.as_secs_f64(), counters);
        }
        desk.set_sinks(notifier.statuses());
        desk.alerts().set_waiting(notifier.waiting());
        self.keep();
    }

    /// Keeps the alerts for the next start, when something has changed or has lasted on. Not before those of the last run are
    /// read: they would be lost.
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

/// `known` is the rule, unless it was deleted.
fn tell(event: &Event, known: Option<&Rule>) {
    let (rule, value) = (&event.rule, event.value.map(rounded));
    let what = known.map(|known| known.sentence(event.state, event.value));
    match event.state {
        Turn::Firing => tracing::warn!(rule, value, what, "alert"),
        Turn::Resolved => tracing::info!(rule, value, what, "alert is over"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::config::Config;
    use crate::insight::alerts::{ALL, Comparison, Severity};
    use crate::insight::history::Store;

    /// A server that keeps things there.
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
        let desk = control.node.alerts();
        assert_eq!(desk.alerts().summary().names, ["many_swarms"]);
        assert_eq!(desk.alerts().silences()[0].comment, "why");
        alerting.look(&statistics(1.0), &notifier);
        assert_eq!(desk.alerts().summary().firing, 0);
        let noted = store.journal(Journal::Alerts, UNIX_EPOCH, 10).await;
        let states = noted.newest.iter().map(|(_, json)| {
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
