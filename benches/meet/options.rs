//! Reads the command line of the bench.

use std::path::PathBuf;

use crate::meet::matchmaking::{Matchmaking, WAYS};
use crate::meet::scenarios::{self, Scenario};

/// What `--help` and an error print.
pub(crate) const USAGE: &str = "\
usage: cargo bench --bench meet -- [--scenario S1,S2|all] [--matchmaking NAME,NAME] [--seeds N] [--json FILE]
                                   [--url ws://HOST:PORT/ [--scale N]] [--list]

  --scenario     scenarios to run, by name; default: all
  --matchmaking  values of tracker.matchmaking to compare, in virtual time; default: all
  --seeds        runs of each scenario, of which the tables show the median; default: 3, with --url 1
  --json         also writes all figures of all runs to this file
  --url          measures a running tracker over WebSockets instead, with clients that live faster than real
  --scale        how many times faster; default: that of the scenario
  --list         prints the scenarios";

/// What to run.
pub(crate) struct Options {
    pub(crate) scenarios: Vec<&'static Scenario>,
    pub(crate) target: Target,
    pub(crate) seeds: u64,
    pub(crate) json: Option<PathBuf>,
    pub(crate) lists: bool,
}

/// Which tracker is measured.
pub(crate) enum Target {
    /// The core, in virtual time.
    Core(Vec<Matchmaking>),
    /// A running tracker. `scale` replaces that of the scenarios.
    Url { url: String, scale: Option<u32> },
}

impl Options {
    /// Reads the words after the name of the program.
    ///
    /// # Errors
    ///
    /// What is wrong with which word.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut scenarios, mut matchmaking) = (None, None);
        let (mut seeds, mut json, mut url, mut scale) = (None, None, None, None);
        let mut lists = false;
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--scenario" => scenarios = Some(named_scenarios(&value()?)?),
                "--matchmaking" => matchmaking = Some(named_matchmaking(&value()?)?),
                "--seeds" => seeds = Some(number(&word, &value()?)?),
                "--scale" => scale = Some(number(&word, &value()?)?),
                "--json" => json = Some(PathBuf::from(value()?)),
                "--url" => url = Some(value()?),
                "--list" => lists = true,
                // Cargo adds it.
                "--bench" => {}
                "--help" | "-h" => return Err(String::new()),
                _ => return Err(format!("unknown option {word}")),
            }
        }
        let default_seeds = if url.is_some() { 1 } else { 3 };
        let target = match url {
            Some(_) if matchmaking.is_some() => {
                return Err("--matchmaking is a setting of the tracker at --url".to_owned());
            }
            Some(url) => Target::Url { url, scale },
            None if scale.is_some() => return Err("--scale needs --url".to_owned()),
            None => Target::Core(matchmaking.unwrap_or_else(|| {
                let all = WAYS.iter();
                all.map(|(_, matchmaking)| *matchmaking).collect()
            })),
        };
        Ok(Self {
            scenarios: scenarios.unwrap_or_else(|| scenarios::all().collect()),
            target,
            seeds: seeds.map_or(default_seeds, u64::from),
            json,
            lists,
        })
    }
}

fn named_scenarios(names: &str) -> Result<Vec<&'static Scenario>, String> {
    if names == "all" {
        return Ok(scenarios::all().collect());
    }
    let find = |name| scenarios::by_name(name).ok_or(format!("there is no scenario {name}"));
    names.split(',').map(find).collect()
}

fn named_matchmaking(names: &str) -> Result<Vec<Matchmaking>, String> {
    let find = |name| {
        let mut all = WAYS.iter();
        let found = all.find(|(known, _)| *known == name);
        let found = found.map(|(_, matchmaking)| *matchmaking);
        found.ok_or(format!("there is no matchmaking {name}"))
    };
    names.split(',').map(find).collect()
}

fn number(option: &str, value: &str) -> Result<u32, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or(format!("{option} {value} is not a positive number"))
}
