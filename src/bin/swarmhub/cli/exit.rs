//! Formats errors before the start: lines for people, and an exit code for scripts. It turns clap's multi-line reports
//! into one line each. `main` prints it.

use std::{fmt, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use swarmhub::config::{self, InvalidConfig};

use super::{flags, load};

/// The reason why the program does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, 2 for mistakes in usage and configuration.
    pub(crate) code: u8,
    /// One line for each problem, for standard error.
    pub(crate) lines: Vec<String>,
}

impl Exit {
    /// Returns the exit code for `main`.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    pub(super) fn config(problems: &[InvalidConfig]) -> Self {
        Self {
            code: 2,
            lines: problems.iter().map(ToString::to_string).collect(),
        }
    }

    /// Creates the exit for a wrong argument, of the server or of a load.
    pub(super) fn usage(error: &clap::Error, is_load: bool) -> Self {
        Self::line(&usage(error, is_load))
    }

    pub(super) fn line(text: &str) -> Self {
        Self {
            code: 2,
            lines: vec![text.to_owned()],
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| format!("swarmhub: {line}"))
            .collect();
        f.write_str(&lines.join("\n"))
    }
}

fn usage(error: &clap::Error, is_load: bool) -> String {
    let see_help = || see_help(is_load);
    let unexpected = |word: &str| unexpected_argument(word, is_load);
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(one_line(text)),
        _ => None,
    };
    let line = match (error.kind(), context(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(argument)) if argument.starts_with('-') => {
            let name = argument
                .trim_start_matches('-')
                .split('=')
                .next()
                .unwrap_or_default();
            let nearest = if is_load {
                load::nearest(name)
            } else {
                config::nearest_setting(name).map(config::Setting::flag)
            };
            let remedy = nearest.map(|flag| format!("did you mean --{flag}?"));
            Some(format!(
                "{argument}: there is no such flag; {}",
                remedy.unwrap_or_else(see_help)
            ))
        }
        (ErrorKind::UnknownArgument, Some(argument)) => Some(unexpected(&argument)),
        (ErrorKind::InvalidValue, Some(flag))
            if context(ContextKind::InvalidValue).as_deref() == Some("") =>
        {
            let flag = flag.split(' ').next().unwrap_or_default().to_owned();
            Some(format!("{flag}: a value is missing; {}", see_help()))
        }
        (ErrorKind::InvalidSubcommand, _) => {
            context(ContextKind::InvalidSubcommand).map(|argument| unexpected(&argument))
        }
        _ => None,
    };
    line.unwrap_or_else(|| {
        let report = error.render().to_string();
        let first = report.lines().next().unwrap_or_default();
        format!("{}; {}", first.trim_start_matches("error: "), see_help())
    })
}

fn unexpected_argument(word: &str, is_load: bool) -> String {
    let remedy = suggestion(word).filter(|_| !is_load);
    format!(
        "\"{word}\" is neither a command nor a flag's value; {}",
        remedy.unwrap_or_else(|| see_help(is_load))
    )
}

/// Names that other programs use for a command, and the name in this program.
const COMMAND_ALIASES: [(&str, &str); 10] = [
    ("version", "--version"),
    ("doctor", "check-config"),
    ("check", "check-config"),
    ("test", "check-config"),
    ("validate", "check-config"),
    ("verify", "check-config"),
    ("configtest", "check-config"),
    ("config", "print-config"),
    ("bench", "load"),
    ("benchmark", "load"),
];
/// Commands that start other programs; this one starts without a command.
const START_WORDS: [&str; 5] = ["run", "start", "serve", "server", "daemon"];
/// A suggestion with a lower similarity would confuse.
const SIMILARITY_MIN: f64 = 0.7;

/// Returns a suggestion for an argument that is not a command.
fn suggestion(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    if START_WORDS.contains(&word.as_str()) {
        return Some("swarmhub alone starts the server".to_owned());
    }
    let commands = [flags::CHECK, flags::PRINT, load::LOAD, "help"];
    let known = commands.map(|command| (command, command));
    let candidates = known.into_iter().chain(COMMAND_ALIASES);
    let similarity =
        |name: &str| strsim::normalized_damerau_levenshtein(name, &word.replace('_', "-"));
    let best = candidates.max_by(|(a, _), (b, _)| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best.0) >= SIMILARITY_MIN).then(|| format!("did you mean swarmhub {}?", best.1))
}

fn see_help(is_load: bool) -> String {
    if is_load {
        "see swarmhub load --help".to_owned()
    } else {
        "see swarmhub --help".to_owned()
    }
}

/// Returns the text with line breaks and other control characters replaced.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
