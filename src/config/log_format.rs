//! Names the formats of log lines. The program writes them.

use super::error::{Problem, quoted};
use super::value::{Choices, ScalarKind, SettingValue, toml_text};

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line per event.
    #[default]
    Text,
    /// One JSON object per line, for log collectors.
    Json,
}

impl SettingValue for LogFormat {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Problem::new(
                format!("{} is not a log format", quoted(word)),
                "give text or json",
            )),
        }
    }

    fn to_toml(&self) -> String {
        match self {
            Self::Text => toml_text("text"),
            Self::Json => toml_text("json"),
        }
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("FORMAT", String::new())
    }

    fn choices((): &()) -> Choices {
        Choices {
            values: &["text", "json"],
            allows_others: false,
        }
    }
}
