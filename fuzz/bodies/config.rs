//! Reads the bytes as a configuration file. A refused file gives one line for each mistake; an accepted one is printed
//! as a file with the same meaning.

use std::path::PathBuf;

use swarmhub::config::{Config, EffectiveConfig, InvalidConfig, Layers, Setting, load_with};

const NAME: &str = "hub.toml";

/// Panics if the result of reading these bytes is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match read(text) {
        Ok(effective) => check_accepted(&effective),
        Err(mistakes) => check_refused(&mistakes, text),
    }
}

fn read(text: &str) -> Result<EffectiveConfig, Vec<InvalidConfig>> {
    let layers = Layers {
        file: Some(PathBuf::from(NAME)),
        ..Layers::default()
    };
    load_with(layers, |_| Ok(text.to_owned()))
}

/// Checks that the same settings are valid without a file, and that the printed file gives them again.
fn check_accepted(effective: &EffectiveConfig) {
    assert_eq!(effective.config.check(), Ok(()));
    let printed = effective.to_toml();
    let again = read(&printed).unwrap_or_else(|mistakes| panic!("{mistakes:?} in\n{printed}"));
    for setting in Setting::all() {
        // Secrets are not printed, so they have their defaults.
        let expected = if setting.contains_secret(&effective.config) {
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

/// Checks that each mistake is one line with an existing place, without control characters of the file.
fn check_refused(mistakes: &[InvalidConfig], text: &str) {
    assert!(!mistakes.is_empty());
    let lines = text.lines().count().max(1) + usize::from(text.ends_with('\n'));
    for mistake in mistakes {
        let line_text = mistake.to_string();
        assert!(!line_text.chars().any(char::is_control), "{line_text:?}");
        assert!(!mistake.what.is_empty() && !mistake.remedy.is_empty());
        let place = mistake
            .place
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_prefix(':'));
        let line = place.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        // A conflict between two settings may be reported for one that the file does not set.
        if place.is_some() {
            assert!(
                line.is_some_and(|line| (1..=lines).contains(&line)),
                "{line_text} of {lines} lines"
            );
        }
    }
}
