//! Builds a configuration value by value and collects its problems. `layers.rs` and `file.rs` feed it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use super::error::{InvalidConfig, Problem, ValueSource, quoted};
use super::print::EffectiveConfig;
use super::setting_list::Setting;
use super::settings::Config;
use super::suggest::nearest_setting;
use super::value::RawValue;
use super::{contradictions, tls};

/// The beginning of each environment variable.
pub(super) const VARIABLE_PREFIX: &str = "SWARMHUB_";

/// Builds a configuration and collects its problems.
#[derive(Debug, Default)]
pub(super) struct ConfigBuilder {
    config: Config,
    sources: BTreeMap<&'static str, ValueSource>,
    /// Settings with an error; their values in `config` are not the intended ones.
    failed: BTreeSet<&'static str>,
    problems: Vec<InvalidConfig>,
}

impl ConfigBuilder {
    /// Sets one value, or records why it is invalid.
    pub(super) fn set(
        &mut self,
        setting: &'static Setting,
        raw: &RawValue<'_>,
        source: &ValueSource,
    ) {
        match (setting.read)(&mut self.config, raw) {
            Ok(()) => {
                self.sources.insert(setting.key, source.clone());
            }
            Err(problem) => self.reject(setting, problem, source),
        }
    }

    fn reject(&mut self, setting: &'static Setting, problem: Problem, source: &ValueSource) {
        self.failed.insert(setting.key);
        self.add_problem(problem.at(source.place(setting.key)));
    }

    pub(super) fn add_problem(&mut self, problem: InvalidConfig) {
        self.problems.push(problem);
    }

    pub(super) fn apply_variable(&mut self, name: &str, value: &OsString) {
        let Some(setting) = Setting::all()
            .iter()
            .find(|setting| setting.variable() == name)
        else {
            let remedy = match name.strip_prefix(VARIABLE_PREFIX).and_then(nearest_setting) {
                Some(setting) => format!("did you mean {}?", setting.variable()),
                None => "unset it; swarmhub --help explains the names of variables".to_owned(),
            };
            return self.add_problem(Problem::new("there is no such setting", remedy).at(name));
        };
        let source = ValueSource::Variable(name.to_owned());
        match unicode(value) {
            Err(problem) => self.reject(setting, problem, &source),
            Ok(text) => {
                let words = if setting.syntax().list {
                    let words = text.split(|c: char| c == ',' || c.is_whitespace());
                    words
                        .filter(|word| !word.is_empty())
                        .map(str::to_owned)
                        .collect()
                } else {
                    vec![text.trim().to_owned()]
                };
                self.set(setting, &RawValue::Words(words), &source);
            }
        }
    }

    pub(super) fn apply_flag(&mut self, setting: &'static Setting, words: &[OsString]) {
        let source = ValueSource::Flag(format!("--{}", setting.flag()));
        match words.iter().map(unicode).collect() {
            Ok(words) => self.set(setting, &RawValue::Words(words), &source),
            Err(problem) => self.reject(setting, problem, &source),
        }
    }

    /// Reads the secrets that have files of their own.
    pub(super) fn read_secret_files(&mut self, read: &impl Fn(&Path) -> io::Result<String>) {
        let admin_token = self.config.admin_token_file.clone();
        self.read_secret_file(("admin_token", "admin_token_file"), admin_token, read);
        let turn_secret = self.config.ice.turn_secret_file.clone();
        self.read_secret_file(
            ("ice.turn_secret", "ice.turn_secret_file"),
            turn_secret,
            read,
        );
        let nkey = self.config.cluster.nkey_file.clone();
        self.read_secret_file(("cluster.nkey", "cluster.nkey_file"), nkey, read);
        let secret = self.config.cluster.secret_file.clone();
        self.read_secret_file(("cluster.secret", "cluster.secret_file"), secret, read);
    }

    fn read_secret_file(
        &mut self,
        (secret, file): (&str, &str),
        path: Option<PathBuf>,
        read: &impl Fn(&Path) -> io::Result<String>,
    ) {
        let (Some(secret), Some(file), Some(path)) =
            (Setting::find(secret), Setting::find(file), path)
        else {
            return;
        };
        let source = self.sources.get(file.key).cloned().unwrap_or_default();
        if self.sources.contains_key(secret.key) || self.failed.contains(secret.key) {
            let what = format!("{} is also given", secret.key);
            return self.reject(file, Problem::new(what, "give one of the two"), &source);
        }
        match read(&path) {
            Ok(text) => {
                let raw = RawValue::Words(vec![text.trim().to_owned()]);
                self.set(secret, &raw, &ValueSource::File { path, line: 1 });
            }
            Err(error) => {
                let what = format!(
                    "{} cannot be read ({error})",
                    quoted(&path.to_string_lossy())
                );
                let remedy = format!("give the path of a file with {}", secret.key);
                self.reject(file, Problem::new(what, remedy), &source);
            }
        }
    }

    /// Checks the whole configuration.
    pub(super) fn finish(
        mut self,
        file: Option<PathBuf>,
    ) -> Result<EffectiveConfig, Vec<InvalidConfig>> {
        if !self.sources.contains_key("listen") && !self.failed.contains("listen") {
            tls::add_default_listener(&mut self.config);
        }
        let mistakes =
            contradictions::find_contradictions(&self.config, &self.sources, &self.failed);
        self.problems.extend(mistakes);
        if self.problems.is_empty() {
            Ok(EffectiveConfig {
                config: self.config,
                sources: self.sources,
                file,
            })
        } else {
            Err(self.problems)
        }
    }
}

fn unicode(text: &OsString) -> Result<String, Problem> {
    text.clone().into_string().map_err(|text| {
        Problem::new(
            format!("{} is not UTF-8", quoted(&text.to_string_lossy())),
            "give plain text",
        )
    })
}
