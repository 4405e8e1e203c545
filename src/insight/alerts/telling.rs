//! What is to be told, when, and what has to be told again: of an alert at once, of one that lasts now and then, and after a
//! restart of what had not arrived.

use std::collections::BTreeSet;

use super::{Alerts, Event, Kept, Look, Notice, Silence, State, Turn};

impl Alerts {
    /// What fires and is not silenced, for receivers that are told again and again.
    #[must_use]
    pub fn firing(&self) -> Vec<Notice> {
        let firing = self.kept.values().filter(|kept| kept.watch.is_told);
        firing
            .map(|kept| kept.notice(Turn::Firing, self.now))
            .filter(|notice| !is_silenced(&self.silences, &notice.rule.name, self.now))
            .collect()
    }

    /// What fires, is not silenced, and was last told `every` seconds ago or longer, over restarts too. From now on it counts
    /// as told.
    pub fn reminders(&mut self, every: f64) -> Vec<Notice> {
        let now = self.now;
        let mut reminders = Vec::new();
        for kept in self.kept.values_mut().filter(|kept| kept.watch.is_told) {
            // As long ago, or as far ahead: then the clock was set.
            let is_due = (now - kept.told_at).abs() >= every;
            if is_due && !is_silenced(&self.silences, &kept.rule.name, now) {
                kept.told_at = now;
                reminders.push(kept.notice(Turn::Firing, now));
            }
        }
        self.is_changed |= !reminders.is_empty();
        reminders
    }

    /// Takes note of which rules some receiver has not got the latest notice: if the process ends before it has, the next one
    /// tells everybody again.
    pub fn set_waiting(&mut self, waiting: BTreeSet<String>) {
        self.is_changed |= self.waiting != waiting;
        self.waiting = waiting;
    }
}

impl Kept {
    /// Notes what happened and what is to be told; gives whether something changed that a restart must know.
    pub(super) fn settle(
        &mut self,
        turn: Option<Turn>,
        is_silenced: bool,
        now: f64,
        look: &mut Look,
    ) -> bool {
        let name = &self.rule.name;
        look.events.extend(turn.map(|state| Event {
            rule: name.clone(),
            at: now,
            state,
            value: self.watch.value,
        }));
        if turn == Some(Turn::Firing) {
            self.fired_at = now;
        }
        let is_firing = self.watch.state == State::Firing;
        let told = match (is_firing, self.watch.is_told) {
            (true, false) if !is_silenced => Turn::Firing,
            // Who was told that it fires is told of its end, whatever was silenced in between.
            (false, true) => Turn::Resolved,
            _ => return turn.is_some(),
        };
        self.watch.is_told = is_firing;
        self.told_at = now;
        look.notices.push(self.notice(told, now));
        true
    }
}

pub(super) fn is_silenced(silences: &[Silence], rule: &str, now: f64) -> bool {
    silences.iter().any(|silence| silence.covers(rule, now))
}
