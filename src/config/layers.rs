//! Merges the layers of a configuration: defaults, then a TOML file, then the environment, then flags.
//! A later layer wins, and the source of each value is stored. Environment and flags are arguments.
//! The command line calls [`load`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Config, InvalidConfig, Setting, ValueSource, contradictions,
    error::{Problem, quoted},
    file,
    print::EffectiveConfig,
    suggest::nearest_setting,
    tls,
    value::RawValue,
};

const PREFIX: &str = "SWARMHUB_";
const CONFIG_VARIABLE: &str = "SWARMHUB_CONFIG";

/// The unparsed input of each layer.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The file of `--config`; if `None`, the one of `SWARMHUB_CONFIG`, if set.
    pub file: Option<PathBuf>,
    /// All environment variables; those that do not start with `SWARMHUB_`, or are empty, are ignored.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags, each with all its words.
    pub flags: Vec<(&'static Setting, Vec<OsString>)>,
}

/// Merges the layers and checks the result.
///
/// # Errors
/// Every mistake found, in the order of the layers; never an empty list.
pub fn load(layers: Layers) -> Result<EffectiveConfig, Vec<InvalidConfig>> {
    load_with(layers, |path| fs::read_to_string(path))
}

/// Like [`load`], but reads files with `read`.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    layers: Layers,
    read: impl Fn(&Path) -> io::Result<String>,
) -> Result<EffectiveConfig, Vec<InvalidConfig>> {
    let mut build = ConfigBuilder::default();
    let variables = own_variables(layers.environment);
    let named = variables.iter().find(|(name, _)| name == CONFIG_VARIABLE);
    let file = match (layers.file, named) {
        (Some(path), _) => Some((path, "--config")),
        (None, Some((_, value))) => Some((PathBuf::from(value), CONFIG_VARIABLE)),
        (None, None) => None,
    };
    if let Some((path, asked_by)) = &file {
        file::apply(&mut build, path, read(path), asked_by);
    }
    for (name, value) in variables.iter().filter(|(name, _)| name != CONFIG_VARIABLE) {
        build.apply_variable(name, value);
    }
    for (setting, words) in &layers.flags {
        build.apply_flag(setting, words);
    }
    build.read_token_file(&read);
    build.finish(file.map(|(path, _)| path))
}

/// Returns the variables with our prefix, sorted by name.
fn own_variables(environment: Vec<(OsString, OsString)>) -> Vec<(String, OsString)> {
    let mut variables: Vec<_> = environment
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
        .filter(|(name, value)| !is_kubernetes_variable(name, &value.to_string_lossy()))
        .collect();
    variables.sort();
    variables
}

/// Returns whether Kubernetes sets this variable for a service named `swarmhub`, such as `SWARMHUB_SERVICE_HOST` and
/// `SWARMHUB_PORT_8000_TCP=tcp://10.0.0.1:8000`. A deployment must not fail because of them.
fn is_kubernetes_variable(name: &str, value: &str) -> bool {
    let port = name
        .split_once("_PORT_")
        .is_some_and(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()));
    let address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    port || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || (name.ends_with("_PORT") && address)
}

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
        self.add_problem(problem.at(source.place(setting)));
    }

    pub(super) fn add_problem(&mut self, problem: InvalidConfig) {
        self.problems.push(problem);
    }

    fn apply_variable(&mut self, name: &str, value: &OsString) {
        let Some(setting) = Setting::all()
            .iter()
            .find(|setting| setting.variable() == name)
        else {
            let remedy = match name.strip_prefix(PREFIX).and_then(nearest_setting) {
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

    fn apply_flag(&mut self, setting: &'static Setting, words: &[OsString]) {
        let source = ValueSource::Flag(format!("--{}", setting.flag()));
        match words.iter().map(unicode).collect() {
            Ok(words) => self.set(setting, &RawValue::Words(words), &source),
            Err(problem) => self.reject(setting, problem, &source),
        }
    }

    /// Reads the admin token from its own file.
    fn read_token_file(&mut self, read: &impl Fn(&Path) -> io::Result<String>) {
        let (Some(token), Some(file), Some(path)) = (
            Setting::find("admin_token"),
            Setting::find("admin_token_file"),
            self.config.admin_token_file.clone(),
        ) else {
            return;
        };
        let asked_by = self.sources.get(file.key).cloned().unwrap_or_default();
        if self.sources.contains_key(token.key) || self.failed.contains(token.key) {
            let problem = Problem::new("admin_token is also given", "give one of the two");
            return self.reject(file, problem, &asked_by);
        }
        match read(&path) {
            Ok(text) => {
                let raw = RawValue::Words(vec![text.trim().to_owned()]);
                self.set(token, &raw, &ValueSource::File { path, line: 1 });
            }
            Err(error) => {
                let what = format!(
                    "{} cannot be read ({error})",
                    quoted(&path.to_string_lossy())
                );
                let problem = Problem::new(what, "give the path of a file with the token");
                self.reject(file, problem, &asked_by);
            }
        }
    }

    fn finish(mut self, file: Option<PathBuf>) -> Result<EffectiveConfig, Vec<InvalidConfig>> {
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
