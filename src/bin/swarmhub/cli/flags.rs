//! Builds the flags and subcommands from the list of settings, and the texts of `--help`. It names no
//! setting; a new one appears here automatically. Only `cli::parse` uses it.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, Command, builder::ValueParser, value_parser};
use swarmhub::config::{Config, Setting, ValueSyntax};

/// The id of `--config`.
pub(super) const CONFIG: &str = "config";
/// The subcommand that checks the configuration.
pub(super) const CHECK: &str = "check-config";
/// The subcommand that prints the configuration.
pub(super) const PRINT: &str = "print-config";

/// The subcommand that creates a key for the NATS servers.
pub(super) const NKEY: &str = "nkey";
/// The file that it writes.
pub(super) const NKEY_FILE: &str = "file";

const COMMON: &str = "Common";
/// Longer flags leave too little room for the text of the short help and appear only in the long help.
const SHORT_FLAG_CHARS_MAX: usize = 16;

const SHORT_FOOTER: &str = "\
Run it without flags and open the address it prints. `--help` shows all settings.";

const LONG_FOOTER: &str = "\
Every setting has one name in three places; flags win over the environment, the environment over the file:
  flag      --tracker-interval-max 90
  variable  SWARMHUB_TRACKER_INTERVAL_MAX=90     (lists: separated by commas or spaces; empty: not set)
  file      [tracker]
            interval_max = 90                    (lists: [\"a\", \"b\"])
`swarmhub print-config` writes a complete file with the values in effect. The variable for --config is SWARMHUB_CONFIG.";

/// Returns the whole command line.
pub(super) fn command() -> Command {
    let defaults = Config::default();
    Command::new("swarmhub")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .override_usage("swarmhub [FLAGS]\n       swarmhub check-config [FLAGS]\n       swarmhub print-config [FLAGS]\n       swarmhub load URL [FLAGS]\n       swarmhub nkey FILE")
        .after_help(SHORT_FOOTER)
        .after_long_help(LONG_FOOTER)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(arguments(&defaults))
        .arg(help().help_heading(COMMON))
        .arg(version())
        .subcommand(config_subcommand(CHECK, "Check the configuration, report errors, and exit", &defaults))
        .subcommand(config_subcommand(PRINT, "Print the settings in effect as TOML, and where each came from", &defaults))
        .subcommand(super::load::command(help()))
        .subcommand(nkey())
}

/// Returns the subcommand `nkey`.
fn nkey() -> Command {
    let file = Arg::new(NKEY_FILE)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .required(true)
        .help("Where the secret seed is written; it must not exist. Give it to each node as cluster.nkey_file");
    Command::new(NKEY)
        .about("Create a key with which the nodes of a cluster log in to NATS")
        .after_help("It prints the public key: the user that nats.conf allows, as in deploy/cluster/nats.conf.")
        .disable_help_flag(true)
        .arg(file)
        .arg(help().help("Print help"))
}

/// Returns a subcommand that accepts all flags of the program and hides them in its help.
fn config_subcommand(name: &'static str, about: &'static str, defaults: &Config) -> Command {
    Command::new(name)
        .about(about)
        .override_usage(format!("swarmhub {name} [FLAGS]"))
        .after_help("It accepts the same flags as swarmhub: see `swarmhub --help`.")
        .disable_help_flag(true)
        .args(arguments(defaults).map(|argument| argument.hide(true)))
        .arg(help())
}

fn help() -> Arg {
    Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help("Print help: common settings (-h) or all of them (--help)")
}

fn version() -> Arg {
    Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version)
        .help("Print the version")
        .help_heading(COMMON)
}

fn arguments(defaults: &Config) -> impl Iterator<Item = Arg> {
    let file = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("Read settings from this TOML file")
        .help_heading(COMMON);
    let settings = Setting::all()
        .iter()
        .map(|setting| argument(setting, defaults));
    std::iter::once(file).chain(settings)
}

fn argument(setting: &'static Setting, defaults: &Config) -> Arg {
    let syntax = setting.syntax();
    let facts = value_hints(setting, &syntax, defaults);
    let first = setting
        .doc
        .first()
        .map_or("", |line| line.trim().trim_end_matches('.'));
    let all: Vec<&str> = setting.doc.iter().map(|line| line.trim()).collect();
    let argument = Arg::new(setting.key)
        .long(setting.flag())
        .value_name(syntax.placeholder)
        .value_parser(ValueParser::os_string())
        .action(ArgAction::Append)
        .allow_negative_numbers(true)
        .help(format!("{first}{}", facts.short))
        .long_help(
            format!("{}\n{}", all.join("\n"), facts.long)
                .trim_end()
                .to_owned(),
        );
    let argument = match setting.section {
        None => argument
            .help_heading(COMMON)
            .hide_short_help(setting.flag().len() > SHORT_FLAG_CHARS_MAX),
        Some(section) => argument
            .help_heading(heading(section.name))
            .hide_short_help(true),
    };
    if syntax.boolean {
        argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(OsString::from("true"))
            .value_name("true|false")
    } else {
        argument
    }
}

/// The default value, and for the long help also the allowed range.
struct ValueHints {
    short: String,
    long: String,
}

fn value_hints(setting: &Setting, syntax: &ValueSyntax, defaults: &Config) -> ValueHints {
    // An empty list and a missing value are explained in the setting's text; a switch is off unless given.
    let default = setting
        .to_toml(defaults)
        .map(|value| value.replace('"', ""))
        .map(|value| {
            if syntax.list {
                without_brackets(&value).to_owned()
            } else {
                value
            }
        })
        .filter(|value| !value.is_empty() && !syntax.boolean)
        .map(|value| format!("default {value}"));
    let bounds = (!syntax.bounds.is_empty()).then(|| syntax.bounds.clone());
    let bracketed = |facts: Vec<String>| {
        let facts = facts.join(", ");
        if facts.is_empty() {
            facts
        } else {
            format!("[{facts}]")
        }
    };
    ValueHints {
        short: default
            .as_ref()
            .map_or_else(String::new, |default| format!(" [{default}]")),
        long: bracketed(default.into_iter().chain(bounds).collect()),
    }
}

/// Returns the text between the brackets of a list.
fn without_brackets(list: &str) -> &str {
    list.strip_prefix('[')
        .and_then(|list| list.strip_suffix(']'))
        .unwrap_or(list)
}

/// Capitalises a section name: `tracker` becomes `Tracker`.
fn heading(section: &'static str) -> String {
    let mut letters = section.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
