use std::time::Duration;

use super::*;

/// A simulated server: a test sets its metrics, one second at a time.
struct SimulatedServer {
    alerts: Alerts,
    statistics: Statistics,
}

fn restored(document: &str) -> Alerts {
    Alerts::restore(document, |rule| panic!("{rule}")).unwrap()
}

impl SimulatedServer {
    fn new(alerts: Alerts) -> Self {
        let mut statistics = Statistics::default();
        statistics.at += Duration::from_secs(1_000_000);
        statistics.gauges.uptime = 0.0;
        Self { alerts, statistics }
    }

    fn with_rule(hold: f64, keep_firing: f64) -> Self {
        let mut server = Self::new(Alerts::default());
        server.alerts.put_rule(rule(hold, keep_firing)).unwrap();
        server
    }

    fn second(&mut self, swarms: f64) -> Evaluation {
        self.statistics.at += Duration::from_secs(1);
        self.statistics.gauges.uptime += 1.0;
        self.statistics.gauges.swarms = swarms;
        self.alerts.evaluate(&self.statistics)
    }

    fn transitions(&mut self, swarms: f64) -> Vec<AlertTransition> {
        let evaluation = self.second(swarms);
        evaluation
            .notices
            .iter()
            .map(|notice| notice.transition)
            .collect()
    }

    fn now(&self) -> f64 {
        self.alerts.now
    }

    /// Returns the same server after a restart.
    fn restarted(&self) -> Self {
        let alerts = restored(&self.alerts.document());
        let mut server = Self::new(alerts);
        server.statistics.at = self.statistics.at + Duration::from_secs(30);
        server
    }
}

pub(super) fn rule(hold: f64, keep_firing: f64) -> AlertRule {
    AlertRule {
        name: "many_swarms".to_owned(),
        doc: "Too many.".to_owned(),
        series: "swarms".to_owned(),
        of: None,
        of_min: 0.0,
        comparison: Comparison::Above,
        threshold: 10.0,
        clear: 5.0,
        hold,
        keep_firing,
        severity: Severity::Warning,
        enabled: true,
    }
}

#[test]
fn firing_and_resolution_are_notified_once() {
    let mut server = SimulatedServer::with_rule(1.0, 0.0);
    assert_eq!(server.second(11.0), Evaluation::default());
    let evaluation = server.second(12.0);
    assert_eq!(evaluation.events.len(), 1);
    let notice = &evaluation.notices[0];
    assert_eq!(
        (notice.transition, notice.value),
        (AlertTransition::Firing, Some(12.0))
    );
    assert_eq!(server.alerts.firing(), evaluation.notices);
    assert_eq!(server.second(12.0), Evaluation::default());
    let summary = server.alerts.summary();
    assert_eq!(
        (summary.firing, summary.names),
        (1, vec!["many_swarms".to_owned()])
    );
    let evaluation = server.second(1.0);
    assert_eq!(evaluation.events[0].state, AlertTransition::Resolved);
    assert_eq!(evaluation.notices[0].ends_at, Some(server.now()));
    assert!(evaluation.notices[0].starts_at < server.now());
    assert!(server.alerts.firing().is_empty());
}

#[test]
fn a_silence_delays_notifications_until_it_ends() {
    let mut server = SimulatedServer::with_rule(0.0, 0.0);
    server.second(1.0);
    let now = server.now();
    server
        .alerts
        .add_silence("many_swarms", 3.0, "known", now)
        .unwrap();
    let evaluation = server.second(11.0);
    assert_eq!((evaluation.events.len(), evaluation.notices.len()), (1, 0));
    assert!(server.alerts.firing().is_empty());
    assert!(server.transitions(11.0).is_empty());
    assert_eq!(
        server.transitions(11.0),
        [AlertTransition::Firing],
        "the silence has ended"
    );
    assert!(server.alerts.silences().is_empty());
    // The resolution of a notified alert is notified, even if silenced.
    let now = server.now();
    server.alerts.add_silence(ALL_RULES, 60.0, "", now).unwrap();
    assert!(server.alerts.firing().is_empty());
    assert_eq!(server.transitions(1.0), [AlertTransition::Resolved]);
    assert!(server.transitions(11.0).is_empty());
    // When the silence is removed early, the firing rule is notified.
    server.alerts.remove_silence(1).unwrap();
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    assert!(server.alerts.remove_silence(1).is_err());
}

#[test]
fn firing_rules_and_silences_survive_a_restart() {
    let mut server = SimulatedServer::with_rule(5.0, 0.0);
    let mut other = rule(0.0, 0.0);
    other.name = "quiet".to_owned();
    server.alerts.put_rule(other).unwrap();
    server.second(1.0);
    let now = server.now();
    server
        .alerts
        .add_silence("quiet", 1000.0, "for now", now)
        .unwrap();
    for _ in 0..6 {
        server.second(11.0);
    }
    assert!(server.alerts.take_changed());
    let before = server.alerts.firing();
    assert_eq!(before.len(), 1);
    let mut server = server.restarted();
    assert_eq!(server.alerts.silences()[0].comment, "for now");
    assert_eq!(server.alerts.firing()[0].rule, before[0].rule);
    let began = |notice: &Notice| notice.starts_at.to_bits();
    assert_eq!(began(&server.alerts.firing()[0]), began(&before[0]));
    assert!(server.transitions(f64::NAN).is_empty(), "unknown at first");
    assert!(server.transitions(11.0).is_empty(), "notified before");
    assert_eq!(server.transitions(1.0), [AlertTransition::Resolved]);
    // A pending rule continues its timer.
    server.second(11.0);
    server.second(11.0);
    assert!(server.alerts.has_running_timer());
    let mut server = server.restarted();
    for _ in 0..4 {
        assert!(server.transitions(11.0).is_empty());
    }
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
}

#[test]
fn the_document_is_bounded_and_damage_is_reported() {
    let mut alerts = Alerts::default();
    for number in default_rules().len()..RULES_MAX {
        let mut rule = rule(1.0, 1.0);
        rule.name = format!("{number:x<64}");
        rule.series = "passed_over_offers_received_per_second".to_owned();
        rule.of = Some(rule.series.clone());
        rule.doc = "\"".repeat(200);
        rule.threshold = 1.234_567_890_123_456_7;
        rule.clear = 0.234_567_890_123_456_7;
        alerts.put_rule(rule).unwrap();
    }
    let mut one_more = rule(1.0, 1.0);
    one_more.name = "one_more".to_owned();
    assert!(alerts.put_rule(one_more).is_err());
    for _ in 0..SILENCES_MAX {
        alerts
            .add_silence(ALL_RULES, 60.0, &"\"".repeat(200), 1e9)
            .unwrap();
    }
    assert!(alerts.add_silence(ALL_RULES, 60.0, "", 1e9).is_err());
    for entry in alerts.rules.values_mut() {
        entry.machine.since = Some(1_700_000_000.123_456_7);
        entry.machine.fired_with = Some(1.234_567_890_123_456_7);
    }
    let document = alerts.document();
    assert!(document.len() < 256 * 1024, "{}", document.len());
    let restored = restored(&document);
    assert_eq!(restored.document(), document);
    for damaged in [
        "",
        "{}",
        "null",
        &document[..1000],
        &document.replacen('1', "2", 1),
    ] {
        assert!(Alerts::restore(damaged, |_| ()).is_err());
    }
}

#[test]
fn rules_can_be_changed_reset_and_deleted() {
    let mut server = SimulatedServer::with_rule(0.0, 0.0);
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    // If a firing rule is deleted, its resolution is notified.
    assert_eq!(server.alerts.delete_rule("many_swarms"), Ok(true));
    assert_eq!(server.transitions(11.0), [AlertTransition::Resolved]);
    assert!(server.alerts.delete_rule("many_swarms").is_err());
    // A shipped rule is reset to its default.
    let original = server.alerts.rule("loop_late").unwrap().clone();
    let mut changed = original.clone();
    changed.enabled = false;
    server.alerts.put_rule(changed).unwrap();
    let view = |server: &SimulatedServer| {
        let views = server.alerts.rule_views();
        views
            .into_iter()
            .find(|view| view.rule.name == "loop_late")
            .unwrap()
    };
    assert!(view(&server).changed && view(&server).shipped);
    assert_eq!(server.alerts.delete_rule("loop_late"), Ok(false));
    assert_eq!(server.alerts.rule("loop_late"), Some(&original));
    assert!(!view(&server).changed);
    let mut wrong = original;
    wrong.series = "nothing".to_owned();
    let refused = server.alerts.put_rule(wrong).unwrap_err();
    assert_eq!(refused.to_string(), "no such series: nothing");
}

#[test]
fn a_firing_rule_that_is_disabled_is_resolved() {
    let mut server = SimulatedServer::with_rule(0.0, 1000.0);
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    let mut off = rule(0.0, 1000.0);
    off.enabled = false;
    server.alerts.put_rule(off).unwrap();
    assert_eq!(server.transitions(11.0), [AlertTransition::Resolved]);
    assert!(server.transitions(11.0).is_empty());
}

#[test]
fn an_unreadable_rule_does_not_affect_others() {
    let mut server = SimulatedServer::with_rule(0.0, 1000.0);
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    server.alerts.add_silence(ALL_RULES, 60.0, "", 1e9).unwrap();
    let mut newer = rule(0.0, 0.0);
    newer.name = "newer".to_owned();
    server.alerts.put_rule(newer).unwrap();
    let document = server.alerts.document();
    let newer = document.replacen("\"name\":\"newer\"", "\"name\":\"newer\",\"wish\":1", 1);
    assert_ne!(newer, document);
    let mut unread = Vec::new();
    let alerts = Alerts::restore(&newer, |rule| unread.push(rule)).unwrap();
    assert!(
        unread.len() == 1 && unread[0].starts_with("newer: unknown field"),
        "{unread:?}"
    );
    assert!(alerts.rule("many_swarms").is_some() && alerts.rule("newer").is_none());
    assert_eq!(alerts.silences.len(), 1);
    // The firing rule keeps firing, and is not notified again.
    assert!(SimulatedServer::new(alerts).transitions(11.0).is_empty());
}

#[test]
fn a_rule_with_a_missing_series_reports_it_and_never_fires() {
    let document = Alerts::default().document();
    let mut old = rule(0.0, 0.0);
    old.series = "of_another_version".to_owned();
    let rules = format!("\"rules\":[{}]", serde_json::to_string(&old).unwrap());
    let document = document.replace("\"rules\":[]", &rules);
    let mut server = SimulatedServer::new(restored(&document));
    for _ in 0..100 {
        assert!(server.transitions(11.0).is_empty());
    }
    let views = server.alerts.rule_views();
    let view = views.iter().find(|view| view.rule.name == "many_swarms");
    assert_eq!(
        view.unwrap().problem.as_deref(),
        Some("no such series: of_another_version")
    );
}

#[test]
fn a_suspended_process_measures_nothing() {
    let mut server = SimulatedServer::with_rule(60.0, 0.0);
    server.second(11.0);
    server.statistics.gauges.uptime += 3600.0;
    server.statistics.at += Duration::from_hours(1);
    assert!(server.transitions(11.0).is_empty());
}

#[test]
fn reminders_survive_restarts_and_clock_changes() {
    const EVERY: f64 = 100.0;
    let mut server = SimulatedServer::with_rule(0.0, 0.0);
    server.second(1.0);
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    let reminders = |server: &mut SimulatedServer| {
        server.second(11.0);
        server.alerts.take_changed();
        let reminders = server.alerts.due_reminders(EVERY);
        assert_eq!(server.alerts.take_changed(), !reminders.is_empty());
        reminders.len()
    };
    assert_eq!(reminders(&mut server), 0);
    // Each restart takes 30 seconds.
    let mut server = server.restarted().restarted().restarted();
    assert_eq!(reminders(&mut server), 0, "92 seconds ago");
    let mut server = server.restarted();
    assert_eq!(reminders(&mut server), 1);
    assert_eq!(reminders(&mut server), 0, "it counts as notified");
    let mut server = server.restarted();
    assert_eq!(reminders(&mut server), 0, "also after a restart");
    // A small step back of the clock changes little; a clock that was years ahead does not suppress reminders for
    // years.
    server.statistics.at -= Duration::from_mins(1);
    assert_eq!(reminders(&mut server), 0);
    server.statistics.at -= Duration::from_hours(250);
    assert_eq!((reminders(&mut server), reminders(&mut server)), (1, 0));
    // A silence suppresses reminders; afterwards overdue ones are sent.
    let now = server.now();
    server
        .alerts
        .add_silence(ALL_RULES, 150.0, "", now)
        .unwrap();
    server.statistics.at += Duration::from_mins(2);
    assert_eq!(reminders(&mut server), 0);
    server.statistics.at += Duration::from_secs(30);
    assert_eq!((reminders(&mut server), reminders(&mut server)), (1, 0));
    assert_eq!(server.transitions(1.0), [AlertTransition::Resolved]);
    server.statistics.at += Duration::from_mins(15);
    server.second(1.0);
    assert!(server.alerts.due_reminders(EVERY).is_empty());
}

#[test]
fn undelivered_notices_are_sent_again_after_a_restart() {
    let waiting = || BTreeSet::from(["many_swarms".to_owned(), "no_such_rule".to_owned()]);
    let mut server = SimulatedServer::with_rule(0.0, 0.0);
    server.second(1.0);
    assert_eq!(server.transitions(11.0), [AlertTransition::Firing]);
    server.alerts.take_changed();
    server.alerts.set_undelivered(waiting());
    assert!(server.alerts.take_changed());
    let mut again = server.restarted();
    assert_eq!(again.transitions(11.0), [AlertTransition::Firing]);
    // A delivered one is not sent again.
    again.alerts.set_undelivered(BTreeSet::new());
    let mut again = again.restarted();
    assert!(again.transitions(11.0).is_empty());
    // Its resolution was not delivered.
    assert_eq!(again.transitions(1.0), [AlertTransition::Resolved]);
    again.alerts.set_undelivered(waiting());
    assert_eq!(
        again.restarted().transitions(1.0),
        [AlertTransition::Resolved]
    );
    // It fired and was resolved, and neither was delivered.
    let mut again = again.restarted();
    again.transitions(11.0);
    again.transitions(1.0);
    again.alerts.set_undelivered(waiting());
    assert_eq!(
        again.restarted().transitions(f64::NAN),
        [AlertTransition::Resolved]
    );
}

#[test]
fn rules_cannot_be_changed_until_stored_rules_are_loaded() {
    let mut before = SimulatedServer::with_rule(0.0, 0.0);
    let mut changed = before.alerts.rule("memory_high").unwrap().clone();
    changed.threshold = 0.9;
    before.alerts.put_rule(changed).unwrap();
    before.second(1.0);
    let now = before.now();
    before
        .alerts
        .add_silence("loop_late", 500.0, "old", now)
        .unwrap();
    before.second(11.0);
    let document = before.alerts.document();

    let mut server = SimulatedServer::new(Alerts::default());
    server.alerts.mark_document_pending();
    let refused = server.alerts.put_rule(rule(0.0, 0.0)).unwrap_err();
    assert_eq!(refused, AlertsError::NotLoaded);
    assert!(refused.to_string().contains("cannot be read yet"));
    let refused = server.alerts.delete_rule("memory_high").unwrap_err();
    assert_eq!(refused, AlertsError::NotLoaded);
    // A shipped rule fires, is notified, and is silenced.
    server.statistics.gauges.memory_resident = 95.0;
    server.statistics.gauges.memory_budget = 100.0;
    for _ in 0..62 {
        server.second(11.0);
    }
    assert_eq!(
        server.alerts.summary().names,
        ["memory_high", "memory_short"]
    );
    let now = server.now();
    server
        .alerts
        .add_silence(ALL_RULES, 500.0, "new", now)
        .unwrap();
    server
        .alerts
        .merge_document(Some(&document), |rule| panic!("{rule}"))
        .unwrap();
    assert!(!server.alerts.is_document_pending() && server.alerts.take_changed());
    let firing = ["many_swarms", "memory_high", "memory_short"];
    assert_eq!(server.alerts.summary().names, firing);
    let threshold = server.alerts.rule("memory_high").unwrap().threshold;
    assert_eq!(threshold.to_bits(), 0.9_f64.to_bits());
    let silences = server.alerts.silences().iter();
    let silences: Vec<_> = silences
        .map(|known| (known.id, known.comment.as_str()))
        .collect();
    assert_eq!(silences, [(1, "new"), (2, "old")]);
    server.statistics.gauges.memory_resident = 10.0;
    for _ in 0..62 {
        server.second(1.0);
    }
    assert_eq!(
        server.alerts.summary().firing,
        0,
        "they are resolved as usual"
    );
    assert!(server.alerts.put_rule(rule(0.0, 0.0)).is_ok());
    // No document was stored, or an unreadable one.
    server.alerts.mark_document_pending();
    assert!(server.alerts.merge_document(Some("{"), |_| ()).is_err());
    assert!(!server.alerts.is_document_pending());
    server.alerts.mark_document_pending();
    assert_eq!(server.alerts.merge_document(None, |_| ()), Ok(()));
    assert!(!server.alerts.is_document_pending());
}
