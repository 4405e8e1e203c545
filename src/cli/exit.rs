//! How the program ends before it served anything: lines for people, and an exit code for scripts.
//! It turns clap's many-line reports into one line each. `main` prints it.

use std::{fmt, process::ExitCode};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use swarmhub::config::{self, InvalidConfig};

use super::{flags, load};

/// The reason why the program does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code, 2 for mistakes in usage and configuration.
    pub(crate) code: u8,
    /// One line for each problem, for standard error.
    pub(crate) lines: Vec<String>,
}

impl Exit {
    /// The code as `main` returns it.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    pub(super) fn config(problems: &[InvalidConfig]) -> Self {
        Self {
            code: 2,
            lines: problems.iter().map(ToString::to_string).collect(),
        }
    }

    /// A wrong word on the command line, of the server or of a load.
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
    let unexpected = |word: &str| unexpected(word, is_load);
    let told = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(one_line(text)),
        _ => None,
    };
    let line = match (error.kind(), told(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(given)) if given.starts_with('-') => {
            let name = given
                .trim_start_matches('-')
                .split('=')
                .next()
                .unwrap_or_default();
            let nearest = if is_load {
                load::nearest(name)
            } else {
                config::nearest(name).map(config::Setting::flag)
            };
            let remedy = nearest.map(|flag| format!("did you mean --{flag}?"));
            Some(format!(
                "{given}: there is no such flag; {}",
                remedy.unwrap_or_else(see_help)
            ))
        }
        (ErrorKind::UnknownArgument, Some(given)) => Some(unexpected(&given)),
        (ErrorKind::InvalidValue, Some(flag))
            if told(ContextKind::InvalidValue).as_deref() == Some("") =>
        {
            let flag = flag.split(' ').next().unwrap_or_default().to_owned();
            Some(format!("{flag}: a value is missing; {}", see_help()))
        }
        (ErrorKind::InvalidSubcommand, _) => {
            told(ContextKind::InvalidSubcommand).map(|given| unexpected(&given))
        }
        _ => None,
    };
    line.unwrap_or_else(|| {
        let report = error.render().to_string();
        let first = report.lines().next().unwrap_or_default();
        format!("{}; {}", first.trim_start_matches("error: "), see_help())
    })
}

fn unexpected(word: &str, is_load: bool) -> String {
    let remedy = suggestion(word).filter(|_| !is_load);
    format!(
        "\"{word}\" is neither a command nor a flag's value; {}",
        remedy.unwrap_or_else(|| see_help(is_load))
    )
}

/// What other programs call what this one has, and what it calls it itself.
const OTHER_WORDS: [(&str, &str); 10] = [
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
/// Words with which other programs are told to do what this one does without one.
const START_WORDS: [&str; 5] = ["run", "start", "serve", "server", "daemon"];
/// Below this likeness a guess would only confuse.
const LIKENESS_MIN: f64 = 0.7;

/// What somebody may have meant who typed a word that is no command.
fn suggestion(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    if START_WORDS.contains(&word.as_str()) {
        return Some("swarmhub alone starts the server".to_owned());
    }
    let commands = [flags::CHECK, flags::PRINT, load::LOAD, "help"];
    let known = commands.map(|command| (command, command));
    let candidates = known.into_iter().chain(OTHER_WORDS);
    let likeness =
        |name: &str| strsim::normalized_damerau_levenshtein(name, &word.replace('_', "-"));
    let best = candidates.max_by(|(a, _), (b, _)| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best.0) >= LIKENESS_MIN).then(|| format!("did you mean swarmhub {}?", best.1))
}

fn see_help(is_load: bool) -> String {
    if is_load {
        "see swarmhub load --help".to_owned()
    } else {
        "see swarmhub --help".to_owned()
    }
}

/// What was typed, without line breaks and other control characters.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
