//! Parses the TOML file into named raw values with their lines.
//! It neither opens the file nor interprets the values. `layers.rs` calls it.

use std::{
    io,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::builder::ConfigBuilder;
use super::error::{InvalidConfig, Problem, ValueSource, quoted};
use super::setting_list::Setting;
use super::suggest::{nearest_section, nearest_setting};
use super::value::RawValue;

/// Applies the file's settings to `build`. `read` is the result of reading the file, `source` the flag or variable
/// that named it.
pub(super) fn apply(
    build: &mut ConfigBuilder,
    path: &Path,
    read: io::Result<String>,
    source: &str,
) {
    match read {
        Ok(text) => ConfigDocument { path, text: &text }.apply(build),
        Err(error) => build.add_problem(
            Problem::new(
                format!(
                    "{} cannot be read ({error})",
                    quoted(&path.to_string_lossy())
                ),
                "give the path of a TOML file",
            )
            .at(source),
        ),
    }
}

struct ConfigDocument<'a> {
    path: &'a Path,
    text: &'a str,
}

/// A value of the file with the line of its name.
struct ConfigEntry<'t> {
    line: usize,
    section: Option<&'t str>,
    name: &'t str,
    value: &'t DeValue<'t>,
}

impl ConfigDocument<'_> {
    fn apply(&self, build: &mut ConfigBuilder) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut notation: Vec<_> = errors
            .iter()
            .map(|error| self.syntax_error(error))
            .collect();
        // One mistake often causes several errors in its line; only the first is reported.
        notation.sort_by_key(|(line, _)| *line);
        notation.dedup_by_key(|(line, _)| *line);
        for (_, problem) in notation {
            build.add_problem(problem);
        }
        // After a syntax error the rest may be parsed wrongly, so it is not checked.
        if errors.is_empty() {
            for entry in self.entries(table.get_ref()) {
                match Setting::find(&entry.key()) {
                    Some(setting) => {
                        build.set(
                            setting,
                            &RawValue::Toml(entry.value),
                            &self.source(entry.line),
                        );
                    }
                    None => {
                        build.add_problem(
                            entry.unknown_name().at(self.source(entry.line).to_string()),
                        );
                    }
                }
            }
        }
    }

    /// Returns the values in the order of the file, with sections flattened.
    fn entries<'t>(&self, table: &'t DeTable<'t>) -> Vec<ConfigEntry<'t>> {
        let mut entries = Vec::new();
        for (name, value) in table {
            match value.get_ref() {
                DeValue::Table(inner) if is_section(name.get_ref()) => {
                    let section = Some(name.get_ref().as_ref());
                    entries.extend(inner.iter().map(|(name, value)| ConfigEntry {
                        line: self.line(name.span().start),
                        section,
                        name: name.get_ref(),
                        value: value.get_ref(),
                    }));
                }
                value => entries.push(ConfigEntry {
                    line: self.line(name.span().start),
                    section: None,
                    name: name.get_ref(),
                    value,
                }),
            }
        }
        entries.sort_by_key(|entry| entry.line);
        entries
    }

    fn syntax_error(&self, error: &toml::de::Error) -> (usize, InvalidConfig) {
        let line = self.line(error.span().map_or(0, |span| span.start));
        let problem = self.missing_value(line).unwrap_or_else(|| {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            Problem::new(message, "see https://toml.io for the notation")
        });
        (line, problem.at(self.source(line).to_string()))
    }

    /// Returns the problem of a line without a value; the parser's message would only list what it expects there.
    fn missing_value(&self, line: usize) -> Option<Problem> {
        let text = self.text.lines().nth(line.checked_sub(1)?)?;
        let (name, value) = text.split_once('=')?;
        let is_missing = value.trim().is_empty() || value.trim().starts_with('#');
        is_missing.then(|| {
            let what = format!("{}: a value is missing", name.trim());
            Problem::new(what, "write one, or leave the line out")
        })
    }

    fn source(&self, line: usize) -> ValueSource {
        ValueSource::File {
            path: PathBuf::from(self.path),
            line,
        }
    }

    fn line(&self, offset: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count()
    }
}

impl ConfigEntry<'_> {
    fn key(&self) -> String {
        self.section.map_or_else(
            || self.name.to_owned(),
            |section| format!("{section}.{}", self.name),
        )
    }

    /// Returns the problem of an unknown name.
    fn unknown_name(&self) -> Problem {
        if self.section.is_none() && is_section(self.name) {
            let name = self.name;
            return Problem::new(
                format!("{name} is not a table"),
                format!("write [{name}] above its settings"),
            );
        }
        if let DeValue::Table(_) = self.value {
            let remedy = nearest_section(self.name)
                .map(|section| format!("did you mean [{}]?", section.name));
            return Problem::new(
                format!("there is no section {}", quoted(&self.key())),
                or_print_config(remedy),
            );
        }
        let key = self.key();
        let remedy = nearest_setting(&key).map(|setting| match setting.section {
            Some(section) => format!("did you mean {} in [{}]?", setting.name, section.name),
            None if self.section.is_some() => {
                format!("did you mean {} above the first section?", setting.name)
            }
            None => format!("did you mean {}?", setting.name),
        });
        Problem::new(
            format!("there is no setting {}", quoted(&key)),
            or_print_config(remedy),
        )
    }
}

fn or_print_config(remedy: Option<String>) -> String {
    remedy.unwrap_or_else(|| "swarmhub print-config lists all settings".to_owned())
}

fn is_section(name: &str) -> bool {
    Setting::all()
        .iter()
        .any(|setting| setting.section.is_some_and(|section| section.name == name))
}
