//! Implements the types of settings and their error messages: numbers, seconds, booleans, texts and paths.
//! It does no I/O except what the [`Validator`] of a setting does. `settings.rs` names these types.

use std::{
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use super::error::{Problem, quoted};
use super::validators::{LOG_LEVEL, LOG_LEVELS, Validator};
use super::value::{Choices, ScalarKind, SettingValue, toml_text};

macro_rules! whole_number {
    ($($type:ty),+) => { $(
        impl SettingValue for $type {
            type Rule = RangeInclusive<$type>;
            const KIND: ScalarKind = ScalarKind::Number;

            fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem> {
                // A number too large for the type is still a number: it is out of range like any other.
                if word.parse::<i128>().is_ok_and(|number| Self::try_from(number).is_err()) {
                    return Err(out_of_range(word, rule));
                }
                let number: Self = word.parse().map_err(|_| not_a_number(word, "a whole number", rule))?;
                SettingValue::check(&number, rule)?;
                Ok(number)
            }

            fn check(&self, rule: &Self::Rule) -> Result<(), Problem> {
                if rule.contains(self) { Ok(()) } else { Err(out_of_range(&self.to_string(), rule)) }
            }

            fn to_toml(&self) -> String {
                self.to_string()
            }

            fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String) {
                ("N", range_text(rule))
            }
        }
    )+ };
}

whole_number!(usize, u32);

impl SettingValue for Duration {
    /// In seconds.
    type Rule = RangeInclusive<f64>;
    const KIND: ScalarKind = ScalarKind::Number;

    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem> {
        let seconds: f64 = word
            .parse()
            .map_err(|_| not_a_number(word, "a number of seconds", rule))?;
        if !rule.contains(&seconds) {
            return Err(out_of_range(word, rule));
        }
        Self::try_from_secs_f64(seconds).map_err(|_| out_of_range(word, rule))
    }

    fn check(&self, rule: &Self::Rule) -> Result<(), Problem> {
        let seconds = self.as_secs_f64();
        if rule.contains(&seconds) {
            Ok(())
        } else {
            Err(out_of_range(&seconds.to_string(), rule))
        }
    }

    fn to_toml(&self) -> String {
        self.as_secs_f64().to_string()
    }

    fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String) {
        ("SECONDS", range_text(rule))
    }
}

impl SettingValue for bool {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Boolean;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        match word.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(Problem::new(
                format!("{} is neither true nor false", quoted(word)),
                "give true or false",
            )),
        }
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("BOOL", String::new())
    }
}

impl SettingValue for String {
    type Rule = Validator<str>;
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem> {
        (rule.check)(word)?;
        Ok(word.to_owned())
    }

    fn check(&self, rule: &Self::Rule) -> Result<(), Problem> {
        (rule.check)(self)
    }

    fn to_toml(&self) -> String {
        toml_text(self)
    }

    fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String) {
        (rule.placeholder, String::new())
    }

    fn choices(rule: &Self::Rule) -> Choices {
        if rule.placeholder == LOG_LEVEL.placeholder {
            return LOG_LEVELS;
        }
        Choices::default()
    }
}

impl SettingValue for PathBuf {
    type Rule = Validator<Path>;
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem> {
        (rule.check)(Path::new(word))?;
        Ok(Self::from(word))
    }

    fn check(&self, rule: &Self::Rule) -> Result<(), Problem> {
        (rule.check)(self)
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string_lossy())
    }

    fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String) {
        (rule.placeholder, String::new())
    }
}

fn not_a_number<T: Display>(word: &str, wanted: &str, rule: &RangeInclusive<T>) -> Problem {
    Problem::new(
        format!("{} is not {wanted}", quoted(word)),
        format!("give one from {}", range_text(rule)),
    )
}

fn out_of_range<T: Display>(word: &str, rule: &RangeInclusive<T>) -> Problem {
    Problem::new(
        format!("{word} is out of range"),
        format!("give a number from {}", range_text(rule)),
    )
}

fn range_text<T: Display>(rule: &RangeInclusive<T>) -> String {
    format!("{} to {}", rule.start(), rule.end())
}
