//! Tests reloads.

use super::*;

#[test]
fn a_reload_applies_live_settings_and_reports_the_others() {
    let so_far = Config {
        workers: 2,
        ..Config::default()
    };
    let mut wanted = so_far.clone();
    wanted.workers = 3;
    wanted.interval = Some(Duration::from_mins(1));
    wanted.origin = vec!["https://a.example".to_owned()];
    let (config, changes) = so_far.reloaded(&wanted).unwrap();
    assert_eq!((config.workers, config.interval), (2, wanted.interval));
    assert_eq!(config.origin, wanted.origin);
    let messages: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "workers changed from 2 to 3: needs a restart",
            "interval changed from not set to 60",
            "origin changed from [] to [\"https://a.example\"]",
        ]
    );
    assert_eq!(config.reloaded(&config).unwrap().1.len(), 0);
}

#[test]
fn a_reload_with_invalid_settings_is_refused() {
    let mut wanted = Config::default();
    wanted.connection.ping_after = wanted.connection.dead_after;
    let problems = Config::default().reloaded(&wanted).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}
