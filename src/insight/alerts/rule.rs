//! One rule: which number is compared with what, for how long, and how much it matters.

use serde::{Deserialize, Serialize};

use crate::insight::Statistics;

/// Bytes of the name of a rule, at most.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// Bytes of the sentence about a rule or a silence, at most.
pub(super) const DOC_BYTES_MAX: usize = 200;
/// The longest `for` and `keep_firing`: a week, in seconds.
pub(super) const SECONDS_MAX: f64 = 7.0 * 24.0 * 60.0 * 60.0;

/// Which side of its threshold is the bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// Bad is what lies above.
    #[serde(rename = ">")]
    Above,
    /// Bad is what lies below.
    #[serde(rename = "<")]
    Below,
}

impl Comparison {
    /// Whether a value lies on the bad side of a limit; nothing that is unknown does.
    #[must_use]
    pub fn is_bad(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Above => value > limit,
            Self::Below => value < limit,
        }
    }

    /// As it is written, `>`.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::Below => "<",
        }
    }
}

/// How much an alert matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look today.
    Warning,
    /// Somebody must act now.
    Critical,
}

impl Severity {
    /// The word for it, `critical`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A rule. Its numbers are finite and its words short once it was [checked](Self::check).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called: small letters, digits and underscores.
    pub name: String,
    /// One sentence on what it means and what to do.
    #[serde(default)]
    pub doc: String,
    /// The number that is looked at; of a counter its rate per second over the last minute.
    pub series: String,
    /// The number that it is divided by, a counter likewise; nothing is known while that is zero.
    #[serde(default)]
    pub of: Option<String>,
    /// How much of `of` there must be: with less, the part says nothing.
    #[serde(default)]
    pub of_min: f64,
    /// Which side of the threshold is bad.
    pub comparison: Comparison,
    /// Beyond this it is bad.
    pub threshold: f64,
    /// While it fires, this is what the number must come back to; on the good side of the threshold, or on it.
    pub clear: f64,
    /// Seconds that it must be bad without a break before it fires.
    #[serde(rename = "for", default)]
    pub hold: f64,
    /// Seconds that it must be good without a break before it ends.
    #[serde(default)]
    pub keep_firing: f64,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it is looked at.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

impl Rule {
    /// Looks whether it can be used, except for the numbers that it names.
    ///
    /// # Errors
    /// A sentence on what is wrong.
    pub fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        check_words("doc", &self.doc)?;
        check_name(&self.series).map_err(|_| format!("there is no number {:?}", self.series))?;
        if let Some(of) = &self.of {
            check_name(of).map_err(|_| format!("there is no number {of:?}"))?;
        }
        for (name, value) in [
            ("threshold", self.threshold),
            ("clear", self.clear),
            ("of_min", self.of_min),
        ] {
            if !value.is_finite() {
                return Err(format!("{name} is no finite number"));
            }
        }
        if self.comparison.is_bad(self.clear, self.threshold) {
            return Err(format!(
                "clear, {}, must not be {} threshold, {}: it would end and fire again at once",
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

    /// The first number it names that does not exist.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        let named = [Some(self.series.as_str()), self.of.as_deref()];
        let is_missing = |name: &&str| !Statistics::series().any(|series| series.name == *name);
        named.into_iter().flatten().find(is_missing)
    }

    /// What it compares, `connections / connections_max > 0.8`.
    #[must_use]
    pub fn expression(&self) -> String {
        let of = self.of.as_ref().map(|of| format!(" / {of}"));
        let of = of.unwrap_or_default();
        let sign = self.comparison.sign();
        format!("{}{of} {sign} {}", self.series, self.threshold)
    }
}

/// Names are short and of small letters, so that they need no escaping anywhere.
///
/// # Errors
/// A sentence on what is wrong.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_letter) {
        return Ok(());
    }
    Err(format!(
        "a name has 1 to {NAME_BYTES_MAX} small letters, digits and underscores"
    ))
}

/// Words for people: one line, not too long.
///
/// # Errors
/// A sentence on what is wrong.
pub(super) fn check_words(name: &str, words: &str) -> Result<(), String> {
    if words.len() > DOC_BYTES_MAX {
        return Err(format!("{name} has more than {DOC_BYTES_MAX} bytes"));
    }
    if words.chars().any(char::is_control) {
        return Err(format!("{name} has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::shipped;
    use super::*;

    type Spoil = fn(&mut Rule);

    #[test]
    fn a_rule_that_cannot_work_is_refused_with_a_reason() {
        let good = shipped().remove(0);
        assert_eq!(good.check(), Ok(()));
        let wrong: [(&str, Spoil); 9] = [
            ("a name has", |rule| rule.name = "No Name".to_owned()),
            ("a name has", |rule| rule.name = "a".repeat(65)),
            ("no number", |rule| rule.series = "a b".to_owned()),
            ("no number", |rule| rule.of = Some(String::new())),
            ("finite", |rule| rule.threshold = f64::NAN),
            ("fire again", |rule| rule.clear = rule.threshold + 1.0),
            ("for must be", |rule| rule.hold = -1.0),
            ("keep_firing must", |rule| rule.keep_firing = 1e9),
            ("control", |rule| rule.doc = "a\nb".to_owned()),
        ];
        for (reason, spoil) in wrong {
            let mut rule = good.clone();
            spoil(&mut rule);
            let error = rule.check().expect_err(reason);
            assert!(error.contains(reason), "{error}");
        }
        let mut below = good;
        (below.comparison, below.threshold, below.clear) = (Comparison::Below, 2.0, 1.0);
        assert!(below.check().is_err());
        below.clear = 2.0;
        assert_eq!(below.check(), Ok(()));
    }

    #[test]
    fn a_number_that_does_not_exist_is_named() {
        let mut rule = shipped().remove(0);
        assert_eq!(rule.missing(), None);
        rule.of = Some("nothing".to_owned());
        assert_eq!(rule.missing(), Some("nothing"));
    }
}
