//! Reads the value of one setting from a layer, checks it and writes it as TOML: a [`Scalar`], an optional one, or a
//! list of them. It contains no individual setting; `declare.rs` calls it for each.

use std::borrow::Cow;

use toml::de::DeValue;

use super::{
    declare::{Choices, Shape},
    error::{Problem, quoted},
};

/// The unparsed value of one setting in a layer.
#[derive(Debug)]
pub(super) enum Raw<'a> {
    /// The words of a variable, or of all occurrences of a flag.
    Words(Vec<String>),
    /// A value of the configuration file.
    Toml(&'a DeValue<'a>),
}

/// The TOML type of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Text,
    /// A text that messages never contain.
    Secret,
    Switch,
}

/// A value that can be written as one word.
pub(super) trait Scalar: Sized + PartialEq {
    /// The restriction on values beyond the type itself.
    type Rule;
    const KIND: Kind;

    /// Parses and checks a word.
    fn parse(word: &str, rule: &Self::Rule) -> Result<Self, Problem>;
    /// Returns an error if the rule does not allow this value.
    fn check(&self, _rule: &Self::Rule) -> Result<(), Problem> {
        Ok(())
    }
    /// Returns the value as TOML, with masked secrets.
    fn toml(&self) -> String;
    /// Returns whether [`Self::toml`] masks something.
    fn hides(&self) -> bool {
        Self::KIND == Kind::Secret
    }
    /// Returns the word as a message may contain it.
    fn quotable(word: &str) -> Cow<'_, str> {
        Cow::Borrowed(word)
    }
    /// Returns the placeholder of the value, and the allowed values.
    fn words(rule: &Self::Rule) -> (&'static str, String);
    /// Returns the allowed values if they can be listed.
    fn choices(_rule: &Self::Rule) -> Choices {
        Choices::default()
    }
    /// Returns whether a list must not contain both.
    fn repeats(&self, other: &Self) -> bool {
        self == other
    }
}

/// A scalar, an optional scalar, or a list of scalars.
pub(super) trait Value: Sized {
    type Rule;

    fn read(raw: &Raw<'_>, rule: &Self::Rule) -> Result<Self, Problem>;
    fn check(&self, rule: &Self::Rule) -> Result<(), Problem>;
    /// Returns the value as TOML, or `None` if it is not set.
    fn toml(&self) -> Option<String>;
    /// Returns whether [`Self::toml`] masks something.
    fn hides(&self) -> bool;
    fn shape(rule: &Self::Rule) -> Shape;
}

impl<T: Scalar> Value for T {
    type Rule = T::Rule;

    fn read(raw: &Raw<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        T::parse(&word(raw, T::KIND)?, rule)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        Scalar::check(self, rule)
    }

    fn toml(&self) -> Option<String> {
        Some(Scalar::toml(self))
    }

    fn hides(&self) -> bool {
        Scalar::hides(self)
    }

    fn shape(rule: &T::Rule) -> Shape {
        let (placeholder, bounds) = T::words(rule);
        Shape {
            placeholder,
            bounds,
            many: false,
            text: matches!(T::KIND, Kind::Text | Kind::Secret),
            secret: T::KIND == Kind::Secret,
            switch: T::KIND == Kind::Switch,
            choices: T::choices(rule),
        }
    }
}

impl<T: Scalar> Value for Option<T> {
    type Rule = T::Rule;

    fn read(raw: &Raw<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        <T as Value>::read(raw, rule).map(Some)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        self.as_ref()
            .map_or(Ok(()), |value| Scalar::check(value, rule))
    }

    fn toml(&self) -> Option<String> {
        self.as_ref().map(Scalar::toml)
    }

    fn hides(&self) -> bool {
        self.as_ref().is_some_and(Scalar::hides)
    }

    fn shape(rule: &T::Rule) -> Shape {
        <T as Value>::shape(rule)
    }
}

impl<T: Scalar> Value for Vec<T> {
    type Rule = T::Rule;

    fn read(raw: &Raw<'_>, rule: &T::Rule) -> Result<Self, Problem> {
        let words = words(raw, T::KIND)?;
        let list = words
            .iter()
            .map(|word| T::parse(word, rule).map_err(|problem| one_at_a_time(word, problem)))
            .collect::<Result<Self, _>>()?;
        // Checked last: an invalid entry must not get the advice to put it into a list.
        if let (Raw::Toml(value), [word]) = (raw, words.as_slice())
            && !matches!(value, DeValue::Array(_))
        {
            return Err(no_list(&T::quotable(word), T::KIND));
        }
        once_each(&list)?;
        Ok(list)
    }

    fn check(&self, rule: &T::Rule) -> Result<(), Problem> {
        self.iter()
            .try_for_each(|value| Scalar::check(value, rule))?;
        once_each(self)
    }

    fn toml(&self) -> Option<String> {
        let list: Vec<String> = self.iter().map(Scalar::toml).collect();
        Some(format!("[{}]", list.join(", ")))
    }

    fn hides(&self) -> bool {
        self.iter().any(Scalar::hides)
    }

    fn shape(rule: &T::Rule) -> Shape {
        Shape {
            many: true,
            ..<T as Value>::shape(rule)
        }
    }
}

fn no_list(word: &str, kind: Kind) -> Problem {
    let example = match kind {
        Kind::Text => toml_text(word),
        Kind::Secret => "\"...\"".to_owned(),
        Kind::Number | Kind::Switch => word.to_owned(),
    };
    Problem::new("one value instead of a list", format!("write [{example}]"))
}

/// Returns the problem of one entry, with another remedy if the entry contains several.
fn one_at_a_time(word: &str, problem: Problem) -> Problem {
    let is_several = word.contains(|c: char| c == ',' || c.is_whitespace());
    if is_several && !word.trim().is_empty() {
        let remedy = "give each entry separately: a flag for each, or a list in the file";
        return Problem::new(problem.what, remedy);
    }
    problem
}

fn once_each<T: Scalar>(list: &[T]) -> Result<(), Problem> {
    let mut rest = list;
    while let Some((value, others)) = rest.split_first() {
        if others.iter().any(|other| value.repeats(other)) {
            return Err(Problem::new(
                format!("{} is in the list twice", Scalar::toml(value)),
                "give it once",
            ));
        }
        rest = others;
    }
    Ok(())
}

/// Returns the only word of a scalar.
fn word<'a>(raw: &'a Raw<'_>, kind: Kind) -> Result<Cow<'a, str>, Problem> {
    match raw {
        Raw::Toml(value) => toml_word(value, kind),
        Raw::Words(words) => match words.as_slice() {
            [word] => Ok(Cow::Borrowed(word)),
            _ => Err(Problem::new(
                format!("given {} times", words.len()),
                "give it once",
            )),
        },
    }
}

/// Returns the words of a list; a single value of the file counts as one word.
fn words<'a>(raw: &'a Raw<'_>, kind: Kind) -> Result<Vec<Cow<'a, str>>, Problem> {
    match raw {
        Raw::Words(words) => Ok(words
            .iter()
            .map(|word| Cow::Borrowed(word.as_str()))
            .collect()),
        Raw::Toml(DeValue::Array(list)) => list
            .iter()
            .map(|value| toml_word(value.get_ref(), kind))
            .collect(),
        Raw::Toml(value) => toml_word(value, kind).map(|word| vec![word]),
    }
}

/// Returns a scalar of the file as a word, or an error if it has another TOML type.
fn toml_word<'a>(value: &'a DeValue<'_>, kind: Kind) -> Result<Cow<'a, str>, Problem> {
    match (value, kind) {
        (DeValue::String(text), Kind::Text | Kind::Secret) => Ok(Cow::Borrowed(text.as_ref())),
        (DeValue::Float(number), Kind::Number) => Ok(Cow::Borrowed(number.as_str())),
        (DeValue::Integer(number), Kind::Number) => {
            Ok(i128::from_str_radix(number.as_str(), number.radix())
                .map_or(Cow::Borrowed(number.as_str()), |number| {
                    Cow::Owned(number.to_string())
                }))
        }
        (DeValue::Boolean(on), Kind::Switch) => {
            Ok(Cow::Borrowed(if *on { "true" } else { "false" }))
        }
        (_, kind) => Err(wrong_kind(value, kind)),
    }
}

fn wrong_kind(value: &DeValue<'_>, wanted: Kind) -> Problem {
    let found = match value {
        _ if wanted == Kind::Secret => "it is not text".to_owned(),
        DeValue::String(text) => format!("{} is text", quoted(text)),
        DeValue::Integer(number) => format!("{} is a number", number.as_str()),
        DeValue::Float(number) => format!("{} is a number", number.as_str()),
        DeValue::Boolean(on) => format!("{on} is a switch"),
        DeValue::Datetime(date) => format!("{date} is a date"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    let remedy = match wanted {
        Kind::Number => "write a number, without quotes",
        Kind::Text | Kind::Secret => "write one text, in quotes",
        Kind::Switch => "write true or false, without quotes",
    };
    Problem::new(found, remedy)
}

/// Returns the text as a TOML string.
pub(super) fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
