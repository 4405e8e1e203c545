//! Parses the command line: arguments and environment become a [`Command`], or an [`Exit`] that describes the error. It
//! starts no server and reads no process state; both come as arguments. `main` calls it and acts.

mod exit;
mod flags;
mod load;
mod logging;

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgMatches, error::ErrorKind};
use swarmhub::config::{self, EffectiveConfig, Layers, Setting};

pub(crate) use exit::Exit;
pub(crate) use load::LoadCommand;
pub(crate) use logging::{LogHandle, init_logging};

/// The parsed command.
#[derive(Debug)]
pub(crate) enum Command {
    /// Start the server with this configuration.
    Run(Box<EffectiveConfig>),
    /// Check whether the server would start with this configuration.
    Check(Box<EffectiveConfig>),
    /// Run the load generator.
    Load(Box<LoadCommand>),
    /// Write a new key for NATS into this file, and print its public part.
    Nkey(PathBuf),
    /// Print this on standard output and exit with 0: help, version, `print-config`.
    Print(String),
}

/// Reads arguments (the first is the program's name) and environment.
///
/// # Errors
/// The lines to print on standard error, and exit code 2.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Command, Exit> {
    let args = with_help(args.into_iter().collect());
    let is_load = args.get(1).is_some_and(|word| word == load::LOAD);
    let matches = match flags::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            return Ok(Command::Print(error.render().to_string()));
        }
        Err(error) => return Err(Exit::usage(&error, is_load)),
    };
    if let Some((load::LOAD, inner)) = matches.subcommand() {
        refuse_settings(&matches)?;
        return load::read(inner).map(|load| Command::Load(Box::new(load)));
    }
    if let Some((flags::NKEY, inner)) = matches.subcommand() {
        let file = inner.get_one::<PathBuf>(flags::NKEY_FILE);
        return Ok(Command::Nkey(file.cloned().unwrap_or_default()));
    }
    let layers = Layers {
        file: config_file(&matches),
        environment: env.into_iter().collect(),
        flags: Setting::all()
            .iter()
            .filter_map(|setting| values(&matches, setting).map(|values| (setting, values)))
            .collect(),
    };
    let effective = config::load(layers).map_err(|problems| Exit::config(&problems))?;
    Ok(match matches.subcommand_name() {
        Some(flags::CHECK) => Command::Check(Box::new(effective)),
        Some(flags::PRINT) => Command::Print(effective.to_toml()),
        _ => Command::Run(Box::new(effective)),
    })
}

/// Treats `swarmhub help load` as `swarmhub load --help`.
fn with_help(mut args: Vec<OsString>) -> Vec<OsString> {
    if args.get(1).is_some_and(|argument| argument == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    args
}

/// Refuses server flags before `load`, because they would have no effect.
fn refuse_settings(matches: &ArgMatches) -> Result<(), Exit> {
    let given = Setting::all()
        .iter()
        .find(|setting| matches.contains_id(setting.key));
    match given {
        None => Ok(()),
        Some(setting) => Err(Exit::line(&format!(
            "--{}: is a server setting and has no effect on a load; see swarmhub load --help",
            setting.flag()
        ))),
    }
}

/// Returns the matches of the program and of its subcommand, as flags may precede and follow the subcommand.
fn with_subcommand(matches: &ArgMatches) -> impl Iterator<Item = &ArgMatches> {
    let inner = matches.subcommand().map(|(_, inner)| inner);
    std::iter::once(matches).chain(inner)
}

fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    with_subcommand(matches)
        .filter_map(|level| level.get_one::<PathBuf>(flags::CONFIG))
        .last()
        .cloned()
}

/// Returns all values given for a setting, or `None` if it was not given.
fn values(matches: &ArgMatches, setting: &Setting) -> Option<Vec<OsString>> {
    let values: Vec<OsString> = with_subcommand(matches)
        .filter_map(|level| level.get_many::<OsString>(setting.key))
        .flatten()
        .cloned()
        .collect();
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests;
