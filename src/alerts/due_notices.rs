//! Decides which notifications to send: at each transition, as reminders while an alert lasts, and after a restart
//! those that were not delivered.

use std::collections::BTreeSet;

use super::{
    AlertEvent, AlertTransition, Alerts, Evaluation, Notice, RuleEntry, RuleState, Silence,
};

impl Alerts {
    /// Returns notifications of all firing rules that are not silenced, for receivers that need regular repeats.
    #[must_use]
    pub fn firing(&self) -> Vec<Notice> {
        let firing = self.rules.values().filter(|entry| entry.machine.is_told);
        firing
            .map(|entry| entry.notice(AlertTransition::Firing, self.now))
            .filter(|notice| !is_silenced(&self.silences, &notice.rule.name, self.now))
            .collect()
    }

    /// Returns notifications of firing rules that are not silenced and were last notified at least `every` seconds ago,
    /// restarts included. Marks them as notified now.
    pub fn due_reminders(&mut self, every: f64) -> Vec<Notice> {
        let now = self.now;
        let mut reminders = Vec::new();
        for entry in self
            .rules
            .values_mut()
            .filter(|entry| entry.machine.is_told)
        {
            // A time far ahead means that the clock was set back.
            let is_due = (now - entry.notified_at).abs() >= every;
            if is_due && !is_silenced(&self.silences, &entry.rule.name, now) {
                entry.notified_at = now;
                reminders.push(entry.notice(AlertTransition::Firing, now));
            }
        }
        self.is_changed |= !reminders.is_empty();
        reminders
    }

    /// Stores the rules whose latest notification is not delivered to all receivers. If the process ends before that,
    /// the next one sends it again to all.
    pub fn set_undelivered(&mut self, waiting: BTreeSet<String>) {
        self.is_changed |= self.undelivered != waiting;
        self.undelivered = waiting;
    }
}

impl RuleEntry {
    /// Records a transition and adds the notification that is due. Returns whether something changed that must be
    /// saved.
    pub(super) fn record_transition(
        &mut self,
        transition: Option<AlertTransition>,
        is_silenced: bool,
        now: f64,
        evaluation: &mut Evaluation,
    ) -> bool {
        let name = &self.rule.name;
        evaluation.events.extend(transition.map(|state| AlertEvent {
            rule: name.clone(),
            at: now,
            state,
            value: self.machine.value,
        }));
        if transition == Some(AlertTransition::Firing) {
            self.fired_at = now;
        }
        let is_firing = self.machine.state == RuleState::Firing;
        let notified = match (is_firing, self.machine.is_told) {
            (true, false) if !is_silenced => AlertTransition::Firing,
            // After a notification that it fires, its resolution is notified too, even if silenced.
            (false, true) => AlertTransition::Resolved,
            _ => return transition.is_some(),
        };
        self.machine.is_told = is_firing;
        self.notified_at = now;
        evaluation.notices.push(self.notice(notified, now));
        true
    }
}

pub(super) fn is_silenced(silences: &[Silence], rule: &str, now: f64) -> bool {
    silences.iter().any(|silence| silence.covers(rule, now))
}
