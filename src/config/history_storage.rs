//! Defines where the statistics history is stored.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::{Problem, quoted};
use super::value::{Choices, ScalarKind, SettingValue, toml_text};

/// The storage of the statistics history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryStorage {
    /// `history.sqlite` in the server's state folder. A server embedded in a program that sets no such folder stores it
    /// in memory.
    File,
    /// This file.
    Path(PathBuf),
    /// Memory, until the process ends.
    Memory,
    /// No history.
    Off,
}

impl fmt::Display for HistoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("file"),
            Self::Path(path) => path.display().fmt(f),
            Self::Memory => f.write_str("memory"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl SettingValue for HistoryStorage {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, rule: &()) -> Result<Self, Problem> {
        let history = match word {
            "file" => Self::File,
            "memory" => Self::Memory,
            "off" => Self::Off,
            // A word without any of these is most likely a mistake.
            path if path.contains(['/', '\\', '.']) => Self::Path(PathBuf::from(path)),
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
            Self::Path(path) if path.is_dir() => Err(Problem::new(
                format!("{} is a folder", quoted(&path.to_string_lossy())),
                format!("give a file in it: {}", file_in_folder(path)),
            )),
            _ => Ok(()),
        }
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("WHERE", String::new())
    }

    fn choices((): &()) -> Choices {
        Choices {
            values: &["file", "memory", "off"],
            allows_others: true,
        }
    }
}

fn file_in_folder(folder: &Path) -> String {
    folder.join("history.sqlite").display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_storage_is_parsed() {
        for (word, history) in [
            ("file", HistoryStorage::File),
            ("memory", HistoryStorage::Memory),
            ("off", HistoryStorage::Off),
            ("./x", HistoryStorage::Path("./x".into())),
            ("a.sqlite", HistoryStorage::Path("a.sqlite".into())),
        ] {
            assert_eq!(HistoryStorage::parse(word, &()), Ok(history.clone()));
            assert_eq!(history.to_string(), word);
        }
        for word in ["", "on", "none", "Memory", "history"] {
            let problem = HistoryStorage::parse(word, &()).unwrap_err();
            assert!(
                problem.remedy.ends_with(&format!("./{word}")),
                "{problem:?}"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let word = folder.path().to_str().unwrap();
        let problem = HistoryStorage::parse(word, &()).unwrap_err();
        assert!(problem.remedy.ends_with("history.sqlite"), "{problem:?}");
    }
}
