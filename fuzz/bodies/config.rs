//! Reads the bytes as a configuration file: what is refused is refused in one line for each mistake, and what is accepted is
//! written as a file that means the same.

use std::path::PathBuf;

use swarmhub::config::{Config, Effective, InvalidConfig, Layers, Setting, load_with};

const NAME: &str = "hub.toml";

/// Panics if anything about the reading of these bytes is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match read(text) {
        Ok(effective) => check_accepted(&effective),
        Err(mistakes) => check_refused(&mistakes, text),
    }
}

fn read(text: &str) -> Result<Effective, Vec<InvalidConfig>> {
    let layers = Layers {
        file: Some(PathBuf::from(NAME)),
        ..Layers::default()
    };
    load_with(layers, |_| Ok(text.to_owned()))
}

/// A program that made these settings itself would be let through too, and the printed file gives them again.
fn check_accepted(effective: &Effective) {
    assert_eq!(effective.config.check(), Ok(()));
    let printed = effective.to_toml();
    let again = read(&printed).unwrap_or_else(|mistakes| panic!("{mistakes:?} in\n{printed}"));
    for setting in Setting::all() {
        // Secrets are not printed, and nothing stands in their place.
        let expected = if setting.hides(&effective.config) {
            &Config::default()
        } else {
            &effective.config
        };
        assert!(
            setting.is_same(&again.config, expected),
            "{}: {printed}",
            setting.key
        );
    }
    assert!(
        effective
            .summary()
            .starts_with("the configuration is valid")
    );
}

/// Each mistake is a line that names a place which exists, and shows no control characters of the file to a terminal.
fn check_refused(mistakes: &[InvalidConfig], text: &str) {
    assert!(!mistakes.is_empty());
    let lines = text.lines().count().max(1) + usize::from(text.ends_with('\n'));
    for mistake in mistakes {
        let told = mistake.to_string();
        assert!(!told.chars().any(char::is_control), "{told:?}");
        assert!(!mistake.what.is_empty() && !mistake.remedy.is_empty());
        let place = mistake
            .place
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_prefix(':'));
        let line = place.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        // What stands between two settings may blame one that the file leaves at its default.
        if place.is_some() {
            assert!(
                line.is_some_and(|line| (1..=lines).contains(&line)),
                "{told} of {lines} lines"
            );
        }
    }
}
