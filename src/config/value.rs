//! Reads the value of one setting from a layer, checks it and writes it as TOML: a [`SettingValue`], an optional one, or a
//! list of them. It contains no individual setting; `declare.rs` calls it for each.

use std::borrow::Cow;

use toml::de::DeValue;

use super::error::{Problem, quoted};

/// The syntax of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each describes an independent property of the syntax"
)]
pub struct ValueSyntax {
    /// The placeholder of the value in `--help`: `SECONDS`.
    pub placeholder: &'static str,
    /// The allowed values, `1 to 3600`; empty if the documentation lists them.
    pub bounds: String,
    /// Whether it is a list: an array in TOML, separated by commas or spaces in a variable, or a repeated flag.
    pub list: bool,
    /// Whether TOML writes it in quotes.
    pub text: bool,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether it is a boolean: a flag without a value turns it on.
    pub boolean: bool,
    /// The allowed values if they can be listed, or the usual ones.
    pub choices: Choices,
}

/// The values to choose from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    /// The values in display order; empty if there is no list.
    pub values: &'static [&'static str],
    /// Whether other values are allowed too.
    pub allows_others: bool,
}

/// The unparsed value of one setting in a layer.
#[derive(Debug)]
pub(super) enum RawValue<'a> {
    /// The words of a variable, or of all occurrences of a flag.
    Words(Vec<String>),
    /// A value of the configuration file.
    Toml(&'a DeValue<'a>),
}

/// The TOML type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarKind {
    Number,
    Text,
    /// A text that messages never contain.
    Secret,
    Boolean,
}

/// A value that can be written as one word.
pub(super) trait SettingValue: Sized + PartialEq {
    /// The restriction on values beyond the type itself.
    type Rule;
    const KIND: ScalarKind;

    /// Parses and checks a word.
    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem>;
    /// Returns an error if the rule does not allow this value.
    fn check(&self, _rule: &Self::Rule) -> Result<(), Problem> {
        Ok(())
    }
    /// Returns the value as TOML, with masked secrets.
    fn to_toml(&self) -> String;
    /// Returns whether [`Self::to_toml`] masks something.
    fn contains_secret(&self) -> bool {
        Self::KIND == ScalarKind::Secret
    }
    /// Returns the word as a message may contain it.
    fn redacted(word: &str) -> Cow<'_, str> {
        Cow::Borrowed(word)
    }
    /// Returns the placeholder of the value, and the allowed values.
    fn placeholder_and_bounds(rule: &Self::Rule) -> (&'static str, String);
    /// Returns the allowed values if they can be listed.
    fn choices(_rule: &Self::Rule) -> Choices {
        Choices::default()
    }
    /// Returns whether a list must not contain both.
    fn duplicates(&self, other: &Self) -> bool {
        self == other
    }
}

/// A scalar, an optional scalar, or a list of scalars.
pub(super) trait AnySettingValue: Sized {
    type Rule;

    fn read(raw: &RawValue<'_>, rule: &Self::Rule) -> Result<Self, Problem>;
    fn check(&self, rule: &Self::Rule) -> Result<(), Problem>;
    /// Returns the value as TOML, or `None` if it is not set.
    fn to_toml(&self) -> Option<String>;
    /// Returns whether [`Self::to_toml`] masks something.
    fn contains_secret(&self) -> bool;
    fn syntax(rule: &Self::Rule) -> ValueSyntax;
}

impl<T: SettingValue> AnySettingValue for T {
    type Rule = T::Rule;

    fn read(raw: &RawValue<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        T::parse(&single_word(raw, T::KIND)?, rule)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        SettingValue::check(self, rule)
    }

    fn to_toml(&self) -> Option<String> {
        Some(SettingValue::to_toml(self))
    }

    fn contains_secret(&self) -> bool {
        SettingValue::contains_secret(self)
    }

    fn syntax(rule: &T::Rule) -> ValueSyntax {
        let (placeholder, bounds) = T::placeholder_and_bounds(rule);
        ValueSyntax {
            placeholder,
            bounds,
            list: false,
            text: matches!(T::KIND, ScalarKind::Text | ScalarKind::Secret),
            secret: T::KIND == ScalarKind::Secret,
            boolean: T::KIND == ScalarKind::Boolean,
            choices: T::choices(rule),
        }
    }
}

impl<T: SettingValue> AnySettingValue for Option<T> {
    type Rule = T::Rule;

    fn read(raw: &RawValue<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        <T as AnySettingValue>::read(raw, rule).map(Some)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        self.as_ref()
            .map_or(Ok(()), |value| SettingValue::check(value, rule))
    }

    fn to_toml(&self) -> Option<String> {
        self.as_ref().map(SettingValue::to_toml)
    }

    fn contains_secret(&self) -> bool {
        self.as_ref().is_some_and(SettingValue::contains_secret)
    }

    fn syntax(rule: &T::Rule) -> ValueSyntax {
        <T as AnySettingValue>::syntax(rule)
    }
}

impl<T: SettingValue> AnySettingValue for Vec<T> {
    type Rule = T::Rule;

    fn read(raw: &RawValue<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        let words = list_words(raw, T::KIND)?;
        let list = words
            .iter()
            .map(|word| {
                T::parse(word, rule).map_err(|problem| explain_several_entries(word, problem))
            })
            .collect::<Result<Self, _>>()?;
        // Checked last: an invalid entry must not get the advice to put it into a list.
        if let (RawValue::Toml(value), [word]) = (raw, words.as_slice())
            && !matches!(value, DeValue::Array(_))
        {
            return Err(not_a_list(&T::redacted(word), T::KIND));
        }
        reject_duplicates(&list)?;
        Ok(list)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        self.iter()
            .try_for_each(|value| SettingValue::check(value, rule))?;
        reject_duplicates(self)
    }

    fn to_toml(&self) -> Option<String> {
        let list: Vec<String> = self.iter().map(SettingValue::to_toml).collect();
        Some(format!("[{}]", list.join(", ")))
    }

    fn contains_secret(&self) -> bool {
        self.iter().any(SettingValue::contains_secret)
    }

    fn syntax(rule: &T::Rule) -> ValueSyntax {
        ValueSyntax {
            list: true,
            ..<T as AnySettingValue>::syntax(rule)
        }
    }
}

fn not_a_list(word: &str, kind: ScalarKind) -> Problem {
    let example = match kind {
        ScalarKind::Text => toml_text(word),
        ScalarKind::Secret => "\"...\"".to_owned(),
        ScalarKind::Number | ScalarKind::Boolean => word.to_owned(),
    };
    Problem::new("one value instead of a list", format!("write [{example}]"))
}

/// Returns the problem of one entry, with another remedy if the entry contains several.
fn explain_several_entries(word: &str, problem: Problem) -> Problem {
    let is_several = word.contains(|c: char| c == ',' || c.is_whitespace());
    if is_several && !word.trim().is_empty() {
        let remedy = "give each entry separately: a flag for each, or a list in the file";
        return Problem::new(problem.what, remedy);
    }
    problem
}

fn reject_duplicates<T: SettingValue>(list: &[T]) -> Result<(), Problem> {
    let mut rest = list;
    while let Some((value, others)) = rest.split_first() {
        if others.iter().any(|other| value.duplicates(other)) {
            return Err(Problem::new(
                format!("{} is in the list twice", SettingValue::to_toml(value)),
                "give it once",
            ));
        }
        rest = others;
    }
    Ok(())
}

/// Returns the only word of a scalar.
fn single_word<'a>(raw: &'a RawValue<'_>, kind: ScalarKind) -> Result<Cow<'a, str>, Problem> {
    match raw {
        RawValue::Toml(value) => toml_word(value, kind),
        RawValue::Words(words) => match words.as_slice() {
            [word] => Ok(Cow::Borrowed(word)),
            _ => Err(Problem::new(
                format!("given {} times", words.len()),
                "give it once",
            )),
        },
    }
}

/// Returns the words of a list; a single value of the file counts as one word.
fn list_words<'a>(raw: &'a RawValue<'_>, kind: ScalarKind) -> Result<Vec<Cow<'a, str>>, Problem> {
    match raw {
        RawValue::Words(words) => Ok(words
            .iter()
            .map(|word| Cow::Borrowed(word.as_str()))
            .collect()),
        RawValue::Toml(DeValue::Array(list)) => list
            .iter()
            .map(|value| toml_word(value.get_ref(), kind))
            .collect(),
        RawValue::Toml(value) => toml_word(value, kind).map(|word| vec![word]),
    }
}

/// Returns a scalar of the file as a word, or an error if it has another TOML type.
fn toml_word<'a>(value: &'a DeValue<'_>, kind: ScalarKind) -> Result<Cow<'a, str>, Problem> {
    match (value, kind) {
        (DeValue::String(text), ScalarKind::Text | ScalarKind::Secret) => {
            Ok(Cow::Borrowed(text.as_ref()))
        }
        (DeValue::Float(number), ScalarKind::Number) => Ok(Cow::Borrowed(number.as_str())),
        (DeValue::Integer(number), ScalarKind::Number) => {
            Ok(i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Cow::Borrowed(number.as_str()), |number| {
                    Cow::Owned(number.to_string())
                }))
        }
        (DeValue::Boolean(on), ScalarKind::Boolean) => {
            Ok(Cow::Borrowed(if *on { "true" } else { "false" }))
        }
        (_, kind) => Err(wrong_kind(value, kind)),
    }
}

fn wrong_kind(value: &DeValue<'_>, wanted: ScalarKind) -> Problem {
    let found = match value {
        _ if wanted == ScalarKind::Secret => "it is not text".to_owned(),
        DeValue::String(text) => format!("{} is text", quoted(text)),
        DeValue::Integer(number) => format!("{} is a number", number.as_str()),
        DeValue::Float(number) => format!("{} is a number", number.as_str()),
        DeValue::Boolean(on) => format!("{on} is a switch"),
        DeValue::Datetime(date) => format!("{date} is a date"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    let remedy = match wanted {
        ScalarKind::Number => "write a number, without quotes",
        ScalarKind::Text | ScalarKind::Secret => "write one text, in quotes",
        ScalarKind::Boolean => "write true or false, without quotes",
    };
    Problem::new(found, remedy)
}

/// Returns the text as a TOML string.
pub(super) fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
