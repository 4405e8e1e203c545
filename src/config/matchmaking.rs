//! Names the ways to choose the receivers of offers. The swarms apply them.

use super::error::{Problem, quoted};
use super::value::{Choices, ScalarKind, SettingValue, toml_text};

/// How the receivers of offers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MatchmakingSetting {
    /// By what earlier introductions have taught.
    #[default]
    Introductions,
    /// At random.
    Random,
}

impl SettingValue for MatchmakingSetting {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        match word {
            "introductions" => Ok(Self::Introductions),
            "random" => Ok(Self::Random),
            _ => Err(Problem::new(
                format!("{} is not a way to choose receivers", quoted(word)),
                "give introductions or random",
            )),
        }
    }

    fn to_toml(&self) -> String {
        match self {
            Self::Introductions => toml_text("introductions"),
            Self::Random => toml_text("random"),
        }
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("WAY", String::new())
    }

    fn choices((): &()) -> Choices {
        Choices {
            values: &["introductions", "random"],
            allows_others: false,
        }
    }
}
