//! Defines configuration errors and the sources of values.
//! It only formats messages; the layers and checks find the mistakes.

use std::{fmt, path::PathBuf};

/// One mistake in the configuration, printed as one line: the place, the error, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct InvalidConfig {
    /// File and line, variable or flag; for a value set by a program, the setting's name.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// What the operator can do about it.
    pub remedy: String,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ValueSource {
    /// The built-in default.
    #[default]
    Default,
    /// A line of the configuration file, counted from 1.
    File {
        /// The file as it was named by the operator.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl ValueSource {
    /// Returns the prefix of an error message: a line of the file needs the full name of the setting, a flag does not.
    pub(super) fn place(&self, key: &str) -> String {
        match self {
            Self::Default => key.to_owned(),
            Self::File { .. } => format!("{self}: {key}"),
            Self::Variable(name) | Self::Flag(name) => name.clone(),
        }
    }

    /// Returns the precedence; a later layer has a higher one.
    pub(super) fn precedence(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", one_line(&path.to_string_lossy())),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// An error in a value whose place is not yet known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Problem {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// Adds the place. The texts may contain any user input, so control characters are escaped to keep one line.
    pub(super) fn at(self, place: impl AsRef<str>) -> InvalidConfig {
        InvalidConfig {
            place: one_line(place.as_ref()),
            what: one_line(&self.what),
            remedy: one_line(&self.remedy),
        }
    }
}

/// Quotes user input for a message.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Escapes control characters, so that a message stays one line.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
