//! What is wrong with a configuration, and where the values of a good one came from.
//! It only words things; finding mistakes is the work of the layers and checks above it.

use std::{fmt, path::PathBuf};

use super::Setting;

/// One mistake in the configuration, as one line: the place, what is wrong there, and what to do about it.
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
pub enum Source {
    /// Nobody set it.
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

impl Source {
    /// The words before the colon of an error: the file's line needs the setting's name beside it, a flag does not.
    pub(super) fn place(&self, setting: &Setting) -> String {
        match self {
            Self::Default => setting.key.to_owned(),
            Self::File { .. } => format!("{self}: {}", setting.key),
            Self::Variable(name) | Self::Flag(name) => name.clone(),
        }
    }

    /// A later layer wins over an earlier one.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File { .. } => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", one_line(&path.to_string_lossy())),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What is wrong with a value, before its place is known.
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

    /// Parts of the texts may be anything somebody typed: here they become one line.
    pub(super) fn at(self, place: impl AsRef<str>) -> InvalidConfig {
        InvalidConfig {
            place: one_line(place.as_ref()),
            what: one_line(&self.what),
            remedy: one_line(&self.remedy),
        }
    }
}

/// What somebody typed, inside a message.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The text without control characters, so that a message stays one line.
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
