//! Defines an alert rule: series, comparison, threshold, durations and severity.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::metrics::Statistics;

/// The maximum length of a rule name in bytes.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// The maximum length of a rule's description or a silence's comment in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 200;
/// The longest `for` and `keep_firing`: a week, in seconds.
pub(super) const SECONDS_MAX: f64 = 7.0 * 24.0 * 60.0 * 60.0;

/// The side of the threshold that is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Comparison {
    /// Values above it are bad.
    #[serde(rename = ">")]
    Above,
    /// Values below it are bad.
    #[serde(rename = "<")]
    Below,
}

impl Comparison {
    /// Returns whether a value is on the bad side of a limit; NaN is not.
    #[must_use]
    pub fn is_bad(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::Below => value < limit,
        }
    }

    /// Returns its sign, `>` or `<`.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}

/// The severity of an alert, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// To check today.
    Warning,
    /// To act on now.
    Critical,
}

impl Severity {
    /// Returns its name, for example `critical`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// An alert rule. Its numbers are finite and its texts short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// The name: lowercase letters, digits and underscores.
    pub name: String,
    /// The description: what it means and what to do.
    #[serde(default)]
    #[schema(required)]
    pub doc: String,
    /// The series to compare; for a counter its rate per second over the last minute.
    pub series: String,
    /// The series to divide by, for a counter likewise its rate; the value is unknown while this is zero.
    #[serde(default)]
    #[schema(required)]
    pub of: Option<String>,
    /// The minimum of `of`: with less, the value is unknown.
    #[serde(default)]
    #[schema(required)]
    pub of_min: f64,
    /// The bad side of the threshold.
    pub comparison: Comparison,
    /// The threshold: a value beyond it is bad.
    pub threshold: f64,
    /// While the rule fires, the value must return to this to be good; on the good side of the threshold, or equal to
    /// it.
    pub clear: f64,
    /// Seconds that the value must be bad without interruption before the rule fires.
    #[serde(rename = "for", default)]
    #[schema(required)]
    pub hold: f64,
    /// Seconds that the value must be good without interruption before the alert is resolved.
    #[serde(default)]
    #[schema(required)]
    pub keep_firing: f64,
    /// The severity.
    pub severity: Severity,
    /// Whether it is evaluated.
    #[serde(default = "yes")]
    #[schema(required)]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl AlertRule {
    /// Checks whether it is valid, but not whether its series exist.
    ///
    /// # Errors
    /// The reason why it is invalid.
    pub fn validate(&self) -> Result<(), String> {
        validate_name(&self.name)?;
        validate_text("doc", &self.doc)?;
        validate_name(&self.series).map_err(|_| format!("no such series: {:?}", self.series))?;
        if let Some(of) = &self.of {
            validate_name(of).map_err(|_| format!("no such series: {of:?}"))?;
        }
        for (name, value) in [
            ("threshold", self.threshold),
            ("clear", self.clear),
            ("of_min", self.of_min),
        ] {
            if !value.is_finite() {
                return Err(format!("{name} must be a finite number"));
            }
        }
        if self.comparison.is_bad(self.clear, self.threshold) {
            return Err(format!(
                "clear ({}) must not be {} threshold ({}): the alert would be resolved and fire again at once",
                self.clear,
                self.comparison.sign(),
                self.threshold
            ));
        }
        for (name, seconds) in [("for", self.hold), ("keep_firing", self.keep_firing)] {
            if !(0.0..=SECONDS_MAX).contains(&seconds) {
                return Err(format!("{name} must be from 0 to {SECONDS_MAX} seconds"));
            }
        }
        Ok(())
    }

    /// Returns the first series it names that does not exist.
    #[must_use]
    pub fn missing_series(&self) -> Option<&str> {
        let named = [Some(self.series.as_str()), self.of.as_deref()];
        let is_missing = |name: &&str| !Statistics::series().any(|series| series.name == *name);
        named.into_iter().flatten().find(is_missing)
    }

    /// Returns its comparison, for example `connections / connections_max > 0.8`.
    #[must_use]
    pub fn expression(&self) -> String {
        let of = self.of.as_ref().map(|of| format!(" / {of}"));
        let of = of.unwrap_or_default();
        let sign = self.comparison.sign();
        format!("{}{of} {sign} {}", self.series, self.threshold)
    }
}

/// Checks a name. Names are short and in lowercase, so that they need no escaping anywhere.
///
/// # Errors
/// The reason why it is invalid.
pub(super) fn validate_name(name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_letter) {
        return Ok(());
    }
    Err(format!(
        "a name must have 1 to {NAME_BYTES_MAX} lowercase letters, digits and underscores"
    ))
}

/// Checks a text for people: one line of limited length.
///
/// # Errors
/// The reason why it is invalid.
pub(super) fn validate_text(name: &str, text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("{name} has more than {TEXT_BYTES_MAX} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{name} has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::default_rules;
    use super::*;

    type BreakRule = fn(&mut AlertRule);

    #[test]
    fn an_invalid_rule_is_refused_with_a_reason() {
        let good = default_rules().remove(0);
        assert_eq!(good.validate(), Ok(()));
        let wrong: [(&str, BreakRule); 9] = [
            ("a name must", |rule| rule.name = "No Name".to_owned()),
            ("a name must", |rule| rule.name = "a".repeat(65)),
            ("no such series", |rule| rule.series = "a b".to_owned()),
            ("no such series", |rule| rule.of = Some(String::new())),
            ("finite", |rule| rule.threshold = f64::NAN),
            ("fire again", |rule| rule.clear = rule.threshold + 1.0),
            ("for must be", |rule| rule.hold = -1.0),
            ("keep_firing must", |rule| rule.keep_firing = 1e9),
            ("control", |rule| rule.doc = "a\nb".to_owned()),
        ];
        for (reason, spoil) in wrong {
            let mut rule = good.clone();
            spoil(&mut rule);
            let error = rule.validate().expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
        let mut below = good;
        (below.comparison, below.threshold, below.clear) = (Comparison::Below, 2.0, 1.0);
        assert!(below.validate().is_err());
        below.clear = 2.0;
        assert_eq!(below.validate(), Ok(()));
    }

    #[test]
    fn a_missing_series_is_named() {
        let mut rule = default_rules().remove(0);
        assert_eq!(rule.missing_series(), None);
        rule.of = Some("nothing".to_owned());
        assert_eq!(rule.missing_series(), Some("nothing"));
    }
}
