//! Merges the layers of a configuration: defaults, then a TOML file, then the environment, then flags.
//! A later layer wins, and the source of each value is stored. Environment and flags are arguments.
//! The command line calls [`load`].

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::builder::{ConfigBuilder, VARIABLE_PREFIX};
use super::error::InvalidConfig;
use super::file;
use super::print::EffectiveConfig;
use super::setting_list::Setting;

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
    if let Some((path, source)) = &file {
        file::apply(&mut build, path, read(path), source);
    }
    for (name, value) in variables.iter().filter(|(name, _)| name != CONFIG_VARIABLE) {
        build.apply_variable(name, value);
    }
    for (setting, words) in &layers.flags {
        build.apply_flag(setting, words);
    }
    build.read_secret_files(&read);
    build.finish(file.map(|(path, _)| path))
}

/// Returns the variables with our prefix, sorted by name.
fn own_variables(environment: Vec<(OsString, OsString)>) -> Vec<(String, OsString)> {
    let mut variables: Vec<_> = environment
        .into_iter()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
        .filter(|(name, value)| name.starts_with(VARIABLE_PREFIX) && !value.is_empty())
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
