//! Silences: they suppress the notifications of a rule for a time. The rule is still evaluated and recorded in the
//! history.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rule::validate_text;
use super::{Alerts, AlertsError, SILENCES_MAX};

/// The rule name that means all rules.
pub const ALL_RULES: &str = "*";
/// The longest silence: thirty days, in seconds.
const SILENCE_SECONDS_MAX: f64 = 30.0 * 24.0 * 60.0 * 60.0;

/// Suppresses the notifications of a rule until a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Silence {
    /// The id.
    pub id: u64,
    /// The name of the rule, or `*` for all.
    pub rule: String,
    /// The end, in Unix seconds.
    pub until: f64,
    /// The operator's comment.
    pub comment: String,
}

impl Silence {
    /// Returns whether it covers a rule at this time.
    pub(super) fn covers(&self, rule: &str, now: f64) -> bool {
        (self.rule == ALL_RULES || self.rule == rule) && now < self.until
    }
}

impl Alerts {
    /// Silences a rule, or all rules, for `seconds` from `now` (Unix seconds).
    ///
    /// # Errors
    /// No such rule, a duration below a second or over thirty days, an invalid comment, or [`SILENCES_MAX`] silences.
    pub fn add_silence(
        &mut self,
        rule: &str,
        seconds: f64,
        comment: &str,
        now: f64,
    ) -> Result<Silence, AlertsError> {
        if rule != ALL_RULES && self.rule(rule).is_none() {
            return Err(AlertsError::Unknown(format!("rule {rule:?}")));
        }
        if !(1.0..=SILENCE_SECONDS_MAX).contains(&seconds) {
            let wrong = format!("seconds must be from 1 to {SILENCE_SECONDS_MAX}");
            return Err(AlertsError::Invalid(wrong));
        }
        validate_text("comment", comment).map_err(AlertsError::Invalid)?;
        self.remove_expired_silences(now);
        if self.silences.len() >= SILENCES_MAX {
            let full = format!("there are {SILENCES_MAX} silences already");
            return Err(AlertsError::Invalid(full));
        }
        let silence = Silence {
            id: self
                .silences
                .iter()
                .map(|known| known.id)
                .max()
                .unwrap_or(0)
                + 1,
            rule: rule.to_owned(),
            until: now + seconds,
            comment: comment.to_owned(),
        };
        self.silences.push(silence.clone());
        self.is_changed = true;
        Ok(silence)
    }

    /// Ends a silence.
    ///
    /// # Errors
    /// No silence has this id.
    pub fn remove_silence(&mut self, id: u64) -> Result<Silence, AlertsError> {
        let place = self.silences.iter().position(|silence| silence.id == id);
        let place = place.ok_or_else(|| AlertsError::Unknown(format!("silence {id}")))?;
        self.is_changed = true;
        Ok(self.silences.remove(place))
    }

    /// Returns the active silences.
    #[must_use]
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    pub(super) fn remove_expired_silences(&mut self, now: f64) {
        let before = self.silences.len();
        self.silences.retain(|silence| now < silence.until);
        self.is_changed |= self.silences.len() != before;
    }
}
