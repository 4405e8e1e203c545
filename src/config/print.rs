//! Prints the active configuration as a documented TOML file.
//! Loading the printed file gives the same values. The output is a string.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::PathBuf,
};

use super::error::{ValueSource, one_line};
use super::setting_list::Setting;
use super::settings::Config;

/// The first lines. An operator who saves the output as a new file must not lose the token.
const HEADER: &str = "# The settings in effect; --config reads a file like this one.
# Secrets, receiver URLs and ICE servers with a password are comments here: insert them again before you use it.

";

/// A checked configuration and the sources of its values.
#[derive(Debug, Clone)]
pub struct EffectiveConfig {
    /// The values.
    pub config: Config,
    pub(super) sources: BTreeMap<&'static str, ValueSource>,
    pub(super) file: Option<PathBuf>,
}

impl EffectiveConfig {
    /// Returns the source of a setting's value.
    #[must_use]
    pub fn source(&self, setting: &Setting) -> &ValueSource {
        self.sources
            .get(setting.key)
            .unwrap_or(&ValueSource::Default)
    }

    /// Returns the files that contain secrets: the configuration file and the admin token file.
    #[must_use]
    pub fn secret_files(&self) -> Vec<PathBuf> {
        let secret = Setting::all()
            .iter()
            .filter(|setting| setting.contains_secret(&self.config));
        let files = secret.filter_map(|setting| match self.source(setting) {
            ValueSource::File { path, .. } => Some(path.clone()),
            _ => None,
        });
        let files: BTreeSet<_> = files.collect();
        files.into_iter().collect()
    }

    /// Returns all settings as TOML, each with its description, allowed values and source.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = HEADER.to_owned();
        let mut section = None;
        for setting in Setting::all() {
            if setting.section != section {
                section = setting.section;
                if let Some(section) = section {
                    write_line(
                        &mut text,
                        format_args!("# {}\n[{}]\n", section.doc.trim(), section.name),
                    );
                }
            }
            self.write_setting(&mut text, setting);
        }
        text
    }

    fn write_setting(&self, text: &mut String, setting: &Setting) {
        for doc in setting.doc {
            write_line(text, format_args!("# {}", doc.trim()));
        }
        let shape = setting.syntax();
        let allowed = if shape.bounds.is_empty() {
            String::new()
        } else {
            format!("allowed: {}; ", shape.bounds)
        };
        if let Some(value) = setting.to_toml(&self.config) {
            // A secret is masked; the comment prevents the mask from being read as the value.
            let (hidden, comment) = match (setting.contains_secret(&self.config), shape.secret) {
                (true, true) => ("; set, not shown", "# "),
                (true, false) => ("; its secrets are not shown", "# "),
                (false, _) => ("", ""),
            };
            write_line(
                text,
                format_args!("# {allowed}from: {}{hidden}", self.source(setting)),
            );
            write_line(text, format_args!("{comment}{} = {value}\n", setting.name));
        } else {
            let quote = if shape.text { "\"" } else { "" };
            write_line(text, format_args!("# {allowed}not set"));
            write_line(
                text,
                format_args!("# {} = {quote}{}{quote}\n", setting.name, shape.placeholder),
            );
        }
    }

    /// Returns one line with the number of values per source.
    #[must_use]
    pub fn summary(&self) -> String {
        let from = |rank| {
            self.sources
                .values()
                .filter(|source| source.precedence() == rank)
                .count()
        };
        let file = self.file.as_ref().map_or_else(
            || "no file".to_owned(),
            |path| format!("{} from {}", from(1), one_line(&path.to_string_lossy())),
        );
        format!(
            "the configuration is valid: {file}, {} from the environment, {} from flags, {} by default",
            from(2),
            from(3),
            Setting::all().len() - self.sources.len(),
        )
    }
}

/// Appends a line; writing to a string cannot fail.
fn write_line(text: &mut String, text_line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{text_line}");
}
