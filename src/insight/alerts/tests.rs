use std::time::Duration;

use super::*;

/// A simulated server: a test sets its metrics, one second at a time.
struct Server {
    alerts: Alerts,
    statistics: Statistics,
}

fn restored(document: &str) -> Alerts {
    Alerts::restore(document, |rule| panic!("{rule}")).unwrap()
}

impl Server {
    fn new(alerts: Alerts) -> Self {
        let mut statistics = Statistics::default();
        statistics.at += Duration::from_secs(1_000_000);
        statistics.gauges.uptime = 0.0;
        Self { alerts, statistics }
    }

    fn with_rule(hold: f64, keep_firing: f64) -> Self {
        let mut server = Self::new(Alerts::default());
        server.alerts.put(rule(hold, keep_firing)).unwrap();
        server
    }

    fn second(&mut self, swarms: f64) -> Look {
        self.statistics.at += Duration::from_secs(1);
        self.statistics.gauges.uptime += 1.0;
        self.statistics.gauges.swarms = swarms;
        self.alerts.look(&self.statistics)
    }

    fn told(&mut self, swarms: f64) -> Vec<Turn> {
        let evaluation = self.second(swarms);
        evaluation
            .notices
            .iter()
            .map(|notice| notice.turn)
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

fn rule(hold: f64, keep_firing: f64) -> Rule {
    Rule {
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
fn what_fires_is_told_once_and_so_is_its_end() {
    let mut server = Server::with_rule(1.0, 0.0);
    assert_eq!(server.second(11.0), Look::default());
    let evaluation = server.second(12.0);
    assert_eq!(evaluation.events.len(), 1);
    let notice = &evaluation.notices[0];
    assert_eq!((notice.turn, notice.value), (Turn::Firing, Some(12.0)));
    assert_eq!(server.alerts.firing(), evaluation.notices);
    assert_eq!(server.second(12.0), Look::default());
    let summary = server.alerts.summary();
    assert_eq!(
        (summary.firing, summary.names),
        (1, vec!["many_swarms".to_owned()])
    );
    let evaluation = server.second(1.0);
    assert_eq!(evaluation.events[0].state, Turn::Resolved);
    assert_eq!(evaluation.notices[0].ends_at, Some(server.now()));
    assert!(evaluation.notices[0].starts_at < server.now());
    assert!(server.alerts.firing().is_empty());
}

#[test]
fn a_silence_keeps_quiet_and_what_still_fires_then_is_told() {
    let mut server = Server::with_rule(0.0, 0.0);
    server.second(1.0);
    let now = server.now();
    server
        .alerts
        .silence("many_swarms", 3.0, "known", now)
        .unwrap();
    let evaluation = server.second(11.0);
    assert_eq!((evaluation.events.len(), evaluation.notices.len()), (1, 0));
    assert!(server.alerts.firing().is_empty());
    assert!(server.told(11.0).is_empty());
    assert_eq!(server.told(11.0), [Turn::Firing], "the silence has ended");
    assert!(server.alerts.silences().is_empty());
    // The resolution of a notified alert is notified, even if silenced.
    let now = server.now();
    server.alerts.silence(ALL, 60.0, "", now).unwrap();
    assert!(server.alerts.firing().is_empty());
    assert_eq!(server.told(1.0), [Turn::Resolved]);
    assert!(server.told(11.0).is_empty());
    // When the silence is removed early, the firing rule is notified.
    server.alerts.unsilence(1).unwrap();
    assert_eq!(server.told(11.0), [Turn::Firing]);
    assert!(server.alerts.unsilence(1).is_err());
}

#[test]
fn firing_rules_and_silences_are_the_same_after_a_restart() {
    let mut server = Server::with_rule(5.0, 0.0);
    let mut other = rule(0.0, 0.0);
    other.name = "quiet".to_owned();
    server.alerts.put(other).unwrap();
    server.second(1.0);
    let now = server.now();
    server
        .alerts
        .silence("quiet", 1000.0, "for now", now)
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
    assert!(server.told(f64::NAN).is_empty(), "unknown at first");
    assert!(server.told(11.0).is_empty(), "notified before");
    assert_eq!(server.told(1.0), [Turn::Resolved]);
    // A pending rule continues its timer.
    server.second(11.0);
    server.second(11.0);
    assert!(server.alerts.is_counting());
    let mut server = server.restarted();
    for _ in 0..4 {
        assert!(server.told(11.0).is_empty());
    }
    assert_eq!(server.told(11.0), [Turn::Firing]);
}

#[test]
fn what_is_kept_is_small_whatever_was_put_and_damage_is_told() {
    let mut alerts = Alerts::default();
    for number in shipped().len()..RULES_MAX {
        let mut rule = rule(1.0, 1.0);
        rule.name = format!("{number:x<64}");
        rule.series = "passed_over_offers_received_per_second".to_owned();
        rule.of = Some(rule.series.clone());
        rule.doc = "\"".repeat(200);
        rule.threshold = 1.234_567_890_123_456_7;
        rule.clear = 0.234_567_890_123_456_7;
        alerts.put(rule).unwrap();
    }
    let mut one_more = rule(1.0, 1.0);
    one_more.name = "one_more".to_owned();
    assert!(alerts.put(one_more).is_err());
    for _ in 0..SILENCES_MAX {
        alerts.silence(ALL, 60.0, &"\"".repeat(200), 1e9).unwrap();
    }
    assert!(alerts.silence(ALL, 60.0, "", 1e9).is_err());
    for entry in alerts.kept.values_mut() {
        entry.watch.since = Some(1_700_000_000.123_456_7);
        entry.watch.fired_with = Some(1.234_567_890_123_456_7);
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
fn rules_are_changed_reset_and_deleted() {
    let mut server = Server::with_rule(0.0, 0.0);
    assert_eq!(server.told(11.0), [Turn::Firing]);
    // If a firing rule is deleted, its resolution is notified.
    assert_eq!(server.alerts.delete("many_swarms"), Ok(true));
    assert_eq!(server.told(11.0), [Turn::Resolved]);
    assert!(server.alerts.delete("many_swarms").is_err());
    // A shipped rule is reset to its default.
    let original = server.alerts.rule("loop_late").unwrap().clone();
    let mut changed = original.clone();
    changed.enabled = false;
    server.alerts.put(changed).unwrap();
    let view = |server: &Server| {
        let views = server.alerts.views();
        views
            .into_iter()
            .find(|view| view.rule.name == "loop_late")
            .unwrap()
    };
    assert!(view(&server).changed && view(&server).shipped);
    assert_eq!(server.alerts.delete("loop_late"), Ok(false));
    assert_eq!(server.alerts.rule("loop_late"), Some(&original));
    assert!(!view(&server).changed);
    let mut wrong = original;
    wrong.series = "nothing".to_owned();
    let refused = server.alerts.put(wrong).unwrap_err();
    assert_eq!(refused.to_string(), "no such series: nothing");
}

#[test]
fn a_rule_that_is_turned_off_while_it_fires_ends() {
    let mut server = Server::with_rule(0.0, 1000.0);
    assert_eq!(server.told(11.0), [Turn::Firing]);
    let mut off = rule(0.0, 1000.0);
    off.enabled = false;
    server.alerts.put(off).unwrap();
    assert_eq!(server.told(11.0), [Turn::Resolved]);
    assert!(server.told(11.0).is_empty());
}

#[test]
fn a_rule_that_only_another_version_can_read_costs_no_other() {
    let mut server = Server::with_rule(0.0, 1000.0);
    assert_eq!(server.told(11.0), [Turn::Firing]);
    server.alerts.silence(ALL, 60.0, "", 1e9).unwrap();
    let mut newer = rule(0.0, 0.0);
    newer.name = "newer".to_owned();
    server.alerts.put(newer).unwrap();
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
    assert!(Server::new(alerts).told(11.0).is_empty());
}

#[test]
fn a_rule_whose_number_is_gone_says_so_and_never_fires() {
    let document = Alerts::default().document();
    let mut old = rule(0.0, 0.0);
    old.series = "of_another_version".to_owned();
    let rules = format!("\"rules\":[{}]", serde_json::to_string(&old).unwrap());
    let document = document.replace("\"rules\":[]", &rules);
    let mut server = Server::new(restored(&document));
    for _ in 0..100 {
        assert!(server.told(11.0).is_empty());
    }
    let views = server.alerts.views();
    let view = views.iter().find(|view| view.rule.name == "many_swarms");
    assert_eq!(
        view.unwrap().problem.as_deref(),
        Some("no such series: of_another_version")
    );
}

#[test]
fn a_process_that_stood_still_has_seen_nothing() {
    let mut server = Server::with_rule(60.0, 0.0);
    server.second(11.0);
    server.statistics.gauges.uptime += 3600.0;
    server.statistics.at += Duration::from_hours(1);
    assert!(server.told(11.0).is_empty());
}

#[test]
fn what_lasts_is_told_again_after_a_time_over_restarts_and_clocks_that_are_set() {
    const EVERY: f64 = 100.0;
    let mut server = Server::with_rule(0.0, 0.0);
    server.second(1.0);
    assert_eq!(server.told(11.0), [Turn::Firing]);
    let reminders = |server: &mut Server| {
        server.second(11.0);
        server.alerts.take_changed();
        let reminders = server.alerts.reminders(EVERY);
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
    server.alerts.silence(ALL, 150.0, "", now).unwrap();
    server.statistics.at += Duration::from_mins(2);
    assert_eq!(reminders(&mut server), 0);
    server.statistics.at += Duration::from_secs(30);
    assert_eq!((reminders(&mut server), reminders(&mut server)), (1, 0));
    assert_eq!(server.told(1.0), [Turn::Resolved]);
    server.statistics.at += Duration::from_mins(15);
    server.second(1.0);
    assert!(server.alerts.reminders(EVERY).is_empty());
}

#[test]
fn what_had_not_arrived_before_a_restart_is_told_again() {
    let waiting = || BTreeSet::from(["many_swarms".to_owned(), "no_such_rule".to_owned()]);
    let mut server = Server::with_rule(0.0, 0.0);
    server.second(1.0);
    assert_eq!(server.told(11.0), [Turn::Firing]);
    server.alerts.take_changed();
    server.alerts.set_waiting(waiting());
    assert!(server.alerts.take_changed());
    let mut again = server.restarted();
    assert_eq!(again.told(11.0), [Turn::Firing]);
    // A delivered one is not sent again.
    again.alerts.set_waiting(BTreeSet::new());
    let mut again = again.restarted();
    assert!(again.told(11.0).is_empty());
    // Its resolution was not delivered.
    assert_eq!(again.told(1.0), [Turn::Resolved]);
    again.alerts.set_waiting(waiting());
    assert_eq!(again.restarted().told(1.0), [Turn::Resolved]);
    // It fired and was resolved, and neither was delivered.
    let mut again = again.restarted();
    again.told(11.0);
    again.told(1.0);
    again.alerts.set_waiting(waiting());
    assert_eq!(again.restarted().told(f64::NAN), [Turn::Resolved]);
}

#[test]
fn until_earlier_rules_are_read_none_is_changed_and_what_goes_on_is_not_lost() {
    let mut before = Server::with_rule(0.0, 0.0);
    let mut changed = before.alerts.rule("memory_high").unwrap().clone();
    changed.threshold = 0.9;
    before.alerts.put(changed).unwrap();
    before.second(1.0);
    let now = before.now();
    before
        .alerts
        .silence("loop_late", 500.0, "old", now)
        .unwrap();
    before.second(11.0);
    let document = before.alerts.document();

    let mut server = Server::new(Alerts::default());
    server.alerts.wait_for_document();
    let refused = server.alerts.put(rule(0.0, 0.0)).unwrap_err();
    assert_eq!(refused, Refused::Unread);
    assert!(refused.to_string().contains("cannot be read yet"));
    let refused = server.alerts.delete("memory_high").unwrap_err();
    assert_eq!(refused, Refused::Unread);
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
    server.alerts.silence(ALL, 500.0, "new", now).unwrap();
    server
        .alerts
        .take_up(Some(&document), |rule| panic!("{rule}"))
        .unwrap();
    assert!(!server.alerts.is_unread() && server.alerts.take_changed());
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
    assert!(server.alerts.put(rule(0.0, 0.0)).is_ok());
    // No document was stored, or an unreadable one.
    server.alerts.wait_for_document();
    assert!(server.alerts.take_up(Some("{"), |_| ()).is_err());
    assert!(!server.alerts.is_unread());
    server.alerts.wait_for_document();
    assert_eq!(server.alerts.take_up(None, |_| ()), Ok(()));
    assert!(!server.alerts.is_unread());
}
