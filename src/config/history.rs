//! Defines where the statistics history is stored.

use std::fmt;
use std::path::{Path, PathBuf};

use super::declare::Choices;
use super::error::{Problem, quoted};
use super::value::{Kind, Scalar, toml_text};

/// The storage of the statistics history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// `history.sqlite` in the server's state folder. A server embedded in a program that sets no such folder stores it
    /// in memory.
    File,
    /// This file.
    At(PathBuf),
    /// Memory, until the process ends.
    Memory,
    /// No history.
    Off,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::At(path) => path.display().fmt(f),
            Self::Memory => f.write_str("memory"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Scalar for History {
    type Rule = ();
    const KIND: Kind = Kind::Text;

    fn parse(word: &str, rule: &()) -> Result<Self, Problem> {
        let history = match word {
            "file" => Self::File,
            "memory" => Self::Memory,
            "off" => Self::Off,
            // A word without any of these is most likely a mistake.
            path if path.contains(['/', '\\', '.']) => Self::At(PathBuf::from(path)),
            _ => {
                return Err(Problem::new(
                    format!("{} is neither file, memory nor off", quoted(word)),
                    format!("give one of them, or a path: ./{word}"),
                ));
            }
        };
        history.check(rule)?;
        Ok(history)
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        match self {
            Self::At(path) if path.is_dir() => Err(Problem::new(
                format!("{} is a folder", quoted(&path.to_string_lossy())),
                format!("give a file in it: {}", in_it(path)),
            )),
            _ => Ok(()),
        }
    }

    fn toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn words((): &()) -> (&'static str, String) {
        ("WHERE", String::new())
    }

    fn choices((): &()) -> Choices {
        Choices {
            words: &["file", "memory", "off"],
            others: true,
        }
    }
}

fn in_it(folder: &Path) -> String {
    folder.join("history.sqlite").display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_somewhere_or_nowhere() {
        for (word, history) in [
            ("file", History::File),
            ("memory", History::Memory),
            ("off", History::Off),
            ("./x", History::At("./x".into())),
            ("a.sqlite", History::At("a.sqlite".into())),
        ] {
            assert_eq!(History::parse(word, &()), Ok(history.clone()));
            assert_eq!(history.to_string(), word);
        }
        for word in ["", "on", "none", "Memory", "history"] {
            let problem = History::parse(word, &()).unwrap_err();
            assert!(
                problem.remedy.ends_with(&format!("./{word}")),
                "{problem:?}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let word = folder.path().to_str().unwrap();
        let problem = History::parse(word, &()).unwrap_err();
        assert!(problem.remedy.ends_with("history.sqlite"), "{problem:?}");
    }
}
