//! Tests the layers, their errors and the printed configuration; environment, flags and the file are given as text.

mod contradictions;
mod errors;
mod layers;
mod printed;
mod reloads;

use std::{collections::BTreeSet, ffi::OsString, fs, io, path::PathBuf, time::Duration};

use super::{
    Config, EffectiveConfig, Layers, Setting, ValueSource, load, load_with, nearest_setting,
};

/// The input of each layer.
#[derive(Default)]
struct LayerInput<'a> {
    file: &'a str,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [(&'a str, &'a str)],
}

impl LayerInput<'_> {
    fn load(&self) -> Result<EffectiveConfig, Vec<String>> {
        let layers = Layers {
            file: (!self.file.is_empty()).then(|| PathBuf::from("hub.toml")),
            environment: self
                .variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            flags: self
                .flags
                .iter()
                .map(|(key, value)| {
                    (
                        Setting::find(key).unwrap(),
                        value.split('|').map(OsString::from).collect(),
                    )
                })
                .collect(),
        };
        load_with(layers, |_| Ok(self.file.to_owned()))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    fn problems(&self) -> Vec<String> {
        self.load().unwrap_err()
    }
}

fn file(text: &str) -> LayerInput<'_> {
    LayerInput {
        file: text,
        ..LayerInput::default()
    }
}

fn variables<'a>(variables: &'a [(&'a str, &'a str)]) -> LayerInput<'a> {
    LayerInput {
        variables,
        ..LayerInput::default()
    }
}

fn flags<'a>(flags: &'a [(&'a str, &'a str)]) -> LayerInput<'a> {
    LayerInput {
        flags,
        ..LayerInput::default()
    }
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(LayerInput::default().config(), Config::default());
}

#[test]
fn every_setting_has_unique_names_and_a_description() {
    let settings = Setting::all();
    let flags: BTreeSet<_> = settings.iter().map(Setting::flag).collect();
    let variables: BTreeSet<_> = settings.iter().map(Setting::variable).collect();
    assert_eq!(
        (flags.len(), variables.len()),
        (settings.len(), settings.len())
    );
    for setting in settings {
        assert!(
            setting.doc.first().is_some_and(|line| line.ends_with('.')),
            "{}",
            setting.key
        );
        assert!(setting.key.ends_with(setting.name));
    }
}

#[test]
fn memberships_outlive_two_lost_announces() {
    let ttl = |settings| flags(settings).config().membership_ttl();
    assert_eq!(ttl(&[]), Duration::from_mins(6));
    assert_eq!(ttl(&[("interval", "10")]), Duration::from_mins(3));
    assert_eq!(ttl(&[("interval", "600")]), Duration::from_mins(30));
    assert_eq!(
        ttl(&[("tracker.interval_max", "60")]),
        Duration::from_mins(3)
    );
    assert_eq!(
        ttl(&[("tracker.membership_ttl", "200")]),
        Duration::from_secs(200)
    );
}

#[test]
fn a_worker_count_is_never_zero() {
    assert!(Config::default().worker_count().get() >= 1);
    assert_eq!(flags(&[("workers", "3")]).config().worker_count().get(), 3);
}
