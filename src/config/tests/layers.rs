//! Tests the order of the layers, and their notations of values.

use super::*;

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let input = LayerInput {
        file: "workers = 1\ninterval = 10\nlog_level = \"debug\"\n[tracker]\ninterval_max = 90.5\n",
        variables: &[("SWARMHUB_WORKERS", "2"), ("SWARMHUB_INTERVAL", "20")],
        flags: &[("workers", "3")],
    };
    let effective = input.load().unwrap();
    let source = |key| effective.source(Setting::find(key).unwrap()).clone();
    let line = |line| ValueSource::File {
        path: PathBuf::from("hub.toml"),
        line,
    };

    assert_eq!(effective.config.workers, 3);
    assert_eq!(source("workers"), ValueSource::Flag("--workers".to_owned()));
    assert_eq!(effective.config.interval, Some(Duration::from_secs(20)));
    assert_eq!(
        source("interval"),
        ValueSource::Variable("SWARMHUB_INTERVAL".to_owned())
    );
    assert_eq!(effective.config.log_level, "debug");
    assert_eq!(source("log_level"), line(3));
    assert_eq!(
        effective.config.tracker.interval_max,
        Duration::from_millis(90_500)
    );
    assert_eq!(source("tracker.interval_max"), line(5));
    assert_eq!(source("origin"), ValueSource::Default);
}

#[test]
fn lists_have_their_own_syntax_in_each_layer() {
    let wanted = ["stun:a.example", "stun:b.example:3478"];
    for input in [
        file("ice_server = [\"stun:a.example\", \"stun:b.example:3478\"]"),
        variables(&[("SWARMHUB_ICE_SERVER", "stun:a.example, stun:b.example:3478")]),
        variables(&[(
            "SWARMHUB_ICE_SERVER",
            " stun:a.example  stun:b.example:3478 ",
        )]),
        flags(&[("ice_server", "stun:a.example|stun:b.example:3478")]),
    ] {
        assert_eq!(input.config().ice_server, wanted);
    }
}

#[test]
fn a_later_layer_replaces_a_list() {
    let input = LayerInput {
        file: "origin = [\"https://a.example\"]",
        variables: &[("SWARMHUB_ORIGIN", "https://b.example")],
        ..LayerInput::default()
    };
    assert_eq!(input.config().origin, ["https://b.example"]);
}

#[test]
fn all_toml_number_notations_are_accepted() {
    let config =
        file("workers = 0x0c\n[connection]\nmessage_bytes_max = 200_000\nping_after = 1e1\n")
            .config();
    assert_eq!(config.workers, 12);
    assert_eq!(config.connection.message_bytes_max, 200_000);
    assert_eq!(config.connection.ping_after, Duration::from_secs(10));
}

#[test]
fn seconds_may_be_fractions() {
    let half = Duration::from_millis(500);
    assert_eq!(file("[drain]\ntimeout = 0.5").config().drain.timeout, half);
    assert_eq!(
        flags(&[("drain.timeout", "0.5")]).config().drain.timeout,
        half
    );
    assert_eq!(
        variables(&[("SWARMHUB_DRAIN_TIMEOUT", ".5")])
            .config()
            .drain
            .timeout,
        half
    );
}

#[test]
fn booleans_accept_the_usual_words() {
    for (word, on) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("ON", true),
        ("false", false),
        ("0", false),
    ] {
        assert_eq!(
            variables(&[("SWARMHUB_NO_LIMITS", word)])
                .config()
                .no_limits,
            on,
            "{word}"
        );
    }
    assert!(file("no_limits = true").config().no_limits);
}

#[test]
fn empty_and_foreign_variables_are_ignored() {
    let input = variables(&[
        ("SWARMHUB_WORKERS", ""),
        ("SWARMHUB_CONFIG", ""),
        ("PATH", "/bin"),
        ("WORKERS", "x"),
    ]);
    assert_eq!(input.config(), Config::default());
}

#[test]
fn kubernetes_service_variables_are_ignored() {
    let input = variables(&[
        ("SWARMHUB_PORT", "tcp://10.0.0.1:8000"),
        ("SWARMHUB_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("SWARMHUB_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("SWARMHUB_SERVICE_HOST", "10.0.0.1"),
        ("SWARMHUB_SERVICE_PORT_HTTP", "8000"),
        ("SWARMHUB_TRACKER_PORT", "tcp://10.0.0.2:8000"),
    ]);
    assert_eq!(input.config(), Config::default());
    assert_eq!(variables(&[("SWARMHUB_PORT", "8000")]).problems().len(), 1);
}

#[test]
fn the_config_flag_wins_over_the_config_variable() {
    let read = |path: &std::path::Path| match path.to_str() {
        Some("variable.toml") => Ok("workers = 1".to_owned()),
        Some("flag.toml") => Ok("workers = 2".to_owned()),
        _ => Err(io::Error::other("unexpected")),
    };
    let environment = vec![("SWARMHUB_CONFIG".into(), "variable.toml".into())];
    let layers = Layers {
        environment,
        ..Layers::default()
    };
    assert_eq!(load_with(layers.clone(), read).unwrap().config.workers, 1);
    let layers = Layers {
        file: Some(PathBuf::from("flag.toml")),
        ..layers
    };
    assert_eq!(load_with(layers, read).unwrap().config.workers, 2);
}
